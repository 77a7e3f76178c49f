package io.guestmem.pager.workingset;

/** How a page was first touched. */
public enum Touch {
    /** It was read, or it is not known that it was written. */
    READ(0),
    /** It was written. */
    WRITE(1),
    /** It was installed before anybody asked for it: whether it was touched is not known. */
    AHEAD(2);

    private final int code;

    Touch(int code) {
        this.code = code;
    }

    /** As it stands in a file. */
    int code() {
        return code;
    }

    /**
     * That of a code.
     *
     * @throws IllegalArgumentException if there is none
     */
    static Touch of(int code) {
        return switch (code) {
            case 0 -> READ;
            case 1 -> WRITE;
            case 2 -> AHEAD;
            default -> throw new IllegalArgumentException("a touch of kind " + code);
        };
    }
}
