package io.guestmem.kvm.launch;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.KernelException;

/** How a command of a launch ended. */
public sealed interface CommandResult {
    /** It did what it was told. */
    record Done() implements CommandResult {}

    /**
     * It was refused.
     *
     * @param command its name in C
     * @param errno what the kernel answered, positive
     * @param status what the security processor or the TDX module said; 0 if it was not asked or did not object
     * @param says the status in words
     */
    record Refused(String command, int errno, long status, String says) implements CommandResult {
        /** {@code KVM_SEV_LAUNCH_START: EIO (5), firmware status 0x7 POLICY_FAILURE}. */
        @Override
        public String toString() {
            return command + ": " + ErrorNumber.symbol(errno) + (status == 0 ? "" : ", " + says);
        }
    }

    /**
     * For who cannot go on without it.
     *
     * @throws KernelException if it was refused
     */
    default void orThrow() {
        if (this instanceof Refused refused) {
            throw new KernelException(
                    refused.command,
                    refused.errno,
                    ErrorNumber.symbol(refused.errno),
                    refused.status == 0 ? "before the firmware was asked" : refused.says);
        }
    }
}
