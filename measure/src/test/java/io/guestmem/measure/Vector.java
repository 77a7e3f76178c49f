package io.guestmem.measure;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/** A published input with its digest, and the files beside it. */
public record Vector(Map<String, Object> fields) {
    private static final JsonFactory FACTORY = new JsonFactory();

    /** The vectors of a file, under a name of its object. */
    public static List<Vector> all(String file, String name) {
        return document(file).list(name);
    }

    /** The one that is called so. */
    public static Vector named(String file, String name) {
        return all(file, "vectors").stream()
                .filter(each -> each.text("name").equals(name))
                .findFirst()
                .orElseThrow();
    }

    /** A whole file. */
    public static Vector document(String file) {
        try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), bytes(file))) {
            parser.nextToken();
            return new Vector(object(parser));
        }
    }

    /** The bytes of a file, unpacked if its name ends with gz. */
    public static byte[] bytes(String file) {
        try (InputStream in = Objects.requireNonNull(Vector.class.getResourceAsStream(file), file)) {
            return file.endsWith(".gz") ? new GZIPInputStream(in).readAllBytes() : in.readAllBytes();
        } catch (IOException broken) {
            throw new UncheckedIOException(broken);
        }
    }

    /** A text that must be there. */
    public String text(String name) {
        return (String) Objects.requireNonNull(fields.get(name), name);
    }

    /** A text that may be null. */
    public Optional<String> optional(String name) {
        return Optional.ofNullable((String) fields.get(name));
    }

    /** A number that must be there. */
    public long number(String name) {
        return (Long) Objects.requireNonNull(fields.get(name), name);
    }

    /** A number that may be null. */
    public long number(String name, long otherwise) {
        return fields.get(name) instanceof Long number ? number : otherwise;
    }

    /** Objects of an array. */
    public List<Vector> list(String name) {
        List<Vector> list = new ArrayList<>();
        for (Object each : values(name)) {
            list.add((Vector) each);
        }
        return list;
    }

    /** The values of an array. */
    public List<?> values(String name) {
        return (List<?>) Objects.requireNonNull(fields.get(name), name);
    }

    @Override
    public String toString() {
        return String.valueOf(fields.getOrDefault("name", fields));
    }

    private static Map<String, Object> object(JsonParser parser) {
        Map<String, Object> object = new LinkedHashMap<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String name = parser.currentName();
            parser.nextToken();
            value(parser).ifPresent(value -> object.put(name, value));
        }
        return object;
    }

    private static Optional<Object> value(JsonParser parser) {
        return switch (parser.currentToken()) {
            case START_OBJECT -> Optional.of(new Vector(object(parser)));
            case START_ARRAY -> {
                List<Object> array = new ArrayList<>();
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    value(parser).ifPresent(array::add);
                }
                yield Optional.of(array);
            }
            case VALUE_STRING -> Optional.of(parser.getString());
            case VALUE_NUMBER_INT -> Optional.of(parser.getLongValue());
            case VALUE_TRUE -> Optional.of(true);
            case VALUE_FALSE -> Optional.of(false);
            default -> Optional.empty();
        };
    }
}
