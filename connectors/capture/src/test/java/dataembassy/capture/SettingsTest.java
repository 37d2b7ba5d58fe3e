package dataembassy.capture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SettingsTest {
    @Test
    void requiredSettingsAreAddedAndOthersKept() {
        Map<String, String> all = CaptureSettings.complete(Map.of("slot.name", "s"));
        assertEquals("s", all.get("slot.name"));
        assertEquals("pgoutput", all.get("plugin.name"));
        assertEquals("0", all.get("errors.max.retries"));
        assertEquals(all, CaptureSettings.complete(all));
    }

    @Test
    void contradictionIsRefused() {
        for (String setting : List.of("snapshot.mode", "heartbeat.interval.ms", "table.include.list")) {
            assertThrows(CaptureException.class, () -> CaptureSettings.complete(Map.of(setting, "other")));
        }
    }

    @Test
    void whatWouldDropOrChangeRowsIsRefused() {
        for (String setting : List.of("table.exclude.list", "column.exclude.list", "column.mask.with.3.chars",
                "transforms", "converters", "schema.include.list")) {
            assertThrows(CaptureException.class, () -> CaptureSettings.complete(Map.of(setting, "x")));
        }
    }

    @Test
    void newlineAtTheEndOfAPasswordFileIsNoPartOfThePassword() {
        assertEquals(" a\nb", CaptureSettings.complete(Map.of("database.password", " a\nb\r\n")).get("database.password"));
    }

    @Test
    void timelineHistoryIsRead() {
        String history = "1\t0/3000000\tno recovery target specified\n\n# comment\n2\t1/A\tbefore x\n";
        assertEquals(List.of(new Wire.Fork(1, 0x3000000L), new Wire.Fork(2, 0x10000000AL)), SlotClaim.forks(history));
        assertEquals(List.of(), SlotClaim.forks(""));
    }

    @Test
    void slotsHaveDifferentLocks() {
        assertTrue(SlotClaim.lockKey("a") != SlotClaim.lockKey("b"));
        assertEquals(SlotClaim.lockKey("a"), SlotClaim.lockKey("a"));
    }

    @Test
    void ownStopIsFoundAmongCauses() {
        CaptureException stop = new CaptureException("Cause", "what", "how");
        assertEquals(stop, CaptureException.within(new RuntimeException(new IllegalStateException(stop))));
        assertEquals(null, CaptureException.within(new RuntimeException()));
        assertEquals("Cause: what. Remedy: how", stop.getMessage());
    }
}
