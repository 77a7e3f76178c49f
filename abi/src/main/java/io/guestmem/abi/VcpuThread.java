package io.guestmem.abi;

/**
 * A thread that runs vCPUs, as the kernel's signals see it: other threads interrupt it, and {@code KVM_RUN} then answers
 * {@code -EINTR}.
 *
 * <p>The signal is blocked outside {@code KVM_RUN} and allowed inside it ({@code KVM_SET_SIGNAL_MASK}), so it interrupts
 * nothing else, no handler runs, and one that was sent too early makes the next {@code KVM_RUN} return at once: no wake-up is
 * lost. Source: Linux 7.2 {@code kvm_main.c:kvm_sigset_activate}.
 */
public interface VcpuThread {
    /** The signal mask for {@code KVM_SET_SIGNAL_MASK}: what this thread blocks while a vCPU runs. */
    long maskWhileRunning();

    /** Interrupts the {@code KVM_RUN} that this thread is in, or the next one that it starts. Any thread may call it. */
    void interrupt();

    /** Takes back an interruption that has not been used; only the thread itself may call it. */
    void clearInterrupt();
}
