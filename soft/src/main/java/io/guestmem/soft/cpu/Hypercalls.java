package io.guestmem.soft.cpu;

import io.guestmem.soft.vm.VcpuCounter;

/**
 * VMCALL and VMMCALL. One hypercall is known: that memory is to be shared or private ({@code KVM_HC_MAP_GPA_RANGE}), and it is an
 * exit where {@code KVM_CAP_EXIT_HYPERCALL} was enabled for it. The instruction is completed when the vCPU runs again, so until
 * then rip points to it. Source: Linux 7.2 {@code x86.c:____kvm_emulate_hypercall}, {@code complete_hypercall_exit}.
 */
final class Hypercalls {
    /** {@code KVM_HC_MAP_GPA_RANGE}: gpa, pages, attributes. */
    static final int MAP_GPA_RANGE = 12;

    private static final long NOT_PERMITTED = -1;
    private static final long INVALID = -22;
    private static final long UNKNOWN = -1000;
    private static final long PAGE = 4096;

    private final Core core;
    private boolean pending;
    private long ripAfter;

    Hypercalls(Core core) {
        this.core = core;
    }

    /** The instruction. */
    static void call(Core core) {
        core.count(VcpuCounter.HYPERCALLS);
        core.setRegister(Registers.RAX, core.hypercalls.width(), core.hypercalls.answer());
    }

    private int width() {
        return core.bits == 64 ? Long.BYTES : Integer.BYTES;
    }

    /** What the guest finds in rax, if the user is not asked. */
    private long answer() {
        if (core.system.cpl() != 0) {
            return NOT_PERMITTED;
        }
        boolean exits = (core.context.hypercallExits() >>> MAP_GPA_RANGE & 1) != 0;
        if (core.register(Registers.RAX, width()) != MAP_GPA_RANGE || !exits) {
            return UNKNOWN;
        }
        long gpa = core.register(Registers.RBX, width());
        long pages = core.register(Registers.RCX, width());
        long gfn = gpa / PAGE;
        if (gpa % PAGE != 0 || Long.compareUnsigned(gfn + pages, gfn) <= 0) {
            return INVALID;
        }
        core.run.hypercall(MAP_GPA_RANGE, gpa, pages, core.register(Registers.RDX, width()), core.bits == 64);
        pending = true;
        ripAfter = core.nextRip;
        throw core.abort.exit(0);
    }

    /** The user has come back: its answer is the guest's. */
    void complete() {
        if (pending) {
            pending = false;
            core.setRegister(Registers.RAX, width(), core.run.hypercallResult());
            core.registers.rip = ripAfter;
        }
    }
}
