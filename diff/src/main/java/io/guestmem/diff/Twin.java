package io.guestmem.diff;

import io.guestmem.abi.Capability;
import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.VmType;
import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.SoftKernelOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The software kernel that is most like a real one: its options follow from what the real one says. */
public final class Twin {
    private static final Path RELEASE = Path.of("/proc/sys/kernel/osrelease");
    private static final Path THP = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
    private static final Path NX_HUGE_PAGES = Path.of("/sys/module/kvm/parameters/nx_huge_pages");
    private static final Path EPT_ACCESSED_DIRTY = Path.of("/sys/module/kvm_intel/parameters/eptad");
    private static final Path PML = Path.of("/sys/module/kvm_intel/parameters/pml");
    private static final Path EAGER_SPLIT = Path.of("/sys/module/kvm/parameters/eager_page_split");
    private static final Path MMIO_CACHING = Path.of("/sys/module/kvm/parameters/mmio_caching");
    private static final Pattern NUMBERS = Pattern.compile("(\\d+)\\.(\\d+).*", Pattern.DOTALL);
    private static final int PHYSICAL_BITS_LEAF = 0x8000_0008;
    private static final int FEATURES_LEAF = 0x8000_0001;
    private static final int GIBIBYTE_PAGES = 1 << 26;
    private static final int CPUID_ROOM = 512;
    private static final int NARROWEST = 39;
    private static final int WIDEST = 52;

    private Twin() {}

    /**
     * The options for the software kernel.
     *
     * @param system of the real kernel, on the machine that this process runs on
     */
    public static SoftKernelOptions of(KvmFile system) {
        boolean tdp = capability(system, Capability.PRE_FAULT_MEMORY) != 0;
        boolean accessedDirty = !isOff(EPT_ACCESSED_DIRTY);
        return SoftKernelOptions.defaults()
                .with()
                .kernelVersion(version(release()))
                .accessedDirtyBits(accessedDirty)
                .pageModificationLogging(accessedDirty && Files.exists(PML) && !isOff(PML))
                .nxHugePages(
                        read(NX_HUGE_PAGES).filter(text -> text.startsWith("Y")).isPresent())
                .transparentHugePages(
                        read(THP).filter(text -> text.contains("[always]")).isPresent())
                .eagerPageSplit(!isOff(EAGER_SPLIT))
                .mmioCaching(!isOff(MMIO_CACHING))
                .maxPhysicalAddressBits(tdp ? Math.clamp(physicalBits(system), NARROWEST, WIDEST) : WIDEST)
                .maxHugeLevel(gibibytePages(system) ? 3 : 2)
                .vmTypes(vmTypes(system))
                .addressSpaces((int) Math.max(1, capability(system, Capability.MULTI_ADDRESS_SPACE)))
                .build();
    }

    /** The release of the kernel that this process runs on. */
    static String release() {
        return read(RELEASE).orElseThrow();
    }

    /** Whether this process runs on a kernel in which a pre-fault may hang ({@link Scope#staleRootsHang}). */
    static boolean runsOnOldKernel() {
        return version(release()) == KernelVersion.V6_12;
    }

    /** What two kernels can be compared in. */
    static Scope scope(KvmFile one, KvmFile other, boolean staleRootsHang) {
        long flags = capability(one, Capability.GUEST_MEMFD_FLAGS) & capability(other, Capability.GUEST_MEMFD_FLAGS);
        return new Scope(
                both(one, other, Capability.PRE_FAULT_MEMORY),
                both(one, other, Capability.GUEST_MEMFD),
                flags,
                capability(one, Capability.VM_TYPES) & capability(other, Capability.VM_TYPES),
                Math.min(physicalBits(one), physicalBits(other)),
                staleRootsHang);
    }

    private static boolean both(KvmFile one, KvmFile other, Capability capability) {
        return capability(one, capability) != 0 && capability(other, capability) != 0;
    }

    private static long capability(KvmFile system, Capability capability) {
        return World.must(capability.symbol(), World.request(system, KvmIoctl.CHECK_EXTENSION, capability.number()));
    }

    private static Set<VmType> vmTypes(KvmFile system) {
        boolean isPrivate = (capability(system, Capability.VM_TYPES) & (1L << VmType.SW_PROTECTED.value())) != 0;
        return isPrivate ? EnumSet.of(VmType.DEFAULT, VmType.SW_PROTECTED) : EnumSet.of(VmType.DEFAULT);
    }

    static KernelVersion version(String release) {
        Matcher matcher = NUMBERS.matcher(release);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("not a release of Linux: " + release);
        }
        int major = Integer.parseInt(matcher.group(1));
        int minor = Integer.parseInt(matcher.group(2));
        if (major >= 7) {
            return KernelVersion.V7_2;
        }
        return major == 6 && minor >= 18 ? KernelVersion.V6_18 : KernelVersion.V6_12;
    }

    private static int physicalBits(KvmFile system) {
        return cpuid(system, PHYSICAL_BITS_LEAF, CpuidLayout.ENTRY_EAX) & 0xFF;
    }

    /** Whether guests may have page tables with leaves of 1 GiB. */
    private static boolean gibibytePages(KvmFile system) {
        return (cpuid(system, FEATURES_LEAF, CpuidLayout.ENTRY_EDX) & GIBIBYTE_PAGES) != 0;
    }

    /** A register of a leaf of {@code KVM_GET_SUPPORTED_CPUID}; 0 if the leaf is not there. */
    private static int cpuid(KvmFile system, int leaf, int register) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct =
                    arena.allocate(CpuidLayout.ENTRIES + (long) CPUID_ROOM * CpuidLayout.ENTRY.size(), Long.BYTES);
            struct.set(ValueLayout.JAVA_INT, CpuidLayout.NENT, CPUID_ROOM);
            World.must("KVM_GET_SUPPORTED_CPUID", World.request(system, KvmIoctl.GET_SUPPORTED_CPUID, struct));
            int count = struct.get(ValueLayout.JAVA_INT, CpuidLayout.NENT);
            for (int i = 0; i < count; i++) {
                long at = CpuidLayout.ENTRIES + (long) i * CpuidLayout.ENTRY.size();
                if (struct.get(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_FUNCTION) == leaf) {
                    return struct.get(ValueLayout.JAVA_INT, at + register);
                }
            }
            return 0;
        }
    }

    private static boolean isOff(Path parameter) {
        return read(parameter)
                .filter(text -> text.startsWith("N") || text.startsWith("0"))
                .isPresent();
    }

    private static Optional<String> read(Path file) {
        try {
            return Files.isReadable(file) ? Optional.of(Files.readString(file).strip()) : Optional.empty();
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot read " + file, failed);
        }
    }
}
