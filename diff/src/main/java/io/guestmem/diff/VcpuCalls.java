package io.guestmem.diff;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.ExitReason;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.PreFaultMemoryLayout;
import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.RunLayout;
import io.guestmem.abi.SregsLayout;
import io.guestmem.abi.TranslationLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The calls on a vCPU. */
final class VcpuCalls {
    private static final List<String> STATISTICS =
            List.of("pf_taken", "pf_fixed", "pf_emulate", "pf_spurious", "pf_fast", "pf_mmio_spte_created");

    /** After so many exits a run is given up: a guest that walks through a hole exits at every step. */
    private static final int MOST_EXITS = 4;

    private static final long PAGE = 4096;

    /** The fields that {@link Call.SetSregs} changes, and that are compared. */
    static final List<Integer> FIELDS = List.of(
            SregsLayout.CR0, SregsLayout.CR2, SregsLayout.CR3, SregsLayout.CR4, SregsLayout.CR8, SregsLayout.EFER);

    private static final List<String> FIELD_NAMES = List.of("cr0", "cr2", "cr3", "cr4", "cr8", "efer");

    private final World world;
    private final @Nullable StatisticsReader statistics;
    private final boolean staleRootsHang;

    VcpuCalls(World world, Scope scope) {
        this.world = world;
        this.staleRootsHang = scope.staleRootsHang();
        this.statistics = scope.tdp() ? new StatisticsReader(STATISTICS, world.arena()) : null;
    }

    long perform(Call call, Looks looks) {
        long number = switch (call) {
            case Call.PreFault preFault -> preFault.vcpu();
            case Call.Run run -> run.vcpu();
            case Call.Translate translate -> translate.vcpu();
            case Call.SetSregs set -> set.vcpu();
            default -> throw new IllegalArgumentException(call.toString());
        };
        VirtualCpu vcpu = World.at(world.vcpus(), number);
        if (vcpu == null) {
            return Outcome.NOTHING;
        }
        long result = switch (call) {
            case Call.PreFault preFault -> preFault(vcpu, preFault, looks);
            case Call.Run run -> run(vcpu, run, looks);
            case Call.Translate translate -> translate(vcpu, translate.linear(), looks);
            case Call.SetSregs set -> setSregs(vcpu, set, looks);
            default -> throw new IllegalArgumentException(call.toString());
        };
        if (statistics != null) {
            statistics.read(vcpu.statistics(), looks);
        }
        return result;
    }

