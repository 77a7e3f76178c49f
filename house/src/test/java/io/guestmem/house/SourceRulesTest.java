package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What no tool of the build checks. */
class SourceRulesTest {
    private static final int MOST_LINES = 400;
    private static final Pattern UNFINISHED = Pattern.compile("\\b(TO" + "DO|FIX" + "ME|X" + "XX)\\b");
    private static final Pattern VAGUE_NAME = Pattern.compile(".*(Manager|Helper|Utils?|Impl)\\.java");
    private static final Pattern HOME = Pattern.compile("/(home|Users)/[a-z]");
    private static final Pattern NAMESPACE = Pattern.compile("http://maven\\.apache\\.org/(POM|xsd)/");
    private static final Pattern REGISTRY = Pattern.compile(
            "(https?://|[\\w.-]+\\.)(\\w[\\w.-]*\\.)?"
                    + "(maven\\.org|maven\\.apache\\.org|pypi\\.org|npmjs\\.(org|com)|crates\\.io|debian\\.org|artifactory|sonatype)");

    /** KVM's request codes have the type 0xAE, those of a userfaultfd 0xAA: {@code 0x[direction and size]AEnn}. */
    private static final Pattern REQUEST_CODE =
            Pattern.compile("0x(?:[48cC]0[0-9a-fA-F]{2})?[aA][eEaA][0-9a-fA-F]{2}L?\\b");

    @Test
    void noFileIsTooLongToRead() throws IOException {
        List<String> tooLong = new ArrayList<>();
        for (Path file : javaFiles()) {
            int lines = Checkout.lines(file).orElseThrow().size();
            if (lines > MOST_LINES) {
                tooLong.add(file + ": " + lines + " lines");
            }
        }

        assertThat(tooLong).isEmpty();
    }

    @Test
    void nothingIsLeftForLater() throws IOException {
        assertThat(linesWith(UNFINISHED, _ -> true)).isEmpty();
    }

    @Test
    void namesSayWhatAClassIs() throws IOException {
        assertThat(javaFiles())
                .noneMatch(file ->
                        VAGUE_NAME.matcher(file.getFileName().toString()).matches());
    }

    @Test
    void noPathOfAMachineIsInTheTree() throws IOException {
        assertThat(linesWith(HOME, _ -> true)).isEmpty();
        assertThat(linesWith(Pattern.compile(Pattern.quote(Checkout.ROOT.toString()) + "\\b"), _ -> true))
                .isEmpty();
    }

    @Test
    void noRegistryIsInTheTree() throws IOException {
        assertThat(linesWith(REGISTRY, _ -> true)).isEmpty();
    }

    @Test
    void requestCodesAreComputedWithTheInterfaceThatTheyBelongTo() throws IOException {
        Predicate<Path> elsewhere = file ->
                file.toString().contains("/src/main/java/") && !file.startsWith("abi") && !file.startsWith("linux");

        assertThat(linesWith(REQUEST_CODE, elsewhere)).isEmpty();
    }

    @Test
    void theRulesSeeWhatTheyForbid() {
        assertThat("/" + "home/somebody").containsPattern(HOME);
        assertThat("https://repo1." + "maven.org/maven2").containsPattern(REGISTRY);
        assertThat("deb http://deb." + "debian.org/debian").containsPattern(REGISTRY);
        assertThat("ioctl(fd, 0xC040" + "AED5L)").containsPattern(REQUEST_CODE);
        assertThat("// TO" + "DO later").containsPattern(UNFINISHED);
    }

    private static List<Path> javaFiles() throws IOException {
        List<Path> files = Checkout.files().stream()
                .filter(file -> file.toString().endsWith(".java"))
                .toList();
        assertThat(files).as("Java files").hasSizeGreaterThan(100);
        return files;
    }

    private static List<String> linesWith(Pattern pattern, Predicate<Path> where) throws IOException {
        List<String> found = new ArrayList<>();
        for (Path file : Checkout.files().stream().filter(where).toList()) {
            List<String> lines = Checkout.lines(file).orElse(List.of());
            for (int i = 0; i < lines.size(); i++) {
                String line = NAMESPACE.matcher(lines.get(i)).replaceAll("");
                if (pattern.matcher(line).find()) {
                    found.add(file + ":" + (i + 1) + ": " + line.strip());
                }
            }
        }
        return found;
    }
}
