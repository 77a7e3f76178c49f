package io.guestmem.image;

import io.guestmem.paging.PagingFeatures;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.PagingState;
import io.guestmem.paging.PdpteRegisters;
import io.guestmem.paging.PhysicalMemory;

/**
 * With which registers an image is walked, and where they come from.
 *
 * @param state for a walk plan
 * @param longCode EFER.LMA and CS.L: decides which linear addresses there are
 * @param alignmentCheck RFLAGS.AC: decides whether SMAP holds
 * @param source of CR3, in words
 */
public record ImageContext(PagingState state, boolean longCode, boolean alignmentCheck, String source) {
    /** What a kernel has that is known by its page tables alone: PG, WP, PE. */
    private static final long USUAL_CR0 = 0x8001_0001L;

    private static final long CR4_LA57 = 1L << 12;
    private static final long USUAL_EFER = CpuState.EFER_LME | CpuState.EFER_LMA | CpuState.EFER_NXE;
    private static final int MOST_ADDRESS_BITS = 52;
    private static final String NAMED = "the command line";

    /**
     * Puts together what is named, what the image carries, and what can be found in it.
     *
     * @throws ImageException if the image has no such processor, or no root of page tables was named, carried or found
     */
    public static ImageContext of(GuestImage image, RegisterChoice choice) throws ImageException {
        CpuState base = base(image, choice);
        long cr0 = choice.cr0().orElse(base.cr0());
        long cr3 = choice.cr3().orElse(base.cr3());
        long cr4 = choice.cr4().orElse(base.cr4());
        long efer = choice.efer().orElse(base.efer());
        PagingFeatures features = features(choice);
        boolean longMode = PagingMode.of(cr0, cr4, efer).isLong();
        boolean longCode = longMode && (base.longCode() || choice.efer().isPresent());
        return new ImageContext(
                new PagingState(
                        cr0, cr3, cr4, efer, registers(image.memory(), cr0, cr3, cr4, efer, features), 0, features),
                longCode,
                base.alignmentCheck(),
                choice.cr3().isPresent() ? NAMED : base.source());
    }

    /**
     * Of a guest whose hypervisor's memory an image is: what is named, otherwise what is usual. Registers in the image are the
     * hypervisor's, and nothing is searched for. Without a CR3 the guest has no paging: its addresses are physical ones.
     *
     * @param memory the guest's, as {@link io.guestmem.paging.SecondStage#guestTables} has it
     */
    public static ImageContext ofGuest(PhysicalMemory memory, RegisterChoice choice) {
        boolean named = choice.cr3().isPresent();
        long cr0 = choice.cr0().orElse(named ? USUAL_CR0 : 1);
        long cr3 = choice.cr3().orElse(0);
        long cr4 = choice.cr4().orElse(CpuState.CR4_PAE);
        long efer = choice.efer().orElse(USUAL_EFER);
        PagingFeatures features = features(choice);
        return new ImageContext(
                new PagingState(cr0, cr3, cr4, efer, registers(memory, cr0, cr3, cr4, efer, features), 0, features),
                PagingMode.of(cr0, cr4, efer).isLong(),
                false,
                named ? NAMED : "nobody");
    }

    private static PagingFeatures features(RegisterChoice choice) {
        return new PagingFeatures(
                choice.maxPhysicalAddressBits().orElse(MOST_ADDRESS_BITS),
                choice.amdCompatible().orElse(false),
                true,
                PagingFeatures.KVM_PSE36_BITS);
    }

    private static CpuState base(GuestImage image, RegisterChoice choice) throws ImageException {
        if (choice.cpu() < image.cpus().size()) {
            return image.cpus().get(choice.cpu());
        }
        if (!image.cpus().isEmpty() || choice.cpu() != 0) {
            throw new ImageException("no registers of processor " + choice.cpu() + ": the image has those of "
                    + image.cpus().size());
        }
        if (choice.cr3().isPresent()) {
            return usual(0, false, "");
        }
        PageTableRoot root = image.findRoot()
                .orElseThrow(() -> new ImageException(
                        "no registers in this image, and no page tables of a Linux kernel in its memory"));
        return usual(root.address(), root.fiveLevels(), root.source());
    }

    private static CpuState usual(long cr3, boolean fiveLevels, String source) {
        long cr4 = CpuState.CR4_PAE | (fiveLevels ? CR4_LA57 : 0);
        return new CpuState(0, source, USUAL_CR0, cr3, cr4, USUAL_EFER, false, true, false);
    }

    /** An image without the registers of PAE paging has what they were loaded from. */
    private static PdpteRegisters registers(
            PhysicalMemory memory, long cr0, long cr3, long cr4, long efer, PagingFeatures features) {
        return PagingMode.of(cr0, cr4, efer) == PagingMode.PAE
                ? PdpteRegisters.load(memory, cr3, features.maxPhysicalAddressBits())
                        .orElse(PdpteRegisters.NONE)
                : PdpteRegisters.NONE;
    }
}
