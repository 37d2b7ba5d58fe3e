package dataembassy.capture;

import java.util.LinkedHashMap;
import java.util.Map;

/** The settings on which the promises of stream v1 rest: given here, and refused when a configuration differs. */
final class CaptureSettings {
    /** Stream v1, section 8: PostgreSQL's text of a value depends on these. */
    static final String PINNED_SQL = "SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';"
            + " SET TimeZone = 'UTC'; SET extra_float_digits = 1; SET bytea_output = 'hex'; SET lc_monetary = 'C';"
            + " SET xmloption = 'content'; SET search_path = pg_catalog";
    private static final Map<String, String> REQUIRED = new LinkedHashMap<>();

    static {
        REQUIRED.put("plugin.name", "pgoutput");
        REQUIRED.put("publication.autocreate.mode", "disabled");
        REQUIRED.put("snapshot.mode", "no_data");
        REQUIRED.put("provide.transaction.metadata", "true");
        REQUIRED.put("skipped.operations", "none");
        REQUIRED.put("tombstones.on.delete", "false");
        REQUIRED.put("event.converting.failure.handling.mode", "fail");
        REQUIRED.put("event.processing.failure.handling.mode", "fail");
        // A heartbeat is queued before END and carries END's position: a crash between them would lose the transaction.
        REQUIRED.put("heartbeat.interval.ms", "0");
        // A restart inside the process would begin a stream without a session marker.
        REQUIRED.put("errors.max.retries", "0");
        REQUIRED.put("lsn.flush.mode", "connector");
        REQUIRED.put("slot.drop.on.stop", "false");
        REQUIRED.put("extended.headers.enabled", "false");
        REQUIRED.put("table.include.list", Shapes.FILTER);
        REQUIRED.put("binary.handling.mode", "bytes");
        REQUIRED.put("include.schema.comments", "false");
    }

    private CaptureSettings() {
    }

    /** The whole configuration for Debezium; refuses one that contradicts. */
    static Map<String, String> complete(Map<String, String> given) {
        Map<String, String> all = new LinkedHashMap<>(given);
        REQUIRED.forEach((name, value) -> {
            String other = all.put(name, value);
            if (other != null && !other.equals(value)) {
                throw refuse(name + "=" + other);
            }
        });
        for (String name : given.keySet()) {
            boolean isFilter = name.endsWith(".include.list") || name.endsWith(".exclude.list")
                    || name.startsWith("column.") || name.startsWith("transforms") || name.startsWith("converters");
            if (isFilter && !REQUIRED.containsKey(name)) {
                throw refuse(name);
            }
        }
        // A password file may end with a newline.
        all.computeIfPresent("database.password", (name, value) -> value.replaceAll("[\\r\\n]+\\z", ""));
        return all;
    }

    private static CaptureException refuse(String setting) {
        return new CaptureException("SettingRefused", "a capture connector cannot have the setting " + setting,
                "apply the connector as planned: embassy connector apply NAME");
    }
}
