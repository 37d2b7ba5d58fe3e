"""The operator's hand: the command line and what it prints."""
