/**
 * Capture: a register's changes, as Debezium reads them from the replication slot, in the formats of stream v1
 * (docs/spec/stream-v1.md).
 *
 * <p>Debezium holds the slot, keeps the connection alive, orders transactions and moves the slot on. Rows cross it
 * sealed: {@link dataembassy.capture.StreamDecoder} writes each row as Avro straight from the bytes that PostgreSQL
 * sent, and Debezium carries it as one opaque value. {@link dataembassy.capture.RegisterTask} numbers, frames and
 * announces. docs/adr/0002-encode-in-the-task.md says why.
 */
package dataembassy.capture;
