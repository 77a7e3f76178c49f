package io.guestmem.cli;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

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

    /** What help says about them. */
    static final Map<String, String> MEANINGS = meanings();

    private ExitStatus() {}

    private static Map<String, String> meanings() {
        Map<String, String> meanings = new LinkedHashMap<>();
        meanings.put(String.valueOf(DONE), "done");
        meanings.put(String.valueOf(NO), "it ran and the answer is no");
        meanings.put(String.valueOf(USAGE), "usage");
        meanings.put(String.valueOf(UNAVAILABLE), "the host lacks something");
        meanings.put(String.valueOf(INTERNAL), "internal error");
        meanings.put(String.valueOf(IO), "input, output or a system call failed");
        meanings.put(String.valueOf(PERMISSION), "permission denied");
        return Collections.unmodifiableMap(meanings);
    }
}
