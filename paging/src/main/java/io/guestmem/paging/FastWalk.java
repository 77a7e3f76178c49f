package io.guestmem.paging;

import java.lang.ref.Reference;
import org.jspecify.annotations.Nullable;

/**
 * The ways to walk in mapped memory, from the shortest to the longest; a walk that one of them does not take goes to the next, and
 * in the end to {@link Walker}, which knows all rules. Nothing is set. For one thread.
 *
 * <pre>{@code
 *   RememberingWalk   if it was asked for: the lowest table is known
 *   BlockWalk         all tables in one block
 *   DirectWalk        tables anywhere
 *   Walker            everything else, and why
 * }</pre>
 */
final class FastWalk {
    private final PhysicalRanges memory;
    private final DirectWalk direct;
    private final BatchWalk batch;
    private final @Nullable BlockWalk block;
    private final @Nullable RememberingWalk remembering;

    private FastWalk(DirectRules rules, PhysicalRanges memory, boolean remembering) {
        this.memory = memory;
        this.direct = new DirectWalk(rules, memory);
        this.batch = new BatchWalk(direct);
        this.block = BlockWalk.of(rules, memory);
        this.remembering = remembering ? new RememberingWalk(rules, direct) : null;
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
            if (remembering != null) {
                return remembering.walk(linear, access);
            }
            long page = block != null ? block.walk(linear, access) : DirectWalk.FAILED;
            return page != DirectWalk.FAILED ? page : direct.walk(linear, access);
        } finally {
            Reference.reachabilityFence(memory);
        }
    }

    /** A page, or null. */
    @Nullable
    Translation translate(long linear, int access) {
        memory.checkAlive();
        try {
            return block != null ? block.translate(linear, access) : null;
        } finally {
            Reference.reachabilityFence(memory);
        }
    }

    /** The same through tables that lie anywhere. */
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

    /** Many pages as {@link BatchWalk} finds them; {@link DirectWalk#FAILED} where the walker is to be asked. */
    void walkAll(long[] linear, int from, int to, int access, long[] results) {
        memory.checkAlive();
        try {
            batch.walk(linear, from, to, access, results);
        } finally {
            Reference.reachabilityFence(memory);
        }
    }
}
