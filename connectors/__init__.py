"""Home: what is asked of a register and of Kafka Connect so that changes are captured."""
