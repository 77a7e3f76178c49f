package io.guestmem.lab;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Kernel modules out of an unpacked package, in the order in which they can be inserted. The package has no {@code modules.dep}
 * (depmod writes it at installation); each module names what it needs in its own {@code .modinfo} section.
 */
final class KernelModules {
    private final Path directory;
    private final Path busybox;
    private final Path scratch;
    private final Map<String, byte[]> ordered = new LinkedHashMap<>();

    private KernelModules(Path directory, Path busybox, Path scratch) {
        this.directory = directory;
        this.busybox = busybox;
        this.scratch = scratch;
    }

    /**
     * Collects modules and all that they need. A wanted module that the kernel does not have is taken to be built in.
     *
     * @param directory {@code lib/modules/VERSION} of the package
     * @param busybox decompresses
     * @param scratch an existing directory for one temporary file
     * @return module images by name, what is needed before what needs it
     */
    static Map<String, byte[]> collect(Path directory, List<String> wanted, Path busybox, Path scratch)
            throws IOException, InterruptedException {
        KernelModules modules = new KernelModules(directory, busybox, scratch);
        for (String name : wanted) {
            modules.add(name);
        }
        return modules.ordered;
    }

    /** The names after {@code depends=} in a module image. */
    static List<String> dependencies(byte[] module) {
        String text = new String(module, StandardCharsets.ISO_8859_1);
        int start = text.indexOf("\0depends=");
        if (start < 0) {
            return List.of();
        }
        int from = start + "\0depends=".length();
        return Arrays.stream(text.substring(from, text.indexOf('\0', from)).split(","))
                .filter(name -> !name.isEmpty())
                .toList();
    }

    private void add(String name) throws IOException, InterruptedException {
        if (ordered.containsKey(name)) {
            return;
        }
        Optional<Path> file = find(name);
        if (file.isEmpty()) {
            return;
        }
        byte[] image = image(file.get());
        for (String needed : dependencies(image)) {
            add(needed);
        }
        ordered.put(name, image);
    }

    private Optional<Path> find(String name) throws IOException {
        String pattern = name.replace('-', '_') + ".ko";
        List<Path> found = new ArrayList<>();
        try (Stream<Path> files = Files.walk(directory)) {
            files.filter(file -> {
                        String base = file.getFileName().toString().replace('-', '_');
                        return base.equals(pattern) || base.equals(pattern + ".xz");
                    })
                    .sorted()
                    .forEach(found::add);
        }
        return found.stream().findFirst();
    }

    private byte[] image(Path file) throws IOException, InterruptedException {
        if (!file.toString().endsWith(".xz")) {
            return Files.readAllBytes(file);
        }
        Path unpacked = Files.createTempFile(scratch, "module-", ".ko");
        try {
            HostCommand.in(scratch, busybox.toString(), "xzcat", file.toString())
                    .runTo(unpacked);
            return Files.readAllBytes(unpacked);
        } finally {
            Files.delete(unpacked);
        }
    }
}
