package dataembassy.capture;

import org.apache.kafka.connect.errors.ConnectException;

/**
 * A stop of this register's capture: its cause in one word, what is wrong, and what to do. Never holds row data.
 *
 * <p>The cause is the first word of the message, which Kafka Connect shows; home's watcher reads it there.
 */
public final class CaptureException extends ConnectException {
    private static final long serialVersionUID = 1L;

    CaptureException(String cause, String message, String remedy) {
        this(cause, message, remedy, null);
    }

    CaptureException(String cause, String message, String remedy, Throwable thrown) {
        super(cause + ": " + oneLine(message) + ". Remedy: " + remedy, thrown);
    }

    /** Kafka Connect shows a stack trace; what is told must stand in its first line. */
    private static String oneLine(String text) {
        return text.replaceAll("\\s*\\R\\s*", " ");
    }

    /** The stop hidden in the causes of what Debezium threw, if there is one. */
    static CaptureException within(Throwable thrown) {
        for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
            if (cause instanceof CaptureException stop) {
                return stop;
            }
        }
        return null;
    }
}
