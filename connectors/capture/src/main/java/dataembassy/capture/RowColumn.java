package dataembassy.capture;

import io.debezium.connector.postgresql.PgOid;
import io.debezium.connector.postgresql.PostgresStreamingChangeEventSource.PgConnectionSupplier;
import io.debezium.connector.postgresql.PostgresType;
import io.debezium.connector.postgresql.connection.ReplicationMessage.Column;
import io.debezium.connector.postgresql.connection.ReplicationMessage.ColumnTypeMetadata;
import io.debezium.relational.Table;
import io.debezium.relational.TableId;
import java.sql.Types;
import java.util.List;

/** A whole row as the one column that Debezium sees. */
final class RowColumn implements Column {
    static final String NAME = "row";
    private final byte[] row;

    private RowColumn(byte[] row) {
        this.row = row;
    }

    static List<Column> list(byte[] row) {
        return row == null ? null : List.of(new RowColumn(row));
    }

    /** The table that Debezium knows for a shape: one optional column of bytes, no key, no default. */
    static Table table(String name) {
        return Table.editor()
                .tableId(new TableId(null, Shapes.SCHEMA, name))
                .addColumn(io.debezium.relational.Column.editor()
                        .name(NAME)
                        .type("bytea", "bytea")
                        .jdbcType(Types.BINARY)
                        .nativeType(PgOid.BYTEA)
                        .optional(true)
                        .create())
                .create();
    }

    @Override
    public String getName() {
        return NAME;
    }

    @Override
    public PostgresType getType() {
        return PostgresType.UNKNOWN;
    }

    @Override
    public ColumnTypeMetadata getTypeMetadata() {
        throw new UnsupportedOperationException("the table of a shape never changes");
    }

    @Override
    public Object getValue(PgConnectionSupplier connection, boolean includeUnknownDatatypes) {
        return row;
    }

    @Override
    public boolean isOptional() {
        return true;
    }
}
