package io.guestmem.lab;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * One run: a Java program from a module path, on a kernel, in a machine.
 *
 * @param kernel what boots
 * @param memoryBytes memory of the machine, at least 1 GiB, a multiple of 1 MiB; the files carried in may take a quarter
 * @param cpus at least 1
 * @param modulePath a directory; its {@code *.jar} are carried in and are the module path
 * @param mainModule {@code MODULE} or {@code MODULE/CLASS}, as for {@code java -m}
 * @param nativeAccess modules for {@code --enable-native-access}
 * @param arguments for the program, passed byte for byte
 * @param environment added to the guest's, which has {@code GUESTMEM_IN_LAB=1}, {@code HOME}, {@code PATH} and a UTF-8 locale
 * @param files carried into the guest
 * @param outputDirectory where the files go that the program leaves in {@value #GUEST_OUTPUT}, its working directory
 * @param javaHome the JDK whose {@code jlink} makes the guest's Java; a home without {@code jlink} is carried in whole
 * @param extraModules of the JDK, beyond those that the main module requires (service providers, for example)
 * @param timeLimit from the start of QEMU to its end
 */
public record LabRequest(
        LabKernel kernel,
        long memoryBytes,
        int cpus,
        Path modulePath,
        String mainModule,
        Set<String> nativeAccess,
        List<String> arguments,
        Map<String, String> environment,
        List<LabFile> files,
        Optional<Path> outputDirectory,
        Path javaHome,
        Set<String> extraModules,
        Duration timeLimit) {

    /** The guest directory that a program starts in and whose files come back. */
    public static final String GUEST_OUTPUT = "/out";

    private static final long MEBIBYTE = 1 << 20;

    /**
     * Checks and copies.
     *
     * @throws IllegalArgumentException if a number is out of its range or a text cannot cross (it holds a NUL)
     */
    public LabRequest {
        if (memoryBytes < 1024 * MEBIBYTE || memoryBytes % MEBIBYTE != 0) {
            throw new IllegalArgumentException(
                    "memory of the lab: " + memoryBytes + ", want whole MiB and at least 1 GiB");
        }
        if (cpus < 1) {
            throw new IllegalArgumentException("CPUs of the lab: " + cpus + ", want at least 1");
        }
        if (timeLimit.isNegative() || timeLimit.isZero()) {
            throw new IllegalArgumentException("time limit of the lab: " + timeLimit + ", want more than nothing");
        }
        for (String name : environment.keySet()) {
            if (!name.matches("[A-Za-z_][A-Za-z0-9_]*")) {
                throw new IllegalArgumentException("not the name of an environment variable: " + name);
            }
        }
        nativeAccess = Set.copyOf(nativeAccess);
        arguments = List.copyOf(arguments);
        environment = Map.copyOf(environment);
        files = List.copyOf(files);
        extraModules = Set.copyOf(extraModules);
        if (arguments.stream().anyMatch(text -> text.indexOf('\0') >= 0)
                || environment.values().stream().anyMatch(text -> text.indexOf('\0') >= 0)) {
            throw new IllegalArgumentException("a NUL character cannot be passed to a program");
        }
    }

    /**
     * A request with the usual machine: Debian 13's kernel, 4 GiB, two CPUs, ten minutes, the running Java, no arguments.
     *
     * @param modulePath a directory of jars
     * @param mainModule {@code MODULE} or {@code MODULE/CLASS}
     */
    public static LabRequest of(Path modulePath, String mainModule) {
        return new LabRequest(
                LabKernel.TRIXIE,
                4096 * MEBIBYTE,
                2,
                modulePath,
                mainModule,
                Set.of(),
                List.of(),
                Map.of(),
                List.of(),
                Optional.empty(),
                Path.of(System.getProperty("java.home")),
                Set.of(),
                Duration.ofMinutes(10));
    }

    /** This request on another kernel. */
    public LabRequest withKernel(LabKernel kernel) {
        return changed(draft -> draft.kernel = kernel);
    }

    /** This request in a machine of another size. */
    public LabRequest withMemoryBytes(long memoryBytes) {
        return changed(draft -> draft.memoryBytes = memoryBytes);
    }

    /** This request on another number of CPUs. */
    public LabRequest withCpus(int cpus) {
        return changed(draft -> draft.cpus = cpus);
    }

    /** This request with native access for these modules. */
    public LabRequest withNativeAccess(Set<String> nativeAccess) {
        return changed(draft -> draft.nativeAccess = nativeAccess);
    }

    /** This request with these arguments. */
    public LabRequest withArguments(List<String> arguments) {
        return changed(draft -> draft.arguments = arguments);
    }

    /** This request with these environment variables. */
    public LabRequest withEnvironment(Map<String, String> environment) {
        return changed(draft -> draft.environment = environment);
    }

    /** This request with these files carried in. */
    public LabRequest withFiles(List<LabFile> files) {
        return changed(draft -> draft.files = files);
    }

    /** This request with the guest's files brought back to a directory, which is made if there are any. */
    public LabRequest withOutputDirectory(Path outputDirectory) {
        return changed(draft -> draft.outputDirectory = Optional.of(outputDirectory));
    }

    /** This request with another JDK. */
    public LabRequest withJavaHome(Path javaHome) {
        return changed(draft -> draft.javaHome = javaHome);
    }

    /** This request with more modules of the JDK. */
    public LabRequest withExtraModules(Set<String> extraModules) {
        return changed(draft -> draft.extraModules = extraModules);
    }

    /** This request with another time limit. */
    public LabRequest withTimeLimit(Duration timeLimit) {
        return changed(draft -> draft.timeLimit = timeLimit);
    }

    private LabRequest changed(Consumer<Draft> change) {
        Draft draft = new Draft(this);
        change.accept(draft);
        return draft.request();
    }

    /** A request in which one thing is being changed. */
    private static final class Draft {
        private LabKernel kernel;
        private long memoryBytes;
        private int cpus;
        private final Path modulePath;
        private final String mainModule;
        private Set<String> nativeAccess;
        private List<String> arguments;
        private Map<String, String> environment;
        private List<LabFile> files;
        private Optional<Path> outputDirectory;
        private Path javaHome;
        private Set<String> extraModules;
        private Duration timeLimit;

        Draft(LabRequest request) {
            kernel = request.kernel;
            memoryBytes = request.memoryBytes;
            cpus = request.cpus;
            modulePath = request.modulePath;
            mainModule = request.mainModule;
            nativeAccess = request.nativeAccess;
            arguments = request.arguments;
            environment = request.environment;
            files = request.files;
            outputDirectory = request.outputDirectory;
            javaHome = request.javaHome;
            extraModules = request.extraModules;
            timeLimit = request.timeLimit;
        }

        LabRequest request() {
            return new LabRequest(
                    kernel,
                    memoryBytes,
                    cpus,
                    modulePath,
                    mainModule,
                    nativeAccess,
                    arguments,
                    environment,
                    files,
                    outputDirectory,
                    javaHome,
                    extraModules,
                    timeLimit);
        }
    }
}
