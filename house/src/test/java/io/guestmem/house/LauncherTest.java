package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code ./guestmem} in a fresh copy of the checkout, with a Maven that puts the jars in their place that were built already,
 * and a JDK that writes down what {@code java} is called with. {@link FirstRunTest} has the real Maven.
 */
class LauncherTest {
    @TempDir
    private Path directory;

    private Path checkout;
    private Path javaLog;
    private Path mavenLog;
    private Path jdk;

    @BeforeEach
    void aFreshCopy() throws IOException {
        checkout = directory.resolve("a checkout");
        javaLog = directory.resolve("java.log");
        mavenLog = Files.createFile(directory.resolve("maven.log"));
        Checkout.copyTo(checkout);
        jdk = jdk("jdk");
        FakeJdk.program(Files.createDirectory(directory.resolve("bin")).resolve("mvn"), """
                #!/bin/sh
                echo "$JAVA_HOME: $*" >>'%s'
                if [ -e '%s' ]; then echo 'the compiler is not content'; exit 1; fi
                mkdir -p cli/target/dist/lib
                cp '%s'/*.jar cli/target/dist/lib/
                """.replaceFirst(
                        "%s", mavenLog.toString())
                .replaceFirst("%s", directory.resolve("broken").toString())
                .replaceFirst("%s", Guestmem.JARS.toString()));
    }

    private Path jdk(String name) throws IOException {
        Path home = FakeJdk.create(directory.resolve(name), "25");
        FakeJdk.program(home.resolve("bin/java"), """
                #!/bin/sh
                echo "$*" >>'%s'
                exec '%s' "$@"
                """.replaceFirst("%s", javaLog.toString())
                .replaceFirst("%s", Guestmem.JAVA.toString()));
        return home;
    }

    @Test
    void theFirstRunBuildsAndTheNextOnesDoNot() throws Exception {
        assertDoctor(launch("doctor", "--json"));
        assertThat(builds()).hasSize(1);
        assertThat(builds().getFirst()).startsWith(jdk + ": -B -q ").endsWith(" -pl cli -am package");

        assertDoctor(launch("doctor", "--json"));
        assertThat(builds()).hasSize(1);
        assertThat(Files.readAllLines(javaLog))
                .hasSize(5)
                .satisfies(lines -> assertThat(lines.get(0)).contains("ClassFileRenewal "))
                .satisfies(lines -> assertThat(lines.get(1)).contains("-XX:AOTMode=record "))
                .satisfies(lines -> assertThat(lines.get(2)).contains("-XX:AOTMode=create "))
                .satisfies(lines -> assertThat(lines.subList(3, 5))
                        .allMatch(line -> line.contains("-XX:AOTCache=" + checkout + "/cli/target/dist/guestmem.aot")));
    }

    @Test
    void newerSourcesAndAnotherJdkAreBuiltAgain() throws Exception {
        assertDoctor(launch("doctor", "--json"));

        touch(checkout.resolve("linux/src/main/java/io/guestmem/linux/Errno.java"));
        assertDoctor(launch("doctor", "--json"));
        assertThat(builds()).hasSize(2);

        touch(checkout.resolve("kvm/pom.xml"));
        assertDoctor(launch("doctor", "--json"));
        assertThat(builds()).hasSize(3);

        Files.delete(checkout.resolve("LICENSE"));
        assertDoctor(launch("doctor", "--json"));
        assertThat(builds()).as("the licence is no source").hasSize(3);

        jdk = jdk("another");
        assertDoctor(launch("doctor", "--json"));
        assertThat(builds()).hasSize(4);
    }

    @Test
    void aFailedBuildIsShownAndTriedAgain() throws Exception {
        Path broken = Files.createFile(directory.resolve("broken"));

        Command.Outcome outcome = launch("doctor", "--json");

        assertThat(outcome.status()).isEqualTo(70);
        assertThat(outcome.out()).isEmpty();
        assertThat(outcome.err().lines())
                .containsExactly(
                        "the compiler is not content",
                        "guestmem: the build failed; the whole log is " + checkout + "/.mvn/build.log");

        Files.delete(broken);
        assertDoctor(launch("doctor", "--json"));
        assertThat(builds()).hasSize(2);
    }

    /** picocli's own jar has classes of Java 5, of which the cache takes none. */
    @Test
    void theOptionParserComesFromTheAotCache() throws Exception {
        assertDoctor(launch("doctor", "--json"));

        assertThat(Files.readAllLines(checkout.resolve(".mvn/build.log")))
                .anyMatch(line -> line.startsWith("AOTCache creation is complete"))
                .noneMatch(line -> line.contains("Skipping picocli"));
    }

    /** After {@code ./mvnw verify}, which makes the same jars anew: a cache of the old ones would be of no use. */
    @Test
    void jarsThatAreNewerThanTheAotCacheGetAnotherOne() throws Exception {
        assertDoctor(launch("doctor", "--json"));
        try (Stream<Path> jars = Files.list(checkout.resolve("cli/target/dist/lib"))) {
            for (Path jar : jars.toList()) {
                touch(jar);
            }
        }

        assertDoctor(launch("doctor", "--json"));
        assertThat(builds()).hasSize(1);
        assertThat(Files.readAllLines(javaLog))
                .filteredOn(line -> line.contains("-XX:AOTMode=create "))
                .hasSize(2);
    }

