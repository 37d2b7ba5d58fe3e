package dataembassy.capture;

import java.nio.ByteBuffer;
import java.util.List;

/** The frozen records of stream v1 that a capture task writes (schemas/wire), and every record's key. */
final class Wire {
    static final byte ORIGIN_CAPTURE = 1;
    static final int RECORD_BYTES_MAX = 64 << 20;
    // CRC-64-AVRO of schemas/wire/<name>.avsc. Those are frozen; a unit test compares.
    static final long SESSION = 0x9592341ea6affd54L;
    static final long SCHEMA = 0x3daf7d1d299f764cL;
    static final long BEGIN = 0xacc5ea90e6c44930L;
    static final long END = 0xafa65a2d97891f37L;

    private Wire() {
    }

    /** Where a parent timeline was left. */
    record Fork(int timeline, long switchLsn) {
    }

    /** Contents of a session marker. Times are microseconds since 1970 UTC. */
    record Session(
            long session, String slot, long confirmedFlushLsn, long insertLsn, String systemIdentifier, int timeline,
            List<Fork> forks, long startedAt, int serverVersion, String debeziumVersion, String pluginVersion) {
    }

    /** Section 2: origin u8, run u64, n u64, big-endian. */
    static byte[] key(long run, long n) {
        return ByteBuffer.allocate(17).put(ORIGIN_CAPTURE).putLong(run).putLong(n).array();
    }

    static byte[] session(Session s) {
        AvroWriter out = new AvroWriter(256, RECORD_BYTES_MAX).header(SESSION);
        out.number(s.session()).text(s.slot()).number(s.confirmedFlushLsn()).number(s.insertLsn());
        out.text(s.systemIdentifier()).number(s.timeline());
        if (!s.forks().isEmpty()) {
            out.number(s.forks().size());
            s.forks().forEach(fork -> out.number(fork.timeline()).number(fork.switchLsn()));
        }
        out.number(0).number(s.startedAt()).number(s.serverVersion());
        return out.text(s.debeziumVersion()).text(s.pluginVersion()).toBytes();
    }

    static byte[] schema(Shape shape) {
        AvroWriter out = new AvroWriter(shape.json.length() + 64, RECORD_BYTES_MAX).header(SCHEMA);
        byte[] fingerprint = new byte[8];
        for (int i = 0; i < 8; i++) {
            fingerprint[i] = (byte) (shape.fingerprint >>> (8 * i));
        }
        return out.block(fingerprint, 0, 8).text(shape.json).toBytes();
    }

    static byte[] begin(long transaction) {
        return new AvroWriter(20, RECORD_BYTES_MAX).header(BEGIN).number(transaction).toBytes();
    }

    static byte[] end(long transaction, long commitLsn, long eventCount, long committedAt) {
        AvroWriter out = new AvroWriter(50, RECORD_BYTES_MAX).header(END);
        return out.number(transaction).number(commitLsn).number(eventCount).number(committedAt).toBytes();
    }

    /** Section 4; an image is a row's record as {@link StreamDecoder} encoded it, or null. */
    static byte[] change(Shape shape, char op, long order, long transaction, long lsn, byte[] before, byte[] after) {
        int images = (before == null ? 0 : before.length) + (after == null ? 0 : after.length);
        AvroWriter out = new AvroWriter(Math.min(images + 64, RECORD_BYTES_MAX), RECORD_BYTES_MAX);
        out.header(shape.fingerprint).number(1).raw(new byte[] {(byte) op}, 0, 1);
        out.number(order).number(transaction).number(lsn);
        image(out, before);
        image(out, after);
        return out.toBytes();
    }

    private static void image(AvroWriter out, byte[] row) {
        if (row == null) {
            out.number(0);
        } else {
            out.number(1).raw(row, 0, row.length);
        }
    }
}
