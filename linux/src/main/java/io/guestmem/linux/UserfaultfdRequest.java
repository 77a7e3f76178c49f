package io.guestmem.linux;

/** The ioctl request codes of userfaultfd, computed as Linux 6.12 {@code include/uapi/asm-generic/ioctl.h} does. */
final class UserfaultfdRequest {
    private static final int TYPE = 0xAA;
    private static final int READ = 2;
    private static final int READ_WRITE = 3;

    /** On {@code /dev/userfaultfd}; the argument is the flags of {@code userfaultfd(2)}. */
    static final int NEW = code(0, 0x00, 0);

    static final int REGISTER = code(READ_WRITE, 0x00, UffdioRegisterLayout.SIZE);
    static final int UNREGISTER = code(READ, 0x01, UffdioRangeLayout.SIZE);
    static final int WAKE = code(READ, 0x02, UffdioRangeLayout.SIZE);
    static final int COPY = code(READ_WRITE, 0x03, UffdioCopyLayout.SIZE);
    static final int ZEROPAGE = code(READ_WRITE, 0x04, UffdioZeropageLayout.SIZE);
    static final int WRITEPROTECT = code(READ_WRITE, 0x06, UffdioWriteprotectLayout.SIZE);
    static final int CONTINUE = code(READ_WRITE, 0x07, UffdioContinueLayout.SIZE);
    static final int POISON = code(READ_WRITE, 0x08, UffdioPoisonLayout.SIZE);
    static final int API = code(READ_WRITE, 0x3F, UffdioApiLayout.SIZE);

    private UserfaultfdRequest() {}

    private static int code(int direction, int number, long size) {
        return direction << 30 | (int) size << 16 | TYPE << 8 | number;
    }
}
