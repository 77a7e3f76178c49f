package io.guestmem.cli;

/** What the process answers to its caller; scripts rely on these. After {@code sysexits.h}, and 128 + n for signal n. */
final class ExitStatus {
    /** It was done. */
    static final int DONE = 0;
    /** It ran, and the answer is no: a check failed. */
    static final int NO = 1;
    /** The command line was wrong. */
    static final int USAGE = 2;
    /** The host lacks something. */
    static final int UNAVAILABLE = 69;
    /** A defect of guestmem. */
    static final int INTERNAL = 70;
    /** Input, output or a system call failed. */
    static final int IO = 74;
    /** Permission denied. */
    static final int PERMISSION = 77;

    private ExitStatus() {}
}
