package dataembassy.capture;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.postgresql.Driver;
import org.postgresql.replication.LogSequenceNumber;

/**
 * The right to speak for a slot (stream v1, section 5).
 *
 * <ol>
 *   <li>An advisory lock, held by a connection of its own for the life of the task. One task at a time starts Debezium.
 *   <li>The slot is held once its walsender started after the lock: it can be no other task's.
 *   <li>Only then the session number is drawn, on the connection that holds the lock. A task that slept through the
 *       loss of its lock has lost that connection too and draws nothing, so a later holder always has a higher number.
 * </ol>
 */
final class SlotClaim implements AutoCloseable {
    private static final long RETRY_MS = 250;
    private static final String LOCK = "SELECT pg_try_advisory_lock(?)";
    private static final String IN_RECOVERY = "SELECT pg_is_in_recovery()";
    // Only newer servers say why they invalidated a slot, and only since 17 whether it is a synced copy.
    private static final String FACTS = "SELECT s.plugin = 'pgoutput' AND s.database = current_database() AS is_ours,"
            + " coalesce(to_jsonb(s) ->> 'invalidation_reason', CASE WHEN s.wal_status = 'lost' THEN 'WAL removed' END)"
            + " AS lost_by, current_setting('server_encoding') AS encoding,"
            + " EXISTS (SELECT FROM pg_publication p WHERE p.pubname = ? AND p.puballtables AND p.pubinsert AND p.pubupdate"
            + " AND p.pubdelete AND p.pubtruncate AND NOT p.pubviaroot) AS is_published,"
            + " clock_timestamp()::text AS now FROM pg_replication_slots s WHERE s.slot_name = ?";
    private static final String HELD = "SELECT 1 FROM pg_replication_slots s JOIN pg_stat_activity a"
            + " ON a.pid = s.active_pid WHERE s.slot_name = ? AND a.backend_start > ?::timestamptz";
    private static final String HOLDER = "SELECT a.pid, a.backend_start::text FROM pg_locks l JOIN pg_stat_activity a"
            + " USING (pid) WHERE l.locktype = 'advisory' AND l.objsubid = 1"
            + " AND (l.classid::bigint << 32 | l.objid::bigint) = ?";
    private static final String MARK = "SELECT nextval('data_embassy.capture_session') AS number,"
            + " s.confirmed_flush_lsn::text AS confirmed, pg_current_wal_insert_lsn()::text AS inserted,"
            + " (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now,"
            + " current_setting('server_version_num')::int AS version"
            + " FROM pg_replication_slots s WHERE s.slot_name = ?";
    private final Map<String, String> settings;
    private final String slot;
    private final Connection connection;
    private String lockedAt;

    private SlotClaim(Map<String, String> settings) throws SQLException {
        this.settings = settings;
        this.slot = settings.get("slot.name");
        this.connection = connect(false);
    }

    /** Takes the lock; raises {@link CaptureException} when it is not free in time or the slot cannot be used. */
    static SlotClaim take(Map<String, String> settings, long waitMs) throws InterruptedException {
        try {
            SlotClaim claim = new SlotClaim(settings);
            try {
                claim.lock(System.nanoTime() + waitMs * 1_000_000);
                claim.check();
                return claim;
            } catch (SQLException | RuntimeException | InterruptedException error) {
                claim.close();
                throw error;
            }
        } catch (SQLException error) {
            throw unreachable(error);
        }
    }

    private void lock(long deadline) throws SQLException, InterruptedException {
        long key = lockKey(slot);
        try (PreparedStatement lock = connection.prepareStatement(LOCK)) {
            lock.setLong(1, key);
            while (!first(lock).getBoolean(1)) {
                if (System.nanoTime() > deadline) {
                    throw new CaptureException("SlotTaken", "another capture task holds the lock of slot " + slot + holder(key),
                            "stop the other task, or wait until PostgreSQL notices that its worker is gone");
                }
                Thread.sleep(RETRY_MS);
            }
        }
    }

