package dataembassy.capture;

import io.debezium.connector.common.DebeziumTaskState;
import io.debezium.connector.postgresql.PostgresConnectorConfig;
import io.debezium.connector.postgresql.PostgresConnectorTask;
import io.debezium.connector.postgresql.PostgresSchema;
import io.debezium.connector.postgresql.connection.PostgresConnection;
import io.debezium.connector.postgresql.connection.PostgresReplicationConnection;
import io.debezium.connector.postgresql.connection.ReplicationConnection;
import java.lang.reflect.Field;
import java.sql.SQLException;
import java.sql.Statement;

/** Debezium's task with {@link StreamDecoder} in the place of its own decoder. */
final class StreamingTask extends PostgresConnectorTask {
    /** The only thing of Debezium that is reached behind its back; a unit test notices when it moves. */
    static final String DECODER_FIELD = "messageDecoder";
    private final Shapes shapes;
    private final RowBudget budget;

    StreamingTask(Shapes shapes, RowBudget budget) {
        this.shapes = shapes;
        this.budget = budget;
    }

    boolean isRunning() {
        return getTaskState() == DebeziumTaskState.RUNNING;
    }

    @Override
    protected ReplicationConnection buildReplicationConnection(
            PostgresConnection jdbc, PostgresSchema schema, PostgresConnectorConfig config) throws SQLException {
        ReplicationConnection built = super.buildReplicationConnection(jdbc, schema, config);
        PostgresReplicationConnection connection = (PostgresReplicationConnection) built;
        StreamDecoder.Session session = new StreamDecoder.Session() {
            @Override
            public void pin() throws SQLException {
                // Here and not by the role's settings: the JDBC driver sets some of them itself, and its own win.
                try (Statement statement = connection.connection(false).createStatement()) {
                    statement.execute(CaptureSettings.PINNED_SQL);
                }
            }

            @Override
            public String publication() {
                return config.publicationName();
            }
        };
        // Debezium keeps relation ids only to find tables again; ours are found by name.
        StreamDecoder decoder = new StreamDecoder(shapes, budget,
                table -> schema.applySchemaChangesForTable(table.hashCode(), RowColumn.table(table)), session);
        install(connection, decoder);
        return connection;
    }

    private static void install(PostgresReplicationConnection connection, StreamDecoder decoder) {
        try {
            Field field = PostgresReplicationConnection.class.getDeclaredField(DECODER_FIELD);
            field.setAccessible(true);
            field.set(connection, decoder);
        } catch (ReflectiveOperationException | RuntimeException error) {
            throw new CaptureException("SettingRefused", "this version of Debezium does not take the plugin's decoder",
                    "use the version of Debezium that the plugin was built for", error);
        }
    }
}
