package io.guestmem.soft.cpu;

import static io.guestmem.abi.ErrorNumber.E2BIG;
import static io.guestmem.abi.ErrorNumber.EFAULT;
import static io.guestmem.abi.ErrorNumber.EINVAL;

import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.EnableCapLayout;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MpStateLayout;
import io.guestmem.abi.MsrsLayout;
import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.SignalMaskLayout;
import io.guestmem.abi.Translation2Layout;
import io.guestmem.abi.TranslationLayout;
import io.guestmem.soft.JavaGuest;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.mmu.GuestAccess;
import io.guestmem.soft.vm.UserArgument;
import io.guestmem.soft.vm.VcpuContext;
import io.guestmem.soft.vm.VirtualCpu;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A virtual CPU: its registers behind the requests of its file, and {@code KVM_RUN}.
 *
 * <p>Used under the vCPU's mutex. It is created as it is after reset; FPU state is not modelled, so its requests are unknown, and
 * the protection-key register starts as 0. There is no in-kernel interrupt controller.
 */
public final class Processor implements VirtualCpu {
    /** {@code KVM_CAP_ENFORCE_PV_FEATURE_CPUID}: accepted; there are no paravirtual features. */
    private static final int CAP_ENFORCE_PV_FEATURE_CPUID = 190;

    private static final int MOST_MSRS = 256;
    private static final int SIGNAL_SET_SIZE = 8;

    /** SIGKILL and SIGSTOP cannot be blocked. */
    private static final long UNBLOCKABLE = 1L << (9 - 1) | 1L << (19 - 1);

    /** Answers a request. */
    @FunctionalInterface
    private interface Handler {
        long answer(UserArgument argument);
    }

    private final Core core;
    private final RunLoop loop;
    private final Map<Integer, Handler> handlers = new HashMap<>();
    private boolean hasSignalMask;
    private long signalMask;

    private Processor(VcpuContext context, CpuOptions options) {
        this.core = new Core(context, options);
        this.loop = new RunLoop(core);
        SregsRequests sregs = new SregsRequests(core);
        handlers.put(KvmIoctl.GET_REGS.code(), this::getRegs);
        handlers.put(KvmIoctl.SET_REGS.code(), this::setRegs);
        handlers.put(KvmIoctl.GET_SREGS.code(), sregs::get);
        handlers.put(KvmIoctl.SET_SREGS.code(), sregs::set);
        handlers.put(KvmIoctl.GET_SREGS2.code(), sregs::get2);
        handlers.put(KvmIoctl.SET_SREGS2.code(), sregs::set2);
        handlers.put(KvmIoctl.GET_MSRS.code(), argument -> msrs(argument, false));
        handlers.put(KvmIoctl.SET_MSRS.code(), argument -> msrs(argument, true));
        handlers.put(KvmIoctl.SET_CPUID2.code(), this::setCpuid);
        handlers.put(KvmIoctl.GET_MP_STATE.code(), this::getMpState);
        handlers.put(KvmIoctl.SET_MP_STATE.code(), this::setMpState);
        handlers.put(KvmIoctl.SET_SIGNAL_MASK.code(), this::setSignalMask);
        handlers.put(KvmIoctl.SMI.code(), this::injectSmi);
        handlers.put(KvmIoctl.ENABLE_CAP.code(), this::enableCapability);
        handlers.put(KvmIoctl.TRANSLATE.code(), this::translate);
        handlers.put(KvmIoctl.TRANSLATE2.code(), this::translate2);
    }

    /** Makes vCPUs of a processor, and says what they support. */
    public static VirtualCpu.Factory factory(CpuOptions options) {
        return new VirtualCpu.Factory() {
            @Override
            public VirtualCpu create(VcpuContext context) {
                return new Processor(context, options);
            }

            @Override
            public long supportedCpuid(SoftKernelOptions host, UserArgument argument) {
                return SupportedCpuid.answer(argument, options, host.maxPhysicalAddressBits());
            }
        };
    }

    @Override
    public void setGuest(@Nullable JavaGuest guest) {
        loop.setGuest(guest);
    }

    /** For tests: what instructions see. */
    Core core() {
        return core;
    }

    @Override
    public long request(int code, UserArgument argument) {
        Handler handler = handlers.get(code);
        return handler == null ? UNKNOWN_REQUEST : handler.answer(argument);
    }

    @Override
    public long run(GuestAccess memory) {
        return loop.run(memory, hasSignalMask ? signalMask : core.context.threadSignalMask());
    }

    @Override
    public boolean inSystemManagementMode() {
        return core.smm.isActive();
    }

    /** Never: there are no nested guests. */
    @Override
    public boolean inGuestMode() {
        return false;
    }

    @Override
    public boolean nestedPaging() {
        return false;
    }

    @Override
    public int physicalAddressBits() {
        return core.cpuid().physicalAddressBits();
    }

    private static long copyOut(UserArgument argument, MemorySegment from) {
        return argument.copyOut(0, from) ? 0 : -EFAULT.number();
    }

