"""Embassy: receive, verify, open, assemble and apply a lane into its standby."""
