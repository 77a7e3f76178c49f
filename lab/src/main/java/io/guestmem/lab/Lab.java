package io.guestmem.lab;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Runs Java programs on a kernel that has a real {@code /dev/kvm}, inside QEMU's software CPU.
 *
 * <p>The first run downloads about 100 MB; what it fetched and packed stays in the cache. A run on a warm cache takes about 10
 * seconds besides the program itself. Each run is a machine of its own, and several may run at once; a {@code Lab} may be used
 * by any thread.
 */
public final class Lab {
    private final LabCache cache;
    private final LabProgress progress;
    private final DebianTools tools;
    private final Map<String, String> environment;

    /**
     * A lab on a cache.
     *
     * @param cacheDirectory is made when something is put in
     * @param environment the process's, for {@code PATH} and for {@code GUESTMEM_LAB_KERNEL}, a bzImage to boot as {@link
     *     LabKernel#PRIVATE}
     * @param progress hears about preparation
     */
    public Lab(Path cacheDirectory, Map<String, String> environment, LabProgress progress) {
        this.cache = new LabCache(cacheDirectory);
        this.progress = progress;
        this.tools = new DebianTools(cache, HostPrograms.of(environment), progress);
        this.environment = Map.copyOf(environment);
    }

    /** A lab on the cache that the environment names. */
    public static Lab open(LabProgress progress) {
        return new Lab(defaultCacheDirectory(System.getenv()), System.getenv(), progress);
    }

    /** {@code GUESTMEM_CACHE}, else {@code XDG_CACHE_HOME/guestmem}, else {@code HOME/.cache/guestmem}. */
    public static Path defaultCacheDirectory(Map<String, String> environment) {
        String own = environment.getOrDefault("GUESTMEM_CACHE", "");
        String shared = environment.getOrDefault("XDG_CACHE_HOME", "");
        if (!own.isEmpty()) {
            return Path.of(own);
        }
        return shared.isEmpty()
                ? Path.of(environment.getOrDefault("HOME", "/root"), ".cache", "guestmem")
                : Path.of(shared, "guestmem");
    }

    /** Whether a run on this kernel would work. Looks at files only: no process, no network, a few milliseconds. */
    public LabAvailability availability(LabKernel kernel) {
        return new LabCheck(cache, tools, environment).check(kernel);
    }

    /** Drops a kernel from the cache: the next run fetches the newest. */
    public void refresh(LabKernel kernel) throws IOException, InterruptedException, LabUnavailableException {
        cache.forget(DebianKernel.entry(kernel));
    }

    /**
     * Fetches what a run needs from the network, and packs it.
     *
     * @throws LabUnavailableException if it cannot be had here
     * @throws IOException if a file of the cache cannot be written or read
     */
    public void prepare(LabKernel kernel) throws IOException, InterruptedException, LabUnavailableException {
        obtainKernel(kernel);
        tools.busybox();
        tools.qemu();
    }

    /**
     * The firmware for virtual machines of the host's own release of Debian: {@code OVMF.fd}, installed or else fetched.
     *
     * @throws LabUnavailableException if it cannot be had here
     * @throws IOException if a file of the cache cannot be written
     */
    public Path firmware() throws IOException, InterruptedException, LabUnavailableException {
        Path image = Path.of("usr/share/ovmf/OVMF.fd");
        Path installed = Path.of("/").resolve(image);
        return Files.exists(installed)
                ? installed
                : cache.obtain("ovmf", 100L << 20, empty -> tools.unpackFromHost(empty, "ovmf"))
                        .resolve(image);
    }

    /**
     * Prepares what is missing and runs the program. An interrupt of the calling thread ends the machine.
     *
     * @param output gets the program's standard output, byte for byte, as it comes; not closed
     * @param errors the same for its standard error
     * @return the program's exit status, 0 to 255
     * @throws LabUnavailableException if the lab cannot be had here; nothing ran
     * @throws LabFailedException if the machine ended without an exit status, or the time limit ended it
     * @throws IOException if a file cannot be read or written, or {@code output} or {@code errors} cannot
     */
    public int run(LabRequest request, OutputStream output, OutputStream errors)
            throws IOException, InterruptedException, LabUnavailableException, LabFailedException {
        requireSmallFiles(request);
        BootKernel kernel = obtainKernel(request.kernel());
        Path busybox = tools.busybox();
        DebianTools.Qemu qemu = tools.qemu();
        Path java = new JavaImage(cache, progress)
                .obtain(
                        request.javaHome(),
                        JavaImage.requiredModules(request.modulePath(), request.mainModule(), request.extraModules()));
        LabRun run = new LabRun(request, new LabRun.Parts(kernel, busybox, java), qemu, cache, progress);
        return run.run(output, errors);
    }

    /**
     * Prepares what is missing, boots a kernel up to its first process, and records in which order it touches its memory for the
     * first time. An interrupt of the calling thread ends the machine.
     *
     * @param memoryBytes memory of the machine, a multiple of 1 MiB, at least 128 MiB, at most {@link
     *     FirstTouchRecording#MOST_MEMORY}
     * @throws LabUnavailableException if the lab cannot be had here; nothing ran
     * @throws LabFailedException if the machine did not come to its first process
     * @throws IOException if a file cannot be read or written
     */
    public FirstTouchRecording recordFirstTouch(LabKernel kernel, long memoryBytes)
            throws IOException, InterruptedException, LabUnavailableException, LabFailedException {
        BootKernel boot = obtainKernel(kernel);
        return new FirstTouchRecorder(tools.qemu(), boot, tools.busybox(), progress).record(memoryBytes);
    }

    private BootKernel obtainKernel(LabKernel kernel)
            throws IOException, InterruptedException, LabUnavailableException {
        if (kernel == LabKernel.PRIVATE) {
            return new PrivateKernel(cache, tools, progress, environment).obtain();
        }
        return new DebianKernel(cache, tools, progress).obtain(kernel);
    }

    private static void requireSmallFiles(LabRequest request) throws IOException, LabUnavailableException {
        long total = 0;
        for (LabFile file : request.files()) {
            total += Files.size(file.host());
        }
        if (total > request.memoryBytes() / 4) {
            throw new LabUnavailableException(
                    "the files for the guest have " + (total >> 20)
                            + " MiB, which is more than a quarter of its memory",
                    "give the lab a larger memory or smaller files");
        }
    }
}
