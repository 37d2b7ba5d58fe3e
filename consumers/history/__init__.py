"""The embassy's memory: how far behind each register was, and what happened to it, kept in the control database."""
