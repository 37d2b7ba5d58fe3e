package dataembassy.capture;

import io.debezium.connector.postgresql.PostgresConnector;
import java.util.Map;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.connect.connector.Task;

/** Debezium's connector for one register, with {@link RegisterTask} as its task. */
public final class RegisterConnector extends PostgresConnector {
    @Override
    public String version() {
        return RegisterTask.pluginVersion();
    }

    @Override
    public Class<? extends Task> taskClass() {
        return RegisterTask.class;
    }

    @Override
    public Config validate(Map<String, String> given) {
        return super.validate(CaptureSettings.complete(given));
    }
}
