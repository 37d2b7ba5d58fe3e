"""The embassy's side of a verification: stop at an exact point, answer questions about it, go on (DESIGN 9)."""
