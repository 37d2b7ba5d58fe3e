"""Schema changes in the stream: planned from the register's notes, replayed at their place, proven afterwards."""
