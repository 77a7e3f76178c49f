package io.guestmem.abi;

import java.io.Serial;

/** There is no such kernel here, or it may not be used: no {@code /dev/kvm}, or no permission. */
public final class KernelUnavailableException extends KernelException {
    @Serial
    private static final long serialVersionUID = 1;

    /**
     * Makes the exception.
     *
     * @param errno the positive error number of {@code open(2)}
     * @param symbol the error number as text
     * @param path the device
     */
    public KernelUnavailableException(int errno, String symbol, String path) {
        super("open", errno, symbol, path);
    }
}
