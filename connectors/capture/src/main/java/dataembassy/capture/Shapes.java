package dataembassy.capture;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The shapes of this session, each under a name of our own.
 *
 * <p>Debezium knows a shape as table {@code data_embassy_shape.s<number>}: no name of the register ever passes its
 * parsers and filters, which cut, fold or drop some (dots and quotes in names, columns that differ by case, PostGIS
 * tables). Written by Debezium's streaming thread, read by the task's.
 */
final class Shapes {
    static final String SCHEMA = "data_embassy_shape";
    /** Lets Debezium see our tables and nothing of the register's catalog. */
    static final String FILTER = SCHEMA + "\\.s[0-9]+";
    private final Map<List<Object>, String> names = new HashMap<>();
    private final Map<String, Shape> shapes = new ConcurrentHashMap<>();

    /** Name of the table that stands for this shape; the same each time. */
    String table(String relationSchema, String relationName, List<String> columns) {
        return names.computeIfAbsent(List.of(relationSchema, relationName, columns), key -> {
            String name = "s" + (names.size() + 1);
            shapes.put(name, new Shape(relationSchema, relationName, columns));
            return name;
        });
    }

    Shape shape(String table) {
        Shape shape = shapes.get(table);
        if (shape == null) {
            throw new IllegalStateException("a change of a table that was never announced");
        }
        return shape;
    }
}
