package dataembassy.capture;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.connect.storage.OffsetStorageReader;

/**
 * What Debezium reads instead of Connect's stored offsets: the newest offset of this session that the broker has
 * acknowledged, and nothing before there is one.
 *
 * <p>So every session starts at the slot, and an offset of an earlier session can reach Debezium neither at its start
 * nor in a commit. Records of one partition are acknowledged in their order, thus everything before is safe as well.
 */
final class AcknowledgedOffsets implements OffsetStorageReader {
    private volatile Map<String, ?> newest;

    void acknowledge(Map<String, ?> offset) {
        newest = offset;
    }

    boolean isEmpty() {
        return newest == null;
    }

    @Override
    public <T> Map<String, Object> offset(Map<String, T> partition) {
        Map<String, ?> offset = newest;
        return offset == null ? null : new HashMap<>(offset);
    }

    @Override
    public <T> Map<Map<String, T>, Map<String, Object>> offsets(Collection<Map<String, T>> partitions) {
        Map<Map<String, T>, Map<String, Object>> all = new HashMap<>();
        partitions.forEach(partition -> all.put(partition, offset(partition)));
        return all;
    }
}
