package io.guestmem.soft;

import io.guestmem.abi.VmType;
import java.util.EnumSet;
import java.util.Set;

/**
 * What the simulated host is like: its processor, its module parameters, and where the proposals leave a choice. Immutable.
 *
 * <p>Stage-2 entries have the layout of Intel's EPT.
 *
 * @param kernelVersion whose behaviour is shown
 * @param tdpLevels levels of stage-2 tables that the processor has: 4 or 5
 * @param accessedDirtyBits whether the processor sets accessed and dirty bits in stage-2 entries
 * @param pageModificationLogging whether the processor logs dirty pages itself; needs accessedDirtyBits
 * @param nxHugePages whether the mitigation against iTLB multihit is on: huge pages are not executable
 * @param maxHugeLevel the largest pages that stage 2 can map: 1 is 4 KiB, 2 is 2 MiB, 3 is 1 GiB
 * @param mmioCaching whether accesses without a memslot leave MMIO entries
 * @param maxPhysicalAddressBits of the host: 39 to 52; limits gpas
 * @param transparentHugePages whether anonymous memory gets 2 MiB pages by itself
 * @param vmTypes that can be created: the default one, and what the processor has: SEV, SEV_ES, SNP of AMD or TDX of Intel
 * @param eagerPageSplit whether enabling dirty logging splits huge pages at once
 * @param addressSpaces 2 with system management mode, 1 without
 * @param sharedRequest what the code means that two requests share
 * @param preFaultRetries after how many retries of one page a prefault gives up with EAGAIN, which no kernel does; 0 for never,
 *     as the kernel, where the retries can go on until there is a signal (kernel.md 3.7)
 * @param proposalRules which of code and documentation {@code KVM_GUEST_MEMFD_POPULATE} and {@code KVM_TRANSLATE2} follow
 */
