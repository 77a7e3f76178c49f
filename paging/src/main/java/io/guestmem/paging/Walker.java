package io.guestmem.paging;

import io.guestmem.paging.PhysicalMemory.Presence;

/**
 * The walker: from a linear address to a physical one, through the tables in a {@link PhysicalMemory}.
 *
 * <p>It remembers the entries of its last walk, so it is not thread-safe: each thread has its own. Walks allocate nothing.
 * Source: kernel.md 4.5 and 4.6; Linux 7.2 {@code paging_tmpl.h:walk_addr_generic}.
 */
public final class Walker {
    private static final long PRESENT = 1;
    private static final long ACCESSED = 1 << 5;
    private static final long DIRTY = 1 << 6;
    private static final long ALL_RIGHTS = -1;
    private static final int PDPTE_LEVEL = 3;
    private static final int MOST_LEVELS = 5;

    /** Not a result of a walk: level 7 and reason 7 do not exist. */
    private static final long RESTART = -1;

    private final WalkPlan plan;
    private final PhysicalMemory memory;
    private final PagingMode mode;

    /** The entries of the last walk, the root's first, as they were read, and later as they were changed. */
    private final long[] addresses = new long[MOST_LEVELS];

    private final long[] entries = new long[MOST_LEVELS];
    private int depth;

    /** A walker by a plan; cheap to make. */
    public Walker(WalkPlan plan, PhysicalMemory memory) {
        this.plan = plan;
        this.memory = memory;
        this.mode = plan.mode();
    }

    /** How it walks. */
    public WalkPlan plan() {
        return plan;
    }

    /**
     * Translates an address.
     *
     * <p>The address is not checked: bits that the mode does not use are ignored, as KVM ignores them; see
     * {@link WalkPlan#isValid}. The physical address at the end need not exist. Without paging the answer has the lower 52
     * bits of the address.
     *
     * @param access bits of {@link Access}
     * @param setBits bits of {@link SetBits}
     * @return a {@link WalkResult}
     */
    public long walk(long linear, int access, int setBits, CheckOrder order) {
        long result;
        do {
            result = attempt(linear, access, order);
            if ((setBits & SetBits.ACCESSED) != 0) {
                result = setBits(result, access, setBits);
            }
        } while (result == RESTART);
        return result;
    }

    /** As {@link #walk}, with a result that explains itself. */
    public Translation translate(long linear, int access, int setBits, CheckOrder order) {
        long result = walk(linear, access, setBits, order);
        if (!WalkResult.isPage(result)) {
            return Translation.Fault.of(result, faultEntry(result), plan.pageFaultErrorCode(result, access));
        }
        return mode == PagingMode.NONE
                ? Translation.Translated.identity(linear)
                : Translation.Translated.of(result, addresses[depth - 1], plan.mode());
    }

    private long attempt(long linear, int access, CheckOrder order) {
        depth = 0;
        if (mode == PagingMode.NONE) {
            return WalkResult.page(linear, 0, ALL_RIGHTS);
        }
        long table = plan.root();
        if (mode == PagingMode.PAE) {
            long pdpte = plan.pdpte(linear);
            if ((pdpte & PRESENT) == 0) {
                return WalkResult.fault(WalkResult.NOT_PRESENT, 0, PDPTE_LEVEL, plan.pdpteAddress(linear));
            }
            table = plan.table(pdpte);
        }
        return descend(table, linear, access, order);
    }

    private long descend(long root, long linear, int access, CheckOrder order) {
        long table = root;
        long rights = ALL_RIGHTS;
        for (int level = mode.levels(); ; level--) {
            long at = plan.entryAddress(table, linear, level);
            Presence presence = memory.presence(at);
            if (presence == Presence.NONE) {
                return WalkResult.fault(WalkResult.INVALID_GPA, 0, level, at);
            }
            if (presence == Presence.UNBACKED) {
                return WalkResult.fault(WalkResult.NOT_PRESENT, WalkResult.DETAIL_UNBACKED, level, at);
            }
            long entry = read(at);
            addresses[depth] = at;
            entries[depth++] = entry;
            if ((entry & PRESENT) == 0) {
                return WalkResult.fault(WalkResult.NOT_PRESENT, 0, level, at);
            }
            if (plan.reservedBits(entry, level) != 0) {
                return WalkResult.fault(WalkResult.RESERVED_BITS, 0, level, at);
            }
            rights &= entry ^ Permissions.EXECUTABLE;
            if (plan.isLeaf(entry, level)) {
                long violation = violation(rights, level, access, order);
                return violation != 0 ? violation : WalkResult.page(plan.physical(entry, linear, level), level, rights);
            }
            if (order == CheckOrder.PER_LEVEL) {
                int detail = plan.permissions().monotoneViolation(access, rights);
                if (detail != 0) {
                    return WalkResult.fault(WalkResult.PRIVILEGE_VIOLATION, detail, level, at);
                }
            }
            table = plan.table(entry);
        }
    }

