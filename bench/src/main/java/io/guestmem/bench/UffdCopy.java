package io.guestmem.bench;

import io.guestmem.linux.FaultScope;
import io.guestmem.linux.GuardedMapping;
import io.guestmem.linux.HandshakeResult;
import io.guestmem.linux.InstallMode;
import io.guestmem.linux.InstallResult;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.RegisterMode;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.Userfaultfd;
import java.util.EnumSet;
import java.util.Set;

/**
 * One copy into memory that a userfaultfd guards.
 *
 * @param bytes copied
 * @param nanos of the ioctls alone: making, filling and registering memory does not count
 */
record UffdCopy(long bytes, long nanos) {
    /** The C program that does the same. */
    static final String PROGRAM = "uffd_copy";

    private static final byte CONTENT = 0x5A;
    private static final double NANOS_A_SECOND = 1e9;

    double gibibytesPerSecond() {
        return bytes / (double) (1 << 30) * NANOS_A_SECOND / nanos;
    }

    /**
     * What {@code uffd_copy.c} does, through the typed API.
     *
     * @throws BenchmarkException if the kernel does not copy
     * @throws io.guestmem.linux.LinuxException if there is no userfaultfd or no memory
     */
    static UffdCopy run(long bytes, long piece) {
        try (Mapping source = Mapping.anonymous(bytes, Sharing.PRIVATE);
                GuardedMapping destination = GuardedMapping.anonymous(bytes, Sharing.PRIVATE);
                Userfaultfd userfaultfd = Userfaultfd.openBySystemCall(FaultScope.USER_ONLY)) {
            source.segment().fill(CONTENT);
            if (userfaultfd.handshake(Set.of()) instanceof HandshakeResult.Refused refused) {
                throw new BenchmarkException("UFFDIO_API: " + refused.errno());
            }
            userfaultfd.register(destination, EnumSet.of(RegisterMode.MISSING));
            long start = System.nanoTime();
            long done = copy(userfaultfd, destination.address(), source.address(), bytes, piece);
            return new UffdCopy(done, System.nanoTime() - start);
        }
    }

    /**
     * What the C program does, in a process of its own.
     *
     * @param program {@code uffd_copy}
     * @param bytes to copy, a multiple of the page size
     * @param piece bytes an ioctl, a multiple of the page size
     */
    static UffdCopy run(CProgram program, long bytes, long piece) {
        String[] words =
                new Command(program.with(bytes, piece)).run().output().strip().split(" ", -1);
        return new UffdCopy(Long.parseLong(words[0]), Long.parseLong(words[1]));
    }

    private static long copy(Userfaultfd userfaultfd, long destination, long source, long bytes, long piece) {
        long done = 0;
        while (done < bytes) {
            long length = Math.min(piece, bytes - done);
            done += switch (userfaultfd.copy(destination + done, source + done, length, InstallMode.WAKE)) {
                case InstallResult.Complete complete -> complete.bytes();
                case InstallResult.Partial partial -> partial.bytes();
                case InstallResult refused -> throw new BenchmarkException("UFFDIO_COPY: " + refused);
            };
        }
        return done;
    }
}
