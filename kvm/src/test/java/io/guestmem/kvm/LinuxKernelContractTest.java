package io.guestmem.kvm;

import static org.junit.jupiter.api.Assumptions.abort;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelUnavailableException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;

/** The contract, asked of the kernel that this process runs on. */
class LinuxKernelContractTest {
    /** The device, VMs, vCPUs with their statistics, and guest_memfds. */
    private static final Pattern KVM_FILE =
            Pattern.compile("/dev/kvm|anon_inode:\\[?kvm.*|.*\\[kvm-gmem].*|.*guest_memfd.*");

    private static Kernel linux() {
        LinuxKernel kernel = new LinuxKernel();
        try {
            kernel.open().close();
        } catch (KernelUnavailableException unavailable) {
            abort("no KVM here: " + unavailable.getMessage());
        }
        return kernel;
    }

    /** Found EINVAL in 6.18 and EEXIST in 7.2; in between either will do. */
    private static Set<ErrorNumber> boundTwiceInLinux() {
        int[] release = Stream.of(System.getProperty("os.version").split("[^0-9]+"))
                .limit(2)
                .mapToInt(Integer::parseInt)
                .toArray();
        int version = release[0] * 1000 + release[1];
        if (version <= 6018) {
            return Set.of(ErrorNumber.EINVAL);
        }
        return version >= 7002 ? Set.of(ErrorNumber.EEXIST) : Set.of(ErrorNumber.EINVAL, ErrorNumber.EEXIST);
    }

    /** What {@code /proc/self/fd} says about descriptors of KVM. */
    private static List<String> openFilesOfKvm() {
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
            return descriptors
                    .map(LinuxKernelContractTest::target)
                    .filter(target -> KVM_FILE.matcher(target).matches())
                    .sorted()
                    .toList();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static String target(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString();
        } catch (IOException gone) {
            return gone.toString();
        }
    }

    @Nested
    class Systems extends SystemContract {
        @Override
        Kernel kernel() {
            return linux();
        }

        @Override
        Set<ErrorNumber> boundTwice() {
            return boundTwiceInLinux();
        }
    }

    @Nested
    class Slots extends SlotContract {
        @Override
        Kernel kernel() {
            return linux();
        }

        @Override
        Set<ErrorNumber> boundTwice() {
            return boundTwiceInLinux();
        }
    }

    @Nested
    class GuestMemfds extends GuestMemfdContract {
        @Override
        Kernel kernel() {
            return linux();
        }

        @Override
        Set<ErrorNumber> boundTwice() {
            return boundTwiceInLinux();
        }
    }

    @Nested
    class Vcpus extends VcpuContract {
        @Override
        Kernel kernel() {
            return linux();
        }

        @Override
        Set<ErrorNumber> boundTwice() {
            return boundTwiceInLinux();
        }
    }

    @Nested
    class PreFaults extends PreFaultContract {
        @Override
        Kernel kernel() {
            return linux();
        }

        @Override
        Set<ErrorNumber> boundTwice() {
            return boundTwiceInLinux();
        }
    }

    @Nested
    class DirtyLogs extends DirtyLogContract {
        @Override
        Kernel kernel() {
            return linux();
        }

        @Override
        Set<ErrorNumber> boundTwice() {
            return boundTwiceInLinux();
        }
    }

    @Nested
    class StatisticsOfFiles extends StatisticsContract {
        @Override
        Kernel kernel() {
            return linux();
        }

        @Override
        Set<ErrorNumber> boundTwice() {
            return boundTwiceInLinux();
        }
    }

    @Nested
    class Closings extends ClosingContract {
        @Override
        Kernel kernel() {
            return linux();
        }

        @Override
        Set<ErrorNumber> boundTwice() {
            return boundTwiceInLinux();
        }

        @Override
        List<String> openFiles() {
            return openFilesOfKvm();
        }
    }
}