    private long read(long at) {
        return mode == PagingMode.BITS_32 ? Integer.toUnsignedLong(memory.read32(at)) : memory.read64(at);
    }

    /** The fault of an access that the rights, complete now, do not permit; 0 if they do. */
    private long violation(long rights, int leafLevel, int access, CheckOrder order) {
        Permissions permissions = plan.permissions();
        long leaf = entries[depth - 1];
        // With a write that is a fetch, too, the series asks no key and no SMAP; a processor would see two accesses.
        boolean fetch = (access & Access.EXECUTE) != 0;
        boolean data = !fetch || (order == CheckOrder.ARCHITECTURAL && (access & Access.WRITE) != 0);
        int index = depth - 1;
        int detail = permissions.monotoneViolation(access, rights);
        if (detail != 0) {
            index = firstThatViolates(access);
        } else {
            detail = permissions.leafViolation(access, rights, leaf, data);
        }
        if (detail == 0) {
            return 0;
        }
        int level = leafLevel + depth - 1 - index;
        long fault = WalkResult.fault(WalkResult.PRIVILEGE_VIOLATION, detail, level, addresses[index]);
        return data && permissions.keyRefuses(access, rights, leaf) ? WalkResult.withKeyRefused(fault) : fault;
    }

    private int firstThatViolates(int access) {
        long rights = ALL_RIGHTS;
        for (int i = 0; i < depth - 1; i++) {
            rights &= entries[i] ^ Permissions.EXECUTABLE;
            if (plan.permissions().monotoneViolation(access, rights) != 0) {
                return i;
            }
        }
        return depth - 1;
    }

    /** Sets what is asked for, from the root down; {@link #RESTART} if an entry has changed since it was read. */
    private long setBits(long result, int access, int setBits) {
        boolean page = WalkResult.isPage(result);
        boolean dirty = page && (setBits & SetBits.DIRTY) != 0 && (access & Access.WRITE) != 0;
        int count = page ? depth : (setBits & SetBits.FORCE_ACCESSED) != 0 ? entriesAbove(result) : 0;
        boolean refused = false;
        for (int i = 0; i < count; i++) {
            long wanted = entries[i] | ACCESSED | (dirty && i == depth - 1 ? DIRTY : 0);
            if (wanted == entries[i]) {
                continue;
            }
            if (memory.presence(addresses[i]) == Presence.READ_ONLY) {
                refused = true;
            } else if (replace(addresses[i], entries[i], wanted)) {
                entries[i] = wanted;
            } else {
                return RESTART;
            }
        }
        return refused ? WalkResult.withBitsRefused(result) : result;
    }

    /** How many entries of the walk are above the one at fault. */
    private int entriesAbove(long fault) {
        return mode == PagingMode.PAE && WalkResult.level(fault) == PDPTE_LEVEL
                ? 0
                : mode.levels() - WalkResult.level(fault);
    }

    private boolean replace(long at, long expected, long wanted) {
        return mode == PagingMode.BITS_32
                ? memory.compareAndSet32(at, (int) expected, (int) wanted)
                : memory.compareAndSet64(at, expected, wanted);
    }

    /** The entry at fault as the walk read it; 0 if it could not be read. */
    private long faultEntry(long fault) {
        if (mode == PagingMode.PAE && WalkResult.level(fault) == PDPTE_LEVEL) {
            return 0;
        }
        int index = entriesAbove(fault);
        return index < depth ? entries[index] : 0;
    }
}