    private long preFault(VirtualCpu vcpu, Call.PreFault call, Looks looks) {
        if (staleRootsHang) {
            renewRoot(vcpu);
        }
        MemorySegment struct = world.struct(PreFaultMemoryLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.GPA, call.gpa());
        struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE, call.size());
        struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.FLAGS, call.flags());
        forgetExit(vcpu);
        long result = World.request(vcpu.file(), KvmIoctl.PRE_FAULT_MEMORY, struct);
        looks.add("gpa", struct.get(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.GPA))
                .add("left", struct.get(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE));
        if (result < 0) {
            exit(vcpu.run(), looks);
        }
        return result;
    }

    /** A vCPU whose page tables begin elsewhere gives up its root: {@code mmu.c:kvm_mmu_reset_context}. */
    private void renewRoot(VirtualCpu vcpu) {
        MemorySegment sregs = world.struct(SregsLayout.STRUCT.size());
        World.must("KVM_GET_SREGS", World.request(vcpu.file(), KvmIoctl.GET_SREGS, sregs));
        long root = sregs.get(ValueLayout.JAVA_LONG, SregsLayout.CR3);
        for (long next : new long[] {root ^ PAGE, root}) {
            sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR3, next);
            World.must("KVM_SET_SREGS", World.request(vcpu.file(), KvmIoctl.SET_SREGS, sregs));
        }
    }

    private long run(VirtualCpu vcpu, Call.Run call, Looks looks) {
        if (!GuestCode.ends(call)) {
            return Outcome.NOTHING;
        }
        enterUserMode(vcpu);
        MemorySegment regs = world.struct(RegsLayout.STRUCT.size());
        GuestCode.registers(regs, call);
        World.must("KVM_SET_REGS", World.request(vcpu.file(), KvmIoctl.SET_REGS, regs));
        long result = 0;
        int reason = 0;
        for (int exits = 0; exits < MOST_EXITS; exits++) {
            forgetExit(vcpu);
            result = World.request(vcpu.file(), KvmIoctl.RUN, 0);
            reason = exit(vcpu.run(), looks);
            if (result != 0 || reason != ExitReason.MMIO) {
                break;
            }
            answer(vcpu.run());
        }
        if (result == 0 && (reason == ExitReason.MMIO || reason == ExitReason.IO)) {
            complete(vcpu, looks);
        }
        if (reason == ExitReason.SHUTDOWN) {
            vcpu.changed(true); // what the registers are now depends on the processor
            enterUserMode(vcpu);
        } else {
            registers(vcpu, looks);
        }
        return result;
    }

    private void enterUserMode(VirtualCpu vcpu) {
        if (vcpu.isChanged()) {
            MemorySegment sregs = world.struct(SregsLayout.STRUCT.size());
            World.must("KVM_GET_SREGS", World.request(vcpu.file(), KvmIoctl.GET_SREGS, sregs));
            GuestCode.systemRegisters(sregs);
            World.must("KVM_SET_SREGS", World.request(vcpu.file(), KvmIoctl.SET_SREGS, sregs));
            vcpu.changed(false);
        }
    }

    /** What the last exit left behind would look like one of this call. */
    private static void forgetExit(VirtualCpu vcpu) {
        vcpu.run().set(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON, ExitReason.UNKNOWN);
    }

    /** What a device reads as. */
    private static void answer(MemorySegment run) {
        boolean mmio = run.get(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON) == ExitReason.MMIO;
        if (mmio && run.get(ValueLayout.JAVA_BYTE, RunLayout.MMIO_IS_WRITE) == 0) {
            run.set(ValueLayout.JAVA_LONG, RunLayout.MMIO_DATA, GuestCode.WORD);
        }
    }

    /** The instruction that exited ends, with whatever exits that takes: the next run must not begin with it. */
    private static void complete(VirtualCpu vcpu, Looks looks) {
        MemorySegment run = vcpu.run();
        run.set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 1);
        long result;
        int more = 0;
        do {
            answer(run);
            result = vcpu.file().ioctl(KvmIoctl.RUN.code(), 0);
            if (result == 0) {
                exit(run, looks);
            }
        } while (result == 0 && more++ < MOST_EXITS);
        run.set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 0);
        if (result != -ErrorNumber.EINTR.number()) {
            looks.add("completed", result);
        }
    }

    private static int exit(MemorySegment run, Looks looks) {
        int reason = run.get(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON);
        looks.add("exit", reason);
        switch (reason) {
            case ExitReason.MMIO ->
                looks.add("phys_addr", run.get(ValueLayout.JAVA_LONG, RunLayout.MMIO_PHYS_ADDR))
                        .add("len", run.get(ValueLayout.JAVA_INT, RunLayout.MMIO_LEN))
                        .add("is_write", run.get(ValueLayout.JAVA_BYTE, RunLayout.MMIO_IS_WRITE))
                        .add("data", written(run));
            case ExitReason.IO ->
                looks.add("port", run.get(ValueLayout.JAVA_SHORT, RunLayout.IO_PORT))
                        .add("size", run.get(ValueLayout.JAVA_BYTE, RunLayout.IO_SIZE));
            case ExitReason.MEMORY_FAULT ->
                looks.add("flags", run.get(ValueLayout.JAVA_LONG, RunLayout.MEMORY_FAULT_FLAGS))
                        .add("gpa", run.get(ValueLayout.JAVA_LONG, RunLayout.MEMORY_FAULT_GPA))
                        .add("size", run.get(ValueLayout.JAVA_LONG, RunLayout.MEMORY_FAULT_SIZE));
            case ExitReason.INTERNAL_ERROR ->
                looks.add("suberror", run.get(ValueLayout.JAVA_INT, RunLayout.INTERNAL_SUBERROR));
            default -> {
                // The reason says it all.
            }
        }
        return reason;
    }

    /** What the guest wrote to a device; behind a read, and behind the length, there is anything. */
    private static long written(MemorySegment run) {
        int length = run.get(ValueLayout.JAVA_INT, RunLayout.MMIO_LEN);
        boolean write = run.get(ValueLayout.JAVA_BYTE, RunLayout.MMIO_IS_WRITE) != 0;
        long data = run.get(ValueLayout.JAVA_LONG, RunLayout.MMIO_DATA);
        if (!write) {
            return 0;
        }
        return length >= Long.BYTES ? data : data & ((1L << (length * Byte.SIZE)) - 1);
    }

    private void registers(VirtualCpu vcpu, Looks looks) {
        MemorySegment regs = world.struct(RegsLayout.STRUCT.size());
        World.must("KVM_GET_REGS", World.request(vcpu.file(), KvmIoctl.GET_REGS, regs));
        looks.add("rax", regs.get(ValueLayout.JAVA_LONG, RegsLayout.RAX))
                .add("rcx", regs.get(ValueLayout.JAVA_LONG, RegsLayout.RCX))
                .add("rip", regs.get(ValueLayout.JAVA_LONG, RegsLayout.RIP));
    }

    private long translate(VirtualCpu vcpu, long linear, Looks looks) {
        MemorySegment struct = world.struct(TranslationLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, TranslationLayout.LINEAR_ADDRESS, linear);
        long result = World.request(vcpu.file(), KvmIoctl.TRANSLATE, struct);
        looks.add("physical_address", struct.get(ValueLayout.JAVA_LONG, TranslationLayout.PHYSICAL_ADDRESS))
                .add("valid", struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.VALID))
                .add("writeable", struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.WRITEABLE))
                .add("usermode", struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.USERMODE));
        return result;
    }

    private long setSregs(VirtualCpu vcpu, Call.SetSregs call, Looks looks) {
        if (call.field() < 0 || call.field() >= FIELDS.size()) {
            return Outcome.NOTHING;
        }
        enterUserMode(vcpu);
        MemorySegment sregs = world.struct(SregsLayout.STRUCT.size());
        World.must("KVM_GET_SREGS", World.request(vcpu.file(), KvmIoctl.GET_SREGS, sregs));
        sregs.set(ValueLayout.JAVA_LONG, FIELDS.get((int) call.field()), call.value());
        vcpu.changed(true);
        long result = World.request(vcpu.file(), KvmIoctl.SET_SREGS, sregs);
        World.must("KVM_GET_SREGS", World.request(vcpu.file(), KvmIoctl.GET_SREGS, sregs.fill((byte) 0)));
        for (int i = 0; i < FIELDS.size(); i++) {
            looks.add(FIELD_NAMES.get(i), sregs.get(ValueLayout.JAVA_LONG, FIELDS.get(i)));
        }
        return result;
    }
}