    private String holder(long key) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(HOLDER)) {
            query.setLong(1, key);
            ResultSet rows = query.executeQuery();
            return rows.next() ? " (backend " + rows.getInt(1) + " since " + rows.getString(2) + ")" : "";
        }
    }

    private void check() throws SQLException {
        try (Statement query = connection.createStatement(); ResultSet row = query.executeQuery(IN_RECOVERY)) {
            if (row.next() && row.getBoolean(1)) {
                throw new CaptureException("RegisterInRecovery", "the server is a standby, or still recovering",
                        "none if it becomes the primary; otherwise name the primary's host and port in the register's"
                        + " contract, then: embassy connector apply NAME");
            }
        }
        try (PreparedStatement query = connection.prepareStatement(FACTS)) {
            query.setString(1, settings.get("publication.name"));
            query.setString(2, slot);
            ResultSet facts = query.executeQuery();
            if (!facts.next()) {
                // Debezium would make one at the present position and skip all before it.
                throw new CaptureException("SlotMissing", "replication slot " + slot + " does not exist",
                        "take a snapshot, which makes it: embassy register snapshot NAME");
            }
            if (!facts.getBoolean("is_ours")) {
                throw new CaptureException("SlotForeign", "replication slot " + slot + " is of another database or"
                        + " plugin", "choose another slot in the register's contract, or drop this one, then: embassy"
                        + " register snapshot NAME");
            }
            if (facts.getString("lost_by") != null) {
                throw new CaptureException("SlotInvalidated", "replication slot " + slot + " lost what it had to keep: "
                        + facts.getString("lost_by"), "embassy register snapshot NAME, which makes a new slot");
            }
            if (!facts.getBoolean("is_published")) {
                // PostgreSQL 18 reads on without a publication and sends nothing.
                throw new CaptureException("PublicationChanged", "publication " + settings.get("publication.name")
                        + " does not publish every change of all tables", "run the register's SQL again, and take a"
                        + " new snapshot: embassy register prepare NAME, embassy register snapshot NAME");
            }
            if (facts.getString("encoding").equals("SQL_ASCII")) {
                throw new CaptureException("EncodingUnknown", "the register's encoding is SQL_ASCII: its text has no known meaning",
                        "move the register to a database with a real encoding");
            }
            lockedAt = facts.getString("now");
        }
    }

    /** True once Debezium's own walsender holds the slot. */
    boolean isHeld() {
        try (PreparedStatement query = connection.prepareStatement(HELD)) {
            query.setString(1, slot);
            query.setString(2, lockedAt);
            return query.executeQuery().next();
        } catch (SQLException error) {
            throw unreachable(error);
        }
    }

    /** Draws the session number and gathers the marker; call once the slot is held. */
    Wire.Session session(String debeziumVersion, String pluginVersion) {
        try (Connection replication = connect(true); Statement command = replication.createStatement()) {
            ResultSet system = command.executeQuery("IDENTIFY_SYSTEM");
            system.next();
            String identifier = system.getString("systemid");
            int timeline = system.getInt("timeline");
            List<Wire.Fork> forks = List.of();
            if (timeline > 1) {
                ResultSet history = command.executeQuery("TIMELINE_HISTORY " + timeline);
                history.next();
                forks = forks(history.getString("content"));
            }
            try (PreparedStatement mark = connection.prepareStatement(MARK)) {
                mark.setString(1, slot);
                ResultSet row = first(mark);
                long number = (long) timeline << 32 | row.getLong("number");
                return new Wire.Session(number, slot, lsn(row.getString("confirmed")), lsn(row.getString("inserted")),
                        identifier, timeline, forks, row.getLong("now"), row.getInt("version"), debeziumVersion,
                        pluginVersion);
            }
        } catch (SQLException error) {
            throw unreachable(error);
        }
    }

    /** Lines of a timeline history file: timeline, LSN where it was left, reason. */
    static List<Wire.Fork> forks(String history) {
        List<Wire.Fork> forks = new ArrayList<>();
        for (String line : history.split("\n")) {
            String[] parts = line.strip().split("\\s+", 3);
            if (parts.length >= 2 && !line.strip().startsWith("#")) {
                forks.add(new Wire.Fork(Integer.parseInt(parts[0]), lsn(parts[1])));
            }
        }
        return forks;
    }

    /** Key of the advisory lock: no other use of such locks in the register's database can meet it by accident. */
    static long lockKey(String slot) {
        try {
            MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
            byte[] digest = sha256.digest(("data-embassy capture " + slot).getBytes(StandardCharsets.UTF_8));
            return ByteBuffer.wrap(digest).getLong();
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @Override
    public void close() {
        try {
            connection.close();
        } catch (SQLException ignored) {
            // The server frees the lock when it notices that the connection is gone.
        }
    }

    private Connection connect(boolean isReplication) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", settings.getOrDefault("database.user", ""));
        properties.setProperty("password", settings.getOrDefault("database.password", ""));
        settings.forEach((name, value) -> {
            if (name.startsWith("driver.")) {
                properties.setProperty(name.substring("driver.".length()), value);
            } else if (name.startsWith("database.ssl")) {
                properties.setProperty(name.substring("database.".length()), value);
            }
        });
        properties.setProperty("tcpKeepAlive", "true");
        properties.setProperty("connectTimeout", "10");
        properties.setProperty("socketTimeout", "60");
        properties.setProperty("ApplicationName", "data-embassy capture");
        if (isReplication) {
            properties.setProperty("replication", "database");
            properties.setProperty("preferQueryMode", "simple");
            properties.setProperty("assumeMinServerVersion", "10");
        }
        String url = "jdbc:postgresql://" + settings.get("database.hostname") + ":"
                + settings.getOrDefault("database.port", "5432") + "/" + settings.get("database.dbname");
        return new Driver().connect(url, properties);
    }

    private static ResultSet first(PreparedStatement query) throws SQLException {
        ResultSet rows = query.executeQuery();
        if (!rows.next()) {
            throw new SQLException("the replication slot is gone");
        }
        return rows;
    }

    private static long lsn(String text) {
        return LogSequenceNumber.valueOf(text).asLong();
    }

    private static CaptureException unreachable(SQLException error) {
        boolean isUnprepared = "42P01".equals(error.getSQLState()) || "3F000".equals(error.getSQLState())
                || "42501".equals(error.getSQLState());
        return new CaptureException(isUnprepared ? "RegisterUnprepared" : "RegisterUnreachable",
                "the register cannot be asked: " + error.getMessage(),
                isUnprepared ? "run the register's SQL again: embassy register prepare NAME"
                        : "check that the register's server runs and takes the capture role's password", error);
    }
}
