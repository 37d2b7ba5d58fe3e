package dataembassy.capture;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;

/**
 * Turns what Debezium delivers into the records of stream v1: numbered without a hole, framed by Begin and End, each
 * shape announced before its first change. The session marker is the first.
 */
final class RecordEncoder {
    /** Source partition of records that are the task's own: they say nothing about the slot. */
    static final Map<String, String> OWN = Map.of("data_embassy", "session");
    private static final long NONE = -1;
    private final String topic;
    private final Wire.Session session;
    private final Shapes shapes;
    private final RowBudget budget;
    private final Map<String, Long> ownOffset;
    private final Set<Shape> announced = new HashSet<>();
    private long n;
    private long transaction = NONE;
    private long count;
    private long committedAt;

    RecordEncoder(String topic, Wire.Session session, Shapes shapes, RowBudget budget) {
        this.topic = topic;
        this.session = session;
        this.shapes = shapes;
        this.budget = budget;
        this.ownOffset = Map.of("session", session.session());
    }

    /** The session marker: the first record, and the first number. */
    SourceRecord marker() {
        if (n != 0) {
            throw new IllegalStateException("the session marker is the first record");
        }
        return record(OWN, ownOffset, Wire.session(session));
    }

    List<SourceRecord> encode(List<SourceRecord> delivered) {
        List<SourceRecord> out = new ArrayList<>(delivered.size() + 4);
        for (SourceRecord record : delivered) {
            if (!(record.value() instanceof Struct value)) {
                throw unknown("record without a value");
            }
            if (value.schema().field("source") != null) {
                change(record, value, out);
            } else if (value.schema().field("status") != null) {
                frame(record, value, out);
            } else {
                throw unknown("record of schema " + value.schema().name());
            }
        }
        return out;
    }

    private void frame(SourceRecord record, Struct value, List<SourceRecord> out) {
        String id = value.getString("id");
        int colon = id.indexOf(':');
        long xid = Long.parseLong(id, 0, colon, 10);
        switch (value.getString("status")) {
            case "BEGIN" -> {
                require(transaction == NONE, "a transaction begins inside another");
                transaction = xid;
                count = 0;
                committedAt = NONE;
                out.add(record(record.sourcePartition(), record.sourceOffset(), Wire.begin(xid)));
            }
            case "END" -> {
                require(transaction == xid, "a transaction ends that did not begin");
                require(value.getInt64("event_count") == count, "a transaction ends with another count");
                transaction = NONE;
                long commitLsn = Long.parseLong(id, colon + 1, id.length(), 10);
                long at = committedAt == NONE ? value.getInt64("ts_ms") * 1000 : committedAt;
                byte[] end = Wire.end(xid, commitLsn, count, at);
                out.add(record(record.sourcePartition(), record.sourceOffset(), end));
            }
            default -> throw unknown("transaction record of an unknown status");
        }
    }

    private void change(SourceRecord record, Struct value, List<SourceRecord> out) {
        String op = value.getString("op");
        if (!op.equals("c") && !op.equals("u") && !op.equals("d") && !op.equals("t")) {
            throw unknown("change of kind " + op);
        }
        Struct source = value.getStruct("source");
        Struct block = value.getStruct("transaction");
        require(block != null && source.getInt64("txId") == transaction, "a change stands outside its transaction");
        count++;
        require(block.getInt64("total_order") == count, "a change is missing or repeated within its transaction");
        committedAt = source.getInt64("ts_us");
        Shape shape = shapes.shape(source.getString("table"));
        byte[] before = image(value, "before");
        byte[] after = image(value, "after");
        if (announced.add(shape)) {
            out.add(record(OWN, ownOffset, Wire.schema(shape)));
        }
        byte[] change = Wire.change(shape, op.charAt(0), count, transaction, source.getInt64("lsn"), before, after);
        out.add(record(record.sourcePartition(), record.sourceOffset(), change));
        budget.release((before == null ? 0L : before.length) + (after == null ? 0L : after.length));
    }

    private static byte[] image(Struct value, String field) {
        Struct row = (Struct) value.getWithoutDefault(field);
        if (row == null) {
            return null;
        }
        ByteBuffer bytes = (ByteBuffer) row.getWithoutDefault(RowColumn.NAME);
        require(bytes != null && bytes.hasArray() && bytes.remaining() == bytes.array().length, "a row is not whole");
        return bytes.array();
    }

    private SourceRecord record(Map<String, ?> partition, Map<String, ?> offset, byte[] value) {
        n++;
        return new SourceRecord(partition, offset, topic, 0, Schema.BYTES_SCHEMA, Wire.key(session.session(), n),
                Schema.BYTES_SCHEMA, value);
    }

    private static void require(boolean isSo, String otherwise) {
        if (!isSo) {
            throw new CaptureException("StreamBroken", "Debezium's stream is broken: " + otherwise,
                    "restart the connector; it begins at the slot again: embassy connector apply NAME");
        }
    }

    private static CaptureException unknown(String what) {
        return new CaptureException("StreamNotUnderstood",
                "Debezium delivered a " + what + ", which stream v1 does not know",
                "apply the connector as planned: embassy connector apply NAME");
    }
}
