package io.guestmem.kvm.launch;

import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.MemoryMappingV1Layout;
import io.guestmem.abi.TdxCapabilitiesLayout;
import io.guestmem.abi.TdxCommandLayout;
import io.guestmem.abi.TdxInitMemRegionLayout;
import io.guestmem.abi.TdxInitVmLayout;
import io.guestmem.abi.UserMemory;
import io.guestmem.kvm.Cpuid;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The launch of a TD, command by command: {@code INIT_VM}, {@code INIT_VCPU} of each vCPU, {@code INIT_MEM_REGION} as often as
 * wanted, {@code FINALIZE_VM}, after which memory can be pre-faulted. Thread-safe.
 *
 * <p>Source: Linux 7.2 {@code arch/x86/kvm/vmx/tdx.c}.
 */
public final class TdxCommands {
    private static final int MOST_ENTRIES = 256;
    private static final String CAPABILITIES = "KVM_TDX_CAPABILITIES";

    private final Vm vm;
    private final EncryptOp op;

    /** Commands of a VM. */
    public TdxCommands(Vm vm) {
        this.vm = vm;
        this.op = new EncryptOp(vm.kernel(), vm.file());
    }

    /**
     * What a TD can have.
     *
     * @param attributes bits that may be set
     * @param xfam extended features that may be set
     * @param cpuid bits of leaves that can be chosen
     */
    public record Capabilities(long attributes, long xfam, Cpuid cpuid) {}

    /**
     * {@code KVM_TDX_CAPABILITIES}.
     *
     * @throws io.guestmem.abi.KernelException if it was refused
     */
    public Capabilities capabilities() {
        try (Arena arena = Arena.ofConfined()) {
            for (int room = 32; ; room *= 2) {
                MemorySegment all = arena.allocate(
                        TdxCapabilitiesLayout.STRUCT.size() + room * (long) CpuidLayout.ENTRY.size(), Long.BYTES);
                all.set(ValueLayout.JAVA_INT, TdxCapabilitiesLayout.CPUID + CpuidLayout.NENT, room);
                CommandResult result = op.tdx(CAPABILITIES, TdxCommandLayout.CAPABILITIES, 0, all);
                boolean tooSmall = result instanceof CommandResult.Refused refused
                        && refused.errno() == ErrorNumber.E2BIG.number();
                if (!tooSmall || room >= MOST_ENTRIES) {
                    result.orThrow();
                    return new Capabilities(
                            all.get(ValueLayout.JAVA_LONG, TdxCapabilitiesLayout.SUPPORTED_ATTRS),
                            all.get(ValueLayout.JAVA_LONG, TdxCapabilitiesLayout.SUPPORTED_XFAM),
                            Cpuid.read(all.asSlice(TdxCapabilitiesLayout.CPUID)));
                }
            }
        }
    }

