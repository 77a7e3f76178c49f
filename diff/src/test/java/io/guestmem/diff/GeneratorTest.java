package io.guestmem.diff;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Iterator;
import java.util.Set;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class GeneratorTest {
    private static final Scope EVERYTHING = new Scope(true, true, 3, 3, 46, false);
    private static final Scope SHADOW = new Scope(false, true, 3, 1, 48, false);

    @Test
    void aSeedMakesOneSequence() {
        Sequence sequence = new Generator(EVERYTHING).sequence(7);

        assertThat(new Generator(EVERYTHING).sequence(7)).isEqualTo(sequence);
        assertThat(new Generator(EVERYTHING).sequence(8)).isNotEqualTo(sequence);
        assertThat(sequence.calls()).hasSizeBetween(4, 200);
        assertThat(sequence.calls().getFirst()).isInstanceOf(Call.CreateVm.class);
    }

    @Test
    void theFingerprintIsThatOfTheSequences() {
        int fingerprint = new Generator(EVERYTHING).fingerprint(5);

        assertThat(new Generator(EVERYTHING).fingerprint(5)).isEqualTo(fingerprint);
        assertThat(new Generator(EVERYTHING).fingerprint(6)).isNotEqualTo(fingerprint);
        assertThat(new Generator(SHADOW).fingerprint(5)).isNotEqualTo(fingerprint);
    }

    @Test
    void aComparisonBeginsWithTheRegressions() {
        Generator generator = new Generator(EVERYTHING);
        Iterator<Sequence> sequences = generator.from(3, generator.regressions());

        assertThat(Regressions.in(EVERYTHING))
                .isNotEmpty()
                .allSatisfy(each -> assertThat(sequences.next()).isEqualTo(each));
        assertThat(sequences.next()).isEqualTo(generator.sequence(3));
        assertThat(sequences.next()).isEqualTo(generator.sequence(4));
        assertThat(generator.from(3, 0).next()).isEqualTo(generator.sequence(3));
    }

    @Test
    void everyKindOfCallIsMade() {
        Generator generator = new Generator(EVERYTHING);
        Set<Class<?>> kinds = new HashSet<>();
        LongStream.range(0, 200)
                .forEach(seed -> generator.sequence(seed).calls().forEach(call -> kinds.add(call.getClass())));

        assertThat(kinds).containsExactlyInAnyOrder(Call.class.getPermittedSubclasses());
    }

    @Test
    void whatNotBothKernelsCanShowIsLeftOut() {
        Generator generator = new Generator(SHADOW);

        assertThat(LongStream.range(0, 200).boxed().flatMap(seed -> generator.sequence(seed).calls().stream()))
                .noneMatch(call -> call instanceof Call.PreFault || call.equals(new Call.CreateVm(1)));
    }

    @Test
    void everyCallCanBeMadeOfItsArgumentsAgain() {
        Generator generator = new Generator(EVERYTHING);
        LongStream.range(0, 100)
                .boxed()
                .flatMap(seed -> generator.sequence(seed).calls().stream())
                .forEach(call -> {
                    long[] values =
                            call.arguments().stream().mapToLong(Argument::value).toArray();

                    assertThat(call.with(values)).as(Arrays.toString(values)).isEqualTo(call);
                    assertThat(call.java())
                            .startsWith("new Call." + call.getClass().getSimpleName() + "(");
                });
    }

    @Test
    void argumentsAreWrittenAsJavaReadsThem() {
        assertThat(new Call.PreFault(0, 0x10_0000, -1, Long.MIN_VALUE).java())
                .isEqualTo("new Call.PreFault(0, 0x100000L, -1, 0x8000000000000000L)");
        assertThat(new Call.SetRegion2(new Call.SetRegion(1, 4, 0, 4096, -1, 0), -2, 0).java())
                .isEqualTo("new Call.SetRegion2(new Call.SetRegion(1, 4, 0, 0x1000L, -1, 0), -2, 0)");
        assertThat(new Call.Run(GuestAccess.WRITE, 0, 0x10_0000, 8, 1).java())
                .isEqualTo("new Call.Run(GuestAccess.WRITE, 0, 0x100000L, 8, 1)");
    }
}
