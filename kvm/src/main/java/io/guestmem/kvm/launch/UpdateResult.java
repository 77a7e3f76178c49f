package io.guestmem.kvm.launch;

/**
 * How far a command that takes memory into a guest came. What is done stays done, whatever the command answered.
 *
 * @param done bytes, from the start of the range: multiples of 4096
 * @param result whether the kernel refused the rest; {@code KVM_SEV_SNP_LAUNCH_UPDATE} hides that after progress, and says it when
 *     it is asked again
 */
public record UpdateResult(long done, CommandResult result) {}
