"""`embassy status` at both sites: what each can see by itself, as one table."""
