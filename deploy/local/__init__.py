"""The whole system on one machine, made of real parts: two sites, each with its own configuration and credentials."""