    /**
     * {@code KVM_TDX_INIT_VM}, once, before any vCPU.
     *
     * @param attributes of the TD
     * @param xfam extended features of the TD
     * @param cpuid at most 256 entries; leaf 0x80000008 says with bits 16 to 23 of eax how wide guest-physical addresses are, 48 or
     *     52, and so where the shared bit is
     */
    public CommandResult initVm(long attributes, long xfam, Cpuid cpuid) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment init = arena.allocate(
                    TdxInitVmLayout.STRUCT.size() + cpuid.entries().size() * (long) CpuidLayout.ENTRY.size(),
                    Long.BYTES);
            init.set(ValueLayout.JAVA_LONG, TdxInitVmLayout.ATTRIBUTES, attributes);
            init.set(ValueLayout.JAVA_LONG, TdxInitVmLayout.XFAM, xfam);
            cpuid.write(init.asSlice(TdxInitVmLayout.CPUID));
            return op.tdx("KVM_TDX_INIT_VM", TdxCommandLayout.INIT_VM, 0, init);
        }
    }

    /**
     * {@code KVM_TDX_INIT_VCPU}, once for each vCPU.
     *
     * @param hob what the vCPU finds in RCX: where the TD HOB is
     */
    public CommandResult initVcpu(Vcpu vcpu, GuestPhysical hob) {
        return new EncryptOp(vm.kernel(), vcpu.file())
                .tdx("KVM_TDX_INIT_VCPU", TdxCommandLayout.INIT_VCPU, 0, hob.value());
    }

    /**
     * {@code KVM_TDX_INIT_MEM_REGION}, once: private pages get a content. Each is added, which measures its place, and with the flag
     * {@code KVM_TDX_MEASURE_MEMORY_REGION} extended before the next one is added, which measures its content.
     *
     * @param vcpu any that is initialised
     * @param start a multiple of 4096, without the shared bit, in a memslot with guest_memfd, private by its attributes
     * @param content native memory, its address and size multiples of 4096
     * @param measure the flag
     */
    public UpdateResult initMemRegion(Vcpu vcpu, GuestPhysical start, MemorySegment content, boolean measure) {
        try (Arena arena = Arena.ofConfined();
                UserMemory source = op.kernel().expose(content)) {
            long pages = content.byteSize() / GuestPhysical.PAGE_SIZE;
            MemorySegment region = arena.allocate(TdxInitMemRegionLayout.STRUCT.size(), Long.BYTES);
            region.set(ValueLayout.JAVA_LONG, TdxInitMemRegionLayout.SOURCE_ADDR, source.address());
            region.set(ValueLayout.JAVA_LONG, TdxInitMemRegionLayout.GPA, start.value());
            region.set(ValueLayout.JAVA_LONG, TdxInitMemRegionLayout.NR_PAGES, pages);
            CommandResult result = new EncryptOp(vm.kernel(), vcpu.file())
                    .tdx(
                            "KVM_TDX_INIT_MEM_REGION",
                            TdxCommandLayout.INIT_MEM_REGION,
                            measure ? TdxCommandLayout.MEASURE_MEMORY_REGION : 0,
                            region);
            long left = region.get(ValueLayout.JAVA_LONG, TdxInitMemRegionLayout.NR_PAGES);
            return new UpdateResult((pages - left) * GuestPhysical.PAGE_SIZE, result);
        }
    }

    /**
     * {@code KVM_TDX_EXTEND_MEMORY}, once: measures the content of pages that were added without the flag, in their order. Never
     * merged, the flag took its place: Linux answers EINVAL, the software kernel has it.
     *
     * @param range multiples of 4096, not empty
     */
    public UpdateResult extendMemory(GuestRange range) {
        try (Arena arena = Arena.ofConfined()) {
            long pages = range.size() / GuestPhysical.PAGE_SIZE;
            MemorySegment mapping = arena.allocate(MemoryMappingV1Layout.STRUCT.size(), Long.BYTES);
            mapping.set(
                    ValueLayout.JAVA_LONG,
                    MemoryMappingV1Layout.BASE_GFN,
                    range.start().value() / GuestPhysical.PAGE_SIZE);
            mapping.set(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.NR_PAGES, pages);
            CommandResult result = op.tdx("KVM_TDX_EXTEND_MEMORY", TdxCommandLayout.EXTEND_MEMORY, 0, mapping);
            long left = mapping.get(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.NR_PAGES);
            return new UpdateResult((pages - left) * GuestPhysical.PAGE_SIZE, result);
        }
    }

    /** {@code KVM_TDX_FINALIZE_VM}: the measurement is complete, and the guest may run. */
    public CommandResult finalizeVm() {
        return op.tdx("KVM_TDX_FINALIZE_VM", TdxCommandLayout.FINALIZE_VM, 0, 0);
    }

    /**
     * {@code KVM_TDX_GET_CPUID}: what the TD sees. Before {@link #finalizeVm}.
     *
     * @throws io.guestmem.abi.KernelException if it was refused
     */
    public Cpuid cpuid(Vcpu vcpu) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment all =
                    arena.allocate(CpuidLayout.ENTRIES + MOST_ENTRIES * (long) CpuidLayout.ENTRY.size(), Long.BYTES);
            all.set(ValueLayout.JAVA_INT, CpuidLayout.NENT, MOST_ENTRIES);
            new EncryptOp(vm.kernel(), vcpu.file())
                    .tdx("KVM_TDX_GET_CPUID", TdxCommandLayout.GET_CPUID, 0, all)
                    .orThrow();
            return Cpuid.read(all);
        }
    }
}
