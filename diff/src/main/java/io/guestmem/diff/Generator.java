package io.guestmem.diff;

import io.guestmem.abi.VmType;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Makes sequences. Immutable. */
public final class Generator {
    private static final int FEWEST = 20;
    private static final int MOST = 200;

    private final Scope scope;

    /** @param scope what both kernels can show */
    public Generator(Scope scope) {
        this.scope = scope;
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
