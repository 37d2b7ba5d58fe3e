"""Formats only: the records of the home topic (stream v1) and their frozen Avro schemas."""