    @Test
    void aDamagedAotCacheDoesNotSpoilTheOutput() throws Exception {
        assertDoctor(launch("doctor", "--json"));
        Path cache = checkout.resolve("cli/target/dist/guestmem.aot");
        assertThat(cache).isRegularFile();
        Files.writeString(cache, "not a cache");

        assertDoctor(launch("doctor", "--json"));
    }

    @Test
    void anOldJavaHomeIsReplacedByTheJdkOnThePath() throws Exception {
        Path old = FakeJdk.create(directory.resolve("old"), "17.0.12");
        Files.createSymbolicLink(directory.resolve("bin/javac"), jdk.resolve("bin/javac"));

        Command.Outcome outcome = launcher(checkout.resolve("guestmem"), "doctor", "--json")
                .without("GUESTMEM_JAVA_HOME")
                .with("JAVA_HOME", old.toString())
                .run();

        assertDoctor(outcome);
        assertThat(builds().getFirst()).startsWith(jdk + ": ");
    }

    @Test
    void theJdkOfTheBuildIsRemembered() throws Exception {
        Path path = directory.resolve("bin/javac");
        Files.createSymbolicLink(path, jdk.resolve("bin/javac"));
        Command anywhere = launcher(checkout.resolve("guestmem"), "doctor", "--json")
                .without("GUESTMEM_JAVA_HOME")
                .without("JAVA_HOME");

        assertDoctor(anywhere.run());
        Files.delete(path);
        Files.createSymbolicLink(path, jdk("another jdk").resolve("bin/javac"));
        assertDoctor(anywhere.run());

        assertThat(builds()).singleElement().asString().startsWith(jdk + ": ");
    }

    @Test
    void aCheckoutThatWasMovedStillWorks() throws Exception {
        assertDoctor(launch("doctor", "--json"));
        checkout = Files.move(checkout, directory.resolve("moved"));

        assertDoctor(launch("doctor", "--json"));
        assertThat(builds()).hasSize(1);
    }

    @Test
    void aLinkFromAnotherDirectoryWillDo() throws Exception {
        Path link = Files.createSymbolicLink(directory.resolve("guestmem link"), checkout.resolve("guestmem"));
        Path second = Files.createSymbolicLink(directory.resolve("gm"), link);

        assertDoctor(launcher(second, "doctor", "--json").run());
    }

    @Test
    void argumentsPassUnchanged() throws Exception {
        Host.assumeKvm();

        Command.Outcome outcome = launch("demo", "--image", "no  such * $HOME \"file\"");

        assertThat(outcome.status()).isEqualTo(74);
        assertThat(outcome.err()).startsWith("guestmem: openat: ENOENT (2): no  such * $HOME \"file\"\n");
    }

    @Test
    void filesAreThoseOfTheCallersDirectory() throws Exception {
        Host.assumeKvm();
        Files.writeString(directory.resolve("image"), "content");

        Command.Outcome outcome =
                launch("demo", "--memory", "1M", "--populate", "none", "--image", "image", "--report", "page.html");

        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.status()).isZero();
        assertThat(directory.resolve("page.html")).isRegularFile();
    }

    @Test
    void withoutMavenItSaysWhatToInstall() throws Exception {
        Path programs = FakeJdk.programs(
                directory.resolve("few"),
                List.of("bash", "env", "sed", "readlink", "dirname", "find", "cat", "flock", "touch", "rm"));

        for (String script : List.of("guestmem", "mvnw")) {
            Command.Outcome outcome = launcher(checkout.resolve(script), "--version")
                    .with("PATH", programs.toString())
                    .run();

            assertThat(outcome.status()).isEqualTo(69);
            assertThat(outcome.out()).isEmpty();
            List<String> lines = outcome.err().lines().toList();
            assertThat(lines).hasSize(2);
            assertThat(lines.getFirst()).startsWith("guestmem: Maven is not installed");
            assertThat(lines.getLast()).contains("apt-get install maven");
        }
    }

    private static void assertDoctor(Command.Outcome outcome) {
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.status()).isZero();
        assertThat(outcome.out()).endsWith("}\n").containsOnlyOnce("\n");
        assertThat(Json.object(outcome.out())).containsEntry("command", "doctor");
    }

    private static void touch(Path file) throws IOException {
        Files.setLastModifiedTime(file, FileTime.from(Instant.now()));
    }

    private List<String> builds() throws IOException {
        return Files.readAllLines(mavenLog);
    }

    private Command.Outcome launch(String... arguments) throws IOException, InterruptedException {
        return launcher(checkout.resolve("guestmem"), arguments).run();
    }

    private Command launcher(Path launcher, String... arguments) {
        return Command.of(directory, List.of(arguments))
                .behind(launcher.toString())
                .with("GUESTMEM_JAVA_HOME", jdk.toString())
                .with("PATH", directory.resolve("bin") + ":" + System.getenv("PATH"));
    }
}
