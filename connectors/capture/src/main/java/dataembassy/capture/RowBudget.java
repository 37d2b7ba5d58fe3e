package dataembassy.capture;

/** Bounds the bytes of rows between the replication stream and the task: many large rows must not fill the heap. */
final class RowBudget {
    private final long bytesMax;
    private long held;
    private boolean isClosed;

    RowBudget(long bytesMax) {
        this.bytesMax = bytesMax;
    }

    /** Waits until the row fits; a row larger than the whole budget passes alone. */
    synchronized void acquire(long bytes) throws InterruptedException {
        while (held > 0 && held + bytes > bytesMax && !isClosed) {
            wait();
        }
        if (isClosed) {
            throw new InterruptedException("the task stops");
        }
        held += bytes;
    }

    synchronized void release(long bytes) {
        held -= bytes;
        notifyAll();
    }

    synchronized void close() {
        isClosed = true;
        notifyAll();
    }

    synchronized long held() {
        return held;
    }
}
