package io.guestmem.paging;

import io.guestmem.paging.PhysicalMemory.Presence;
import java.util.ArrayList;
import java.util.List;

/**
 * The walk once more, from the manuals' tables and as plainly as can be: bit by bit, no masks, no plan. A reference for random
 * tests.
 */
final class NaiveWalk {
    private record Step(long at, long entry, int level) {}

    private final PagingState s;
    private final PhysicalMemory memory;
    private final long linear;
    private final int access;
    private final CheckOrder order;
    private final List<Step> steps = new ArrayList<>();
    private final boolean longMode;
    private final boolean pae;
    private final boolean nx;
    private final String outcome;

    NaiveWalk(PagingState s, PhysicalMemory memory, long linear, int access, int setBits, CheckOrder order) {
        this.s = s;
        this.memory = memory;
        this.linear = linear;
        this.access = access;
        this.order = order;
        this.longMode = bit(s.cr0(), 31) && bit(s.cr4(), 5) && bit(s.efer(), 10);
        this.pae = bit(s.cr0(), 31) && bit(s.cr4(), 5) && !longMode;
        this.nx = (longMode || pae) && bit(s.efer(), 11);
        String walked = walk();
        this.outcome = walked + (set(walked, setBits) ? "" : " refused");
    }

    String outcome() {
        return outcome;
    }

    static String page(long address, int level) {
        return "page " + Long.toHexString(address) + " level " + level;
    }

    static String fault(int reason, long at, int level) {
        return "fault " + reason + " at " + Long.toHexString(at) + " level " + level;
    }

    private static boolean bit(long value, int bit) {
        return (value >>> bit & 1) == 1;
    }

    private static long bits(long value, int high, int low) {
        long result = 0;
        for (int i = low; i <= high; i++) {
            if (bit(value, i)) {
                result |= 1L << i;
            }
        }
        return result;
    }

    private String walk() {
        if (!bit(s.cr0(), 31)) {
            return page(bits(linear, 51, 0), 0);
        }
        long table;
        int level;
        if (pae) {
            int index = (int) (bits(linear, 31, 30) >> 30);
            long register = new long[] {
                        s.pdptes().first(),
                        s.pdptes().second(),
                        s.pdptes().third(),
                        s.pdptes().fourth()
                    }
                    [index];
            if (!bit(register, 0)) {
                return fault(1, bits(s.cr3(), 31, 5) + 8L * index, 3);
            }
            table = bits(register, 51, 12);
            level = 2;
        } else if (longMode) {
            table = bits(s.cr3(), 51, 12);
            level = bit(s.cr4(), 12) ? 5 : 4;
        } else {
            table = bits(s.cr3(), 31, 12);
            level = 2;
        }
        while (true) {
            long at = longMode || pae
                    ? table + 8 * (bits(linear, 12 + 9 * level - 1, 12 + 9 * (level - 1)) >>> (12 + 9 * (level - 1)))
                    : table + 4 * (bits(linear, level == 2 ? 31 : 21, level == 2 ? 22 : 12) >>> (level == 2 ? 22 : 12));
            if (memory.presence(at) != Presence.READ_ONLY && memory.presence(at) != Presence.WRITABLE) {
                return fault(5, at, level);
            }
            long entry = longMode || pae ? memory.read64(at) : memory.read32(at) & 0xFFFFFFFFL;
            steps.add(new Step(at, entry, level));
            if (!bit(entry, 0)) {
                return fault(1, at, level);
            }
            boolean leaf = leaf(entry, level);
            if (reserved(entry, level, leaf)) {
                return fault(3, at, level);
            }
            if (order != CheckOrder.ARCHITECTURAL && rights(steps.size())) {
                return fault(2, at, level);
            }
            if (order == CheckOrder.SERIES && !leaf && supervisorIsKeptOut()) {
                return fault(2, at, level);
            }
            if (leaf) {
                return permitted(entry, level);
            }
            table = longMode || pae ? bits(entry, 51, 12) : bits(entry, 31, 12);
            level--;
        }
    }

    private boolean leaf(long entry, int level) {
        if (level == 1) {
            return true;
        }
        if (longMode) {
            return level <= 3 && bit(entry, 7);
        }
        return bit(entry, 7) && (pae || bit(s.cr4(), 4));
    }

