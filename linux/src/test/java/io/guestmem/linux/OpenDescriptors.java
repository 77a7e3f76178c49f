package io.guestmem.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Every test leaves the descriptors of this process as it found them. */
final class OpenDescriptors implements BeforeEachCallback, AfterEachCallback {
    private static final ExtensionContext.Namespace NAMESPACE =
            ExtensionContext.Namespace.create(OpenDescriptors.class);

    @Override
    public void beforeEach(ExtensionContext context) {
        context.getStore(NAMESPACE).put("before", now());
    }

    @Override
    public void afterEach(ExtensionContext context) {
        assertThat(now())
                .describedAs("descriptors of this process")
                .isEqualTo(context.getStore(NAMESPACE).get("before"));
    }

    /** What each descriptor is; without archives, which the class loader opens when it likes. */
    static Map<Integer, String> now() {
        Map<Integer, String> descriptors = new TreeMap<>();
        try (DirectoryStream<Path> links = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
            for (Path link : links) {
                try {
                    String target = Files.readSymbolicLink(link).toString();
                    if (!target.endsWith(".jar") && !target.startsWith("/proc/")) {
                        descriptors.put(Integer.valueOf(link.getFileName().toString()), target);
                    }
                } catch (NoSuchFileException _) {
                    // another thread has closed it meanwhile
                }
            }
        } catch (IOException unexpected) {
            throw new UncheckedIOException(unexpected);
        }
        return descriptors;
    }

    static boolean isOpen(int number) {
        return now().containsKey(number);
    }
}
