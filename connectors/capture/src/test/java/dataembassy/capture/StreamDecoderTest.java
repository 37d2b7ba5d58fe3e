package dataembassy.capture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.debezium.connector.postgresql.connection.MessageDecoder;
import io.debezium.connector.postgresql.connection.PostgresReplicationConnection;
import io.debezium.connector.postgresql.connection.ReplicationMessage;
import io.debezium.connector.postgresql.connection.ReplicationMessage.Operation;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.Schema;
import org.junit.jupiter.api.Test;

class StreamDecoderTest {
    private final Shapes shapes = new Shapes();
    private final RowBudget budget = new RowBudget(1 << 20);
    private final List<String> tables = new ArrayList<>();
    private final List<ReplicationMessage> messages = new ArrayList<>();
    private final StreamDecoder decoder = new StreamDecoder(shapes, budget, tables::add, null);

    private void decode(ByteBuffer... stream) throws Exception {
        for (ByteBuffer message : stream) {
            decoder.processMessage(message, messages::add, null);
        }
    }

    private String image(List<ReplicationMessage.Column> columns) {
        if (columns == null) {
            return "-";
        }
        byte[] row = (byte[]) columns.get(0).getValue(null, true);
        Schema change = AvroReader.change(shapes.shape(tables.get(tables.size() - 1)));
        return AvroReader.body(change.getField("before").schema().getTypes().get(1), row).toString();
    }

    /** The data messages as "OPERATION before after". */
    private List<String> changes() {
        return messages.stream().filter(message -> !message.isTransactionalMessage()).map(message ->
                message.getOperation() + " " + image(message.getOldTupleList()) + " " + image(message.getNewTupleList()))
                .toList();
    }

    @Test
    void debeziumStillKeepsItsDecoderWhereOursIsPut() throws Exception {
        Field field = PostgresReplicationConnection.class.getDeclaredField(StreamingTask.DECODER_FIELD);
        assertEquals(MessageDecoder.class, field.getType());
    }

    @Test
    void transactionIsFramedWithItsNumberAndTime() throws Exception {
        decode(Stream.begin(-1), Stream.commit());
        assertEquals(List.of(Operation.BEGIN, Operation.COMMIT),
                messages.stream().map(ReplicationMessage::getOperation).toList());
        assertEquals(0xFFFFFFFFL, messages.get(1).getTransactionId().getAsLong());
        assertEquals("2000-01-01T00:00:01Z", messages.get(1).getCommitTime().toString());
    }

    @Test
    void textPassesByteForByte() throws Exception {
        decode(Stream.begin(1), Stream.relation(9, "public", "t", "*id", "a", "b"),
                Stream.insert(9, "1", null, ""), Stream.insert(9, "NaN", "\\x00", "ß"));
        assertEquals(List.of("INSERT - {\"c0\": \"1\", \"c1\": null, \"c2\": \"\"}",
                "INSERT - {\"c0\": \"NaN\", \"c1\": \"\\\\x00\", \"c2\": \"ß\"}"), changes());
    }

    @Test
    void unchangedValueIsMarked() throws Exception {
        decode(Stream.begin(1), Stream.relation(9, "public", "t", "*id", "a"),
                Stream.update(9, 'N', null, "1", Stream.UNCHANGED));
        assertEquals(List.of("UPDATE - {\"c0\": \"1\", \"c1\": \"\\u0000\"}"), changes());
    }

    @Test
    void oldRowOfIdentityFullFillsUnchangedValuesAndIsKept() throws Exception {
        decode(Stream.begin(1), Stream.relation(9, "public", "t", "*id", "*a"),
                Stream.update(9, 'O', new Object[] {"1", "large"}, "2", Stream.UNCHANGED));
        assertEquals(List.of(
                "UPDATE {\"c0\": \"1\", \"c1\": \"large\"} {\"c0\": \"2\", \"c1\": \"large\"}"), changes());
    }

