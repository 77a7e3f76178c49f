package io.guestmem.soft.vm;

import io.guestmem.abi.ClearDirtyLogLayout;
import io.guestmem.abi.CreateGuestMemfdLayout;
import io.guestmem.abi.DirtyLogLayout;
import io.guestmem.abi.EnableCapLayout;
import io.guestmem.abi.GuestMemfdPopulateLayout;
import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MemoryAttributesLayout;
import io.guestmem.abi.UserspaceMemoryRegion2Layout;
import io.guestmem.abi.UserspaceMemoryRegionLayout;
import io.guestmem.abi.VmType;
import io.guestmem.soft.mmu.MmuStatistics;
import io.guestmem.soft.vm.MemoryRegions.Region;
import io.guestmem.soft.vm.StatisticsFile.Row;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The file of a VM: its requests. The kernel is one without interrupt controllers and timers of its own
 * ({@code CONFIG_KVM_IOAPIC}), so it does not know their requests. Source: Linux 7.2 {@code kvm_main.c:kvm_vm_ioctl}, {@code x86.c:kvm_arch_vm_ioctl}.
 */
public final class VmFile extends OpenFile {
    private static final long MIN_MMU_PAGES = 64;
    private static final long LAST_TSS_ADDRESS = 0xFFFFFFFFL - 3 * 4096 + 1;

    private final VirtualMachine vm;
    private final MemoryRegions regions;
    private final DirtyLogs dirtyLogs;

    VmFile(VirtualMachine.Host host, VmType type, Caller caller) {
        this.vm = new VirtualMachine(this, host, type, caller.memory(), caller.pid());
        this.regions = new MemoryRegions(vm);
        this.dirtyLogs = new DirtyLogs(vm);
    }

    /** The VM behind it. */
    public VirtualMachine vm() {
        return vm;
    }

    @Override
    public KvmFileKind kind() {
        return KvmFileKind.VM;
    }

    @Override
    public long request(Caller caller, int code, UserArgument argument) {
        KvmIoctl request = Requests.find(KvmFileKind.VM, code, vm.options());
        // Before the process is looked at: the one request that was meant for other processes.
        boolean anyProcess = request == KvmIoctl.GUEST_MEMFD_POPULATE;
        if (vm.isDead() || (caller.memory() != vm.memory() && !anyProcess)) {
            return Failure.EIO;
        }
        return request == null ? Failure.ENOTTY : dispatch(caller, request, argument);
    }

