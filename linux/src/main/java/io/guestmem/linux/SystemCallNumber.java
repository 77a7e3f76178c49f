package io.guestmem.linux;

/**
 * The system calls that guestmem makes, with their numbers on x86-64.
 *
 * <p>Source: Linux 6.12 {@code arch/x86/entry/syscalls/syscall_64.tbl}; numbers are never reused.
 */
enum SystemCallNumber {
    READ(0),
    WRITE(1),
    CLOSE(3),
    FSTAT(5),
    LSEEK(8),
    MMAP(9),
    MPROTECT(10),
    MUNMAP(11),
    RT_SIGPROCMASK(14),
    IOCTL(16),
    PREAD64(17),
    PWRITE64(18),
    MINCORE(27),
    MADVISE(28),
    GETPID(39),
    SOCKET(41),
    CONNECT(42),
    SENDMSG(46),
    RECVMSG(47),
    SHUTDOWN(48),
    BIND(49),
    LISTEN(50),
    SOCKETPAIR(53),
    GETSOCKOPT(55),
    FCNTL(72),
    FTRUNCATE(77),
    GETRUSAGE(98),
    GETUID(102),
    RT_SIGTIMEDWAIT(128),
    GETTID(186),
    TGKILL(234),
    OPENAT(257),
    PPOLL(271),
    FALLOCATE(285),
    ACCEPT4(288),
    EVENTFD2(290),
    EPOLL_CREATE1(291),
    EPOLL_CTL(233),
    PROCESS_VM_READV(310),
    PROCESS_VM_WRITEV(311),
    MEMFD_CREATE(319),
    USERFAULTFD(323),
    PREADV2(327),
    PIDFD_SEND_SIGNAL(424),
    PIDFD_OPEN(434),
    PIDFD_GETFD(438),
    PROCESS_MADVISE(440),
    EPOLL_PWAIT2(441);

    private final long value;

    SystemCallNumber(long value) {
        this.value = value;
    }

    long value() {
        return value;
    }

    /** The name as manual pages spell it, for messages. */
    String call() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }
}
