package io.guestmem.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The host's apt sources, in both styles of sources.list(5), and what is derived from them. */
class AptSourceTest {
    private static final String DEB822 = """
            # the archive
            Types: deb
            URIs: http://mirror.example/debian
            Suites: bookworm bookworm-updates
            Components: main contrib
            Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

            Types: deb
            URIs: http://mirror.example/debian-security
            Suites: bookworm-security
            Components: main
            Signed-By:
             -----BEGIN PGP PUBLIC KEY BLOCK-----
             .
             abc
             -----END PGP PUBLIC KEY BLOCK-----

            Enabled: no
            Types: deb
            URIs: http://mirror.example/off
            Suites: bookworm
            Components: main
            """;

    @Test
    void deb822StanzasAreRead() {
        List<AptSource> sources = AptSource.parseDeb822(DEB822);

        assertThat(sources)
                .containsExactly(
                        new AptSource(
                                List.of("deb"),
                                List.of("http://mirror.example/debian"),
                                List.of("bookworm", "bookworm-updates"),
                                List.of("main", "contrib"),
                                Map.of("Signed-By", "/usr/share/keyrings/debian-archive-keyring.gpg")),
                        new AptSource(
                                List.of("deb"),
                                List.of("http://mirror.example/debian-security"),
                                List.of("bookworm-security"),
                                List.of("main"),
                                Map.of(
                                        "Signed-By",
                                        "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"
                                                + " -----END PGP PUBLIC KEY BLOCK-----")));
    }

    @Test
    void oneLineSourcesAreRead() {
        List<AptSource> sources = AptSource.parseOneLine("""
                # deb http://mirror.example/commented trixie main
                deb http://mirror.example/debian trixie main contrib # ours
                deb [arch=amd64 signed-by=/keys/a.gpg trusted=yes] http://mirror.example/other trixie main
                deb-src http://mirror.example/debian trixie main
                """);

        assertThat(sources)
                .containsExactly(
                        source("http://mirror.example/debian", "trixie", List.of("main", "contrib"), Map.of()),
                        source(
                                "http://mirror.example/other",
                                "trixie",
                                List.of("main"),
                                Map.of("Signed-By", "/keys/a.gpg", "Trusted", "yes")),
                        new AptSource(
                                List.of("deb-src"),
                                List.of("http://mirror.example/debian"),
                                List.of("trixie"),
                                List.of("main"),
                                Map.of()));
    }

    @Test
    void aSourceIsWrittenAsItIsRead() {
        List<AptSource> sources = AptSource.parseDeb822(DEB822);

        for (AptSource source : sources) {
            assertThat(AptSource.parseDeb822(source.toDeb822())).containsExactly(source);
        }
    }

    @Test
    void theKernelComesFromTheArchiveThatServesTheHostsRelease(@TempDir Path etc) throws Exception {
        hostWith(etc, "ID=debian\nVERSION_CODENAME=bookworm\n", DEB822);
        Files.writeString(etc.resolve("apt/sources.list"), "deb http://vendor.example/apt cloud-bookworm main\n");

        assertThat(HostApt.read(etc).forSuite("sid"))
                .isEqualTo(source(
                        "http://mirror.example/debian",
                        "sid",
                        List.of("main"),
                        Map.of("Signed-By", "/usr/share/keyrings/debian-archive-keyring.gpg")));
    }

    @Test
    void ownPackagesComeFromTheReleaseItsUpdatesAndItsSecurityArchive(@TempDir Path etc) throws Exception {
        hostWith(etc, "VERSION_CODENAME=bookworm\nID=debian\n", DEB822);

        assertThat(HostApt.read(etc).ownRelease())
                .extracting(AptSource::suites)
                .containsExactly(List.of("bookworm", "bookworm-updates"), List.of("bookworm-security"));
    }

    @Test
    void aDerivativeHasNoDebianArchive(@TempDir Path etc) throws Exception {
        hostWith(
                etc,
                "ID=ubuntu\nVERSION_CODENAME=noble\n",
                "Types: deb\nURIs: http://mirror.example/ubuntu\nSuites: noble\nComponents: main\n");

        HostApt apt = HostApt.read(etc);

        assertThatThrownBy(() -> apt.forSuite("sid"))
                .isInstanceOf(LabUnavailableException.class)
                .hasMessage("no source in /etc/apt serves Debian's main");
        assertThatThrownBy(apt::ownRelease).isInstanceOf(LabUnavailableException.class);
    }

    @Test
    void installationsAreReadFromASimulation() {
        assertThat(Apt.parseSimulation("""
                        Reading package lists...
                        Inst libslirp0 (4.7.0-1 Debian:12.15/oldstable [amd64])
                        Inst qemu-system-x86 [1:7.2-6] (1:7.2+dfsg-7+deb12u18+b3 Debian:12.15/oldstable [amd64]) []
                        Conf libslirp0 (4.7.0-1 Debian:12.15/oldstable [amd64])
                        """))
                .containsExactly(
                        new Apt.Resolved("libslirp0", "4.7.0-1"),
                        new Apt.Resolved("qemu-system-x86", "1:7.2+dfsg-7+deb12u18+b3"));
    }

    private static void hostWith(Path etc, String release, String sources) throws IOException {
        Files.createDirectories(etc.resolve("apt/sources.list.d"));
        Files.writeString(etc.resolve("os-release"), release);
        Files.writeString(etc.resolve("apt/sources.list.d/debian.sources"), sources);
    }

    private static AptSource source(String uri, String suite, List<String> components, Map<String, String> options) {
        return new AptSource(List.of("deb"), List.of(uri), List.of(suite), components, options);
    }
}
