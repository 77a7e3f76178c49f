package io.guestmem.diff;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * What a sequence has probably made so far, so that most calls mean something that is there; and the dice. It knows no answers:
 * a call that fails leaves it wrong, which is no harm. For one thread.
 */
final class Plan {
    static final long PAGE = 4096;
    static final long HUGE_PAGE = 2 << 20;

    private static final long[] BASES = {
        0x10_0000, 0x20_0000, 0x40_0000, 0x5F_F000, 0x60_0000, 0x400_0000, 0xFED0_0000L, 0x1_0000_0000L
    };

    private final SplittableRandom random;
    private final Scope scope;
    private final List<Call.SetRegion> slots = new ArrayList<>();
    private int vcpus;
    private final List<Long> fileSizes = new ArrayList<>();

    Plan(SplittableRandom random, Scope scope) {
        this.random = random;
        this.scope = scope;
    }

    boolean oneIn(int count) {
        return random.nextInt(count) == 0;
    }

    int below(int bound) {
        return random.nextInt(bound);
    }

    long pick(long... values) {
        return values[random.nextInt(values.length)];
    }

    /** Slots by their number and address space; the last setting. */
    void remember(Call.SetRegion region) {
        slots.removeIf(slot -> slot.slot() == region.slot());
        if (region.size() != 0) {
            slots.add(region);
        }
    }

    void rememberVcpu() {
        vcpus++;
    }

    int vcpus() {
        return vcpus;
    }

    void rememberFile(long size) {
        fileSizes.add(size);
    }

    int files() {
        return fileSizes.size();
    }

    long fileSize(long file) {
        return file >= 0 && file < fileSizes.size() ? fileSizes.get((int) file) : 16 * PAGE;
    }

    long vcpu() {
        return vcpus == 0 || oneIn(200) ? vcpus : random.nextInt(vcpus);
    }

    long file() {
        return fileSizes.isEmpty() || oneIn(50) ? pick(-2, -1, fileSizes.size()) : random.nextInt(fileSizes.size());
    }

    /** A slot that is there, or a small one that may not be. */
    Call.SetRegion slot() {
        if (slots.isEmpty() || oneIn(20)) {
            return new Call.SetRegion(random.nextInt(4), 0, pick(BASES), 16 * PAGE, 0, 0);
        }
        return slots.get(random.nextInt(slots.size()));
    }

    /** Where a slot may begin: few places, so that slots meet. */
    long base() {
        long base = pick(BASES);
        return switch (random.nextInt(8)) {
            case 0 -> base + PAGE * random.nextInt(64);
            case 1 -> base + HUGE_PAGE * random.nextInt(3);
            case 2 -> oneIn(4) ? edge() : base;
            default -> base;
        };
    }

    /** Addresses where something ends. */
    long edge() {
        long end = 1L << scope.physicalBits();
        return pick(
                0,
                PAGE,
                1,
                GuestCode.BOOT_SIZE,
                end - PAGE,
                end,
                end - 16 * PAGE,
                1L << 52,
                (1L << 52) - PAGE,
                -PAGE,
                -HUGE_PAGE,
                Long.MIN_VALUE);
    }

    /** Pages of a slot of sequences. */
    long pages() {
        return switch (random.nextInt(6)) {
            case 0 -> 1;
            case 1 -> 1 + random.nextInt(64);
            case 2 -> 64;
            case 3 -> 512;
            default -> 16;
        };
    }

    /** An address in or near a slot. */
    long gpa() {
        if (oneIn(60)) {
            return edge();
        }
        Call.SetRegion slot = slot();
        long pages = Math.max(1, slot.size() / PAGE);
        long page = switch (random.nextInt(8)) {
            case 0 -> 0;
            case 1 -> pages - 1;
            case 2 -> pages;
            case 3 -> -1;
            default -> random.nextLong(pages);
        };
        return slot.gpa() + page * PAGE;
    }

    /** A page of a memory, as its offset. */
    long offset(long memory) {
        long length = Math.max(16 * PAGE, Backing.length(memory));
        long pages = oneIn(3) ? length / PAGE : 16;
        return random.nextLong(pages) * PAGE;
    }

    /** A memory: mostly the first. */
    long memory() {
        return oneIn(2) ? 0 : random.nextInt(Backing.count());
    }
}
