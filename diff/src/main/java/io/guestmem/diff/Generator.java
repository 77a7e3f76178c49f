package io.guestmem.diff;

import io.guestmem.abi.VmType;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/** Makes sequences. Immutable. */
public final class Generator {
    private static final int FEWEST = 20;
    private static final int MOST = 200;
    private static final int FINGERPRINT_SEEDS = 8;

    private final Scope scope;

    /** @param scope what both kernels can show */
    public Generator(Scope scope) {
        this.scope = scope;
    }

    /** How many {@link Regressions} both kernels can show. */
    int regressions() {
        return (int) Regressions.in(scope).count();
    }

    /** What a comparison goes through: first the oldest regressions, then the sequences of one seed after the other. */
    Iterator<Sequence> from(long seed, int regressions) {
        return Stream.concat(
                        Regressions.in(scope).limit(regressions),
                        LongStream.iterate(seed, each -> each + 1).mapToObj(this::sequence))
                .iterator();
    }

    /** A number that is another one, but for bad luck, when these regressions or the sequences of seeds have become others. */
    int fingerprint(int regressions) {
        CRC32C checksum = new CRC32C();
        Iterator<Sequence> sequences = from(1, regressions);
        for (Sequence next = sequences.next(); next.seed() <= FINGERPRINT_SEEDS; next = sequences.next()) {
            checksum.update(next.java().getBytes(StandardCharsets.UTF_8));
        }
        return (int) checksum.getValue();
    }

    /** The sequence of a seed: always the same. */
    public Sequence sequence(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Plan plan = new Plan(random, scope);
        List<Call> calls = new ArrayList<>();
        calls.add(new Call.CreateVm(vmType(plan)));
        CallSource source = new CallSource(plan, scope);
        source.begin(calls);
        int length = FEWEST + random.nextInt(random.nextInt(MOST - FEWEST) + 1);
        while (calls.size() < length) {
            calls.add(source.next());
        }
        return new Sequence(seed, calls);
    }

    private long vmType(Plan plan) {
        if (plan.oneIn(100)) {
            return plan.pick(2, 3, 4, 5, 6, 31, 32, -1);
        }
        boolean isPrivate = scope.privateMemory() && plan.oneIn(2);
        return (isPrivate ? VmType.SW_PROTECTED : VmType.DEFAULT).value();
    }
}
