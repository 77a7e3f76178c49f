package io.guestmem.paging;

import java.lang.ref.Reference;
import org.jspecify.annotations.Nullable;

/**
 * The ways to walk in mapped memory, from the shortest to the longest; a walk that one of them does not take goes to the next, and
 * in the end to {@link Walker}, which knows all rules. Nothing is set. For one thread.
 *
 * <pre>{@code
 *   BlockWalk         all tables in one block, or if it was asked for
 *   RememberingWalk   the same, and the lowest table is known
 *   DirectWalk        tables anywhere
 *   Walker            everything else, and why
 * }</pre>
 */
final class FastWalk {
    private final PhysicalRanges memory;
    private final DirectWalk direct;
    private final BatchWalk batch;
    final @Nullable BlockWalk block;
    private final @Nullable RememberingWalk remembering;

    private FastWalk(DirectRules rules, PhysicalRanges memory, boolean remembering) {
        this.memory = memory;
        this.direct = new DirectWalk(rules, memory);
        this.batch = new BatchWalk(direct);
        this.block = BlockWalk.of(rules, memory);
        this.remembering = remembering && block != null ? new RememberingWalk(block) : null;
    }

    /** Null if the memory or the mode is not one for it. */
    static @Nullable FastWalk of(WalkPlan plan, PhysicalMemory memory, boolean remembering) {
        DirectRules rules = memory instanceof PhysicalRanges ? plan.directRules() : null;
        return rules != null && memory instanceof PhysicalRanges ranges
                ? new FastWalk(rules, ranges, remembering)
                : null;
    }

    /** A page as a {@link WalkResult}, or {@link DirectWalk#FAILED}. */
    long walk(long linear, int access) {
        memory.checkAlive();
        try {
            long page = remembering != null
                    ? remembering.walk(linear, access)
                    : block != null ? block.walk(linear, access) : DirectWalk.FAILED;
            return WalkResult.isPage(page) ? page : direct.walk(linear, access);
        } finally {
            Reference.reachabilityFence(memory);
        }
    }

    /** A page through tables that lie anywhere, or null. */
    @Nullable
    Translation translateAnywhere(long linear, int access, PagingMode mode) {
        memory.checkAlive();
        try {
            long page = direct.walk(linear, access);
            return WalkResult.isPage(page)
                    ? Translation.Translated.of(
                            page, direct.leafAddress(), mode, direct.isBacked(WalkResult.address(page)))
                    : null;
        } finally {
            Reference.reachabilityFence(memory);
        }
    }

    /** Many pages; {@link DirectWalk#FAILED} where the walker is to be asked. */
    void walkAll(long[] linear, int from, int to, int access, long[] results) {
        memory.checkAlive();
        try {
            if (remembering != null) {
                remembering.walkAll(linear, from, to, access, results);
            } else {
                batch.walk(linear, from, to, access, results);
            }
        } finally {
            Reference.reachabilityFence(memory);
        }
    }
}
