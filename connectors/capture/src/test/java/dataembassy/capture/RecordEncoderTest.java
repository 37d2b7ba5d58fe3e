package dataembassy.capture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;
import org.junit.jupiter.api.Test;

class RecordEncoderTest {
    private static final Schema FRAME = SchemaBuilder.struct()
            .field("status", Schema.STRING_SCHEMA).field("id", Schema.STRING_SCHEMA)
            .field("event_count", Schema.OPTIONAL_INT64_SCHEMA).field("ts_ms", Schema.INT64_SCHEMA).build();
    private static final Schema ROW = SchemaBuilder.struct().optional()
            .field("row", Schema.OPTIONAL_BYTES_SCHEMA).build();
    private static final Schema SOURCE = SchemaBuilder.struct()
            .field("table", Schema.STRING_SCHEMA).field("txId", Schema.OPTIONAL_INT64_SCHEMA)
            .field("lsn", Schema.OPTIONAL_INT64_SCHEMA).field("ts_us", Schema.OPTIONAL_INT64_SCHEMA).build();
    private static final Schema BLOCK = SchemaBuilder.struct().optional()
            .field("total_order", Schema.INT64_SCHEMA).build();
    private static final Schema CHANGE = SchemaBuilder.struct()
            .field("before", ROW).field("after", ROW).field("source", SOURCE).field("op", Schema.STRING_SCHEMA)
            .field("transaction", BLOCK).build();
    private static final Map<String, String> PARTITION = Map.of("server", "population");
    private final Shapes shapes = new Shapes();
    private final RowBudget budget = new RowBudget(1 << 20);
    private final RecordEncoder encoder =
            new RecordEncoder("changes.population", WireTest.SESSION, shapes, budget);
    private final String table = shapes.table("public", "person", List.of("id"));

    private static SourceRecord record(Struct value) {
        return new SourceRecord(PARTITION, Map.of("lsn_commit", 5L), "x", null, value.schema(), value);
    }

    private static SourceRecord begin(long xid) {
        return record(new Struct(FRAME).put("status", "BEGIN").put("id", xid + ":1").put("ts_ms", 0L));
    }

    private static SourceRecord end(long xid, long lsn, long count) {
        return record(new Struct(FRAME).put("status", "END").put("id", xid + ":" + lsn).put("event_count", count)
                .put("ts_ms", 1234L));
    }

    private SourceRecord change(String op, long xid, long order, byte[] before, byte[] after) {
        return record(new Struct(CHANGE).put("op", op).put("before", row(before)).put("after", row(after))
                .put("transaction", new Struct(BLOCK).put("total_order", order))
                .put("source", new Struct(SOURCE).put("table", table).put("txId", xid).put("lsn", 77L)
                        .put("ts_us", 555L)));
    }

    private static Struct row(byte[] row) {
        return row == null ? null : new Struct(ROW).put("row", ByteBuffer.wrap(row));
    }

    private static byte[] one() {
        return new AvroWriter(4, 9).number(1).text("1").toBytes();
    }

    private static long n(SourceRecord record) {
        return ByteBuffer.wrap((byte[]) record.key(), 9, 8).getLong();
    }

    private List<SourceRecord> whole() {
        List<SourceRecord> out = new ArrayList<>(List.of(encoder.marker()));
        out.addAll(encoder.encode(List.of(begin(7), change("c", 7, 1, null, one()), change("u", 7, 2, one(), one()),
                end(7, 900, 2))));
        out.addAll(encoder.encode(List.of(begin(8), change("d", 8, 1, one(), null), end(8, 950, 1))));
        return out;
    }

    @Test
    void numbersAreContiguousOverMarkerSchemaFramesAndChanges() {
        List<SourceRecord> out = whole();
        assertEquals(List.of(1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L), out.stream().map(RecordEncoderTest::n).toList());
        out.forEach(record -> assertEquals(1, ((byte[]) record.key())[0]));
        out.forEach(record -> assertEquals("changes.population", record.topic()));
        out.forEach(record -> assertEquals(0, record.kafkaPartition()));
    }

    @Test
    void markerIsTheFirstRecord() {
        assertEquals(WireTest.SESSION.session(),
                AvroReader.read(AvroReader.frozen("session"), (byte[]) whole().get(0).value()).get("session"));
        assertThrows(IllegalStateException.class, encoder::marker);
    }

    @Test
    void shapeIsAnnouncedOnceBeforeItsFirstChange() {
        List<SourceRecord> out = whole();
        Shape shape = shapes.shape(table);
        assertEquals(shape.json,
                AvroReader.read(AvroReader.frozen("schema"), (byte[]) out.get(2).value()).get("json").toString());
        assertEquals("{\"op\": \"c\", \"order\": 1, \"transaction\": 7, \"lsn\": 77, \"before\": null,"
                + " \"after\": {\"c0\": \"1\"}}",
                AvroReader.read(AvroReader.change(shape), (byte[]) out.get(3).value()).toString());
    }

    @Test
    void endHasTheCommitsPositionAndExactTime() {
        assertEquals("{\"transaction\": 7, \"commit_lsn\": 900, \"event_count\": 2, \"committed_at\": 555}",
                AvroReader.read(AvroReader.frozen("end"), (byte[]) whole().get(5).value()).toString());
    }

    @Test
    void endOfAnEmptyTransactionHasMilliseconds() {
        List<SourceRecord> out = encoder.encode(List.of(begin(7), end(7, 900, 0)));
        assertEquals(1_234_000L,
                AvroReader.read(AvroReader.frozen("end"), (byte[]) out.get(1).value()).get("committed_at"));
    }

    @Test
    void onlyDebeziumsRecordsMoveTheSlot() {
        List<SourceRecord> out = whole();
        assertSame(RecordEncoder.OWN, out.get(0).sourcePartition());
        assertSame(RecordEncoder.OWN, out.get(2).sourcePartition());
        assertEquals(PARTITION, out.get(3).sourcePartition());
        assertEquals(Map.of("lsn_commit", 5L), out.get(3).sourceOffset());
    }

    @Test
    void bytesOfRowsAreReturned() throws Exception {
        budget.acquire(3L * 4);
        whole();
        assertEquals(12 - 4 * one().length, budget.held());
    }

    @Test
    void brokenStreamIsAStop() {
        encoder.marker();
        broken(begin(7), begin(8));
        broken(end(7, 900, 0));
        broken(change("c", 7, 1, null, one()));
        broken(begin(7), change("c", 7, 2, null, one()));
        broken(begin(7), change("c", 8, 1, null, one()));
        broken(begin(7), end(7, 900, 1));
        broken(begin(7), change("r", 7, 1, null, one()));
        broken(begin(7), change("m", 7, 1, null, one()));
    }

    @Test
    void unknownRecordIsAStop() {
        broken(new SourceRecord(PARTITION, Map.of(), "x", null, null, null));
        broken(record(new Struct(SchemaBuilder.struct().build())));
    }

    private void broken(SourceRecord... records) {
        RecordEncoder fresh = new RecordEncoder("changes.population", WireTest.SESSION, shapes, budget);
        assertThrows(CaptureException.class, () -> fresh.encode(List.of(records)));
    }
}
