package io.guestmem.soft.vm;

import io.guestmem.abi.DirtyGfnLayout;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.StatsDescriptorLayout;
import io.guestmem.soft.confidential.ConfidentialGuest;
import io.guestmem.soft.vm.StatisticsFile.Row;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The file of a vCPU: its requests. One request is inside at a time, whatever it is. Source: Linux 7.2
 * {@code kvm_main.c:kvm_vcpu_ioctl}, {@code x86.c:kvm_arch_vcpu_ioctl}.
 */
public final class VcpuFile extends OpenFile {
    private static final int HISTOGRAM = 32;
    private static final int NANOSECONDS = -9;

    /** The values before those of {@link VcpuCounter}: 7 counters, 3 histograms, and whether it blocks. */
    private static final int GENERIC_VALUES = 7 + 3 * HISTOGRAM + 1;

    private final VirtualMachine vm;
    private final Vcpu vcpu;

    private VcpuFile(VirtualMachine vm, Vcpu vcpu) {
        this.vm = vm;
        this.vcpu = vcpu;
    }

    /** {@code KVM_CREATE_VCPU}: a descriptor or a negated errno. */
    static long create(VirtualMachine vm, Caller caller, long id) {
        if (Long.compareUnsigned(id, Capabilities.MAX_VCPU_IDS) >= 0) {
            return Failure.EINVAL;
        }
        return vm.withLock(() -> {
            if (vm.vcpus().size() >= Capabilities.MAX_VCPUS) {
                return Failure.EINVAL;
            }
            if (vm.vcpus().stream().anyMatch(each -> each.id() == id)) {
                return Failure.EEXIST;
            }
            ConfidentialGuest guest = vm.confidential();
            int refused = guest == null ? 0 : guest.mayCreateVcpu();
            if (refused != 0) {
                return refused;
            }
            Vcpu vcpu = new Vcpu(vm, (int) id);
            vm.file().get();
            VcpuFile made = new VcpuFile(vm, vcpu);
            int descriptor = caller.install(made, true);
            if (descriptor < 0) {
                vcpu.destroy();
                made.put();
                return descriptor;
            }
            vm.vcpus().add(vcpu);
            return descriptor;
        });
    }

    /** The vCPU behind it. */
    public Vcpu vcpu() {
        return vcpu;
    }

    @Override
    public KvmFileKind kind() {
        return KvmFileKind.VCPU;
    }

    @Override
    public long request(Caller caller, int code, UserArgument argument) {
        if (caller.memory() != vm.memory() || vm.isDead()) {
            return Failure.EIO;
        }
        if (code == KvmIoctl.MEMORY_ENCRYPT_OP.code()) {
            return EncryptRequests.ofVcpu(vcpu, caller, argument);
        }
        vcpu.enter(caller);
        try {
            return dispatch(caller, code, argument);
        } finally {
            vcpu.leave();
        }
    }

    private long dispatch(Caller caller, int code, UserArgument argument) {
        KvmIoctl request = Requests.find(KvmFileKind.VCPU, code, vm.options());
        if (request == null) {
            return Failure.EINVAL;
        }
        return switch (request) {
            case RUN -> argument.value() == 0 ? vcpu.runGuest() : Failure.EINVAL;
            case GET_STATS_FD -> statistics(caller);
            case PRE_FAULT_MEMORY -> PreFault.preFault(vcpu, argument);
            case MAP_MEMORY_V1 -> MapMemory.version1(vcpu, argument);
            case MAP_MEMORY_V2 -> MapMemory.version2(vcpu, argument);
            case MAP_MEMORY_V3 -> MapMemory.version3(vcpu, argument);
            case GET_REGS, SET_REGS, GET_SREGS, SET_SREGS, GET_SREGS2, SET_SREGS2 ->
                isProtected() ? Failure.EINVAL : vcpu.cpu().request(code, argument);
            default -> {
                long result = vcpu.cpu().request(code, argument);
                yield result == VirtualCpu.UNKNOWN_REQUEST ? Failure.EINVAL : result;
            }
        };
    }

    private boolean isProtected() {
        ConfidentialGuest guest = vm.confidential();
        return guest != null && guest.isStateProtected(vcpu.id());
    }

    private long statistics(Caller caller) {
        get();
        String id = "kvm-" + vm.pid() + "/vcpu-" + vcpu.id();
        StatisticsFile made = new StatisticsFile(this, id, rows(), this::values);
        int descriptor = caller.install(made, true);
        if (descriptor < 0) {
            made.put();
        }
        return descriptor;
    }

    private static List<Row> rows() {
        int seconds = StatsDescriptorLayout.UNIT_SECONDS;
        int histogram = StatsDescriptorLayout.TYPE_LOG_HIST | seconds;
        List<Row> rows = new ArrayList<>(List.of(
                Row.cumulative("halt_successful_poll"),
                Row.cumulative("halt_attempted_poll"),
                Row.cumulative("halt_poll_invalid"),
                Row.cumulative("halt_wakeup"),
                Row.cumulative("halt_poll_success_ns").unit(seconds, NANOSECONDS, 1),
                Row.cumulative("halt_poll_fail_ns").unit(seconds, NANOSECONDS, 1),
                Row.cumulative("halt_wait_ns").unit(seconds, NANOSECONDS, 1),
                Row.cumulative("halt_poll_success_hist").unit(histogram, NANOSECONDS, HISTOGRAM),
                Row.cumulative("halt_poll_fail_hist").unit(histogram, NANOSECONDS, HISTOGRAM),
                Row.cumulative("halt_wait_hist").unit(histogram, NANOSECONDS, HISTOGRAM),
                Row.instant("blocking").unit(StatsDescriptorLayout.UNIT_BOOLEAN, 0, 1)));
        for (VcpuCounter counter : VcpuCounter.values()) {
            String name = counter.name().toLowerCase(Locale.ROOT);
            rows.add(
                    counter == VcpuCounter.GUEST_MODE
                            ? Row.instant(name).unit(StatsDescriptorLayout.UNIT_BOOLEAN, 0, 1)
                            : Row.cumulative(name));
        }
        return rows;
    }

    /** No vCPU ever halts in the kernel here, so the generic values are 0. */
    private long[] values() {
        VcpuCounter[] counters = VcpuCounter.values();
        long[] values = new long[GENERIC_VALUES + counters.length];
        for (int i = 0; i < counters.length; i++) {
            values[GENERIC_VALUES + i] = vcpu.counter(counters[i]);
        }
        return values;
    }

    /** Maps {@code kvm_run} and its two pages, or the dirty ring at its page offset. Anything else is refused. */
    @Override
    public HostMemory map(Caller caller, long offset, long length) {
        long ring = DirtyGfnLayout.RING_PAGE_OFFSET * 4096L;
        boolean inRun = offset >= 0 && length > 0 && offset + length <= SystemFile.VCPU_MAP_SIZE;
        boolean inRing = offset >= ring && length > 0 && offset - ring + length <= vm.ringBytes();
        if (((offset | length) & 4095) != 0 || !(inRun || inRing)) {
            throw refused(ErrorNumber.EINVAL, "mmap");
        }
        get();
        return new VcpuMapping(this, inRun ? vcpu.runPages(offset, length) : vcpu.ringPages(offset - ring, length));
    }

    @Override
    protected void released() {
        vm.file().put();
    }
}
