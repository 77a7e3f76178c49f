package io.guestmem.abi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A description of a struct that cannot be right is refused when it is made. */
class StructTest {
    static Stream<Arguments> fieldsThatDoNotFitInSixteenBytes() {
        return Stream.of(
                arguments("b overlaps a", field("a", 0, 8, 1), field("b", 4, 4, 1), "s.b does not fit at 4"),
                arguments("b overlaps the array a", field("a", 0, 4, 3), field("b", 8, 8, 1), "s.b does not fit at 8"),
                arguments("b stands before a", field("a", 8, 8, 1), field("b", 0, 8, 1), "s.b does not fit at 0"),
                arguments(
                        "a is before the struct", field("a", -1, 1, 1), field("b", 0, 8, 1), "s.a does not fit at -1"),
                arguments(
                        "b ends behind the struct",
                        field("a", 0, 8, 1),
                        field("b", 12, 8, 1),
                        "s.b does not fit at 12"),
                arguments(
                        "b starts behind the struct",
                        field("a", 0, 8, 1),
                        field("b", 16, 1, 1),
                        "s.b does not fit at 16"),
                arguments(
                        "the array b is too long", field("a", 0, 8, 1), field("b", 8, 4, 3), "s.b does not fit at 8"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("fieldsThatDoNotFitInSixteenBytes")
    void refusesFieldsThatDoNotFit(String why, Struct.Field a, Struct.Field b, String message) {
        assertThatIllegalArgumentException()
                .as(why)
                .isThrownBy(() -> new Struct("s", 16, List.of(a, b)))
                .withMessage(message);
    }

    @Test
    void acceptsFieldsUpToTheLastByteAndHolesBetweenThem() {
        Struct struct =
                Struct.of("s", 16).u8("a", 0).array("b", 4, Integer.BYTES, 3).build();

        assertThat(struct.fields()).containsExactly(field("a", 0, 1, 1), field("b", 4, 4, 3));
        assertThat(struct.fields().getLast().bytes()).isEqualTo(12);
    }

    @Test
    void keepsItsFieldsWhenTheListGivenChanges() {
        List<Struct.Field> fields = new ArrayList<>(List.of(field("a", 0, 8, 1)));
        Struct struct = new Struct("s", 16, fields);

        fields.add(field("b", 8, 8, 1));

        assertThat(struct.fields()).containsExactly(field("a", 0, 8, 1));
    }

    private static Struct.Field field(String name, int offset, int width, int count) {
        return new Struct.Field(name, offset, width, count);
    }
}
