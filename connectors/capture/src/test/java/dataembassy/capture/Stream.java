package dataembassy.capture;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Messages of pgoutput, byte by byte as its documentation describes them. */
final class Stream {
    static final Object UNCHANGED = new Object();
    /** 2000-01-01T00:00:01Z by PostgreSQL's clock, and in microseconds since 1970. */
    static final long COMMIT_TIME = 1_000_000;
    static final long COMMITTED_AT = 946_684_801_000_000L;

    private Stream() {
    }

    interface Body {
        void to(DataOutputStream out) throws IOException;
    }

    static ByteBuffer message(char kind, Body body) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeByte(kind);
            body.to(out);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        // As the driver hands it over: a view into a larger array.
        byte[] larger = new byte[bytes.size() + 7];
        System.arraycopy(bytes.toByteArray(), 0, larger, 5, bytes.size());
        return ByteBuffer.wrap(larger, 5, bytes.size()).slice();
    }

    static ByteBuffer begin(int xid) {
        return message('B', out -> {
            out.writeLong(77);
            out.writeLong(COMMIT_TIME);
            out.writeInt(xid);
        });
    }

    static ByteBuffer commit() {
        return message('C', out -> out.write(new byte[25]));
    }

    /** Columns; those of the identity have a star in front. */
    static ByteBuffer relation(int id, String schema, String name, String... columns) {
        return message('R', out -> {
            out.writeInt(id);
            text(out, schema);
            text(out, name);
            out.writeByte('d');
            out.writeShort(columns.length);
            for (String column : columns) {
                boolean isIdentity = column.startsWith("*");
                out.writeByte(isIdentity ? 1 : 0);
                text(out, isIdentity ? column.substring(1) : column);
                out.writeInt(25);
                out.writeInt(-1);
            }
        });
    }

    static ByteBuffer insert(int id, Object... row) {
        return message('I', out -> {
            out.writeInt(id);
            tuple(out, 'N', row);
        });
    }

    /** An update; {@code kind} is K or O with an old row, or N without. */
    static ByteBuffer update(int id, char kind, Object[] old, Object... row) {
        return message('U', out -> {
            out.writeInt(id);
            if (kind != 'N') {
                tuple(out, kind, old);
            }
            tuple(out, 'N', row);
        });
    }

    static ByteBuffer delete(int id, char kind, Object... row) {
        return message('D', out -> {
            out.writeInt(id);
            tuple(out, kind, row);
        });
    }

    static ByteBuffer truncate(int... ids) {
        return message('T', out -> {
            out.writeInt(ids.length);
            out.writeByte(0);
            for (int id : ids) {
                out.writeInt(id);
            }
        });
    }

    private static void tuple(DataOutputStream out, char kind, Object[] row) throws IOException {
        out.writeByte(kind);
        out.writeShort(row.length);
        for (Object value : row) {
            if (value == null) {
                out.writeByte('n');
            } else if (value == UNCHANGED) {
                out.writeByte('u');
            } else {
                byte[] utf8 = ((String) value).getBytes(StandardCharsets.UTF_8);
                out.writeByte('t');
                out.writeInt(utf8.length);
                out.write(utf8);
            }
        }
    }

    private static void text(DataOutputStream out, String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.UTF_8));
        out.writeByte(0);
    }
}