    private long getRegs(UserArgument argument) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment regs = arena.allocate(RegsLayout.STRUCT.size(), Long.BYTES);
            core.registers.writeTo(regs);
            return copyOut(argument, regs);
        }
    }

    private long setRegs(UserArgument argument) {
        MemorySegment regs = argument.copyIn(0, RegsLayout.STRUCT.size());
        if (regs == null) {
            return -EFAULT.number();
        }
        core.registers.readFrom(regs);
        core.changed();
        return 0;
    }

    /** The number of entries done; the first that cannot be done ends it. Source: Linux 7.2 {@code msrs.c:msr_io}. */
    private long msrs(UserArgument argument, boolean write) {
        MemorySegment header = argument.copyIn(0, MsrsLayout.STRUCT.size());
        if (header == null) {
            return -EFAULT.number();
        }
        int count = header.get(ValueLayout.JAVA_INT, MsrsLayout.NMSRS);
        if (Integer.compareUnsigned(count, MOST_MSRS) >= 0) {
            return -E2BIG.number();
        }
        long size = (long) count * MsrsLayout.ENTRY.size();
        MemorySegment entries = argument.copyIn(MsrsLayout.ENTRIES, size);
        if (entries == null) {
            return -EFAULT.number();
        }
        int done = 0;
        while (done < count && msr(entries, (long) done * MsrsLayout.ENTRY.size(), write)) {
            done++;
        }
        core.changed();
        return write || argument.copyOut(MsrsLayout.ENTRIES, entries) ? done : -EFAULT.number();
    }

    private boolean msr(MemorySegment entries, long at, boolean write) {
        int index = entries.get(ValueLayout.JAVA_INT, at + MsrsLayout.ENTRY_INDEX);
        if (!core.msrs.exists(index)) {
            return false;
        }
        if (write) {
            long value = entries.get(ValueLayout.JAVA_LONG, at + MsrsLayout.ENTRY_DATA);
            return core.msrs.write(index, value, core.instructions, true);
        }
        entries.set(ValueLayout.JAVA_LONG, at + MsrsLayout.ENTRY_DATA, core.msrs.read(index, core.instructions));
        return true;
    }

    /** Source: Linux 7.2 {@code cpuid.c:kvm_vcpu_ioctl_set_cpuid2}, {@code kvm_set_cpuid}. */
    private long setCpuid(UserArgument argument) {
        MemorySegment header = argument.copyIn(0, CpuidLayout.STRUCT.size());
        if (header == null) {
            return -EFAULT.number();
        }
        int count = header.get(ValueLayout.JAVA_INT, CpuidLayout.NENT);
        if (Integer.compareUnsigned(count, Cpuid.MOST_ENTRIES) > 0) {
            return -E2BIG.number();
        }
        MemorySegment entries = argument.copyIn(CpuidLayout.ENTRIES, (long) count * CpuidLayout.ENTRY.size());
        if (entries == null) {
            return -EFAULT.number();
        }
        Cpuid cpuid = Cpuid.read(entries, count);
        if (loop.hasEntered()) {
            return cpuid.equals(core.cpuid()) ? 0 : -EINVAL.number();
        }
        if (!cpuid.hasUsualLinearAddresses()) {
            return -EINVAL.number();
        }
        core.setCpuid(cpuid);
        core.context.roleChanged();
        return 0;
    }

    private long getMpState(UserArgument argument) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(MpStateLayout.STRUCT.size(), Long.BYTES);
            state.set(ValueLayout.JAVA_INT, MpStateLayout.MP_STATE, MpStateLayout.RUNNABLE);
            return copyOut(argument, state);
        }
    }

    /** Every other state needs a local APIC in the kernel. Source: Linux 7.2 {@code x86.c:kvm_arch_vcpu_ioctl_set_mpstate}. */
    private long setMpState(UserArgument argument) {
        MemorySegment state = argument.copyIn(0, MpStateLayout.STRUCT.size());
        if (state == null) {
            return -EFAULT.number();
        }
        return state.get(ValueLayout.JAVA_INT, MpStateLayout.MP_STATE) == MpStateLayout.RUNNABLE ? 0 : -EINVAL.number();
    }

    private long setSignalMask(UserArgument argument) {
        if (argument.value() == 0) {
            hasSignalMask = false;
            return 0;
        }
        MemorySegment header = argument.copyIn(0, SignalMaskLayout.STRUCT.size());
        if (header == null) {
            return -EFAULT.number();
        }
        if (header.get(ValueLayout.JAVA_INT, SignalMaskLayout.LEN) != SIGNAL_SET_SIZE) {
            return -EINVAL.number();
        }
        MemorySegment set = argument.copyIn(SignalMaskLayout.SIGSET, SIGNAL_SET_SIZE);
        if (set == null) {
            return -EFAULT.number();
        }
        signalMask = set.get(ValueLayout.JAVA_LONG, 0) & ~UNBLOCKABLE;
        hasSignalMask = true;
        return 0;
    }

    private long injectSmi(UserArgument argument) {
        core.smm.request();
        return 0;
    }

    private long enableCapability(UserArgument argument) {
        MemorySegment capability = argument.copyIn(0, EnableCapLayout.STRUCT.size());
        if (capability == null) {
            return -EFAULT.number();
        }
        boolean known = capability.get(ValueLayout.JAVA_INT, EnableCapLayout.FLAGS) == 0
                && capability.get(ValueLayout.JAVA_INT, EnableCapLayout.CAP) == CAP_ENFORCE_PV_FEATURE_CPUID;
        return known ? 0 : -EINVAL.number();
    }

    private long translate(UserArgument argument) {
        MemorySegment translation = argument.copyIn(0, TranslationLayout.STRUCT.size());
        if (translation == null) {
            return -EFAULT.number();
        }
        Translate.fill(core, translation);
        return copyOut(argument, translation);
    }

    private long translate2(UserArgument argument) {
        MemorySegment translation = argument.copyIn(0, Translation2Layout.STRUCT.size());
        if (translation == null) {
            return -EFAULT.number();
        }
        return Translate2.fill(core, translation) ? copyOut(argument, translation) : -EINVAL.number();
    }
}
