package io.guestmem.cli;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.Range;

/**
 * An option or a parameter of a command, and its value once the command line is parsed. The parser is told of them; it does not
 * look for annotations, for to read those takes longer than most commands run.
 *
 * @param <T> what its text is converted to
 */
final class Argument<T> {
    private final ArgSpec spec;

    private Argument(ArgSpec spec) {
        this.spec = spec;
    }

    /** An option with a value. */
    static <T> Argument<T> option(
            CommandSpec command, String name, String label, ITypeConverter<T> converter, String description) {
        return added(command, builder(name, label, converter, description));
    }

    /** An option that the command cannot do without. */
    static <T> Argument<T> required(
            CommandSpec command, String name, String label, ITypeConverter<T> converter, String description) {
        return added(command, builder(name, label, converter, description).required(true));
    }

    /** An option that has a value also where it is not given: {@code other}. */
    static <T> Argument<T> option(
            CommandSpec command,
            String name,
            String label,
            ITypeConverter<T> converter,
            String other,
            String description) {
        return added(command, builder(name, label, converter, description).defaultValue(other));
    }

    /** An option without a value. */
    static Argument<Boolean> flag(CommandSpec command, String name, String description) {
        return added(
                command,
                OptionSpec.builder(name).type(boolean.class).initialValue(false).description(description));
    }

    /** An option that may be repeated. */
    static <T> Argument<List<T>> repeated(
            CommandSpec command, String name, String label, ITypeConverter<T> converter, String description) {
        return list(command, builder(name, label, converter, description));
    }

    /** An option that may be repeated, and have several values with commas between them. */
    static <T> Argument<List<T>> list(
            CommandSpec command, String name, String label, ITypeConverter<T> converter, String description) {
        return list(command, builder(name, label, converter, description).splitRegex(","));
    }

    private static <T> Argument<List<T>> list(CommandSpec command, OptionSpec.Builder builder) {
        return added(
                command, builder.type(List.class).auxiliaryTypes(String.class).initialValue(List.of()));
    }

    /** An option that may be repeated, and have several names with values with commas between them. */
    static <K, V> Argument<Map<K, V>> pairs(
            CommandSpec command,
            String name,
            String label,
            ITypeConverter<K> key,
            ITypeConverter<V> value,
            String description) {
        return added(
                command,
                pairs(name, label, key, value, description).splitRegex(",").initialValue(Map.of()));
    }

    /** An option that the command cannot do without and that may be repeated: a name with a value. */
    static <K, V> Argument<Map<K, V>> requiredPairs(
            CommandSpec command,
            String name,
            String label,
            ITypeConverter<K> key,
            ITypeConverter<V> value,
            String description) {
        return added(command, pairs(name, label, key, value, description).required(true));
    }

    /** A parameter that has to be there. */
    static <T> Argument<T> parameter(
            CommandSpec command, int index, String label, ITypeConverter<T> converter, String description) {
        return added(
                command,
                parameter(label, converter, description)
                        .index(String.valueOf(index))
                        .required(true));
    }

    /** A parameter that may be there. */
    static <T> Argument<T> parameter(
            CommandSpec command, String label, ITypeConverter<T> converter, String description) {
        return added(command, parameter(label, converter, description).arity("0..1"));
    }

    /**
     * Parameters to the end of the command line.
     *
     * @param arity how many, as in {@code 0..*}
     */
    static <T> Argument<List<T>> parameters(
            CommandSpec command, String arity, String label, ITypeConverter<T> converter, String description) {
        return parameters(command, 0, arity, label, converter, description);
    }

    /**
     * Parameters to the end of the command line, behind others.
     *
     * @param first the index of the first one
     */
    static <T> Argument<List<T>> parameters(
            CommandSpec command,
            int first,
            String arity,
            String label,
            ITypeConverter<T> converter,
            String description) {
        return added(
                command,
                parameter(label, converter, description)
                        .index(first + "..*")
                        .arity(arity)
                        .required(Range.valueOf(arity).min() > 0)
                        .type(List.class)
                        .auxiliaryTypes(String.class)
                        .initialValue(List.of()));
    }

    private static OptionSpec.Builder builder(
            String name, String label, ITypeConverter<?> converter, String description) {
        return OptionSpec.builder(name)
                .paramLabel(label)
                .type(String.class)
                .converters(converter)
                .description(description);
    }

    private static OptionSpec.Builder pairs(
            String name, String label, ITypeConverter<?> key, ITypeConverter<?> value, String description) {
        return builder(name, label, value, description)
                .type(Map.class)
                .auxiliaryTypes(String.class, String.class)
                .converters(key, value);
    }

    private static PositionalParamSpec.Builder parameter(
            String label, ITypeConverter<?> converter, String description) {
        return PositionalParamSpec.builder()
                .paramLabel(label)
                .type(String.class)
                .converters(converter)
                .description(description);
    }

    private static <T> Argument<T> added(CommandSpec command, OptionSpec.Builder builder) {
        OptionSpec option = builder.build();
        command.addOption(option);
        return new Argument<>(option);
    }

    private static <T> Argument<T> added(CommandSpec command, PositionalParamSpec.Builder builder) {
        PositionalParamSpec parameter = builder.build();
        command.addPositional(parameter);
        return new Argument<>(parameter);
    }

    /** Whether it has a value: it is on the command line, or has one in any case. */
    boolean isPresent() {
        return spec.getValue() != null;
    }

    /** The value of an argument that has one. */
    T value() {
        return Objects.requireNonNull(spec.getValue());
    }

    /** The value, or another one if it has none. */
    T or(T other) {
        return optional().orElse(other);
    }

    /** The value, if it has one. */
    Optional<T> optional() {
        return Optional.ofNullable(spec.getValue());
    }
}
