package io.guestmem.shell;

/** Something that a kernel must never do; the message says what. */
final class FuzzFinding extends RuntimeException {
    private static final long serialVersionUID = 1L;

    FuzzFinding(String what) {
        super(what);
    }

    FuzzFinding(String what, Throwable cause) {
        super(what, cause);
    }

    String what() {
        return String.valueOf(getMessage());
    }
}
