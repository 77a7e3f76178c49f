package io.guestmem.paging;

import io.guestmem.paging.PhysicalMemory.Presence;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The walker: from a linear address to a physical one, through the tables in a {@link PhysicalMemory}.
 *
 * <p>It remembers the entries of its last walk, so it is not thread-safe: each thread has its own. Walks allocate nothing.
 * Source: kernel.md 4.5 and 4.6; Linux 7.2 {@code paging_tmpl.h:walk_addr_generic}.
 */
public final class Walker {
    /** How often a walk starts anew because an entry changed before a bit could be set in it; then it sets none. */
    public static final int MOST_RESTARTS = 64;

    private static final long ALL_RIGHTS = -1;
    private static final long PRESENT = 1;
    private static final int PDPTE_LEVEL = 3;
    private static final int MOST_LEVELS = 5;

    /** Not a result of a walk: level 7 and reason 7 do not exist. */
    private static final long RESTART = -1;

    /**
     * An entry that a walk read.
     *
     * @param level 1 is the lowest
     * @param address physical, where it is
     * @param value as it was read, with the bits that the walk then set
     */
    public record Step(int level, long address, long value) {}

    private final WalkPlan plan;
    private final PhysicalMemory memory;
    private final PagingMode mode;
    private final EntryFormat format;
    private final @Nullable SecondStage second;
    private final @Nullable FastWalk fast;

    /** The entries of the last walk, the root's first, as they were read, and later as they were changed. */
    private final long[] addresses = new long[MOST_LEVELS];

    private final long[] entries = new long[MOST_LEVELS];
    private int depth;
    /** The place of the entry at fault among those; {@link #depth} if it could not be read. */
    private int fault;
    /** In a fault of the second stage: what it was to translate. */
    private long guestPhysical;

    private boolean guestTable;
    /** Where the walk had arrived when memory vanished before a bit could be set. */
    private long unstored;

    /** A walker by a plan; cheap to make. */
    public Walker(WalkPlan plan, PhysicalMemory memory) {
        this(plan, memory, null, false);
    }

    /**
     * A walker that remembers the lowest tables that it met: ahead while all tables fit into a processor's cache (some thousand
     * tables), behind above. The tables must not change. It makes a difference only to {@link #walk} without bits to set and
     * to {@link #walkAll}, in the long modes, in {@link PhysicalRanges}.
     */
    public static Walker remembering(WalkPlan plan, PhysicalMemory memory) {
        return new Walker(plan, memory, null, true);
    }

    /**
     * A walker of a guest's guest: every address that it meets, of a table or of a page, is translated once more.
     *
     * @param memory of the host of that guest
     */
    public static Walker nested(WalkPlan plan, PhysicalMemory memory, SecondStage second) {
        return new Walker(plan, memory, second, false);
    }

    private Walker(WalkPlan plan, PhysicalMemory memory, @Nullable SecondStage second, boolean remembering) {
        this.plan = plan;
        this.memory = memory;
        this.mode = plan.mode();
        this.format = plan.format();
        this.second = second;
        this.fast = second == null ? FastWalk.of(plan, memory, remembering) : null;
    }

    /** How it walks. */
    public WalkPlan plan() {
        return plan;
    }

    /** What it walks in. */
    public PhysicalMemory memory() {
        return memory;
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
        if (fast != null && setBits == SetBits.NONE && order != CheckOrder.SERIES) {
            long page = fast.walk(linear, access);
            if (WalkResult.isPage(page)) {
                return page;
            }
        }
        return fullWalk(linear, access, setBits, order);
    }

    /**
     * Translates many addresses, faster than one by one: 256 at a time take each step together, or, where they ascend, share
     * the tables that they have in common. Nothing is set.
     *
     * @param linear addresses, unchecked as in {@link #walk}
     * @param from the first that is translated
     * @param to behind the last
     * @param results a {@link WalkResult} for each, at the same index
     */
    public void walkAll(long[] linear, int from, int to, int access, CheckOrder order, long[] results) {
        Objects.checkFromToIndex(from, to, linear.length);
        Objects.checkFromToIndex(from, to, results.length);
        if (fast != null && order != CheckOrder.SERIES) {
            fast.walkAll(linear, from, to, access, results);
        } else {
            Arrays.fill(results, from, to, DirectWalk.FAILED);
        }
        for (int i = from; i < to; i++) {
            if (results[i] == DirectWalk.FAILED) {
                results[i] = fullWalk(linear[i], access, SetBits.NONE, order);
            }
        }
    }

    private long fullWalk(long linear, int access, int setBits, CheckOrder order) {
        for (int restarts = 0; ; restarts++) {
            long result = attempt(linear, access, setBits, order);
            if ((setBits & SetBits.ACCESSED) == 0) {
                return result;
            }
            if (restarts == MOST_RESTARTS) {
                return WalkResult.withBitsRefused(result);
            }
            result = setBits(result, access, setBits, order);
            if (result != RESTART) {
                return result;
            }
        }
    }

