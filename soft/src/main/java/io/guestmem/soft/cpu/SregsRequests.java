package io.guestmem.soft.cpu;

import static io.guestmem.abi.ErrorNumber.EFAULT;
import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.abi.Sregs2Layout.PDPTRS_VALID;

import io.guestmem.abi.Sregs2Layout;
import io.guestmem.abi.SregsLayout;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.PdpteRegisters;
import io.guestmem.soft.vm.UserArgument;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * {@code KVM_GET_SREGS}, {@code KVM_SET_SREGS} and their successors. Source: kernel.md 1.12; Linux 7.2
 * {@code regs.c:__set_sregs}, {@code kvm_vcpu_ioctl_x86_set_sregs2}.
 */
final class SregsRequests {
    private static final int INTERRUPTS = 256;

    private final Core core;

    SregsRequests(Core core) {
        this.core = core;
    }

    long get(UserArgument argument) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment sregs = arena.allocate(SregsLayout.STRUCT.size(), Long.BYTES);
            core.system.writeCommon(sregs);
            if (core.exceptions.hasInterrupt()) {
                int vector = core.exceptions.interrupt();
                long word = SregsLayout.INTERRUPT_BITMAP + (long) (vector / Long.SIZE) * Long.BYTES;
                sregs.set(ValueLayout.JAVA_LONG, word, 1L << vector % Long.SIZE);
            }
            return argument.copyOut(0, sregs) ? 0 : -EFAULT.number();
        }
    }

    long get2(UserArgument argument) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment sregs = arena.allocate(Sregs2Layout.STRUCT.size(), Long.BYTES);
            core.system.writeCommon(sregs);
            if (core.system.isPaePaging()) {
                sregs.set(ValueLayout.JAVA_LONG, Sregs2Layout.FLAGS, PDPTRS_VALID);
                for (int i = 0; i < 4; i++) {
                    sregs.set(ValueLayout.JAVA_LONG, pdptr(i), core.system.pdptes.get(i));
                }
            }
            return argument.copyOut(0, sregs) ? 0 : -EFAULT.number();
        }
    }

    private static long pdptr(int index) {
        return Sregs2Layout.PDPTRS + (long) index * Long.BYTES;
    }

    long set(UserArgument argument) {
        MemorySegment sregs = argument.copyIn(0, SregsLayout.STRUCT.size());
        if (sregs == null) {
            return -EFAULT.number();
        }
        if (!take(sregs)) {
            return -EINVAL.number();
        }
        reloadPdptes();
        for (int vector = 0; vector < INTERRUPTS; vector++) {
            long word = SregsLayout.INTERRUPT_BITMAP + (long) (vector / Long.SIZE) * Long.BYTES;
            if ((sregs.get(ValueLayout.JAVA_LONG, word) >>> vector % Long.SIZE & 1) != 0) {
                core.exceptions.setInterrupt(vector);
                break;
            }
        }
        return 0;
    }

    long set2(UserArgument argument) {
        MemorySegment sregs = argument.copyIn(0, Sregs2Layout.STRUCT.size());
        if (sregs == null) {
            return -EFAULT.number();
        }
        long flags = sregs.get(ValueLayout.JAVA_LONG, Sregs2Layout.FLAGS);
        boolean pdptrs = (flags & PDPTRS_VALID) != 0;
        if ((flags & ~PDPTRS_VALID) != 0 || (pdptrs && !isPae(sregs)) || !take(sregs)) {
            return -EINVAL.number();
        }
        if (pdptrs) {
            core.system.pdptes = new PdpteRegisters(
                    sregs.get(ValueLayout.JAVA_LONG, pdptr(0)),
                    sregs.get(ValueLayout.JAVA_LONG, pdptr(1)),
                    sregs.get(ValueLayout.JAVA_LONG, pdptr(2)),
                    sregs.get(ValueLayout.JAVA_LONG, pdptr(3)));
            core.changed();
        } else {
            reloadPdptes();
        }
        return 0;
    }

    private static boolean isPae(MemorySegment sregs) {
        return PagingMode.of(
                        sregs.get(ValueLayout.JAVA_LONG, SregsLayout.CR0),
                        sregs.get(ValueLayout.JAVA_LONG, SregsLayout.CR4),
                        sregs.get(ValueLayout.JAVA_LONG, SregsLayout.EFER))
                == PagingMode.PAE;
    }

    /** Takes over all registers if they are allowed. */
    private boolean take(MemorySegment sregs) {
        SystemRegisters candidate = new SystemRegisters(0);
        candidate.copyFrom(core.system);
        candidate.readCommon(sregs);
        if (!core.rules().accepts(candidate, core.system.apicBase)) {
            return false;
        }
        core.system.copyFrom(candidate);
        core.changed();
        return true;
    }

    /** A load that fails is not reported; the old registers stay. */
    private void reloadPdptes() {
        if (core.system.isPaePaging() && core.loadPdptes(core.system.cr3)) {
            core.changed();
        }
    }
}