    private boolean reserved(long entry, int level, boolean leaf) {
        PagingFeatures f = s.features();
        boolean wrong = (longMode || pae) && bit(entry, 63) && !nx;
        for (int i = f.maxPhysicalAddressBits(); i <= (longMode ? 51 : 62); i++) {
            wrong |= (longMode || pae) && bit(entry, i);
        }
        if (longMode && level >= 4) {
            wrong |= bit(entry, 7) || (bit(entry, 8) && f.amdCompatible());
        }
        if (longMode && level == 3 && leaf) {
            wrong |= !f.gigabytePages() || bits(entry, 29, 13) != 0;
        }
        if ((longMode || pae) && level == 2 && leaf) {
            wrong |= bits(entry, 20, 13) != 0;
        }
        if (!longMode && !pae && level == 2 && leaf) {
            wrong |= bits(entry, 21, 13 + f.pse36Bits()) != 0;
        }
        return wrong;
    }

    /** Whether a right that is asked for is missing among the first entries. */
    private boolean rights(int count) {
        boolean user = bit(access, 1);
        for (Step step : steps.subList(0, count)) {
            boolean write = bit(access, 0) && !bit(access, 5);
            if ((user && !bit(step.entry, 2))
                    || (write && !bit(step.entry, 1) && (user || bit(s.cr0(), 16)))
                    || (bit(access, 2) && nx && bit(step.entry, 63))) {
                return true;
            }
        }
        return false;
    }

    private String permitted(long leaf, int level) {
        for (int i = 1; i <= steps.size(); i++) {
            if (rights(i)) {
                return fault(2, steps.get(i - 1).at, steps.get(i - 1).level);
            }
        }
        boolean userPage = userPage();
        boolean user = bit(access, 1);
        boolean write = bit(access, 0);
        int key = (int) (bits(leaf, 62, 59) >>> 59);
        int keys = userPage ? s.pkru() : s.pkrs();
        boolean keyed = isData() && longMode && bit(s.cr4(), userPage ? 22 : 24);
        boolean refused =
                keyed && (bit(keys, 2 * key) || (bit(keys, 2 * key + 1) && write && (user || bit(s.cr0(), 16))));
        boolean noShadowStack = bit(access, 5) && !isShadowStack(leaf, user == userPage);
        if (supervisorIsKeptOut() || refused || noShadowStack) {
            return fault(2, steps.getLast().at, level);
        }
        if (!longMode && !pae && level == 2) {
            long high = bits(leaf, 12 + s.features().pse36Bits(), 13) << 19;
            return page(bits(leaf, 31, 22) | high | bits(linear, 21, 0), 2);
        }
        int offset = 12 + (level - 1) * 9;
        return page(bits(leaf, 51, offset) | bits(linear, offset - 1, 0), level);
    }

    private boolean userPage() {
        return steps.stream().allMatch(step -> bit(step.entry, 2));
    }

    private boolean isData() {
        return !bit(access, 2) || (bit(access, 0) && order == CheckOrder.ARCHITECTURAL);
    }

    private boolean supervisorIsKeptOut() {
        boolean supervisorOnUserPage = !bit(access, 1) && userPage();
        boolean smep = bit(access, 2) && bit(s.cr4(), 20);
        boolean smap = isData() && bit(s.cr4(), 21) && (bit(access, 3) || !bit(access, 4));
        return supervisorOnUserPage && (smep || smap);
    }

    private boolean isShadowStack(long leaf, boolean ofThisMode) {
        boolean writableAbove = steps.subList(0, steps.size() - 1).stream().allMatch(step -> bit(step.entry, 1));
        return bit(s.cr4(), 23) && ofThisMode && writableAbove && !bit(leaf, 1) && bit(leaf, 6);
    }

    /** Sets the bits that a walk with this outcome sets; whether all could be set. */
    private boolean set(String walked, int setBits) {
        boolean page = walked.startsWith("page");
        if (!bit(setBits, 0) || (!page && !bit(setBits, 2))) {
            return true;
        }
        int failing = page ? 0 : walked.charAt(walked.length() - 1) - '0';
        boolean all = true;
        for (Step step : steps) {
            if (step.level <= failing) {
                break;
            }
            boolean dirty = page && step.equals(steps.getLast()) && bit(setBits, 1) && bit(access, 0);
            long bits = 1L << 5 | (dirty ? 1L << 6 : 0);
            if (memory.presence(step.at) == Presence.READ_ONLY) {
                all &= (step.entry | bits) == step.entry;
                continue;
            }
            // Tables may point to themselves, so that one entry serves two levels.
            long now = longMode || pae ? memory.read64(step.at) : memory.read32(step.at) & 0xFFFFFFFFL;
            if (longMode || pae) {
                all &= memory.compareAndSet64(step.at, now, now | bits);
            } else {
                all &= memory.compareAndSet32(step.at, (int) now, (int) (now | bits));
            }
        }
        return all;
    }
}