    /** As {@link #walk}, with a result that explains itself. */
    public Translation translate(long linear, int access, int setBits, CheckOrder order) {
        if (fast != null && setBits == SetBits.NONE && order != CheckOrder.SERIES) {
            Translation page = fast.block == null ? null : fast.block.translate(linear, access);
            return page != null ? page : translateAnywhere(linear, access, order);
        }
        return fullTranslation(linear, access, setBits, order);
    }

    private Translation translateAnywhere(long linear, int access, CheckOrder order) {
        Translation page = fast == null ? null : fast.translateAnywhere(linear, access, mode);
        return page != null ? page : fullTranslation(linear, access, SetBits.NONE, order);
    }

    private Translation fullTranslation(long linear, int access, int setBits, CheckOrder order) {
        long result = fullWalk(linear, access, setBits, order);
        if (!WalkResult.isPage(result)) {
            return fault(result, access);
        }
        return mode == PagingMode.NONE && second == null
                ? Translation.Translated.identity(linear, isReadable(linear))
                : Translation.Translated.of(
                        result, depth == 0 ? 0 : addresses[depth - 1], mode, isReadable(WalkResult.address(result)));
    }

    private Translation.Fault fault(long result, int access) {
        SecondStage stage = second;
        if (stage == null || WalkResult.stage(result) == 1) {
            return Translation.Fault.of(result, faultEntry(), 0, plan.pageFaultErrorCode(result, access));
        }
        long code = stage.errorCode(result, access, guestTable);
        return Translation.Fault.of(result, stage.faultEntry(), guestPhysical, code);
    }

    /**
     * Walks without changing anything, and tells what it read.
     *
     * @return the entries, the root's first; the last is the leaf, or the entry at fault if it could be read. The registers of
     *     PAE paging are not among them
     */
    public List<Step> explain(long linear, int access, CheckOrder order) {
        attempt(linear, access, SetBits.NONE, order);
        List<Step> steps = new ArrayList<>(depth);
        for (int i = 0; i < depth; i++) {
            steps.add(new Step(mode.levels() - i, addresses[i], entries[i]));
        }
        return steps;
    }

    private boolean isReadable(long address) {
        return memory.presence(address).isReadable();
    }

    private long attempt(long linear, int access, int setBits, CheckOrder order) {
        depth = 0;
        fault = 0;
        if (mode == PagingMode.NONE) {
            return second == null
                    ? WalkResult.page(linear, 0, ALL_RIGHTS)
                    : finalPage(second, linear, 0, ALL_RIGHTS, access, setBits, order);
        }
        long table = plan.root();
        if (mode == PagingMode.PAE) {
            long pdpte = plan.registersInMemory() ? pdpteInMemory(linear) : plan.pdpte(linear);
            if ((pdpte & PRESENT) == 0) {
                return WalkResult.fault(WalkResult.NOT_PRESENT, 0, PDPTE_LEVEL, plan.pdpteAddress(linear));
            }
            table = plan.table(pdpte);
        }
        return descend(table, linear, access, setBits, order);
    }

    /** Absent where it cannot be read, or has reserved bits. */
    private long pdpteInMemory(long linear) {
        long at = plan.pdpteAddress(linear);
        long pdpte = isReadable(at) ? memory.read64(at) : 0;
        return PdpteRegisters.isValid(pdpte, plan.state().features().maxPhysicalAddressBits()) ? pdpte : 0;
    }

    private long descend(long root, long linear, int access, int setBits, CheckOrder order) {
        long table = root;
        long rights = ALL_RIGHTS;
        for (int level = mode.levels(); ; level--) {
            long at = plan.entryAddress(table, linear, level);
            fault = depth;
            if (second != null) {
                long translated = second.table(at, setBits, order);
                if (!WalkResult.isPage(translated)) {
                    return secondStageFault(translated, at, true);
                }
                at = WalkResult.address(translated);
            }
            Presence presence = memory.presence(at);
            if (!presence.isReadable()) {
                return WalkResult.fault(WalkResult.INVALID_GPA, WalkResult.unreadable(presence), level, at);
            }
            long entry = read(at);
            addresses[depth] = at;
            entries[depth++] = entry;
            if (!format.isPresent(entry)) {
                return WalkResult.fault(WalkResult.NOT_PRESENT, 0, level, at);
            }
            if (format.reservedBits(entry, level) != 0) {
                return WalkResult.fault(WalkResult.RESERVED_BITS, format.reservedDetail(entry), level, at);
            }
            long above = rights;
            rights &= format.rights(entry);
            if (format.isLeaf(entry, level)) {
                long violation = violation(above, rights, level, access, order);
                return violation != 0 ? violation : page(entry, linear, level, rights, access, setBits, order);
            }
            int detail = early(access, rights, order);
            if (detail != 0) {
                return WalkResult.fault(WalkResult.PRIVILEGE_VIOLATION, detail, level, at);
            }
            table = plan.table(entry);
        }
    }

