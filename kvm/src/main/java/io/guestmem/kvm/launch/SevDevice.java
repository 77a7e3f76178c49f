package io.guestmem.kvm.launch;

import io.guestmem.abi.Kernel;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.OpenMode;
import java.nio.file.Path;
import java.util.Optional;

/**
 * AMD's security processor, {@code /dev/sev}: KVM gives commands to it on behalf of who has it open. The software kernel has none,
 * its firmware is a part of it. Closing it does not end a guest.
 */
public final class SevDevice implements AutoCloseable {
    private static final Path DEVICE = Path.of("/dev/sev");
    private static final int NONE = -1;

    private final Optional<FileDescriptor> file;

    private SevDevice(Optional<FileDescriptor> file) {
        this.file = file;
    }

    /**
     * Opens it.
     *
     * @param kernel the one that the commands are for
     * @throws LinuxException if there is none, or it may not be opened
     */
    public static SevDevice open(Kernel kernel) {
        return new SevDevice(
                kernel instanceof LinuxKernel
                        ? Optional.of(FileDescriptor.open(DEVICE, OpenMode.READ_WRITE))
                        : Optional.empty());
    }

    /** No device, for a technology that has another processor. */
    public static SevDevice none() {
        return new SevDevice(Optional.empty());
    }

    /** Its descriptor; −1 where there is none to give. */
    public int descriptor() {
        return file.map(FileDescriptor::number).orElse(NONE);
    }

    @Override
    public void close() {
        file.ifPresent(FileDescriptor::close);
    }
}
