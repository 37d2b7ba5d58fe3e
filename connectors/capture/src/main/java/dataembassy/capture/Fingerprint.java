package dataembassy.capture;

import java.nio.charset.StandardCharsets;

/** CRC-64-AVRO (Avro 1.12 specification, "Schema Fingerprints"). */
final class Fingerprint {
    private static final long EMPTY = 0xc15d213aa4d7a795L;
    private static final long[] TABLE = new long[256];

    static {
        for (int i = 0; i < 256; i++) {
            long value = i;
            for (int bit = 0; bit < 8; bit++) {
                value = (value >>> 1) ^ (EMPTY & -(value & 1L));
            }
            TABLE[i] = value;
        }
    }

    private Fingerprint() {
    }

    /** Fingerprint of a schema in Parsing Canonical Form. */
    static long of(String canonical) {
        long value = EMPTY;
        for (byte b : canonical.getBytes(StandardCharsets.UTF_8)) {
            value = (value >>> 8) ^ TABLE[(int) (value ^ b) & 0xff];
        }
        return value;
    }
}