    private long page(long leaf, long linear, int level, long rights, int access, int setBits, CheckOrder order) {
        long address = plan.physical(leaf, linear, level);
        return second == null
                ? WalkResult.page(address, level, format.reportedRights(rights))
                : finalPage(second, address, level, rights, access, setBits, order);
    }

    private long finalPage(
            SecondStage stage, long address, int level, long rights, int access, int setBits, CheckOrder order) {
        boolean userPage = (rights & Permissions.USER) != 0;
        long translated = stage.page(address, access, userPage, setBits, order);
        return WalkResult.isPage(translated)
                ? WalkResult.page(WalkResult.address(translated), level, rights & stage.rights(translated, userPage))
                : secondStageFault(translated, address, false);
    }

    private long secondStageFault(long translated, long address, boolean table) {
        guestPhysical = address;
        guestTable = table;
        return translated;
    }

    private long read(long at) {
        return mode == PagingMode.BITS_32 ? Integer.toUnsignedLong(memory.read32(at)) : memory.read64(at);
    }

    /** What is checked at each level. */
    private int early(int access, long rights, CheckOrder order) {
        if (order == CheckOrder.ARCHITECTURAL) {
            return 0;
        }
        int detail = format.monotoneViolation(access, rights);
        return detail == 0 && order == CheckOrder.SERIES
                ? format.prematureViolation(access, rights, (access & Access.EXECUTE) == 0)
                : detail;
    }

    /** The fault of an access that the rights, complete now, do not permit; 0 if they do. */
    private long violation(long above, long rights, int leafLevel, int access, CheckOrder order) {
        long leaf = entries[depth - 1];
        // With a write that is a fetch, too, the series asks no key and no SMAP; a processor would see two accesses.
        boolean fetch = (access & Access.EXECUTE) != 0;
        boolean data = !fetch || (order == CheckOrder.ARCHITECTURAL && (access & Access.WRITE) != 0);
        int index = depth - 1;
        int detail = format.monotoneViolation(access, rights);
        if (detail != 0) {
            index = firstThatViolates(access);
        } else {
            detail = format.leafViolation(access, above, rights, leaf, data);
        }
        if (detail == 0) {
            return 0;
        }
        fault = index;
        int level = leafLevel + depth - 1 - index;
        long result = WalkResult.fault(WalkResult.PRIVILEGE_VIOLATION, detail, level, addresses[index]);
        return data && format.keyRefuses(access, rights, leaf) ? WalkResult.withKeyRefused(result) : result;
    }

    private int firstThatViolates(int access) {
        long rights = ALL_RIGHTS;
        for (int i = 0; i < depth - 1; i++) {
            rights &= format.rights(entries[i]);
            if (format.monotoneViolation(access, rights) != 0) {
                return i;
            }
        }
        return depth - 1;
    }

    /** Sets what is asked for, from the root down; {@link #RESTART} if an entry has changed since it was read. */
    private long setBits(long result, int access, int setBits, CheckOrder order) {
        boolean page = WalkResult.isPage(result);
        boolean dirty = page && (setBits & SetBits.DIRTY) != 0 && (access & Access.WRITE) != 0;
        int count = page ? depth : (setBits & SetBits.FORCE_ACCESSED) != 0 ? entriesAboveFault(result) : 0;
        boolean refused = false;
        for (int i = 0; i < count; i++) {
            long wanted = entries[i] | format.accessedBit() | (dirty && i == depth - 1 ? format.dirtyBit() : 0);
            if (wanted == entries[i]) {
                continue;
            }
            Presence presence = memory.presence(addresses[i]);
            if (page && !presence.isReadable() && order == CheckOrder.SERIES) {
                unstored = WalkResult.address(result);
                return WalkResult.fault(
                        WalkResult.NOT_PRESENT, WalkResult.DETAIL_UNBACKED, WalkResult.level(result), addresses[i]);
            }
            if (presence != Presence.WRITABLE) {
                refused = true;
            } else if (replace(addresses[i], entries[i], wanted)) {
                entries[i] = wanted;
            } else if (!page && order == CheckOrder.SERIES) {
                return result;
            } else {
                return RESTART;
            }
        }
        return refused ? WalkResult.withBitsRefused(result) : result;
    }

    /** If the second stage refuses the final address, the leaf is not among them. */
    private int entriesAboveFault(long result) {
        return WalkResult.stage(result) == 2 && !guestTable ? Math.max(0, depth - 1) : fault;
    }

    private boolean replace(long at, long expected, long wanted) {
        return mode == PagingMode.BITS_32
                ? memory.compareAndSet32(at, (int) expected, (int) wanted)
                : memory.compareAndSet64(at, expected, wanted);
    }

    /** The entry at fault as the last walk read it; 0 if it could not be read. */
    long faultEntry() {
        return fault < depth ? entries[fault] : 0;
    }

    /** After {@code NOT_PRESENT} with {@code UNBACKED}, which only the series' order has: the translation that was lost. */
    long unstored() {
        return unstored;
    }
}
