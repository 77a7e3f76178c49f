package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.guestmem.abi.Kernel;
import io.guestmem.kvm.Kvm;
import io.guestmem.lab.Lab;
import io.guestmem.lab.LabFailedException;
import io.guestmem.lab.LabKernel;
import io.guestmem.lab.LabProgress;
import io.guestmem.lab.LabRequest;
import io.guestmem.linux.Userfaultfd;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import net.bytebuddy.ByteBuddy;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.engine.JupiterTestEngine;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.platform.commons.JUnitException;
import org.junit.platform.engine.TestEngine;
import org.junit.platform.launcher.Launcher;
import org.opentest4j.AssertionFailedError;

/** The contract suite of the room {@code kvm} on kernels that this host does not run. */
@Tag("lab")
class LabContractTest {
    private static final Path TESTS = Checkout.ROOT.resolve("kvm/target/test-classes");

    /** One class of each archive that the suite needs. */
    private static final List<Class<?>> ARCHIVES = List.of(
            Kvm.class,
            Kernel.class,
            Userfaultfd.class,
            Test.class,
            ParameterizedTest.class,
            JupiterTestEngine.class,
            JUnitException.class,
            TestEngine.class,
            Launcher.class,
            AssertionFailedError.class,
            Assertions.class,
            ByteBuddy.class);

    /** What JUnit and AssertJ use of the JDK beyond {@code java.base}. */
    private static final Set<String> JDK_MODULES =
            Set.of("java.instrument", "java.logging", "java.management", "java.xml", "jdk.unsupported");

    private static final Duration LIMIT = Duration.ofMinutes(4);

    @TempDir
    private Path directory;

    @ParameterizedTest
    @EnumSource
    void theContractHoldsOnThisKernel(LabKernel kernel) throws Exception {
        List<String> suite = contractTests();
        assumeTrue(!suite.isEmpty(), "the room kvm has no contract tests yet");
        Host.assumeLabReady(kernel);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();

        int status;
        try {
            status = Lab.open(LabProgress.SILENT).run(request(kernel, suite), out, err);
        } catch (LabFailedException failed) {
            throw new AssertionError(
                    failed.getMessage() + "\n" + failed.consoleTail() + "so far:\n" + out + "errors:\n" + err, failed);
        }

        String errors = err.toString(StandardCharsets.UTF_8);
        Map<String, List<String>> results = out.toString(StandardCharsets.UTF_8)
                .lines()
                .collect(Collectors.groupingBy(line -> line.replaceFirst(" .*", "")));
        results.getOrDefault("skipped", List.of()).forEach(line -> System.out.println(kernel.text() + ": " + line));
        System.out.println(
                kernel.text() + ": " + results.getOrDefault("passed", List.of()).size()
                        + " tests of the contract passed, "
                        + results.getOrDefault("skipped", List.of()).size() + " were skipped");
        assertThat(status).as(errors).isZero();
        assertThat(results.getOrDefault("failed", List.of())).as(errors).isEmpty();
        assertThat(results).as(errors).containsKey("passed");
    }

    private static List<String> contractTests() throws IOException {
        if (!Files.isDirectory(TESTS)) {
            return List.of();
        }
        try (Stream<Path> files = Files.walk(TESTS)) {
            return files.map(file -> TESTS.relativize(file).toString())
                    .filter(name -> name.endsWith("ContractTest.class"))
                    .map(name -> name.replace(".class", "").replace('/', '.'))
                    .sorted()
                    .toList();
        }
    }

    private LabRequest request(LabKernel kernel, List<String> suite) throws Exception {
        List<Path> archives = new ArrayList<>(List.of(TESTS));
        for (Class<?> type : ARCHIVES) {
            archives.add(LabClassPath.archiveOf(type));
        }
        return LabClassPath.request(directory, GuestSuite.class, archives)
                .withKernel(kernel)
                .withExtraModules(JDK_MODULES)
                .withCpus(1)
                .withTimeLimit(LIMIT)
                .withArguments(suite);
    }
}
