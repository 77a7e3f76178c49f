package io.guestmem.soft.cpu;

import static io.guestmem.abi.ErrorNumber.EINTR;
import static io.guestmem.abi.ErrorNumber.EINVAL;

import io.guestmem.abi.ExitReason;
import io.guestmem.soft.JavaGuest;
import io.guestmem.soft.mmu.GuestAccess;
import io.guestmem.soft.vm.VcpuCounter;
import org.jspecify.annotations.Nullable;

/**
 * {@code KVM_RUN}. Source: Linux 7.2 {@code x86.c:kvm_arch_vcpu_ioctl_run}, {@code vcpu_run}.
 */
final class RunLoop {
    /** Not a result: the guest goes on. */
    private static final long GOES_ON = 1;

    /** So many instructions until signals are looked at again. */
    private static final int BUDGET = 512;

    private final Core core;
    private final RunPage run;
    private boolean entered;
    private @Nullable JavaGuest guest;
    private @Nullable JavaCore javaCore;

    RunLoop(Core core) {
        this.core = core;
        this.run = core.run;
    }

    /**
     * Whether the guest was ever entered: a run that ends before, for a signal or an immediate exit, does not count. Source: Linux
     * 7.2 {@code x86.c:vcpu_enter_guest}, {@code x86.h:kvm_vcpu_has_run}.
     */
    boolean hasEntered() {
        return entered;
    }

    /** What runs instead of instructions; null for instructions. */
    void setGuest(@Nullable JavaGuest newGuest) {
        guest = newGuest;
        javaCore = newGuest == null ? null : new JavaCore(core);
    }

    /**
     * Runs until there is an exit.
     *
     * @param blockedSignals bit n − 1 is signal n
     * @return 0 or a negated errno
     */
    long run(GuestAccess memory, long blockedSignals) {
        run.clearFlags();
        // KVM_CAP_SYNC_REGS is not there, so no register can be asked for in the run page.
        if ((run.validRegisters() | run.dirtyRegisters()) != 0 || (run.cr8() & ~ControlBits.CR8_DEFINED) != 0) {
            return -EINVAL.number();
        }
        core.system.cr8 = run.cr8();
        core.memory.enter(memory);
        core.code.reset();
        long result = finishPending();
        if (result == GOES_ON) {
            result = run.immediateExit() ? -EINTR.number() : enter(blockedSignals);
        }
        boolean interrupts = (core.registers.rflags & Flags.IF) != 0;
        run.save(interrupts, core.system.cr8, core.system.apicBase, core.smm.isActive());
        return result;
    }

    /** What the last exit has left to do comes first, even if the user wants an immediate exit. */
    private long finishPending() {
        core.ports.complete();
        core.hypercalls.complete();
        if (tellWrite()) {
            return 0;
        }
        return core.mmio.complete() ? step() : GOES_ON;
    }

    /** A full ring ends the run here and not before: what the user set, and what the last exit has left to do, counts by then. */
    private long enter(long blockedSignals) {
        run.exit(ExitReason.UNKNOWN);
        if (core.context.ringIsFull()) {
            run.exit(ExitReason.DIRTY_RING_FULL);
            return 0;
        }
        long result = GOES_ON;
        core.smm.enterIfPending();
        int budget = 0;
        while (result == GOES_ON) {
            if (--budget < 0) {
                budget = BUDGET;
                if (core.context.signalPending(blockedSignals)) {
                    core.context.count(VcpuCounter.SIGNAL_EXITS);
                    run.exit(ExitReason.INTR);
                    return -EINTR.number();
                }
                entered = true;
                if (core.exceptions.hasInterrupt()) {
                    result = deliverInterrupt();
                    continue;
                }
            }
            result = step();
        }
        return result;
    }

    /** One instruction, or one step of a Java guest. */
    private long step() {
        try {
            JavaGuest java = guest;
            if (java != null && javaCore != null) {
                java.step(javaCore);
            } else {
                Instruction i = core.code.at(core.instructionAddress());
                core.begin(i);
                i.operation.execute(core, i);
                core.registers.rip = core.nextRip;
            }
            core.instructions++;
            return core.attention ? finishInstruction() : GOES_ON;
        } catch (Abort abort) {
            return ended(abort);
        }
    }

    private long finishInstruction() {
        core.attention = false;
        core.mmio.forget();
        core.ports.forget();
        if (core.halted) {
            core.halted = false;
            core.count(VcpuCounter.HALT_EXITS);
            run.exit(ExitReason.HLT);
            return 0;
        }
        return core.ports.tell() || tellWrite() ? 0 : GOES_ON;
    }

    private boolean tellWrite() {
        boolean told = core.mmio.tell();
        if (told) {
            core.count(VcpuCounter.MMIO_EXITS);
        }
        return told;
    }

    private long ended(Abort abort) {
        core.mmio.restart();
        return switch (abort.kind()) {
            case AGAIN -> GOES_ON;
            case EXIT -> abort.result();
            case EXCEPTION -> {
                core.attention = false;
                core.halted = false;
                core.mmio.forget();
                core.ports.forget();
                yield deliver(abort.vector(), abort.errorCode());
            }
        };
    }

    private long deliverInterrupt() {
        int vector = core.exceptions.takeInterrupt();
        long result = deliver(vector, Exceptions.NO_ERROR_CODE);
        if (result != GOES_ON) {
            core.exceptions.setInterrupt(vector);
        }
        return result;
    }

    private long deliver(int vector, int errorCode) {
        try {
            return core.exceptions.deliver(vector, errorCode) ? GOES_ON : shutDown();
        } catch (Abort exit) {
            core.mmio.restart();
            return exit.result();
        }
    }

    private long shutDown() {
        core.context.count(VcpuCounter.EXITS);
        run.exit(ExitReason.SHUTDOWN);
        if (core.options.vendor() == Vendor.AMD) {
            core.initialise();
        }
        return 0;
    }
}
