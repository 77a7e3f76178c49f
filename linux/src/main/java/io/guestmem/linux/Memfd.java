package io.guestmem.linux;

import java.lang.foreign.Arena;

/** {@code memfd_create(2)}: a file that lives in memory and can be passed to another process. */
public final class Memfd {
    private static final int MFD_CLOEXEC = 1;

    private Memfd() {}

    /**
     * Makes a memory file of zeroes, with {@code MFD_CLOEXEC}.
     *
     * @param name shown in {@code /proc/PID/maps} as {@code /memfd:NAME}
     * @param length in bytes
     * @throws LinuxException with the errno of {@code memfd_create(2)} or {@code ftruncate(2)}
     */
    public static FileDescriptor create(String name, long length) {
        long number;
        try (Arena arena = Arena.ofConfined()) {
            number = SystemCall.once(
                    SystemCallNumber.MEMFD_CREATE, arena.allocateFrom(name).address(), MFD_CLOEXEC, 0);
        }
        FileDescriptor file =
                FileDescriptor.adopt((int) LinuxException.check(number, "memfd_create", name), "memfd:" + name);
        try {
            file.truncate(length);
            return file;
        } catch (RuntimeException failed) {
            file.close();
            throw failed;
        }
    }
}
