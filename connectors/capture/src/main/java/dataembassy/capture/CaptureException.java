package dataembassy.capture;

import org.apache.kafka.connect.errors.ConnectException;

/** A stop of this register's capture: what is wrong, and what to do. Never holds row data. */
public final class CaptureException extends ConnectException {
    private static final long serialVersionUID = 1L;

    CaptureException(String message, String remedy) {
        super(oneLine(message) + ". Remedy: " + remedy);
    }

    CaptureException(String message, String remedy, Throwable cause) {
        super(oneLine(message) + ". Remedy: " + remedy, cause);
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