    private long dispatch(Caller caller, KvmIoctl request, UserArgument argument) {
        return switch (request) {
            case CHECK_EXTENSION -> Capabilities.ofVm(vm, argument.value());
            case CREATE_VCPU -> VcpuFile.create(vm, caller, argument.value());
            case GET_STATS_FD -> statistics(caller);
            case RESET_DIRTY_RINGS -> vm.withSlotsLock(dirtyLogs::resetRings);
            case SET_NR_MMU_PAGES ->
                Integer.toUnsignedLong((int) argument.value()) < MIN_MMU_PAGES ? Failure.EINVAL : 0;
            case SET_TSS_ADDR -> Long.compareUnsigned(argument.value(), LAST_TSS_ADDRESS) > 0 ? Failure.EINVAL : 0;
            case SET_IDENTITY_MAP_ADDR -> withStruct(argument, Long.BYTES, _ -> identityMap());
            case SET_USER_MEMORY_REGION ->
                withStruct(argument, UserspaceMemoryRegionLayout.STRUCT.size(), struct -> {
                    Region region = Region.v1(struct);
                    return MemoryRegions.isVersion1(region) ? setRegion(caller, region) : Failure.EINVAL;
                });
            case SET_USER_MEMORY_REGION2 ->
                withStruct(
                        argument,
                        UserspaceMemoryRegion2Layout.STRUCT.size(),
                        struct -> setRegion(caller, Region.v2(struct)));
            case GET_DIRTY_LOG ->
                withStruct(
                        argument,
                        DirtyLogLayout.STRUCT.size(),
                        struct -> vm.withSlotsLock(() -> dirtyLogs.get(caller, struct)));
            case CLEAR_DIRTY_LOG ->
                withStruct(
                        argument,
                        ClearDirtyLogLayout.STRUCT.size(),
                        struct -> vm.withSlotsLock(() -> dirtyLogs.clear(caller, struct)));
            case ENABLE_CAP ->
                withStruct(argument, EnableCapLayout.STRUCT.size(), struct -> Capabilities.enable(vm, struct));
            case SET_MEMORY_ATTRIBUTES ->
                vm.options().hasPrivateMemory()
                        ? withStruct(
                                argument,
                                MemoryAttributesLayout.STRUCT.size(),
                                struct -> AttributeChange.set(vm, struct))
                        : Failure.ENOTTY;
            case CREATE_GUEST_MEMFD ->
                vm.options().hasGuestMemfd()
                        ? withStruct(
                                argument,
                                CreateGuestMemfdLayout.STRUCT.size(),
                                struct -> GuestMemfd.create(
                                        vm,
                                        caller,
                                        UserStruct.u64(struct, CreateGuestMemfdLayout.SIZE),
                                        UserStruct.u64(struct, CreateGuestMemfdLayout.FLAGS)))
                        : Failure.ENOTTY;
            case GUEST_MEMFD_POPULATE ->
                withStruct(
                        argument,
                        GuestMemfdPopulateLayout.STRUCT.size(),
                        struct -> GuestMemfdPopulate.run(vm, caller, struct));
            case MEMORY_ENCRYPT_OP -> EncryptRequests.ofVm(vm, caller, argument);
            case MEMORY_ENCRYPT_REG_REGION -> EncryptRequests.register(vm, argument);
            case MEMORY_ENCRYPT_UNREG_REGION -> EncryptRequests.unregister(vm, argument);
            default -> Failure.ENOTTY;
        };
    }

    private long setRegion(Caller caller, Region region) {
        return vm.withSlotsLock(() -> regions.set(caller, region));
    }

    private long identityMap() {
        return vm.withLock(() -> vm.vcpus().isEmpty() ? 0 : Failure.EINVAL);
    }

    /** Copies the struct in before anything is looked at. */
    static long withStruct(UserArgument argument, long size, ToLongFunction<MemorySegment> action) {
        @Nullable MemorySegment struct = argument.copyIn(0, size);
        return struct == null ? Failure.EFAULT : action.applyAsLong(struct);
    }

    private long statistics(Caller caller) {
        List<Row> rows = List.of(
                Row.cumulative("remote_tlb_flush"),
                Row.cumulative("remote_tlb_flush_requests"),
                Row.cumulative("mmu_shadow_zapped"),
                Row.cumulative("mmu_pte_write"),
                Row.cumulative("mmu_pde_zapped"),
                Row.cumulative("mmu_flooded"),
                Row.cumulative("mmu_recycled"),
                Row.cumulative("mmu_cache_miss"),
                Row.instant("mmu_unsync"),
                Row.instant("mmu_shadow_pages"),
                Row.instant("pages_4k"),
                Row.instant("pages_2m"),
                Row.instant("pages_1g"),
                Row.instant("nx_lpage_splits"),
                Row.peak("max_mmu_rmap_size"),
                Row.peak("max_mmu_page_hash_collisions"));
        MmuStatistics mmu = vm.mmu().statistics();
        get();
        StatisticsFile made = new StatisticsFile(this, "kvm-" + vm.pid(), rows, () -> new long[] {
            mmu.flushes(),
            mmu.flushRequests(),
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            mmu.pages(1),
            mmu.pages(2),
            mmu.pages(3),
            mmu.nxSplits(),
            0,
            0
        });
        int descriptor = caller.install(made, true);
        if (descriptor < 0) {
            made.put();
        }
        return descriptor;
    }

    @Override
    protected void released() {
        vm.destroy();
    }
}
