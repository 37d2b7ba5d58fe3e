package dataembassy.capture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class AcknowledgedOffsetsTest {
    private static final Map<String, String> PARTITION = Map.of("server", "population");
    private final AcknowledgedOffsets offsets = new AcknowledgedOffsets();

    @Test
    void nothingIsKnownBeforeAnAcknowledgement() {
        assertNull(offsets.offset(PARTITION));
        Map<?, ?> all = offsets.offsets(List.of(PARTITION));
        assertEquals(true, all.containsKey(PARTITION));
        assertNull(all.get(PARTITION));
    }

    @Test
    void newestAcknowledgementIsWhatDebeziumReads() {
        offsets.acknowledge(Map.of("lsn_commit", 1L));
        offsets.acknowledge(Map.of("lsn_commit", 2L));
        assertEquals(Map.of("lsn_commit", 2L), offsets.offset(PARTITION));
        assertEquals(Map.of("lsn_commit", 2L), offsets.offsets(List.of(PARTITION)).get(PARTITION));
    }
}
