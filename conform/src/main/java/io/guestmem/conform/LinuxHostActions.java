package io.guestmem.conform;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.linux.FaultScope;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.HandshakeResult;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.Protection;
import io.guestmem.linux.RegisterMode;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.UnblockedSignal;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.linux.UserfaultfdFeature;
import io.guestmem.linux.WriteProtectMode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What Linux can be made to do. It does not fork (a JVM cannot), and it breaks no memory (the host would have less of it
 * afterwards).
 */
final class LinuxHostActions implements HostActions {
    private static final Path MODULES = Path.of("/sys/module");

    @Override
    public Optional<OtherProcess> otherProcess(List<KvmFile> files) {
        return Optional.of(LinuxOtherProcess.start(
                files.stream().map(LinuxHostActions::borrow).toList()));
    }

    @Override
    public Optional<AutoCloseable> fork() {
        return Optional.empty();
    }

    @Override
    public Optional<GuardedMemory> guarded(long length) {
        try {
            return Optional.of(LinuxGuardedMemory.of(length));
        } catch (LinuxException _) {
            return Optional.empty();
        }
    }

    @Override
    public Optional<Runnable> unblockedSignal() {
        return Optional.of(UnblockedSignal.toCurrentThread()::send);
    }

    /** By a userfaultfd that lets every write through (6.7). */
    @Override
    public Optional<AutoCloseable> writeProtect(HostMemory memory) {
        Optional<Userfaultfd> opened = userfaultfd(UserfaultfdFeature.WP_ASYNC, UserfaultfdFeature.WP_UNPOPULATED);
        return opened.map(userfaultfd -> {
            userfaultfd.register(memory.hva(), memory.length(), EnumSet.of(RegisterMode.WRITE_PROTECT));
            userfaultfd.writeProtect(memory.hva(), memory.length(), WriteProtectMode.PROTECT);
            return userfaultfd;
        });
    }

    private static Optional<Userfaultfd> userfaultfd(UserfaultfdFeature... features) {
        Userfaultfd userfaultfd;
        try {
            userfaultfd = Userfaultfd.open(FaultScope.USER_AND_KERNEL);
        } catch (LinuxException _) {
            return Optional.empty();
        }
        if (userfaultfd.handshake(Set.of(features)) instanceof HandshakeResult.Agreed) {
            return Optional.of(userfaultfd);
        }
        userfaultfd.close();
        return Optional.empty();
    }

    @Override
    public Optional<Runnable> poison(HostMemory memory, long offset) {
        return Optional.empty();
    }

    @Override
    public Optional<Runnable> poison(KvmFile guestMemfd, long offset) {
        return Optional.empty();
    }

    @Override
    public Optional<Boolean> nxHugePages() {
        return parameter("kvm", "nx_huge_pages");
    }

    /** SVM always does; of VMX the module tells. */
    @Override
    public Optional<Boolean> accessedDirtyBits() {
        return Files.isDirectory(MODULES.resolve("kvm_amd")) ? Optional.of(true) : parameter("kvm_intel", "eptad");
    }

    private static Optional<Boolean> parameter(String module, String name) {
        try {
            String value = Files.readString(
                    MODULES.resolve(module).resolve("parameters").resolve(name));
            return Optional.of(value.startsWith("Y") || value.startsWith("1"));
        } catch (IOException _) {
            return Optional.empty();
        }
    }

    @Override
    public Optional<FileActions> fileActions(KvmFile file) {
        return Optional.of(new LinuxFileActions(borrow(file)));
    }

    @Override
    public Optional<Long> registerUserfaultfd(HostMemory memory, UserfaultfdMode mode) {
        return userfaultfd().map(opened -> {
            try (opened) {
                return errno(() -> opened.register(memory.hva(), memory.length(), EnumSet.of(registerMode(mode))));
            }
        });
    }

    private static RegisterMode registerMode(UserfaultfdMode mode) {
        return switch (mode) {
            case MISSING -> RegisterMode.MISSING;
            case MINOR -> RegisterMode.MINOR;
            case WRITE_PROTECT -> RegisterMode.WRITE_PROTECT;
        };
    }

    /** The same descriptor under another object, which is never closed: the file's owner does that. */
    private static FileDescriptor borrow(KvmFile file) {
        return FileDescriptor.adopt(file.descriptor(), file.name());
    }

    private static long errno(Runnable call) {
        try {
            call.run();
            return 0;
        } catch (LinuxException refused) {
            return -refused.errno().number();
        }
    }

    private record LinuxFileActions(FileDescriptor file) implements FileActions {
        @Override
        public long read() {
            try (Arena arena = Arena.ofConfined()) {
                return file.read(arena.allocate(Long.BYTES));
            }
        }

        @Override
        public long write() {
            try (Arena arena = Arena.ofConfined()) {
                return file.write(arena.allocate(Long.BYTES));
            }
        }

        @Override
        public long writeAt() {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment from = arena.allocate(Long.BYTES);
                return file.writeAt(0, from);
            }
        }

        @Override
        public long truncate(long length) {
            return errno(() -> file.truncate(length));
        }

        @Override
        public long mapPrivate() {
            return errno(() -> Mapping.of(file, 0, Numbers.PAGE, Protection.READ_WRITE, Sharing.PRIVATE)
                    .close());
        }

        @Override
        public Status status() {
            try {
                Path link = Path.of("/proc/self/fd", Integer.toString(file.number()));
                long inode = (Long) Files.getAttribute(link, "unix:ino");
                return new Status(file.status().size(), file.status().blockSize(), inode);
            } catch (IOException failed) {
                throw new UncheckedIOException("cannot ask for the inode of " + file, failed);
            }
        }

        @Override
        public boolean closesOnExec() {
            return file.isCloseOnExec();
        }
    }
}
