package io.guestmem.vmm.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** What this process has open: to be the same before and after. */
record Leftovers(List<String> descriptors, List<Long> children) {
    static Leftovers now() {
        return new Leftovers(
                openDescriptors(),
                ProcessHandle.current()
                        .children()
                        .map(ProcessHandle::pid)
                        .sorted()
                        .toList());
    }

    /** Checks that nothing was left since. */
    void assertNone() {
        Leftovers now = now();
        assertThat(now.children).isEqualTo(children);
        assertThat(now.descriptors).isEqualTo(descriptors);
    }

    /** By what they are, without the JVM's own files and without numbers of pipes and sockets. */
    private static List<String> openDescriptors() {
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            return all.map(Leftovers::target)
                    .filter(target -> !target.endsWith(".jar") && !target.endsWith("/lib/modules"))
                    .filter(target -> !target.startsWith("/proc/"))
                    .sorted()
                    .toList();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static String target(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString();
        } catch (IOException _) {
            // The descriptor of the listing itself.
            return "/proc/";
        }
    }
}
