package dataembassy.capture;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;

/** Reads records with Avro's own implementation: the judge of what this module writes by hand. */
final class AvroReader {
    private AvroReader() {
    }

    static Schema frozen(String name) {
        try {
            return new Schema.Parser().parse(Path.of("../../schemas/wire", name + ".avsc").toFile());
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static Schema change(Shape shape) {
        return new Schema.Parser().parse(shape.json);
    }

    /** The record; fails unless header, fingerprint and length are exactly right. */
    static GenericRecord read(Schema schema, byte[] value) {
        ByteBuffer header = ByteBuffer.wrap(value, 0, 10).order(ByteOrder.LITTLE_ENDIAN);
        if (header.get() != (byte) 0xC3 || header.get() != 1
                || header.getLong() != SchemaNormalization.parsingFingerprint64(schema)) {
            throw new AssertionError("wrong header");
        }
        return body(schema, Arrays.copyOfRange(value, 10, value.length));
    }

    static GenericRecord body(Schema schema, byte[] body) {
        try {
            BinaryDecoder in = DecoderFactory.get().binaryDecoder(body, null);
            GenericRecord record = new GenericDatumReader<GenericRecord>(schema).read(null, in);
            if (!in.isEnd()) {
                throw new AssertionError("trailing bytes");
            }
            return record;
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
