package dataembassy.capture;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** A table's name and columns at one time, and the Avro schema of its changes (stream v1, section 4). */
final class Shape {
    private static final String NAMESPACE = "data_embassy.stream.v1.change";
    private static final String OPTIONAL_STRING = "[\"null\",\"string\"]";
    final String relationSchema;
    final String relationName;
    final List<String> columns;
    final String json;
    final long fingerprint;

    Shape(String relationSchema, String relationName, List<String> columns) {
        this.relationSchema = relationSchema;
        this.relationName = relationName;
        this.columns = List.copyOf(columns);
        String hash = hash();
        this.json = json(hash);
        this.fingerprint = Fingerprint.of(canonical(hash));
    }

    /** 32 hex digits over all names: the canonical form drops them, so the record's name must tell tables apart. */
    private String hash() {
        MessageDigest sha256;
        try {
            sha256 = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
        add(sha256, relationSchema);
        add(sha256, relationName);
        columns.forEach(column -> add(sha256, column));
        return HexFormat.of().formatHex(sha256.digest(), 0, 16);
    }

    private static void add(MessageDigest digest, String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        digest.update(ByteBuffer.allocate(4).putInt(utf8.length).flip());
        digest.update(utf8);
    }

    private String json(String hash) {
        StringBuilder out = new StringBuilder(256 + 64 * columns.size());
        out.append("{\"type\":\"record\",\"name\":\"C").append(hash);
        out.append("\",\"namespace\":\"").append(NAMESPACE).append("\",\"relation_schema\":");
        quote(out, relationSchema);
        out.append(",\"relation_name\":");
        quote(out, relationName);
        out.append(",\"fields\":[{\"name\":\"op\",\"type\":\"string\"},{\"name\":\"order\",\"type\":\"long\"},");
        out.append("{\"name\":\"transaction\",\"type\":\"long\"},{\"name\":\"lsn\",\"type\":\"long\"},");
        out.append("{\"name\":\"before\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"R").append(hash);
        out.append("\",\"fields\":[");
        for (int i = 0; i < columns.size(); i++) {
            out.append(i == 0 ? "" : ",").append("{\"name\":\"c").append(i).append("\",\"column\":");
            quote(out, columns.get(i));
            out.append(",\"type\":").append(OPTIONAL_STRING).append('}');
        }
        out.append("]}]},{\"name\":\"after\",\"type\":[\"null\",\"R").append(hash).append("\"]}]}");
        return out.toString();
    }

    /** Avro's Parsing Canonical Form of {@link #json}. */
    private String canonical(String hash) {
        StringBuilder out = new StringBuilder(512 + 48 * columns.size());
        out.append("{\"name\":\"").append(NAMESPACE).append(".C").append(hash);
        out.append("\",\"type\":\"record\",\"fields\":[{\"name\":\"op\",\"type\":\"string\"},");
        out.append("{\"name\":\"order\",\"type\":\"long\"},{\"name\":\"transaction\",\"type\":\"long\"},");
        out.append("{\"name\":\"lsn\",\"type\":\"long\"},{\"name\":\"before\",\"type\":[\"null\",{\"name\":\"");
        out.append(NAMESPACE).append(".R").append(hash).append("\",\"type\":\"record\",\"fields\":[");
        for (int i = 0; i < columns.size(); i++) {
            out.append(i == 0 ? "" : ",").append("{\"name\":\"c").append(i);
            out.append("\",\"type\":").append(OPTIONAL_STRING).append('}');
        }
        out.append("]}]},{\"name\":\"after\",\"type\":[\"null\",\"").append(NAMESPACE).append(".R").append(hash);
        return out.append("\"]}]}").toString();
    }

    private static void quote(StringBuilder out, String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < 0x20) {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }
}
