package io.guestmem.soft.cpu;

import org.jspecify.annotations.Nullable;

/**
 * Finds the instruction at rip: decoded ones are kept by page, and are used again if memory still has the same bytes. So no
 * write, by whomever, needs to be noticed.
 */
final class CodeCache {
    private static final int PAGE = 4096;
    private static final int PAGES = 64;
    private static final int LAST_CACHED = PAGE - Long.BYTES * 2;
    private static final long NOWHERE = 1;

    /** Instructions of one page of guest-physical memory, by offset. */
    private static final class CodePage {
        private final long gpa;
        private final int bits;
        private final @Nullable Instruction[] instructions = new Instruction[PAGE];

        private CodePage(long gpa, int bits) {
            this.gpa = gpa;
            this.bits = bits;
        }
    }

    private final Core core;
    private final Decoder decoder = new Decoder();
    private final byte[] bytes = new byte[Decoder.MOST_BYTES];
    private final @Nullable CodePage[] pages = new CodePage[PAGES];

    /** The page that rip is in: linear address, native address, and how often memory had been asked when it gave that. */
    private long window = NOWHERE;

    private long address;
    private long asks;
    private CodePage page = new CodePage(NOWHERE, 0);

    CodeCache(Core core) {
        this.core = core;
    }

    /** Translations or the mode have changed. */
    void reset() {
        window = NOWHERE;
    }

    /** A jump was taken: memory is asked again even if nothing else was, so that nobody waits for ever for this vCPU. */
    void jumped() {
        asks = -1;
    }

    /** The instruction at a linear address. */
    Instruction at(long linear) {
        int offset = (int) linear & (PAGE - 1);
        if (linear - offset != window) {
            open(linear - offset, linear);
        }
        if (asks != core.memory.asks()) {
            address = core.memory.fetch(linear) - offset;
            asks = core.memory.asks();
        }
        if (offset > LAST_CACHED) {
            return decodeAtTheEnd(linear, PAGE - offset);
        }
        Instruction cached = page.instructions[offset];
        if (cached != null && cached.isAt(address + offset)) {
            return cached;
        }
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) RawMemory.get(address + offset + i, 1);
        }
        Instruction decoded = decode(bytes.length);
        page.instructions[offset] = decoded;
        return decoded;
    }

    private void open(long start, long linear) {
        long gpa = core.memory.fetchGpa(linear) & -PAGE;
        int slot = (int) (gpa / PAGE) & (PAGES - 1);
        CodePage found = pages[slot];
        if (found == null || found.gpa != gpa || found.bits != core.bits) {
            found = new CodePage(gpa, core.bits);
            pages[slot] = found;
        }
        page = found;
        window = start;
        asks = -1;
    }

    /** An instruction that may go on in the next page. */
    private Instruction decodeAtTheEnd(long linear, int left) {
        int here = Math.min(left, bytes.length);
        for (int i = 0; i < here; i++) {
            bytes[i] = (byte) RawMemory.get(address + PAGE - left + i, 1);
        }
        Instruction whole = decoder.decode(bytes, here, core.bits);
        if (whole != null) {
            return whole;
        }
        if (here < bytes.length) {
            long next = core.memory.fetch(core.wrap(linear + left));
            for (int i = here; i < bytes.length; i++) {
                bytes[i] = (byte) RawMemory.get(next + i - here, 1);
            }
        }
        return decode(bytes.length);
    }

    private Instruction decode(int count) {
        Instruction decoded = decoder.decode(bytes, count, core.bits);
        if (decoded == null) {
            throw core.fault(Exceptions.GENERAL_PROTECTION, 0);
        }
        return decoded;
    }
}
