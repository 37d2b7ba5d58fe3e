package dataembassy.capture;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericRecord;
import org.junit.jupiter.api.Test;

class WireTest {
    static final Wire.Session SESSION = new Wire.Session(
            (3L << 32) | 5, "the_slot", 1L << 40, (1L << 40) + 7, "7711168223495430241", 3,
            List.of(new Wire.Fork(1, 100), new Wire.Fork(2, 200)), 1_700_000_000_000_001L, 180006, "3.7.0.Final", "1");
    static final Shape SHAPE = new Shape("public", "Ünïcode \"x\"\n", List.of("id", "a.\\b", "ß"));

    @Test
    void fingerprintsOfTheFrozenSchemasAreThoseOfTheirFiles() {
        assertEquals(SchemaNormalization.parsingFingerprint64(AvroReader.frozen("session")), Wire.SESSION);
        assertEquals(SchemaNormalization.parsingFingerprint64(AvroReader.frozen("schema")), Wire.SCHEMA);
        assertEquals(SchemaNormalization.parsingFingerprint64(AvroReader.frozen("begin")), Wire.BEGIN);
        assertEquals(SchemaNormalization.parsingFingerprint64(AvroReader.frozen("end")), Wire.END);
    }

    @Test
    void keyHasOriginRunAndNumber() {
        assertEquals("0100000003000000050000000000000009", HexFormat.of().formatHex(Wire.key((3L << 32) | 5, 9)));
    }

    @Test
    void sessionMarkerIsWhatAvroReads() {
        GenericRecord read = AvroReader.read(AvroReader.frozen("session"), Wire.session(SESSION));
        assertEquals(SESSION.session(), read.get("session"));
        assertEquals("the_slot", read.get("slot").toString());
        assertEquals(SESSION.confirmedFlushLsn(), read.get("confirmed_flush_lsn"));
        assertEquals(SESSION.insertLsn(), read.get("insert_lsn"));
        assertEquals("[{\"timeline\": 1, \"switch_lsn\": 100}, {\"timeline\": 2, \"switch_lsn\": 200}]",
                read.get("timeline_forks").toString());
        assertEquals(SESSION.startedAt(), read.get("started_at"));
        assertEquals("3.7.0.Final", read.get("debezium_version").toString());
        assertEquals("1", read.get("plugin_version").toString());
    }

    @Test
    void framesAreWhatAvroReads() {
        assertEquals("{\"transaction\": 4294967295}",
                AvroReader.read(AvroReader.frozen("begin"), Wire.begin(0xFFFFFFFFL)).toString());
        String end = "{\"transaction\": 7, \"commit_lsn\": -1, \"event_count\": 0, \"committed_at\": -5}";
        assertEquals(end, AvroReader.read(AvroReader.frozen("end"), Wire.end(7, -1, 0, -5)).toString());
    }

    @Test
    void announcedSchemaIsItsOwnFingerprintAndName() {
        Schema parsed = AvroReader.change(SHAPE);
        assertEquals(SchemaNormalization.parsingFingerprint64(parsed), SHAPE.fingerprint);
        assertEquals(SHAPE.relationName, parsed.getProp("relation_name"));
        Schema row = parsed.getField("before").schema().getTypes().get(1);
        assertEquals(List.of("id", "a.\\b", "ß"),
                row.getFields().stream().map(field -> field.getProp("column")).toList());
        GenericRecord record = AvroReader.read(AvroReader.frozen("schema"), Wire.schema(SHAPE));
        assertEquals(SHAPE.json, record.get("json").toString());
        ByteBuffer fingerprint = (ByteBuffer) record.get("fingerprint");
        assertEquals(SHAPE.fingerprint, Long.reverseBytes(fingerprint.getLong()));
    }

    @Test
    void tablesOfEqualWidthHaveDifferentFingerprints() {
        Shape other = new Shape("public", "other", List.of("id", "a.\\b", "ß"));
        assertEquals(false, other.fingerprint == SHAPE.fingerprint);
        assertEquals(false, new Shape("p", "ublic", List.of()).fingerprint == new Shape("pu", "blic", List.of()).fingerprint);
    }

    @Test
    void changeIsWhatAvroReads() {
        byte[] row = new AvroWriter(9, 99).number(1).text("5").number(0).number(1).text("\0").toBytes();
        byte[] change = Wire.change(SHAPE, 'u', 300, 7, 1L << 40, null, row);
        GenericRecord read = AvroReader.read(AvroReader.change(SHAPE), change);
        assertEquals("{\"op\": \"u\", \"order\": 300, \"transaction\": 7, \"lsn\": 1099511627776, \"before\": null,"
                + " \"after\": {\"c0\": \"5\", \"c1\": null, \"c2\": \"\\u0000\"}}", read.toString());
        assertArrayEquals(new byte[] {2, 'u'}, new byte[] {change[10], change[11]});
    }

    @Test
    void recordBeyondTheLimitIsRefusedWithARemedy() {
        AvroWriter writer = new AvroWriter(10, 100).raw(new byte[90], 0, 90);
        CaptureException stop = assertThrows(CaptureException.class, () -> writer.raw(new byte[11], 0, 11));
        assertEquals(true, stop.getMessage().contains("embassy register snapshot"));
        assertEquals(100, writer.raw(new byte[10], 0, 10).toBytes().length);
    }

    @Test
    void numbersOfEverySizeSurvive() {
        for (long value : new long[] {0, -1, 1, 63, 64, -64, -65, Integer.MAX_VALUE, Long.MAX_VALUE, Long.MIN_VALUE}) {
            byte[] bytes = Wire.begin(value);
            assertEquals(value, AvroReader.read(AvroReader.frozen("begin"), bytes).get("transaction"));
        }
    }
}
