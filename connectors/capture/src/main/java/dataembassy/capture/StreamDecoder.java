package dataembassy.capture;

import io.debezium.connector.postgresql.TypeRegistry;
import io.debezium.connector.postgresql.connection.Lsn;
import io.debezium.connector.postgresql.connection.MessageDecoder;
import io.debezium.connector.postgresql.connection.ReplicationMessage.Operation;
import io.debezium.connector.postgresql.connection.ReplicationStream.ReplicationMessageProcessor;
import io.debezium.connector.postgresql.connection.TransactionMessage;
import io.debezium.connector.postgresql.connection.WalPositionLocator;
import io.debezium.connector.postgresql.connection.pgoutput.PgOutputReplicationMessage;
import io.debezium.connector.postgresql.connection.pgoutput.PgOutputTruncateReplicationMessage;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import org.postgresql.replication.fluent.logical.ChainedLogicalStreamBuilder;

/**
 * Decodes pgoutput (PostgreSQL 18 documentation, section 54.9, protocol version 1) for Debezium.
 *
 * <p>Debezium's own decoder parses every value into Java types, asks today's catalog for keys, defaults and
 * optionality of rows written yesterday, and so cannot give back what PostgreSQL sent. This one writes a row as the
 * Avro record of stream v1, section 4, directly from the bytes on the wire and hands it on as one opaque column. What a
 * relation looked like is taken from the stream alone. Not thread-safe: Debezium's streaming thread owns it.
 */
final class StreamDecoder implements MessageDecoder {
    private static final Instant POSTGRES_EPOCH = Instant.parse("2000-01-01T00:00:00Z");

    /** What stands between this decoder and the replication session. */
    interface Session {
        /** Pins the session's settings; called before each start of streaming. */
        void pin() throws SQLException;

        String publication();
    }

    private final Shapes shapes;
    private final RowBudget budget;
    private final Consumer<String> newTable;
    private final Session session;
    private final Map<Integer, Relation> relations = new HashMap<>();
    private final Set<String> tables = new HashSet<>();
    private long transaction;
    private Instant committedAt;

    /** {@code newTable} makes a table known to Debezium before its first change. */
    StreamDecoder(Shapes shapes, RowBudget budget, Consumer<String> newTable, Session session) {
        this.shapes = shapes;
        this.budget = budget;
        this.newTable = newTable;
        this.session = session;
    }

    /** A relation as the stream last described it; {@code isIdentity} tells the columns of its replica identity. */
    private record Relation(String table, String quotedTable, String name, boolean[] isIdentity) {
    }

    @Override
    public ChainedLogicalStreamBuilder defaultOptions(
            ChainedLogicalStreamBuilder builder, Function<Integer, Boolean> hasMinimumServerVersion) {
        try {
            session.pin();
        } catch (SQLException error) {
            throw new CaptureException("SettingsNotPinned", "the settings of the replication session cannot be pinned: "
                    + error.getMessage(), "grant the capture role what register prepare states", error);
        }
        relations.clear();
        // Logical messages of applications are no rows of the register: without the option "messages" none are sent.
        return builder.withSlotOption("proto_version", 1).withSlotOption("publication_names", session.publication());
    }

    /** Nothing is ever skipped: every session starts at the slot. */
    @Override
    public boolean shouldMessageBeSkipped(ByteBuffer buffer, Lsn received, Lsn start, WalPositionLocator position) {
        return false;
    }

    @Override
    public void close() {
        relations.clear();
    }

    @Override
    public void processMessage(ByteBuffer in, ReplicationMessageProcessor out, TypeRegistry types)
            throws SQLException, InterruptedException {
        char kind = (char) in.get();
        switch (kind) {
            case 'B' -> begin(in, out);
            case 'C' -> out.process(new TransactionMessage(Operation.COMMIT, transaction, committedAt));
            case 'R' -> relation(in);
            case 'I' -> insert(in, out);
            case 'U' -> update(in, out);
            case 'D' -> delete(in, out);
            case 'T' -> truncate(in, out);
            case 'O', 'Y' -> {
                // Where a change was first made, and names of types: neither says anything about rows.
            }
            default -> throw unknown("message of kind " + (int) kind);
        }
    }

    private void begin(ByteBuffer in, ReplicationMessageProcessor out) throws SQLException, InterruptedException {
        in.getLong(); // LSN of the commit record; the end of that record, which orders transactions, comes with COMMIT.
        committedAt = POSTGRES_EPOCH.plus(in.getLong(), ChronoUnit.MICROS);
        transaction = Integer.toUnsignedLong(in.getInt());
        out.process(new TransactionMessage(Operation.BEGIN, transaction, committedAt));
    }

    private void relation(ByteBuffer in) {
        int id = in.getInt();
        String schema = name(in);
        String relation = name(in);
        in.get(); // Replica identity: the flags below say it column by column.
        int count = in.getShort();
        List<String> columns = new ArrayList<>(count);
        boolean[] isIdentity = new boolean[count];
        for (int i = 0; i < count; i++) {
            isIdentity[i] = (in.get() & 1) != 0;
            columns.add(name(in));
            in.getLong(); // Type and its modifier: every value travels as text.
        }
        String table = shapes.table(schema.isEmpty() ? "pg_catalog" : schema, relation, columns);
        if (tables.add(table)) {
            newTable.accept(table);
        }
        String quoted = '"' + Shapes.SCHEMA + "\".\"" + table + '"';
        relations.put(id, new Relation(table, quoted, schema + "." + relation, isIdentity));
    }

    private void insert(ByteBuffer in, ReplicationMessageProcessor out) throws SQLException, InterruptedException {
        Relation relation = known(in.getInt());
        require(in.get() == 'N', "new row of an insert");
        emit(out, Operation.INSERT, relation, null, new Tuple(in, relation).encode(null));
    }

