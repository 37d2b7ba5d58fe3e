package dataembassy.capture;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.apache.avro.Schema;
import org.junit.jupiter.api.Test;

/**
 * The frozen bytes that both languages agree on. The file is written once with {@code -Dvectors.write=true}; each
 * vector's {@code text} is how Avro's Java implementation reads it, and a Python test reads the same bytes.
 */
class VectorsTest {
    private static final Path FILE = Path.of("../../tests/vectors/stream/capture-v1.json");
    private static final Shape SHAPE =
            new Shape("population", "Ünïcode \"person\"", List.of("id", "name", "a.b", "A.B", "large"));
    private final List<String> vectors = new ArrayList<>();

    private static byte[] row(String... values) {
        AvroWriter out = new AvroWriter(64, 1 << 20);
        for (String value : values) {
            if (value == null) {
                out.number(0);
            } else {
                out.number(1).text(value);
            }
        }
        return out.toBytes();
    }

    private void add(String name, Schema schema, byte[] value) {
        long n = vectors.size() + 1L;
        String text = AvroReader.read(schema, value).toString();
        vectors.add("  {\n    \"name\": \"" + name + "\",\n    \"key\": \""
                + HexFormat.of().formatHex(Wire.key(WireTest.SESSION.session(), n)) + "\",\n    \"value\": \""
                + HexFormat.of().formatHex(value) + "\",\n    \"record\": " + text + "\n  }");
    }

    private String made() {
        Schema change = AvroReader.change(SHAPE);
        byte[] before = row("1", "", null, "x", "y".repeat(200));
        byte[] after = row("1", "Zoë 𝕏", null, "NaN", "\0");
        add("session", AvroReader.frozen("session"), Wire.session(WireTest.SESSION));
        add("begin", AvroReader.frozen("begin"), Wire.begin(0xFFFFFFFFL));
        add("schema", AvroReader.frozen("schema"), Wire.schema(SHAPE));
        add("insert", change, Wire.change(SHAPE, 'c', 1, 0xFFFFFFFFL, 1L << 40, null, before));
        add("update", change, Wire.change(SHAPE, 'u', 2, 0xFFFFFFFFL, 1L << 41, null, after));
        add("update of identity full", change, Wire.change(SHAPE, 'u', 3, 0xFFFFFFFFL, 1L << 41, before, after));
        add("delete", change, Wire.change(SHAPE, 'd', 4, 0xFFFFFFFFL, 1L << 42, row("1", null, null, null, null), null));
        add("truncate", change, Wire.change(SHAPE, 't', 5, 0xFFFFFFFFL, 1L << 42, null, null));
        add("end", AvroReader.frozen("end"), Wire.end(0xFFFFFFFFL, (1L << 42) + 64, 5, 1_700_000_000_000_001L));
        return "[\n" + String.join(",\n", vectors) + "\n]\n";
    }

    @Test
    void bytesAreTheFrozenOnes() throws IOException {
        String made = made();
        if (Boolean.getBoolean("vectors.write")) {
            Files.createDirectories(FILE.getParent());
            Files.writeString(FILE, made);
        }
        assertEquals(Files.readString(FILE), made);
    }
}