    @Test
    void changedKeyIsADeleteAndAnInsertThatKeepsItsMarkers() throws Exception {
        decode(Stream.begin(1), Stream.relation(9, "public", "t", "*id", "a"),
                Stream.update(9, 'K', new Object[] {"1", null}, "2", Stream.UNCHANGED));
        assertEquals(List.of("DELETE {\"c0\": \"1\", \"c1\": null} -",
                "INSERT - {\"c0\": \"2\", \"c1\": \"\\u0000\"}"), changes());
    }

    @Test
    void keyStoredOutOfLineIsFilledAndIsNoKeyChange() throws Exception {
        decode(Stream.begin(1), Stream.relation(9, "public", "t", "*id", "a"),
                Stream.update(9, 'K', new Object[] {"long key", null}, Stream.UNCHANGED, "new"));
        assertEquals(List.of("UPDATE - {\"c0\": \"long key\", \"c1\": \"new\"}"), changes());
    }

    @Test
    void keyGoesFromNullToEmptyAsAKeyChange() throws Exception {
        decode(Stream.begin(1), Stream.relation(9, "public", "t", "*id"),
                Stream.update(9, 'K', new Object[] {null}, ""));
        assertEquals(2, changes().size());
    }

    @Test
    void deleteHoldsTheKeyOrTheRow() throws Exception {
        decode(Stream.begin(1), Stream.relation(9, "public", "t", "*id", "a"),
                Stream.delete(9, 'K', "1", null), Stream.delete(9, 'O', "1", "x"));
        assertEquals(List.of("DELETE {\"c0\": \"1\", \"c1\": null} -",
                "DELETE {\"c0\": \"1\", \"c1\": \"x\"} -"), changes());
    }

    @Test
    void truncateNamesEachTableAndEndsAtTheLast() throws Exception {
        decode(Stream.begin(1), Stream.relation(8, "public", "s", "id"), Stream.relation(9, "public", "t", "id"),
                Stream.truncate(9, 8));
        assertEquals(List.of("\"data_embassy_shape\".\"s2\"", "\"data_embassy_shape\".\"s1\""),
                messages.subList(1, 3).stream().map(ReplicationMessage::getTable).toList());
        assertFalse(messages.get(1).isLastEventForLsn());
        assertTrue(messages.get(2).isLastEventForLsn());
    }

    @Test
    void sameRelationAgainIsNoNewTableAndAnotherShapeIs() throws Exception {
        decode(Stream.relation(9, "public", "t", "*id"), Stream.relation(9, "public", "t", "*id"),
                Stream.relation(9, "public", "t", "*id", "a"), Stream.relation(10, "public", "t", "*id"));
        assertEquals(List.of("s1", "s2"), tables);
        assertEquals(List.of("id", "a"), shapes.shape("s2").columns);
    }

    @Test
    void namesThatDebeziumWouldConfuseStayApart() throws Exception {
        decode(Stream.relation(1, "a.b", "c", "x", "X"), Stream.relation(2, "a", "b.c", "x", "X"));
        assertEquals("a.b", shapes.shape("s1").relationSchema);
        assertEquals("b.c", shapes.shape("s2").relationName);
        assertEquals(List.of("x", "X"), shapes.shape("s1").columns);
    }

    @Test
    void unknownIsAStop() {
        assertThrows(CaptureException.class, () -> decode(Stream.insert(9, "1")));
        assertThrows(CaptureException.class, () -> decode(Stream.message('M', out -> out.write(0))));
        assertThrows(CaptureException.class,
                () -> decode(Stream.relation(9, "public", "t", "id"), Stream.insert(9, "1", "2")));
    }

    @Test
    void bytesOfRowsAreCounted() throws Exception {
        decode(Stream.begin(1), Stream.relation(9, "public", "t", "*id"), Stream.insert(9, "12345"));
        assertEquals(7, budget.held());
    }

    @Test
    void nothingIsSkipped() {
        assertFalse(decoder.shouldMessageBeSkipped(Stream.begin(1), null, null, null));
    }
}
