package io.guestmem.measure;

import java.lang.foreign.MemorySegment;

/**
 * One step of populating a confidential guest before it runs, as the kernel's interface has it. The same steps can be measured
 * ({@link Measurement}) or replayed on a kernel.
 *
 * <p>Contents are a {@link MemorySegment} of the step's size. {@link MemorySegment#NULL} stands for zeroes where the size is not 0.
 */
public sealed interface LaunchStep {
    /** Bytes of a page. */
    int PAGE = 4096;

    /** Bytes that SEV encrypts at once: what addresses and lengths of SEV are multiples of. */
    int SEV_BLOCK = 16;

    /** Where, in guest-physical memory. */
    long gpa();

    /** Bytes. */
    long size();

    /** The contents, or {@link MemorySegment#NULL} for zeroes or for what the processor puts there. */
    MemorySegment contents();

    /** What it is, for people: {@code firmware}. */
    String what();

    /**
     * {@code KVM_SEV_LAUNCH_UPDATE_DATA}: memory encrypted in place. Bytes of one stream: neither {@code gpa} nor where one step ends
     * and the next begins is measured.
     *
     * @param gpa multiple of 16
     * @param contents length a multiple of 16, not 0
     */
    record SevData(long gpa, MemorySegment contents, String what) implements LaunchStep {
        /** Checks the rules of the firmware. */
        public SevData {
            require(contents.byteSize() > 0, "no contents", contents.byteSize());
            require(gpa % SEV_BLOCK == 0, "the address is no multiple of 16", gpa);
            require(contents.byteSize() % SEV_BLOCK == 0, "the length is no multiple of 16", contents.byteSize());
        }

        @Override
        public long size() {
            return contents.byteSize();
        }
    }

    /**
     * One vCPU of {@code KVM_SEV_LAUNCH_UPDATE_VMSA}: its register state, encrypted.
     *
     * @param vcpu its index
     * @param contents the page
     */
    record SevVmsa(int vcpu, MemorySegment contents) implements LaunchStep {
        /** Checks that it is a page. */
        public SevVmsa {
            require(contents.byteSize() == PAGE, "not a page", contents.byteSize());
        }

        @Override
        public long gpa() {
            return SnpMeasurement.VMSA_GPA;
        }

        @Override
        public long size() {
            return PAGE;
        }

        @Override
        public String what() {
            return "vCPU " + vcpu;
        }
    }

    /**
     * {@code KVM_SEV_SNP_LAUNCH_UPDATE}, or a VMSA that {@code KVM_SEV_SNP_LAUNCH_FINISH} adds.
     *
     * @param type of all its pages
     * @param gpa page-aligned
     * @param size a multiple of the page size, not 0
     * @param contents what the pages get
     */
    record SnpPages(SnpPageType type, long gpa, long size, MemorySegment contents, String what) implements LaunchStep {
        /** Checks the rules of KVM. */
        public SnpPages {
            requirePages(gpa, size, contents);
        }
    }

    /**
     * {@code KVM_TDX_INIT_MEM_REGION}: pages are added, and with the flag {@code KVM_TDX_MEASURE_MEMORY_REGION} each is extended
     * before the next one is added.
     *
     * @param gpa page-aligned
     * @param size a multiple of the page size, not 0
     * @param contents what the pages get
     * @param extend the flag
     */
    record TdxPages(long gpa, long size, MemorySegment contents, boolean extend, String what) implements LaunchStep {
        /** Checks the rules of KVM. */
        public TdxPages {
            requirePages(gpa, size, contents);
        }
    }

    /**
     * The separate operation of kernels before the merge ({@code KVM_TDX_EXTEND_MEMORY}): pages that were added before are extended.
     *
     * @param gpa page-aligned
     * @param size a multiple of the page size, not 0
     * @param contents of the pages
     */
    record TdxExtend(long gpa, long size, MemorySegment contents, String what) implements LaunchStep {
        /** Checks the rules of the TDX module. */
        public TdxExtend {
            requirePages(gpa, size, contents);
        }
    }

    private static void requirePages(long gpa, long size, MemorySegment contents) {
        require(gpa % PAGE == 0, "the address is not page-aligned", gpa);
        require(size > 0 && size % PAGE == 0, "the size is no positive multiple of the page size", size);
        require(gpa >= 0 && gpa + size > gpa, "beyond the address space", gpa);
        require(
                contents.equals(MemorySegment.NULL) || contents.byteSize() == size,
                "contents of another size",
                contents.byteSize());
    }

    private static void require(boolean holds, String otherwise, long value) {
        if (!holds) {
            throw new IllegalArgumentException(otherwise + ": 0x" + Long.toHexString(value));
        }
    }
}
