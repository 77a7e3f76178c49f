package io.guestmem.vmm.demo;

import io.guestmem.abi.ErrorNumber;
import java.io.Serial;

/** Population stopped: the message says how far it came and why. */
public final class PopulationException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    PopulationException(String message) {
        super(message);
    }

    /**
     * Throws unless a call succeeded.
     *
     * @param result 0 or a negated errno
     * @param offset where in guest memory, in bytes
     */
    static void check(String call, long result, long offset) {
        if (result < 0) {
            throw new PopulationException(
                    call + " at 0x" + Long.toHexString(offset) + ": " + ErrorNumber.symbol(Math.toIntExact(-result)));
        }
    }
}
