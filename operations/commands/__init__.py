"""One file per noun of the command line; each command calls one library function."""
