package dataembassy.capture;

import io.debezium.connector.postgresql.PostgresConnector;
import java.util.Map;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.connect.connector.Task;

/** Debezium's connector for one register, with {@link RegisterTask} as its task. */
public final class RegisterConnector extends PostgresConnector {
    private static final String SHOWN_AT = "topic.prefix";

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
        try {
            return super.validate(CaptureSettings.complete(given));
        } catch (CaptureException refused) {
            // Connect expects a value for every setting; the refusal stands at one that every connector has.
            Config config = super.validate(given);
            config.configValues().stream().filter(value -> value.name().equals(SHOWN_AT)).findFirst()
                    .ifPresentOrElse(value -> value.addErrorMessage(refused.getMessage()), () -> {
                        throw refused;
                    });
            return config;
        }
    }
}
