package dataembassy.capture;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Avro's binary encoding of the few types that stream v1 needs, into an array that grows up to a limit. */
final class AvroWriter {
    private static final int SINGLE_OBJECT_MARK = 0xC301;
    private final int bytesMax;
    private byte[] bytes;
    private int size;

    AvroWriter(int expected, int bytesMax) {
        this.bytes = new byte[expected];
        this.bytesMax = bytesMax;
    }

    /** Header of Avro's single-object encoding (stream v1, section 3). */
    AvroWriter header(long fingerprint) {
        reserve(10);
        bytes[size++] = (byte) (SINGLE_OBJECT_MARK >>> 8);
        bytes[size++] = (byte) SINGLE_OBJECT_MARK;
        for (int shift = 0; shift < 64; shift += 8) {
            bytes[size++] = (byte) (fingerprint >>> shift);
        }
        return this;
    }

    /** An int or a long: zigzag, then seven bits a byte, low bits first. */
    AvroWriter number(long value) {
        long rest = (value << 1) ^ (value >> 63);
        reserve((70 - Long.numberOfLeadingZeros(rest | 1)) / 7);
        while ((rest & ~0x7FL) != 0) {
            bytes[size++] = (byte) (rest & 0x7F | 0x80);
            rest >>>= 7;
        }
        bytes[size++] = (byte) rest;
        return this;
    }

    /** A string or bytes. */
    AvroWriter block(byte[] from, int start, int length) {
        return number(length).raw(from, start, length);
    }

    AvroWriter text(String value) {
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        return block(utf8, 0, utf8.length);
    }

    /** Bytes that are encoded already. */
    AvroWriter raw(byte[] from, int start, int length) {
        reserve(length);
        System.arraycopy(from, start, bytes, size, length);
        size += length;
        return this;
    }

    byte[] toBytes() {
        return size == bytes.length ? bytes : Arrays.copyOf(bytes, size);
    }

    private void reserve(int more) {
        if (more > bytesMax - size) {
            throw new CaptureException("RecordTooLarge",
                    "a record is larger than " + (bytesMax >> 20) + " MiB, the largest that a home topic takes",
                    "make the row smaller at the register, drop its slot, then: embassy register snapshot NAME");
        }
        if (more > bytes.length - size) {
            int doubled = (int) Math.min(bytesMax, 2L * bytes.length);
            bytes = Arrays.copyOf(bytes, Math.max(doubled, size + more));
        }
    }
}
