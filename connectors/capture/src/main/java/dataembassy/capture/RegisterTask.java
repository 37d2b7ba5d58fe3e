package dataembassy.capture;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.metrics.PluginMetrics;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;
import org.apache.kafka.connect.source.SourceTaskContext;
import org.apache.kafka.connect.source.TransactionContext;
import org.apache.kafka.connect.storage.OffsetStorageReader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One session of capture (stream v1, sections 2 to 5): claims the slot, lets Debezium stream from it, writes the
 * session marker once Debezium holds the slot, then every record behind it.
 *
 * <p>Any fault ends the task: a new start is a new session, which begins at the slot. Nothing is retried inside.
 */
public final class RegisterTask extends SourceTask {
    private static final Logger LOG = LoggerFactory.getLogger(RegisterTask.class);
    private static final long CLAIM_MS_MAX = 60_000;
    private static final long COMMIT_INTERVAL_NS = 1_000_000_000L;
    private static final long ROW_BYTES_MAX = 64L << 20;
    private final AcknowledgedOffsets acknowledged = new AcknowledgedOffsets();
    private final Shapes shapes = new Shapes();
    private final RowBudget budget = new RowBudget(ROW_BYTES_MAX);
    private final StreamingTask debezium = new StreamingTask(shapes, budget);
    private final List<SourceRecord> early = new ArrayList<>();
    private SlotClaim claim;
    private RecordEncoder encoder;
    private String topic;
    private long claimDeadline;
    private long nextCommit = System.nanoTime();

    static String pluginVersion() {
        String version = RegisterTask.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }

    @Override
    public String version() {
        return pluginVersion();
    }

    @Override
    public void initialize(SourceTaskContext outer) {
        super.initialize(outer);
        debezium.initialize(new SourceTaskContext() {
            @Override
            public Map<String, String> configs() {
                return outer.configs();
            }

            @Override
            public OffsetStorageReader offsetStorageReader() {
                return acknowledged;
            }

            @Override
            public TransactionContext transactionContext() {
                return outer.transactionContext();
            }

            @Override
            public PluginMetrics pluginMetrics() {
                return outer.pluginMetrics();
            }
        });
    }

    @Override
    public void start(Map<String, String> given) {
        Map<String, String> settings = CaptureSettings.complete(given);
        topic = "changes." + settings.get("topic.prefix");
        try {
            claim = SlotClaim.take(settings, CLAIM_MS_MAX);
            claimDeadline = System.nanoTime() + CLAIM_MS_MAX * 1_000_000;
            debezium.start(settings);
            if (!debezium.isRunning()) {
                throw new CaptureException("CaptureFailed", "Debezium did not start",
                        "look for its cause in the log of Kafka Connect; mostly the register does not answer");
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new ConnectException("interrupted while waiting for the slot's lock", interrupted);
        } catch (RuntimeException error) {
            stop();
            throw stopped(error);
        }
    }

    @Override
    public List<SourceRecord> poll() throws InterruptedException {
        try {
            moveSlot();
            List<SourceRecord> delivered = debezium.poll();
            if (encoder != null) {
                return encoder.encode(delivered);
            }
            early.addAll(delivered);
            if (claim.isHeld()) {
                return beginSession();
            }
            if (System.nanoTime() > claimDeadline) {
                throw new CaptureException("SlotTaken", "Debezium did not get hold of the slot in time",
                        "see which backend holds it (pg_replication_slots.active_pid) and end that one");
            }
            return List.of();
        } catch (RuntimeException error) {
            throw stopped(error);
        }
    }

    /** Debezium streams from the slot: its records so far follow the marker. */
    private List<SourceRecord> beginSession() {
        Wire.Session session = claim.session(debezium.version(), pluginVersion());
        encoder = new RecordEncoder(topic, session, shapes, budget);
        LOG.info("Session {} of slot {} begins", session.session(), session.slot());
        List<SourceRecord> out = new ArrayList<>(early.size() + 1);
        out.add(encoder.marker());
        out.addAll(encoder.encode(early));
        early.clear();
        return out;
    }

    /** Lets the slot follow what the broker acknowledged, at our own pace and not at that of Connect's offsets. */
    private void moveSlot() throws InterruptedException {
        long now = System.nanoTime();
        if (now - nextCommit >= 0 && !acknowledged.isEmpty()) {
            nextCommit = now + COMMIT_INTERVAL_NS;
            debezium.commit();
        }
    }

    @Override
    public void commitRecord(SourceRecord record, RecordMetadata metadata) {
        if (record.sourcePartition() != RecordEncoder.OWN) {
            acknowledged.acknowledge(record.sourceOffset());
        }
    }

    @Override
    public void stop() {
        budget.close();
        try {
            debezium.stop();
        } catch (RuntimeException error) {
            LOG.warn("Debezium did not stop cleanly: {}", error.toString());
        } finally {
            if (claim != null) {
                claim.close();
            }
        }
    }

    /** Every fault is a stop with a remedy; nothing reaches Connect that it would retry in place. */
    private static CaptureException stopped(RuntimeException error) {
        CaptureException stop = CaptureException.within(error);
        if (stop != null) {
            return stop;
        }
        Throwable cause = error;
        while (!(cause instanceof SQLException) && cause.getCause() != null) {
            cause = cause.getCause();
        }
        if (cause instanceof SQLException) {
            return new CaptureException("RegisterUnreachable",
                    "the replication connection to the register failed: " + cause.getMessage(),
                    "none while restarts succeed; if it lasts, see the log of the register's server", error);
        }
        return new CaptureException("CaptureFailed", "Debezium failed: " + cause, "see the log of Kafka Connect", error);
    }
}
