"""The whole system on one machine, and the reference registers."""
