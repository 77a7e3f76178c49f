package io.guestmem.soft.cpu;

/**
 * What an instruction does where no memory is. Each piece of at most 8 bytes inside a page is an exit of its own.
 *
 * <p>A read ends the instruction with an exit; when the vCPU runs again, the instruction starts anew and finds here what it has
 * read already. A write lets the instruction finish and exits after it. Source: Linux 7.2 {@code x86.c:emulator_read_write},
 * {@code complete_emulated_mmio}.
 */
final class Mmio {
    private static final int MOST_PIECES = 64;

    private final RunPage run;

    /** What the instruction has read, in order: where, how much, and the user's answers. */
    private final long[] askedAddresses = new long[MOST_PIECES];

    private final int[] askedSizes = new int[MOST_PIECES];
    private final long[] answers = new long[MOST_PIECES];
    private int answered;
    private int used;

    /** Whether the user has been asked for the read after those. */
    private boolean asked;

    /** Writes that the user has not been told of yet, as a queue. */
    private final long[] addresses = new long[MOST_PIECES];

    private final long[] values = new long[MOST_PIECES];
    private final int[] sizes = new int[MOST_PIECES];
    private int written;
    private int told;

    /** Whether KVM does the whole instruction, memory and all: it has met MMIO. */
    private boolean emulating;

    Mmio(RunPage run) {
        this.run = run;
    }

    /** Whether there is room for what one instruction may do; if not, the instruction cannot be emulated. */
    boolean isFull() {
        return written == MOST_PIECES || used == MOST_PIECES;
    }

    /** Whether the next read has been answered already. The user may have changed what the vCPU does, so it may be another. */
    boolean hasAnswer(long gpa, int size) {
        return used < answered && askedAddresses[used] == gpa && askedSizes[used] == size;
    }

    long answer() {
        return answers[used++];
    }

    /** The instruction has met MMIO: what it accesses from now on, KVM accesses for it. */
    void emulate() {
        emulating = true;
    }

    /** Whether {@link #emulate} was called for this instruction. */
    boolean isEmulating() {
        return emulating;
    }

    /** Asks the user for a read; the instruction is to be aborted with an exit. */
    void ask(long gpa, int size) {
        run.mmio(gpa, size, false, 0);
        answered = used;
        askedAddresses[answered] = gpa;
        askedSizes[answered] = size;
        asked = true;
    }

    void write(long gpa, int size, long value) {
        addresses[written] = gpa;
        sizes[written] = size;
        values[written++] = value;
    }

    /**
     * The user has come back: takes the answer, if one was asked for.
     *
     * @return whether it was, and an instruction waits for it
     */
    boolean complete() {
        if (!asked) {
            emulating = false;
            return false;
        }
        answers[answered] = run.mmioData(askedSizes[answered]);
        answered++;
        asked = false;
        return true;
    }

    /** The instruction starts, or starts anew. */
    void restart() {
        used = 0;
        written = 0;
        told = 0;
    }

    /** The instruction is over. */
    void forget() {
        answered = 0;
        used = 0;
        emulating = false;
    }

    /** Tells the user of the next write, if there is one; {@code KVM_RUN} is to return then. */
    boolean tell() {
        if (told == written) {
            written = 0;
            told = 0;
            return false;
        }
        run.mmio(addresses[told], sizes[told], true, values[told]);
        told++;
        return true;
    }

    /** Whether there are writes to be told of. */
    boolean hasWrites() {
        return told != written;
    }
}
