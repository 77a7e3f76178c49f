package io.guestmem.conform;

import java.io.Serial;

/** The kernel did something else than expected: the check ends here. */
final class MismatchException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    private final String what;
    private final String expected;
    private final String actual;

    /**
     * Makes the exception.
     *
     * @param what the kernel was asked
     */
    MismatchException(String what, String expected, String actual) {
        super(what, null, false, false);
        this.what = what;
        this.expected = expected;
        this.actual = actual;
    }

    String what() {
        return what;
    }

    String expected() {
        return expected;
    }

    String actual() {
        return actual;
    }
}