public record SoftKernelOptions(
        KernelVersion kernelVersion,
        int tdpLevels,
        boolean accessedDirtyBits,
        boolean pageModificationLogging,
        boolean nxHugePages,
        int maxHugeLevel,
        boolean mmioCaching,
        int maxPhysicalAddressBits,
        boolean transparentHugePages,
        Set<VmType> vmTypes,
        boolean eagerPageSplit,
        int addressSpaces,
        SharedRequest sharedRequest,
        int preFaultRetries,
        ProposalRules proposalRules) {
    /** The two requests with the same code. */
    public enum SharedRequest {
        /** {@code KVM_PRE_FAULT_MEMORY}, as merged. */
        PRE_FAULT_MEMORY,
        /** {@code KVM_MAP_MEMORY} as proposed third. */
        MAP_MEMORY_V3
    }

    /** The code of some proposals and their documentation contradict each other. */
    public enum ProposalRules {
        /**
         * As the code was. {@code KVM_GUEST_MEMFD_POPULATE}: the result is the number of pages, flags and alignment are not
         * looked at. {@code KVM_TRANSLATE2}: on failure the address is that of the table, and {@code set_bits_succeeded} says only
         * that no read-only memory was met.
         */
        AS_CODED,
        /**
         * As documented. {@code KVM_GUEST_MEMFD_POPULATE}: the result is 0, flags must be 0, and addresses and size must be
         * multiples of 4096. {@code KVM_TRANSLATE2}: on failure the address is that of the entry, and every field tells what
         * happened.
         */
        AS_DOCUMENTED
    }

    /** Checks the ranges. */
    public SoftKernelOptions {
        vmTypes = Set.copyOf(vmTypes);
        require(tdpLevels == 4 || tdpLevels == 5, "tdpLevels is 4 or 5");
        require(maxHugeLevel >= 1 && maxHugeLevel <= 3, "maxHugeLevel is 1 to 3");
        require(maxPhysicalAddressBits >= 39 && maxPhysicalAddressBits <= 52, "maxPhysicalAddressBits is 39 to 52");
        require(addressSpaces == 1 || addressSpaces == 2, "addressSpaces is 1 or 2");
        require(accessedDirtyBits || !pageModificationLogging, "pageModificationLogging needs accessedDirtyBits");
        require(vmTypes.contains(VmType.DEFAULT), "vmTypes have DEFAULT");
        boolean amd = vmTypes.contains(VmType.SEV) || vmTypes.contains(VmType.SEV_ES) || vmTypes.contains(VmType.SNP);
        require(
                !amd || !vmTypes.contains(VmType.TDX),
                "vmTypes have SEV, SEV_ES and SNP or TDX: no processor has both");
    }

    /** Whether VMs can have private memory. */
    public boolean hasPrivateMemory() {
        return vmTypes.stream().anyMatch(VmType::privateMemory);
    }

    private static void require(boolean condition, String rule) {
        if (!condition) {
            throw new IllegalArgumentException(rule);
        }
    }

    /** Linux 7.2 on a processor with everything, without mitigations. */
    public static SoftKernelOptions defaults() {
        return new SoftKernelOptions(
                KernelVersion.V7_2,
                4,
                true,
                false,
                false,
                3,
                true,
                46,
                false,
                EnumSet.of(VmType.DEFAULT, VmType.SW_PROTECTED),
                true,
                2,
                SharedRequest.PRE_FAULT_MEMORY,
                50_000_000,
                ProposalRules.AS_CODED);
    }

    /** The types of VMs of a host whose processor has a type: all that come with it. */
    public static Set<VmType> vmTypesWith(VmType type) {
        return switch (type) {
            case DEFAULT, SW_PROTECTED -> EnumSet.of(VmType.DEFAULT, VmType.SW_PROTECTED);
            case SEV, SEV_ES, SNP ->
                EnumSet.of(VmType.DEFAULT, VmType.SW_PROTECTED, VmType.SEV, VmType.SEV_ES, VmType.SNP);
            case TDX -> EnumSet.of(VmType.DEFAULT, VmType.SW_PROTECTED, VmType.TDX);
        };
    }

    /**
     * Whether the kernel was built with guest_memfds: before 6.18 that comes with VM types that have private memory
     * ({@code CONFIG_KVM_PRIVATE_MEM}).
     */
    public boolean hasGuestMemfd() {
        return kernelVersion.atLeast(KernelVersion.V6_18) || vmTypes.contains(VmType.SW_PROTECTED);
    }

    /** A builder that starts with these options. */
    public Builder with() {
        return new Builder(this);
    }

    /** Collects changes to options. Not thread-safe. */
    public static final class Builder {
        private KernelVersion kernelVersion;
        private int tdpLevels;
        private boolean accessedDirtyBits;
        private boolean pageModificationLogging;
        private boolean nxHugePages;
        private int maxHugeLevel;
        private boolean mmioCaching;
        private int maxPhysicalAddressBits;
        private boolean transparentHugePages;
        private Set<VmType> vmTypes;
        private boolean eagerPageSplit;
        private int addressSpaces;
        private SharedRequest sharedRequest;
        private int preFaultRetries;
        private ProposalRules proposalRules;

        private Builder(SoftKernelOptions from) {
            this.kernelVersion = from.kernelVersion;
            this.tdpLevels = from.tdpLevels;
            this.accessedDirtyBits = from.accessedDirtyBits;
            this.pageModificationLogging = from.pageModificationLogging;
            this.nxHugePages = from.nxHugePages;
            this.maxHugeLevel = from.maxHugeLevel;
            this.mmioCaching = from.mmioCaching;
            this.maxPhysicalAddressBits = from.maxPhysicalAddressBits;
            this.transparentHugePages = from.transparentHugePages;
            this.vmTypes = from.vmTypes;
            this.eagerPageSplit = from.eagerPageSplit;
            this.addressSpaces = from.addressSpaces;
            this.sharedRequest = from.sharedRequest;
            this.preFaultRetries = from.preFaultRetries;
            this.proposalRules = from.proposalRules;
        }

        /** Sets {@link SoftKernelOptions#kernelVersion}. */
        public Builder kernelVersion(KernelVersion value) {
            kernelVersion = value;
            return this;
        }

        /** Sets {@link SoftKernelOptions#tdpLevels}. */
        public Builder tdpLevels(int value) {
            tdpLevels = value;
            return this;
        }

        /** Sets {@link SoftKernelOptions#accessedDirtyBits}. */
        public Builder accessedDirtyBits(boolean value) {
            accessedDirtyBits = value;
            return this;
        }

        /** Sets {@link SoftKernelOptions#pageModificationLogging}. */
        public Builder pageModificationLogging(boolean value) {
            pageModificationLogging = value;
            return this;
        }

        /** Sets {@link SoftKernelOptions#nxHugePages}. */
        public Builder nxHugePages(boolean value) {
            nxHugePages = value;
            return this;
        }

        /** Sets {@link SoftKernelOptions#maxHugeLevel}. */
        public Builder maxHugeLevel(int value) {
            maxHugeLevel = value;
            return this;
        }

        /** Sets {@link SoftKernelOptions#mmioCaching}. */
        public Builder mmioCaching(boolean value) {
            mmioCaching = value;
            return this;
        }

        /** Sets {@link SoftKernelOptions#maxPhysicalAddressBits}. */
        public Builder maxPhysicalAddressBits(int value) {
            maxPhysicalAddressBits = value;
            return this;
        }

        /** Sets {@link SoftKernelOptions#transparentHugePages}. */
        public Builder transparentHugePages(boolean value) {
            transparentHugePages = value;
            return this;
        }

        /** Sets {@link SoftKernelOptions#vmTypes}. */
        public Builder vmTypes(Set<VmType> value) {
            vmTypes = value;
            return this;
        }

        /** Sets {@link SoftKernelOptions#eagerPageSplit}. */
        public Builder eagerPageSplit(boolean value) {
            eagerPageSplit = value;
            return this;
        }

        /** Sets {@link SoftKernelOptions#addressSpaces}. */
        public Builder addressSpaces(int value) {
            addressSpaces = value;
            return this;
        }

        /** Sets {@link SoftKernelOptions#sharedRequest}. */
        public Builder sharedRequest(SharedRequest value) {
            sharedRequest = value;
            return this;
        }

        /** Sets {@link SoftKernelOptions#preFaultRetries}. */
        public Builder preFaultRetries(int value) {
            preFaultRetries = value;
            return this;
        }

        /** Sets {@link SoftKernelOptions#proposalRules}. */
        public Builder proposalRules(ProposalRules value) {
            proposalRules = value;
            return this;
        }

        /** The options. */
        public SoftKernelOptions build() {
            return new SoftKernelOptions(
                    kernelVersion,
                    tdpLevels,
                    accessedDirtyBits,
                    pageModificationLogging,
                    nxHugePages,
                    maxHugeLevel,
                    mmioCaching,
                    maxPhysicalAddressBits,
                    transparentHugePages,
                    vmTypes,
                    eagerPageSplit,
                    addressSpaces,
                    sharedRequest,
                    preFaultRetries,
                    proposalRules);
        }
    }
}
