package io.guestmem.pager;

import io.guestmem.linux.LinuxException;
import io.guestmem.linux.PidFd;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Handshake;
import io.guestmem.pager.handshake.HandshakeException;
import io.guestmem.pager.handshake.Region;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The process of a VMM, which a number alone does not name: numbers are used again.
 *
 * @param descriptor of it
 * @param startTime field 22 of {@code /proc/PID/stat}
 */
record VmProcess(PidFd descriptor, long startTime) implements AutoCloseable {
    /** The number of a descriptor that is not known. */
    static final int UNKNOWN = -1;

    private static final String USERFAULTFD = "anon_inode:[userfaultfd]";
    private static final int SIGKILL = 9;
    private static final int START_TIME_BEHIND_NAME = 19;

    /**
     * Opens a process that lives.
     *
     * @throws HandshakeException if it has ended
     */
    static VmProcess open(int pid) {
        PidFd descriptor;
        try {
            descriptor = PidFd.open(pid);
        } catch (LinuxException gone) {
            throw new HandshakeException("the process " + pid + " cannot be opened: " + gone.getMessage());
        }
        try {
            return new VmProcess(descriptor, startTime(pid));
        } catch (IOException gone) {
            descriptor.close();
            throw new HandshakeException("the process " + pid + " has ended: " + gone.getMessage());
        }
    }

    /** Opens the process that had this number and start time; empty if it has ended. */
    static Optional<VmProcess> reopen(int pid, long startTime) {
        try {
            VmProcess process = open(pid);
            if (process.startTime == startTime) {
                return Optional.of(process);
            }
            process.close();
            return Optional.empty();
        } catch (HandshakeException _) {
            return Optional.empty();
        }
    }

    private static long startTime(int pid) throws IOException {
        String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        return Long.parseLong(fields[START_TIME_BEHIND_NAME]);
    }

    int pid() {
        return descriptor.pid();
    }

    /** Kills it. */
    void kill() {
        descriptor.sendSignal(SIGKILL);
    }

    /**
     * Takes a copy of the userfaultfd that guards the regions from the process, which has kept its own.
     *
     * @param expected the number that it had in the process, {@link #UNKNOWN} if that is not known. If it is none that guards the
     *     regions, all descriptors are looked at
     * @throws IOException if it has none that does
     * @throws LinuxException {@code EPERM} without ptrace access
     */
    Userfaultfd userfaultfd(GuestMap map, int expected) throws IOException {
        Userfaultfd found = expected == UNKNOWN ? null : take(expected, map);
        if (found == null) {
            int number = userfaultfdNumber(map);
            found = number == UNKNOWN ? null : take(number, map);
        }
        if (found == null) {
            throw new IOException("its process has no userfaultfd of its memory");
        }
        return found;
    }

    /**
     * The number that the userfaultfd which guards the regions has in the process; {@link #UNKNOWN} if it has none.
     *
     * @throws LinuxException as {@link #userfaultfd}
     */
    int userfaultfdNumber(GuestMap map) {
        try (DirectoryStream<Path> links = Files.newDirectoryStream(Path.of(descriptors()))) {
            for (Path link : links) {
                int number = Integer.parseInt(link.getFileName().toString());
                try (Userfaultfd candidate = take(number, map)) {
                    if (candidate != null) {
                        return number;
                    }
                }
            }
        } catch (IOException _) {
            // The process ends meanwhile, or may not be looked into.
        }
        return UNKNOWN;
    }

    /** A copy of a descriptor of the process; null if that is no userfaultfd that guards the regions. */
    private @Nullable Userfaultfd take(int number, GuestMap map) {
        Userfaultfd candidate = null;
        try {
            // Looked at before it is copied: of what is something else, not even a copy is made.
            if (!Files.readSymbolicLink(Path.of(descriptors() + number))
                    .toString()
                    .equals(USERFAULTFD)) {
                return null;
            }
            candidate = Userfaultfd.adopt(descriptor.duplicate(number).nonBlocking());
            Region first = map.regions().getFirst();
            Handshake.checkGuards(candidate, first.hostAddress(), first.pageSize());
            return candidate;
        } catch (IOException | HandshakeException _) {
            if (candidate != null) {
                candidate.close();
            }
            return null;
        }
    }

    private String descriptors() {
        return "/proc/" + pid() + "/fd/";
    }

    @Override
    public void close() {
        descriptor.close();
    }
}
