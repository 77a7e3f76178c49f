package io.guestmem.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.util.Set;

/**
 * {@code userfaultfd(2)}: faults of an address space become events, and other threads or processes resolve them.
 *
 * <p>Addresses are those of the address space that the descriptor was made in, which need not be this one. Addresses and
 * lengths are multiples of the page size of the mapping. Installing ioctls are made once and allocate nothing but their
 * result.
 *
 * <p>Thread-safe. A descriptor opened here carries {@code O_CLOEXEC} and {@code O_NONBLOCK}: wait for events with
 * {@link Epoll} or {@link Poll}. When the last copy of the descriptor is closed its ranges are unregistered, and missing
 * pages read as zeroes.
 *
 * <p>Source: Linux 7.2 {@code mm/userfaultfd.c}.
 */
public final class Userfaultfd implements AutoCloseable {
    private static final String NAME = "userfaultfd";
    private static final Path DEVICE = Path.of("/dev/userfaultfd");
    private static final int O_CLOEXEC_NONBLOCK = 0x80000 | 0x800;
    private static final long UFFD_API = 0xAA;

    private final FileDescriptor descriptor;

    private Userfaultfd(FileDescriptor descriptor) {
        this.descriptor = descriptor;
    }

    /**
     * Opens one by the system call or, where that is refused, by {@code /dev/userfaultfd}.
     *
     * @throws LinuxException with the errno of the system call, and the device's in its message
     */
    public static Userfaultfd open(FaultScope scope) {
        return open(O_CLOEXEC_NONBLOCK | scope.flag(), DEVICE);
    }

    static Userfaultfd open(int flags, Path path) {
        long called = SystemCall.once(SystemCallNumber.USERFAULTFD, flags, 0, 0);
        if (called >= 0) {
            return of(called);
        }
        try {
            return openByDevice(flags, path);
        } catch (LinuxException refused) {
            String device = refused.call() + ": " + refused.errno() + ": " + refused.arguments();
            throw new LinuxException(NAME, Errno.ofResult(called), "and", device);
        }
    }

    /**
     * Opens one by {@code userfaultfd(2)}.
     *
     * @throws LinuxException {@code EPERM} without CAP_SYS_PTRACE where {@code vm.unprivileged_userfaultfd} is 0 and the scope
     *     is not {@link FaultScope#USER_ONLY}; {@code ENOSYS} if the kernel has none
     */
    public static Userfaultfd openBySystemCall(FaultScope scope) {
        int flags = O_CLOEXEC_NONBLOCK | scope.flag();
        return of(LinuxException.check(SystemCall.once(SystemCallNumber.USERFAULTFD, flags, 0, 0), NAME, scope));
    }

    /**
     * Opens one by {@code /dev/userfaultfd} (6.1), for which access to that file is enough.
     *
     * @throws LinuxException with the errno of {@code openat(2)} or {@code USERFAULTFD_IOC_NEW}
     */
    public static Userfaultfd openByDevice(FaultScope scope) {
        return openByDevice(O_CLOEXEC_NONBLOCK | scope.flag(), DEVICE);
    }

    private static Userfaultfd openByDevice(int flags, Path device) {
        try (FileDescriptor door = FileDescriptor.open(device, OpenMode.READ_WRITE)) {
            long number = door.ioctl(UserfaultfdRequest.NEW, flags);
            return of(LinuxException.check(number, "USERFAULTFD_IOC_NEW", device));
        }
    }

    private static Userfaultfd of(long number) {
        return new Userfaultfd(FileDescriptor.adopt((int) number, NAME));
    }

    /** Takes over a descriptor that came from another process, with its handshake made or not; sets {@code FD_CLOEXEC}. */
    public static Userfaultfd adopt(FileDescriptor descriptor) {
        return new Userfaultfd(descriptor.closeOnExec());
    }

    /**
     * Asks the kernel for all its features, on a descriptor that is made for that and closed.
     *
     * @throws LinuxException as {@link #open(FaultScope)}
     */
    public static HandshakeResult.Agreed offered(FaultScope scope) {
        try (Userfaultfd asking = open(scope)) {
            return switch (asking.handshake(Set.of())) {
                case HandshakeResult.Agreed agreed -> agreed;
                case HandshakeResult.Refused refused -> throw new LinuxException("UFFDIO_API", refused.errno(), asking);
            };
        }
    }

