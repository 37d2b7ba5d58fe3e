"""The kernel both sites share: errors, configuration, envelope, keys, metrics, edges to Kafka and PostgreSQL."""