    /**
     * An old key before the new row means that the key changed, or that a key column is stored out of line: only the
     * first is a delete and an insert. An old row (identity FULL) makes it an update with both images.
     */
    private void update(ByteBuffer in, ReplicationMessageProcessor out) throws SQLException, InterruptedException {
        Relation relation = known(in.getInt());
        byte kind = in.get();
        Tuple old = null;
        boolean isKeyOnly = kind == 'K';
        if (kind == 'K' || kind == 'O') {
            old = new Tuple(in, relation);
            kind = in.get();
        }
        require(kind == 'N', "new row of an update");
        Tuple now = new Tuple(in, relation);
        if (!isKeyOnly) {
            byte[] before = old == null ? null : old.encode(null);
            emit(out, Operation.UPDATE, relation, before, now.encode(old));
        } else if (now.hasKeyOf(old)) {
            emit(out, Operation.UPDATE, relation, null, now.encode(old));
        } else {
            emit(out, Operation.DELETE, relation, old.encode(null), null);
            emit(out, Operation.INSERT, relation, null, now.encode(old));
        }
    }

    private void delete(ByteBuffer in, ReplicationMessageProcessor out) throws SQLException, InterruptedException {
        Relation relation = known(in.getInt());
        byte kind = in.get();
        require(kind == 'K' || kind == 'O', "old row of a delete");
        emit(out, Operation.DELETE, relation, new Tuple(in, relation).encode(null), null);
    }

    private void truncate(ByteBuffer in, ReplicationMessageProcessor out) throws SQLException, InterruptedException {
        int count = in.getInt();
        in.get(); // CASCADE and RESTART IDENTITY: cascaded tables are listed, sequences come with the pulse.
        for (int i = 1; i <= count; i++) {
            Relation relation = known(in.getInt());
            out.process(new PgOutputTruncateReplicationMessage(
                    Operation.TRUNCATE, relation.quotedTable, committedAt, transaction, i == count));
        }
    }

    private void emit(ReplicationMessageProcessor out, Operation operation, Relation relation, byte[] before,
            byte[] after) throws SQLException, InterruptedException {
        budget.acquire((before == null ? 0L : before.length) + (after == null ? 0L : after.length));
        out.process(new PgOutputReplicationMessage(operation, relation.quotedTable, committedAt, transaction,
                RowColumn.list(before), RowColumn.list(after)));
    }

    private Relation known(int id) {
        Relation relation = relations.get(id);
        if (relation == null) {
            throw unknown("relation that the stream did not describe");
        }
        return relation;
    }

    private static String name(ByteBuffer in) {
        int start = in.position();
        while (in.get() != 0) {
            // Names end with a zero byte.
        }
        byte[] utf8 = new byte[in.position() - 1 - start];
        in.get(start, utf8);
        return new String(utf8, StandardCharsets.UTF_8);
    }

    private static void require(boolean isSo, String what) {
        if (!isSo) {
            throw unknown("message without the " + what);
        }
    }

    private static CaptureException unknown(String what) {
        return new CaptureException("StreamNotUnderstood", "the replication stream holds a " + what,
                "report it with the versions of PostgreSQL and of this plugin; capture goes on after an upgrade");
    }

    /** One row on the wire: where each column's text stands. */
    private static final class Tuple {
        private static final int NULL = -1;
        private static final int UNCHANGED = -2;
        private static final byte[] UNCHANGED_TEXT = {0};
        private final Relation relation;
        private final byte[] wire;
        private final int[] starts;
        private final int[] lengths;

        /** Reads the row and leaves {@code in} behind it. */
        Tuple(ByteBuffer in, Relation relation) {
            int count = in.getShort();
            require(count == relation.isIdentity.length, "columns of its relation");
            this.relation = relation;
            this.wire = in.array();
            this.starts = new int[count];
            this.lengths = new int[count];
            for (int i = 0; i < count; i++) {
                byte kind = in.get();
                switch (kind) {
                    case 'n' -> lengths[i] = NULL;
                    case 'u' -> lengths[i] = UNCHANGED;
                    case 't' -> {
                        lengths[i] = in.getInt();
                        starts[i] = in.arrayOffset() + in.position();
                        in.position(in.position() + lengths[i]);
                    }
                    default -> throw unknown("value of kind " + kind);
                }
            }
        }

        /** The row's record; what was not written again is taken from the old row where that has it. */
        byte[] encode(Tuple old) {
            int expected = 10 * lengths.length;
            for (int length : lengths) {
                expected += Math.max(length, 0);
            }
            AvroWriter out = new AvroWriter(Math.max(expected, 1), Wire.RECORD_BYTES_MAX);
            for (int i = 0; i < lengths.length; i++) {
                Tuple source = lengths[i] == UNCHANGED && old != null && old.lengths[i] >= 0 ? old : this;
                if (source.lengths[i] == NULL) {
                    out.number(0);
                } else if (source.lengths[i] == UNCHANGED) {
                    out.number(1).block(UNCHANGED_TEXT, 0, 1);
                } else {
                    out.number(1).block(source.wire, source.starts[i], source.lengths[i]);
                }
            }
            return out.toBytes();
        }

        boolean hasKeyOf(Tuple old) {
            for (int i = 0; i < lengths.length; i++) {
                if (relation.isIdentity[i] && lengths[i] != UNCHANGED && !sameText(old, i)) {
                    return false;
                }
            }
            return true;
        }

        private boolean sameText(Tuple old, int i) {
            int length = Math.max(lengths[i], 0);
            return lengths[i] == old.lengths[i] && java.util.Arrays.equals(
                    wire, starts[i], starts[i] + length, old.wire, old.starts[i], old.starts[i] + length);
        }
    }
}