    /** The descriptor, to wait for, to pass on, or to look at in {@code /proc}; it stays owned by this object. */
    public FileDescriptor descriptor() {
        return descriptor;
    }

    /** {@code UFFDIO_API}: must be made once before anything else, with all features that shall be in force. */
    public HandshakeResult handshake(Set<UserfaultfdFeature> features) {
        MemorySegment request = Scratch.get();
        request.set(ValueLayout.JAVA_LONG, UffdioApiLayout.API, UFFD_API);
        request.set(ValueLayout.JAVA_LONG, UffdioApiLayout.FEATURES, UserfaultfdFeature.bits(features));
        request.set(ValueLayout.JAVA_LONG, UffdioApiLayout.IOCTLS, 0);
        long result = descriptor.ioctl(UserfaultfdRequest.API, request);
        return result < 0
                ? new HandshakeResult.Refused(Errno.ofResult(result))
                : new HandshakeResult.Agreed(
                        request.get(ValueLayout.JAVA_LONG, UffdioApiLayout.FEATURES),
                        request.get(ValueLayout.JAVA_LONG, UffdioApiLayout.IOCTLS));
    }

    /**
     * {@code UFFDIO_REGISTER}: faults in the range become events. Registering again with other modes is allowed.
     *
     * @return what may be done with the range
     * @throws LinuxException {@code EBUSY} if another userfaultfd has it, {@code EINVAL} for a range that is not mapped or
     *     memory that cannot do that, {@code ENOMEM} if the address space is gone
     */
    public Set<UserfaultfdOperation> register(long address, long length, Set<RegisterMode> modes) {
        MemorySegment request = range(address, length);
        request.set(ValueLayout.JAVA_LONG, UffdioRegisterLayout.MODE, RegisterMode.bits(modes));
        request.set(ValueLayout.JAVA_LONG, UffdioRegisterLayout.IOCTLS, 0);
        long result = descriptor.ioctl(UserfaultfdRequest.REGISTER, request);
        if (result < 0) {
            throw failed("UFFDIO_REGISTER", result, address, length);
        }
        return UserfaultfdOperation.of(request.get(ValueLayout.JAVA_LONG, UffdioRegisterLayout.IOCTLS));
    }

    /** {@link #register(long, long, Set)} on a whole mapping of this process. */
    public Set<UserfaultfdOperation> register(GuardedMapping mapping, Set<RegisterMode> modes) {
        mapping.begin();
        try {
            return register(mapping.address(), mapping.length(), modes);
        } finally {
            mapping.end();
        }
    }

    /**
     * {@code UFFDIO_UNREGISTER}: the range is ordinary memory again, and who waits for it is woken. Works while an event is
     * unread.
     *
     * @throws LinuxException {@code EINVAL} for a range that is not mapped, {@code ENOMEM} if the address space is gone
     */
    public void unregister(long address, long length) {
        long result = descriptor.ioctl(UserfaultfdRequest.UNREGISTER, range(address, length));
        if (result < 0) {
            throw failed("UFFDIO_UNREGISTER", result, address, length);
        }
    }

    /** {@link #unregister(long, long)} on a whole mapping of this process. */
    public void unregister(GuardedMapping mapping) {
        mapping.begin();
        try {
            unregister(mapping.address(), mapping.length());
        } finally {
            mapping.end();
        }
    }

    /**
     * {@code UFFDIO_COPY}: installs pages with the given content where none are.
     *
     * @param destination in the guarded address space
     * @param source native memory of this process, any alignment; its size is the length
     */
    public InstallResult copy(long destination, MemorySegment source, InstallMode mode) {
        try {
            return copy(destination, FileDescriptor.address(source), source.byteSize(), mode);
        } finally {
            Reference.reachabilityFence(source);
        }
    }

