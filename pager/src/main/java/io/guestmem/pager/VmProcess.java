package io.guestmem.pager;

import io.guestmem.linux.FileDescriptor;
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

/**
 * The process of a VMM, which a number alone does not name: numbers are used again.
 *
 * @param descriptor of it
 * @param startTime field 22 of {@code /proc/PID/stat}
 */
record VmProcess(PidFd descriptor, long startTime) implements AutoCloseable {
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
     * @return empty if it has none that does
     * @throws LinuxException {@code EPERM} without ptrace access
     */
    Optional<Userfaultfd> userfaultfd(GuestMap map) {
        Region first = map.regions().getFirst();
        try (DirectoryStream<Path> links = Files.newDirectoryStream(Path.of("/proc/" + pid() + "/fd"))) {
            for (Path link : links) {
                if (!Files.readSymbolicLink(link).toString().equals("anon_inode:[userfaultfd]")) {
                    continue;
                }
                FileDescriptor copy =
                        descriptor.duplicate(Integer.parseInt(link.getFileName().toString()));
                Userfaultfd candidate = Userfaultfd.adopt(copy.nonBlocking());
                try {
                    Handshake.checkGuards(candidate, first.hostAddress(), first.pageSize());
                    return Optional.of(candidate);
                } catch (HandshakeException _) {
                    candidate.close();
                }
            }
        } catch (IOException _) {
            // The process ends meanwhile.
        }
        return Optional.empty();
    }

    @Override
    public void close() {
        descriptor.close();
    }
}
