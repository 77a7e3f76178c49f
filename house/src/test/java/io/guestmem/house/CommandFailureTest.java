package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.guestmem.abi.VmType;
import io.guestmem.kvm.KvmSupport;
import io.guestmem.kvm.LinuxKernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the packaged command says when it cannot do what it was asked for: an exit status, one line, and the remedy. */
class CommandFailureTest {
    private static final int USAGE = 2;
    private static final int UNAVAILABLE = 69;
    private static final int IO = 74;
    private static final int PERMISSION = 77;
    private static final String[] AS_NOBODY = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};

    @TempDir
    private Path directory;

    @AfterEach
    void nothingIsLeftBehind() throws IOException {
        assertThat(Guestmem.leftIn(directory)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "demo --memory 0                | --memory: 0 is not a positive multiple of the page size, 4096",
                "demo --memory 100              | --memory: 100 is not a positive multiple of the page size, 4096",
                "demo --memory 1T               | --memory: 1 TiB is more than a guest has here",
                "demo --memory abc              | 'abc' is not a size",
                "demo --memory -1               | '-1' is not a size",
                "demo --memory=-1               | '-1' is not a size",
                "demo --memory ''               | '' is not a size",
                "demo --memory 99999999999999G  | '99999999999999G' is too large for a size",
                "demo --memory                  | --memory",
                "demo --kernel zircon           | 'zircon'",
                "conform --kernel-version 5.0   | '5.0' is not one of 6.12, 6.18, 7.2",
                "conform --kernel linux --kernel-version 6.12 | --kernel-version: the real kernel has its own; add --kernel soft",
                "conform --only SYS-99          | no check 'SYS-99'",
                "demo --populate magic          | 'magic'",
                "demo --vm-type sgx             | 'sgx'",
                "demo --vm-type tdx --populate none | --populate: a confidential guest is launched",
                "demo --firmware x              | --firmware needs --vm-type",
                "demo surplus                   | 'surplus'",
                "diff --recorded x --seed 3     | --recorded compares the software kernel with all of the recording",
                "demo --touch boot --memory 64M | --memory: the trace of --touch boot says how much",
                "demo --touch boot --image x    | --image: the guest of --touch boot has empty memory",
                "demo --trace x                 | --trace: only with --touch boot",
                "demo --populate working_set    | --populate: working_set only with --touch boot",
                "lab --record-first-touch x -- doctor       | --record-first-touch: runs no command",
                "lab --record-first-touch x --memory 4G     | --memory: at most 2 GiB can be recorded",
                "lab --record-first-touch x --memory 64M    | --memory: 67108864 is not a multiple of 1 MiB from 128 MiB",
                "lab                            | 'ARGS'",
                "lab --suite buzz -- doctor     | 'buzz'",
                "``                             | a verb is missing: one of bench, conform, control, demo, diff, doctor, fuzz, lab, measure, serve, shell, translate, workingset",
                "serve --socket x               | '--snapshot=FILE'",
                "serve --socket x --snapshot y --ahead-limit 101 | --ahead-limit takes 1 to 100",
                "serve --socket x --snapshot y --retry-source -1 | --retry-source takes 0 to 86400000",
                "control x                      | 'COMMAND'",
                "serve --socket x --snapshot y --take-over  | --take-over needs the --state of the living server",
                "serve --socket x --snapshot y --on-failure zero | 'zero' is not one of poison, kill, hang",
                "serve --socket x --snapshot y --record z --prefetch all | --record: with --prefetch all nothing is left that a VM could ask for",
                "serve --socket x --snapshot y --hold-back -1 | --hold-back: -1 is negative",
                "serve --socket x --snapshot y --record z --record-settle soon | 'soon' is not a number of seconds; write 5 or 0.25",
                "workingset                     | what to do with working sets is missing: one of record, merge, show, diff, pack",
                "workingset merge --output x    | 'FILE'",
                "workingset record --socket x --snapshot y | '--output=FILE'",
                "workingset pack --output x y   | '--snapshot=FILE'",
                "measure                        | what to measure is missing: one of snp, sev, sev-es, tdx, secret, explain, diff",
                "measure snp                    | '--firmware=FILE'",
                "measure snp --firmware x --vcpus 0         | --vcpus: 0 is not 1 to 4096",
                "measure snp --firmware x --vcpu-type i486  | --vcpu-type: no model 'i486'",
                "measure snp --firmware x --vmm bochs       | 'bochs'",
                "measure snp --firmware x --guest-features y | 'y' is not a number",
                "measure sev --firmware x --append quiet    | --initrd and --append need --kernel",
                "measure tdx --firmware x --patched-kernel  | --patched-kernel needs --memory",
                "measure sev --firmware x --nonce 00        | --nonce, --measurement, --api, --build and --policy need --tik",
                "measure snp --firmware x --id-block y      | --id-block, --id-auth and --author-key need --id-key"
            })
    void aWrongCommandLineIsNamed(String line, String message) throws Exception {
        List<String> lines = failure(USAGE, Guestmem.command(directory, words(line)));

        assertThat(lines).hasSize(2);
        assertThat(lines.getFirst()).startsWith("guestmem: ").contains(message);
        assertThat(lines.getLast()).matches("guestmem: see 'guestmem( [a-z]+){0,2} --help'");
    }

    @ParameterizedTest
    @CsvSource({"docter, doctor", "demos, demo", "labb, lab", "demo --memry, --memory", "doctor --jsn, --json"})
    void whatWasMeantIsSuggested(String line, String meant) throws Exception {
        List<String> lines = failure(USAGE, Guestmem.command(directory, words(line)));

        assertThat(lines).hasSize(3);
        assertThat(lines.get(1)).startsWith("guestmem: did you mean ").contains(meant);
    }

    private static String[] words(String line) {
        return Stream.of(line.split(" "))
                .filter(word -> !word.isEmpty())
                .map(word -> word.equals("''") ? "" : word)
                .toArray(String[]::new);
    }

    @Test
    void moreMemoryThanTheHostHasIsRefusedBeforeItIsTaken() throws Exception {
        List<String> lines = failure(UNAVAILABLE, Guestmem.command(directory, "demo", "--memory", "500G"));

        assertThat(lines.getFirst()).contains("500 GiB is more than this host can spare");
        assertThat(lines.getLast()).isEqualTo("guestmem: ask for less with --memory");
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux", "soft"})
    void aMissingImageIsNamedWithTheCallAndTheErrno(String kernel) throws Exception {
        Host.assumeKernel(kernel);

        List<String> lines = failure(IO, demoOf("nowhere", "--kernel", kernel));

        assertThat(lines)
                .containsExactly(
                        "guestmem: openat: ENOENT (2): nowhere", "guestmem: there is no such file: check the path");
    }

    @Test
    void aDirectoryIsNoImage() throws Exception {
        assertThat(failure(IO, demoOf(directory.toString())).getFirst())
                .isEqualTo("guestmem: " + directory + ": not a regular file");
    }

    @Test
    void anEmptyFileIsNoImage() throws Exception {
        Files.createFile(directory.resolve("empty"));

        assertThat(failure(IO, demoOf("empty")).getFirst()).isEqualTo("guestmem: empty: the file is empty");
    }

    @Test
    void whatIsNoRecordingIsRefused() throws Exception {
        Files.writeString(directory.resolve("x"), "guestmem recording of something else");

        List<String> lines = failure(IO, Guestmem.command(directory, "diff", "--recorded", "x"));

        assertThat(lines)
                .containsExactly(
                        "guestmem: x: not a recording of guestmem diff",
                        "guestmem: record it again: guestmem diff --record FILE");
    }

    @Test
    void aReportThatCannotBeWrittenIsAFailure() throws Exception {
        List<String> lines = failure(
                IO,
                Guestmem.command(
                        directory, "demo", "--memory", "1M", "--populate", "none", "--report", "nowhere/page.html"));

        assertThat(lines.getFirst()).contains("nowhere");
    }

    @Test
    void aStackTraceIsForThoseWhoAskForIt() throws Exception {
        Command.Outcome outcome = Guestmem.command(directory, "demo", "--debug", "--image", "nowhere")
                .run();

        assertThat(outcome.status()).isEqualTo(IO);
        assertThat(outcome.err().lines().limit(2)).allMatch(line -> line.startsWith("guestmem: "));
        assertThat(outcome.err()).contains("LinuxException: openat", "\tat io.guestmem.cli");
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux", "soft"})
    void anUnreadableImageIsAQuestionOfPermission(String kernel) throws Exception {
        Host.assumeKernel(kernel);
        Path secret = Files.writeString(directory.resolve("secret"), "content");
        Files.setPosixFilePermissions(secret, Set.of());
        String[] withoutOverride = {"setpriv", "--bounding-set=-dac_override,-dac_read_search"};
        if (Files.isReadable(secret)) {
            Host.assumeSucceeds(directory, words(String.join(" ", withoutOverride) + " test ! -r secret"));
        }
        Command command = demoOf("secret", "--kernel", kernel);

        List<String> lines = failure(PERMISSION, Files.isReadable(secret) ? command.behind(withoutOverride) : command);

        assertThat(lines)
                .containsExactly(
                        "guestmem: openat: EACCES (13): secret",
                        "guestmem: run it as somebody who may, or change the permissions");
    }

    @Test
    void aForbiddenKvmIsAQuestionOfPermission() throws Exception {
        Host.assumeKvm();
        Command nobody = nobody("demo", "--kernel", "linux", "--memory", "1M");
        Host.assumeSucceeds(
                directory,
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                "test",
                "!",
                "-w",
                "/dev/kvm");

        List<String> lines = failure(PERMISSION, nobody);

        assertThat(lines.getFirst()).contains("EACCES (13)", "/dev/kvm");
        assertThat(lines.getLast())
                .isEqualTo(
                        "guestmem: add yourself to the group of /dev/kvm: usermod -aG kvm $USER; '--kernel soft' needs no KVM");
    }

    @Test
    void aHostWithoutKvmIsTold() throws Exception {
        Command command = withoutKvm("demo", "--kernel", "linux", "--memory", "1M");

        List<String> lines = failure(UNAVAILABLE, command);

        assertThat(lines.getFirst()).contains("ENOENT (2)", "/dev/kvm");
        assertThat(lines.getLast()).contains("there is no KVM here", "'--kernel soft'", "'guestmem lab -- demo'");
    }

    @Test
    void aHostWithoutKvmHasTheSoftwareKernelByItself() throws Exception {
        Command.Outcome outcome = withoutKvm("demo", "--json", "--memory", "1M", "--populate", "none,pre_fault")
                .run();

        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.status()).isZero();
        assertThat(Json.object(outcome.out())).containsEntry("kernel", "soft");
        assertThat(Json.objects(Json.object(outcome.out()), "runs"))
                .hasSize(2)
                .allSatisfy(run -> assertThat(run).containsEntry("ok", true));
    }

    @Test
    void aKernelWithoutPrivateMemoryIsNamed() throws Exception {
        Host.assumeKvm();
        assumeFalse(
                KvmSupport.of(new LinuxKernel()) instanceof KvmSupport.Available kvm
                        && kvm.vmTypes().contains(VmType.SW_PROTECTED),
                "this kernel makes VMs with private memory");

        List<String> lines = failure(
                UNAVAILABLE, Guestmem.command(directory, "demo", "--kernel", "linux", "--vm-type", "sw_protected"));

        assertThat(lines.getFirst()).contains("KVM_CAP_VM_TYPES", "linux", "sw_protected");
        assertThat(lines.getLast()).contains("--kernel soft", "guestmem lab --private");
    }

    @Test
    void doctorFindsOutThatThereIsNoKvm() throws Exception {
        Command.Outcome outcome = withoutKvm("doctor", "--json").run();

        assertThat(outcome.status()).isZero();
        Map<String, @Nullable Object> json = Json.object(outcome.out());
        assertThat(Json.object(json, "kvm")).containsEntry("available", false);
        assertThat(json).containsEntry("default_kernel", "soft");
        assertThat(Json.object(json, "kernels")).containsEntry("demo", "soft");
    }

    @Test
    void conformTakesTheSoftwareKernelWhereThereIsNoKvm() throws Exception {
        Command.Outcome outcome =
                withoutKvm("conform", "--only", "SYS-01", "--json").run();

        assertThat(outcome.status()).as(outcome.err()).isZero();
        assertThat(ConformRun.parse(outcome.out()).summary())
                .containsEntry("kernel", "soft")
                .containsEntry("simulated", true);
    }

    @Test
    void theRealKernelIsNotReplacedIfItWasAskedFor() throws Exception {
        List<String> lines = failure(UNAVAILABLE, withoutKvm("conform", "--kernel", "linux"));

        assertThat(lines.getFirst()).contains("ENOENT (2)", "/dev/kvm");
    }

    private Command demoOf(String image, String... more) {
        return Guestmem.command(
                directory,
                Stream.concat(Stream.of("demo", "--memory", "1M", "--image", image), Stream.of(more))
                        .toArray(String[]::new));
    }

    /** The command as a user without rights, from jars that everybody may read. */
    private Command nobody(String... arguments) throws Exception {
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
        Path jars = Files.createDirectory(directory.resolve("jars"));
        try (Stream<Path> all = Files.list(Guestmem.JARS)) {
            for (Path jar : all.toList()) {
                Files.copy(jar, jars.resolve(jar.getFileName()));
            }
        }
        String[] probe = Stream.concat(Stream.of(AS_NOBODY), Stream.of(Guestmem.JAVA.toString(), "-version"))
                .toArray(String[]::new);
        Host.assumeSucceeds(directory, probe);
        return Guestmem.command(jars, directory, arguments).behind(AS_NOBODY);
    }

    /** The command where {@code /dev} has no {@code kvm}. */
    private Command withoutKvm(String... arguments) throws Exception {
        if (!Files.exists(Path.of("/dev/kvm"))) {
            return Guestmem.command(directory, arguments);
        }
        String[] unshare = {"unshare", "--mount", "sh", "-ec", """
                mkdir dev
                mount -t tmpfs none dev
                for file in null zero random urandom; do : >dev/$file; mount --bind /dev/$file dev/$file; done
                mount --move dev /dev
                rmdir dev
                exec "$@"
                """, "sh"};
        Host.assumeSucceeds(
                directory,
                Stream.concat(Stream.of(unshare), Stream.of("test", "!", "-e", "/dev/kvm"))
                        .toArray(String[]::new));
        return Guestmem.command(directory, arguments).behind(unshare);
    }

    /** Runs a command that fails; returns the lines of standard error, the only output. */
    private static List<String> failure(int status, Command command) throws Exception {
        Command.Outcome outcome = command.run();
        List<String> lines = outcome.err().lines().toList();
        assertThat(outcome.status()).as(outcome.err()).isEqualTo(status);
        assertThat(outcome.out()).isEmpty();
        assertThat(lines).hasSizeBetween(2, 3).allMatch(line -> line.startsWith("guestmem: "));
        return lines;
    }
}
