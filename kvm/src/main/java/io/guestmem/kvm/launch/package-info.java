/**
 * Launching confidential guests: the commands of {@code KVM_MEMORY_ENCRYPT_OP}, and the ways of a populator to give memory to a
 * guest by them.
 *
 * <pre>{@code
 *   SevCommands   SEV, SEV-ES   memory of the process, encrypted where it lies          SevDataTarget
 *   SnpCommands   SEV-SNP       pages copied into a guest_memfd, each with a type       SnpLaunchTarget
 *   TdxCommands   TDX           pages copied into a guest_memfd, measured with a flag   TdxRegionTarget
 * }</pre>
 *
 * <p><b>Purpose.</b> Structs and errnos become values. A command that is refused is a value
 * ({@link io.guestmem.kvm.launch.CommandResult}), with the errno and with what the security processor or the TDX module said.
 *
 * <p><b>Invariants.</b>
 *
 * <ul>
 *   <li>One path for every kernel: nothing here asks which kernel is below, but {@link io.guestmem.kvm.launch.SevDevice}, for the
 *       software kernel has no {@code /dev/sev}.
 *   <li>Bytes that a command took into the guest are counted, whatever the command answers.
 *   <li>No command is repeated by itself: what was measured twice is another measurement.
 * </ul>
 *
 * <p><b>Locks.</b> None.
 */
@NullMarked
package io.guestmem.kvm.launch;

import org.jspecify.annotations.NullMarked;
