package io.guestmem.diff;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class ShrinkerTest {
    private static final Outcome GOOD = new Outcome(0, List.of());
    private static final Outcome BAD = new Outcome(-22, List.of());

    /** Two kernels differ in a load of the second half of memory 1, if a page of it was stored to before. */
    private static Optional<Difference> trial(Sequence sequence) {
        boolean stored = false;
        for (int i = 0; i < sequence.calls().size(); i++) {
            Call call = sequence.calls().get(i);
            if (stored && call instanceof Call.Load load && load.memory() == 1 && load.offset() >= 0x8000) {
                return Optional.of(new Difference(sequence, i, GOOD, BAD));
            }
            stored |= call instanceof Call.Store store && store.memory() == 1;
        }
        return Optional.empty();
    }

    private static Sequence many() {
        List<Call> calls = new ArrayList<>(List.of(new Call.CreateVm(0)));
        for (int i = 0; i < 50; i++) {
            calls.add(new Call.CheckExtension(i));
        }
        calls.add(new Call.Store(1, 0x3008, 77));
        calls.add(new Call.Load(1, 0x1000));
        calls.add(new Call.Load(1, 0x2_3450));
        calls.add(new Call.ResetRings());
        return new Sequence(5, calls);
    }

    @Test
    void onlyTheCallsThatMatterStayWithThePlainestArguments() {
        Difference found = trial(many()).orElseThrow();

        Difference smallest = new Shrinker(ShrinkerTest::trial, 1000).shrink(found);

        assertThat(smallest.sequence().calls())
                .containsExactly(new Call.CreateVm(0), new Call.Store(1, 0, 0), new Call.Load(1, 0x8000));
        assertThat(smallest.sequence().seed()).isEqualTo(5);
        assertThat(smallest.position()).isEqualTo(2);
    }

    @Test
    void thereAreNoMoreTrialsThanAllowed() {
        AtomicInteger trials = new AtomicInteger();
        Difference found = trial(many()).orElseThrow();

        Difference smallest = new Shrinker(
                        sequence -> {
                            trials.incrementAndGet();
                            return trial(sequence);
                        },
                        3)
                .shrink(found);

        assertThat(trials).hasValue(3);
        assertThat(trial(smallest.sequence())).isPresent();
    }

    @Test
    void aDifferenceOfAnotherKindIsNotTaken() {
        Sequence sequence =
                new Sequence(1, List.of(new Call.CreateVm(0), new Call.ResetRings(), new Call.CheckExtension(0)));
        Difference found = new Difference(sequence, 2, GOOD, BAD);

        Difference smallest =
                new Shrinker(other -> Optional.of(new Difference(other, 0, BAD, GOOD)), 100).shrink(found);

        assertThat(smallest).isEqualTo(found);
    }
}
