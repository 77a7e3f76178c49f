package io.guestmem.soft.mmu;

/**
 * Guest-physical memory as a running vCPU reaches it: through its TLB and the stage-2 tables, faulting in what is missing.
 * Implemented by the VM for each vCPU; used by the vCPU's thread only.
 *
 * <p>An answer is the native address of the byte (0 or more), valid until the vCPU next asks, or one of the negative outcomes.
 */
public interface GuestAccess {
    /** There is no memslot: an MMIO exit, or for a fetch an emulation failure. */
    long MMIO = -1;
    /** {@code KVM_RUN} answers EFAULT; {@code kvm_run} was filled if there is something to tell. */
    long EFAULT = -2;
    /** {@code KVM_RUN} answers EHWPOISON; {@code kvm_run} was filled. */
    long EHWPOISON = -3;
    /** A signal is pending: {@code KVM_RUN} answers EINTR. */
    long INTERRUPTED = -4;
    /** The dirty ring is full: an exit of its own. */
    long RING_FULL = -5;

    /** The guest reads. */
    long read(long gpa);

    /** The guest writes; dirty logging has taken note. A read-only memslot answers {@link #MMIO}. */
    long write(long gpa);

    /** The guest fetches an instruction. */
    long fetch(long gpa);

    /**
     * KVM itself reads for an instruction that it emulates: by memslot and hva, without stage 2.
     *
     * @param size 1 to 8 bytes, inside a page
     * @param value gets what was read, zero-extended, as its first element
     * @return false if there is no memslot or the process cannot read the page: the emulator takes it for MMIO
     */
    boolean emulatedRead(long gpa, int size, long[] value);

    /**
     * KVM itself writes for an instruction that it emulates; dirty logging has taken note.
     *
     * @param size 1 to 8 bytes, inside a page
     * @return false if there is no memslot that can be written, or the process cannot write the page
     */
    boolean emulatedWrite(long gpa, int size, long value);

    /**
     * How often the vCPU's TLB was flushed from outside: what was derived from guest memory earlier, translations by the guest's
     * own tables, is void with it.
     */
    default long flushes() {
        return 0;
    }
}