    /**
     * {@code UFFDIO_COPY} from an address of this process that stays mapped during the call.
     *
     * @param destination in the guarded address space
     * @param source in this address space, any alignment; must not itself be guarded by a userfaultfd
     */
    public InstallResult copy(long destination, long source, long length, InstallMode mode) {
        MemorySegment request = Scratch.get();
        request.set(ValueLayout.JAVA_LONG, UffdioCopyLayout.DST, destination);
        request.set(ValueLayout.JAVA_LONG, UffdioCopyLayout.SRC, source);
        request.set(ValueLayout.JAVA_LONG, UffdioCopyLayout.LEN, length);
        request.set(ValueLayout.JAVA_LONG, UffdioCopyLayout.MODE, mode.bits());
        return install(UserfaultfdRequest.COPY, request, UffdioCopyLayout.COPY, length);
    }

    /** {@code UFFDIO_ZEROPAGE}: installs zeroed pages where none are. {@code EINVAL} on hugetlbfs. */
    public InstallResult zeropage(long address, long length, InstallMode mode) {
        MemorySegment request = range(address, length);
        request.set(ValueLayout.JAVA_LONG, UffdioZeropageLayout.MODE, mode.bits());
        return install(UserfaultfdRequest.ZEROPAGE, request, UffdioZeropageLayout.ZEROPAGE, length);
    }

    /** {@code UFFDIO_CONTINUE}: installs what the page cache has. {@code EFAULT} if it does not have it. */
    public InstallResult continueRange(long address, long length, InstallMode mode) {
        MemorySegment request = range(address, length);
        request.set(ValueLayout.JAVA_LONG, UffdioContinueLayout.MODE, mode.bits());
        return install(UserfaultfdRequest.CONTINUE, request, UffdioContinueLayout.MAPPED, length);
    }

    /** {@code UFFDIO_POISON}: touching the pages is a SIGBUS from now on, for a guest a machine check. */
    public InstallResult poison(long address, long length, InstallMode mode) {
        MemorySegment request = range(address, length);
        request.set(ValueLayout.JAVA_LONG, UffdioPoisonLayout.MODE, mode.bits());
        return install(UserfaultfdRequest.POISON, request, UffdioPoisonLayout.UPDATED, length);
    }

    /** {@code UFFDIO_WRITEPROTECT} on a range registered for it. The kernel reports no partial progress of it. */
    public InstallResult writeProtect(long address, long length, WriteProtectMode mode) {
        MemorySegment request = range(address, length);
        request.set(ValueLayout.JAVA_LONG, UffdioWriteprotectLayout.MODE, mode.bits());
        return InstallResult.of(descriptor.ioctl(UserfaultfdRequest.WRITEPROTECT, request), 0, length);
    }

    /**
     * {@code UFFDIO_WAKE}: whoever waits for the range tries again, and faults again if the page is still not there. Works
     * while an event is unread and when the address space is gone.
     *
     * @throws LinuxException {@code EINVAL} for a length of 0 or bad alignment
     */
    public void wake(long address, long length) {
        long result = descriptor.ioctl(UserfaultfdRequest.WAKE, range(address, length));
        if (result < 0) {
            throw failed("UFFDIO_WAKE", result, address, length);
        }
    }

    /** Closes this copy of the descriptor. */
    @Override
    public void close() {
        descriptor.close();
    }

    @Override
    public String toString() {
        return descriptor.toString();
    }

    private InstallResult install(int code, MemorySegment request, long doneAt, long length) {
        request.set(ValueLayout.JAVA_LONG, doneAt, 0);
        long result = descriptor.ioctl(code, request);
        return InstallResult.of(result, request.get(ValueLayout.JAVA_LONG, doneAt), length);
    }

    private static MemorySegment range(long address, long length) {
        MemorySegment request = Scratch.get();
        request.set(ValueLayout.JAVA_LONG, UffdioRangeLayout.START, address);
        request.set(ValueLayout.JAVA_LONG, UffdioRangeLayout.LEN, length);
        return request;
    }

    private static LinuxException failed(String call, long result, long address, long length) {
        return new LinuxException(call, Errno.ofResult(result), new RemoteRange(address, length));
    }
}
