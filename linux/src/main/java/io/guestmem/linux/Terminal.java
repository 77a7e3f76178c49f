package io.guestmem.linux;

import java.lang.foreign.Arena;

/** Whether a person is looking: {@code isatty(3)} of the standard descriptors. */
public final class Terminal {
    private static final int STANDARD_INPUT = 0;
    private static final int STANDARD_ERROR = 2;
    private static final int TCGETS = 0x5401;
    private static final int TERMIOS_SIZE = 60;

    private Terminal() {}

    /** Whether standard input is a terminal. */
    public static boolean isStandardInput() {
        return isTerminal(STANDARD_INPUT);
    }

    /** Whether standard error is a terminal. */
    public static boolean isStandardError() {
        return isTerminal(STANDARD_ERROR);
    }

    private static boolean isTerminal(int descriptor) {
        try (Arena arena = Arena.ofConfined()) {
            long termios = arena.allocate(TERMIOS_SIZE, Integer.BYTES).address();
            return SystemCall.restarting(SystemCallNumber.IOCTL, descriptor, TCGETS, termios) >= 0;
        }
    }
}
