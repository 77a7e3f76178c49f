package io.guestmem.linux;

/** Whose faults a userfaultfd handles. */
public enum FaultScope {
    /** User mode and kernel mode: what a page server needs, as system calls and KVM touch memory too. */
    USER_AND_KERNEL(0),
    /** {@code UFFD_USER_MODE_ONLY} (5.11): needs no privilege; a fault in kernel mode is {@code EFAULT} there. */
    USER_ONLY(1);

    private final int flag;

    FaultScope(int flag) {
        this.flag = flag;
    }

    int flag() {
        return flag;
    }
}
