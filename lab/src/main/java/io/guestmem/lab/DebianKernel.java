package io.guestmem.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Debian's cloud kernel of a suite, out of its packages. The meta package names the newest version; exact versions disappear from
 * the archive. An entry of the cache holds:
 *
 * <pre>
 *   vmlinuz         the image: from /boot, or since 7.x from usr/lib/modules/VERSION
 *   modules.cpio    /modules/00-irqbypass.ko, 01-kvm.ko ... decompressed
 *   version         such as 6.12.107+deb13-cloud-amd64
 * </pre>
 */
final class DebianKernel {
    private static final String META_PACKAGE = "linux-image-cloud-amd64";
    private static final List<String> MODULES = List.of("kvm-amd", "virtio_blk");
    private static final long BYTES_NEEDED = 800L << 20;

    private final LabCache cache;
    private final DebianTools tools;
    private final LabProgress progress;

    DebianKernel(LabCache cache, DebianTools tools, LabProgress progress) {
        this.cache = cache;
        this.tools = tools;
        this.progress = progress;
    }

    /** The name of the kernel's entry in the cache. */
    static String entry(LabKernel kernel) {
        return "kernel-" + kernel.text();
    }

    /** The kernel, fetched if need be. */
    BootKernel obtain(LabKernel kernel) throws IOException, InterruptedException, LabUnavailableException {
        Path entry = cache.obtain(entry(kernel), BYTES_NEEDED, empty -> make(kernel, empty));
        return new BootKernel(entry.resolve("vmlinuz"), Optional.of(entry.resolve("modules.cpio")));
    }

    /**
     * Of all packages that the meta package would install, those that hold the image and the modules.
     *
     * @throws LabUnavailableException if there is none
     */
    static List<Apt.Resolved> kernelPackages(List<Apt.Resolved> installation) throws LabUnavailableException {
        List<Apt.Resolved> packages = installation.stream()
                .filter(one -> one.name().matches("linux-(image|binary|modules)-[0-9].*"))
                .toList();
        if (packages.isEmpty()) {
            throw new LabUnavailableException(
                    META_PACKAGE + " leads to no kernel package",
                    "use another suite; the archive may be in the middle of a transition");
        }
        return packages;
    }

    /**
     * Finds the image in unpacked packages.
     *
     * @throws IOException if there is none
     */
    static Path findImage(Path root) throws IOException {
        return find(root, path -> path.getFileName().toString().matches("vmlinuz(-.*)?"), "vmlinuz");
    }

    /**
     * Finds {@code lib/modules/VERSION} in unpacked packages.
     *
     * @throws IOException if there is none
     */
    static Path findModules(Path root) throws IOException {
        return find(root, path -> path.toString().matches(".*/lib/modules/[^/]+"), "lib/modules/VERSION");
    }

    private void make(LabKernel kernel, Path empty) throws IOException, InterruptedException, LabUnavailableException {
        Path busybox = tools.busybox();
        Path root = empty.resolve(".root");
        Path state = empty.resolve(".apt");
        Files.createDirectories(state);
        Path nothingInstalled = Files.createFile(state.resolve("status"));
        AptSource source = tools.hostApt().forSuite(kernel.suite());
        progress.stage("fetching the package lists of " + kernel.suite());
        Apt apt = Apt.update(state, List.of(source), nothingInstalled);
        List<Apt.Resolved> packages = kernelPackages(apt.resolve(List.of(META_PACKAGE)));
        progress.stage("downloading " + packages.getLast().name());
        apt.unpack(packages, root);
        progress.stage("packing the modules of " + packages.getLast().name());
        Path modules = findModules(root);
        Files.move(findImage(root), empty.resolve("vmlinuz"));
        Files.writeString(empty.resolve("version"), modules.getFileName() + "\n");
        pack(KernelModules.collect(modules, MODULES, busybox, state), empty.resolve("modules.cpio"));
        LabCache.delete(root);
        LabCache.delete(state);
    }

    private static void pack(Map<String, byte[]> modules, Path archive) throws IOException {
        try (CpioWriter writer = new CpioWriter(Files.newOutputStream(archive))) {
            int number = 0;
            for (Map.Entry<String, byte[]> module : modules.entrySet()) {
                String name = String.format(Locale.ROOT, "modules/%02d-%s.ko", number++, module.getKey());
                writer.file(name, module.getValue(), false);
            }
        }
    }

    private static Path find(Path root, Predicate<Path> wanted, String what) throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            return files.filter(wanted)
                    .findFirst()
                    .orElseThrow(() -> new IOException("the kernel packages hold no " + what));
        }
    }
}
