package io.guestmem.soft.confidential;

import java.lang.foreign.MemorySegment;

/** A vCPU, as a confidential guest needs it. */
public interface GuestVcpu {
    /** Its id. */
    int id();

    /** Its {@code kvm_regs}, as {@code KVM_GET_REGS} answers them. */
    MemorySegment registers();

    /** Its {@code kvm_sregs}, as {@code KVM_GET_SREGS} answers them. */
    MemorySegment systemRegisters();

    /** The value of a model-specific register; 0 if it has none of this number. */
    long modelSpecificRegister(int index);
}
