/**
 * The typed API of guest memory: virtual machines, memslots, guest_memfd, memory attributes, pre-faulting, dirty logging and
 * statistics, over any {@link io.guestmem.abi.Kernel}.
 *
 * <p><b>Purpose.</b> Every method issues the ioctl that its Javadoc names and turns struct and errno into values.
 * {@link io.guestmem.kvm.LinuxKernel} is the real kernel.
 *
 * <p><b>Invariants.</b>
 *
 * <ul>
 *   <li>Closing goes from the inside out: a {@link io.guestmem.kvm.Kvm} closes its VMs, a VM its vCPUs, statistics and
 *       guest_memfds, then itself. Closing twice is allowed; use after close is an {@link IllegalStateException}.
 *   <li>An errno that the caller must expect is a value ({@link io.guestmem.kvm.PreFaultResult},
 *       {@link io.guestmem.kvm.Exit}); any other is a {@link io.guestmem.abi.KernelException} that names request, errno and
 *       object.
 *   <li>What a struct says after a failed or partial call is read back before anything else happens.
 * </ul>
 *
 * <p><b>Lock order.</b> {@code Kvm} before {@code Vm} before {@code Vcpu}; no ioctl is made under any of these locks, except
 * those of closing.
 */
@NullMarked
package io.guestmem.kvm;

import org.jspecify.annotations.NullMarked;
