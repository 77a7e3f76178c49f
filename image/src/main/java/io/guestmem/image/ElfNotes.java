package io.guestmem.image;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The notes of a dump: QEMU's processor states, and what the guest's kernel says about itself.
 *
 * <pre>{@code
 *   note:                 u32 namesz, descsz, type; name; desc          each padded to 4
 *   desc of "QEMU":       u32 version = 1, size = 440; u64 rax .. r15, rip, rflags
 *              @152       ten segments of 24 bytes, CS first: u32 selector, limit, flags, pad; u64 base
 *              @392       u64 cr0, cr1, cr2, cr3, cr4; kernel_gs_base
 * }</pre>
 *
 * <p>There is no EFER in it: LMA follows from what the machine must be in. Source: QEMU 11.1
 * {@code target/i386/arch_dump.c:QEMUCPUState}.
 */
final class ElfNotes {
    private static final int HEADER = 12;
    private static final int ALIGNMENT = 4;
    private static final int QEMU_SIZE = 440;
    private static final int RFLAGS = 144;
    private static final int CS_FLAGS = 160;
    private static final int CR0 = 392;
    private static final int CR3 = 416;
    private static final int CR4 = 424;
    private static final int FLAG_LONG = 1 << 21;
    private static final long FLAG_ALIGNMENT_CHECK = 1L << 18;

    private final ImageBytes bytes;
    private final boolean longMachine;
    private final List<CpuState> cpus = new ArrayList<>();
    private @Nullable String vmcoreinfo;

    /**
     * Notes of a file.
     *
     * @param longMachine a 64-bit machine: one that pages with PAE is in long mode
     */
    ElfNotes(ImageBytes bytes, boolean longMachine) {
        this.bytes = bytes;
        this.longMachine = longMachine;
    }

    List<CpuState> cpus() {
        return cpus;
    }

    @Nullable
    String vmcoreinfo() {
        return vmcoreinfo;
    }

    /** Reads the notes of a range. */
    void read(long offset, long length) throws ImageException {
        ImageBytes.check(bytes.size(), offset, length, "the notes");
        long end = offset + length;
        long at = offset;
        while (end - at >= HEADER) {
            long nameSize = Integer.toUnsignedLong(bytes.i32(at, "a note"));
            long size = Integer.toUnsignedLong(bytes.i32(at + 4, "a note"));
            long name = at + HEADER;
            long description = name + padded(nameSize);
            if (description + size > end) {
                throw new ImageException(at, "a note of " + size + " bytes reaches behind the notes");
            }
            read(name(name, nameSize), description, size);
            at = description + padded(size);
        }
    }

    private static long padded(long size) {
        return (size + ALIGNMENT - 1) & -ALIGNMENT;
    }

    private String name(long offset, long size) throws ImageException {
        int length = (int) Math.min(size, 64);
        String name = new String(bytes.array(offset, length, "a note's name"), StandardCharsets.ISO_8859_1);
        int end = name.indexOf('\0');
        return end < 0 ? name : name.substring(0, end);
    }

    private void read(String name, long at, long size) throws ImageException {
        if (name.equals("QEMU")) {
            cpus.add(cpu(at, size));
        } else if (name.equals("VMCOREINFO")) {
            vmcoreinfo = text(bytes, at, size);
        }
    }

    static String text(ImageBytes bytes, long at, long size) throws ImageException {
        int length = (int) Math.min(size, VmcoreInfo.MOST_BYTES);
        return new String(bytes.array(at, length, "VMCOREINFO"), StandardCharsets.ISO_8859_1);
    }

    private CpuState cpu(long at, long size) throws ImageException {
        if (size < QEMU_SIZE || bytes.i32(at, "a processor's note") != 1) {
            throw new ImageException(at, "a processor's note of an unknown version, or of " + size + " bytes");
        }
        long cr0 = bytes.i64(at + CR0, "CR0");
        long cr4 = bytes.i64(at + CR4, "CR4");
        boolean longSegment = (bytes.i32(at + CS_FLAGS, "CS") & FLAG_LONG) != 0;
        boolean pages = (cr0 & CpuState.CR0_PG) != 0 && (cr4 & CpuState.CR4_PAE) != 0;
        boolean longMode = pages && (longSegment || longMachine);
        // An entry with bit 63 set would be reserved without NXE, and no guest makes such; without one NXE changes
        // nothing.
        long efer = CpuState.EFER_NXE | (longMode ? CpuState.EFER_LME | CpuState.EFER_LMA : 0);
        int number = cpus.size();
        return new CpuState(
                number,
                "QEMU's note of processor " + number + " at offset 0x" + Long.toHexString(at),
                cr0,
                bytes.i64(at + CR3, "CR3"),
                cr4,
                efer,
                false,
                longMode && longSegment,
                (bytes.i64(at + RFLAGS, "RFLAGS") & FLAG_ALIGNMENT_CHECK) != 0);
    }
}
