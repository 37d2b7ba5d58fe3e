package dataembassy.capture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class RowBudgetTest {
    @Test
    void rowLargerThanAllPassesAlone() {
        RowBudget budget = new RowBudget(10);
        assertTimeoutPreemptively(Duration.ofSeconds(10), () -> budget.acquire(1000));
        assertEquals(1000, budget.held());
    }

    @Test
    void rowWaitsForRoom() throws Exception {
        RowBudget budget = new RowBudget(10);
        budget.acquire(8);
        CompletableFuture<Void> waiting = CompletableFuture.runAsync(() -> {
            try {
                budget.acquire(8);
            } catch (InterruptedException error) {
                throw new AssertionError(error);
            }
        });
        assertEquals(8, budget.held());
        budget.release(8);
        waiting.get(10, TimeUnit.SECONDS);
        assertEquals(8, budget.held());
    }

    @Test
    void stoppedTaskFreesWhoWaits() throws Exception {
        RowBudget budget = new RowBudget(10);
        budget.acquire(8);
        budget.close();
        assertThrows(InterruptedException.class, () -> budget.acquire(8));
    }
}
