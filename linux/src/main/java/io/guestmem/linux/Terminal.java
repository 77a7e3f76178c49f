package io.guestmem.linux;

import java.lang.foreign.Arena;

/** Whether a person is looking: {@code isatty(3)} of the standard descriptors. */
public final class Terminal {
    private static final int STANDARD_ERROR = 2;
    private static final int TCGETS = 0x5401;
    private static final int TERMIOS_SIZE = 60;

    private Terminal() {}

    /** Whether standard error is a terminal. */
    public static boolean isStandardError() {
        try (Arena arena = Arena.ofConfined()) {
            long termios = arena.allocate(TERMIOS_SIZE, Integer.BYTES).address();
            return SystemCall.restarting(SystemCallNumber.IOCTL, STANDARD_ERROR, TCGETS, termios) >= 0;
        }
    }
}
