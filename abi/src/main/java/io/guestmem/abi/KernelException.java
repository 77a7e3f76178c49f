package io.guestmem.abi;

import java.io.Serial;

/**
 * A kernel refused a request in a way that the caller did not have to expect. The message names the request, the errno and
 * the object: {@code KVM_CREATE_VM: EINVAL (22): /dev/kvm type 32}.
 */
public class KernelException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    private final String request;
    private final int errno;

    /**
     * Makes the exception.
     *
     * @param request the request's name
     * @param errno the positive error number
     * @param symbol the error number as text: {@code EINVAL (22)}
     * @param object what the request was made on, with the arguments that help to see why
     */
    public KernelException(String request, int errno, String symbol, String object) {
        super(request + ": " + symbol + ": " + object);
        this.request = request;
        this.errno = errno;
    }

    /** The request's name, such as {@code KVM_CREATE_VM}. */
    public String request() {
        return request;
    }

    /** The positive error number. */
    public int errno() {
        return errno;
    }
}
