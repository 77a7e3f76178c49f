package io.guestmem.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The initramfs format: known bytes, what a real cpio makes of them, and what we refuse to read. */
class CpioTest {
    @TempDir
    Path directory;

    @Test
    void oneFileIsAHeaderItsNameItsDataAndATrailer() throws IOException {
        byte[] archive = archive(writer -> writer.file("a", "hi\n".getBytes(StandardCharsets.UTF_8), false));

        String expected = "070701" + "00000001" + "000081A4" + "00000000" + "00000000" + "00000001" + "00000000"
                + "00000003" + "00000000" + "00000000" + "00000000" + "00000000" + "00000002" + "00000000"
                + "a\0" + "hi\n\0"
                + "070701" + "00000000" + "00000000" + "00000000" + "00000000" + "00000001" + "00000000"
                + "00000000" + "00000000" + "00000000" + "00000000" + "00000000" + "0000000B" + "00000000"
                + "TRAILER!!!\0" + "\0\0\0";
        assertThat(new String(archive, StandardCharsets.US_ASCII)).isEqualTo(expected);
    }

    @Test
    void directoriesAboveANameComeOnceAndFirst() throws IOException {
        byte[] archive = archive(writer -> {
            writer.file("x/y/one", new byte[0], true);
            writer.file("x/y/two", new byte[0], false);
        });

        assertThat(names(archive)).containsExactly("x", "x/y", "x/y/one", "x/y/two");
    }

    @Test
    void archivesStayReadableOneAfterTheOther() throws IOException {
        byte[] first = archive(writer -> writer.file("one", new byte[5], false));

        assertThat(first.length % 4).isZero();
    }

    @Test
    void whatIsWrittenIsReadAgain() throws IOException {
        byte[] content = new byte[70_001];
        new Random(1).nextBytes(content);
        byte[] archive = archive(writer -> {
            writer.file("status", "7\n".getBytes(StandardCharsets.UTF_8), false);
            writer.file("out/sub/ü", content, false);
            writer.directory("out/empty");
        });

        Map<String, String> top = new CpioReader(new ByteArrayInputStream(archive)).unpack(directory);

        assertThat(top).containsExactly(Map.entry("status", "7\n"));
        assertThat(directory.resolve("out/sub/ü")).hasBinaryContent(content);
        assertThat(directory.resolve("out/empty")).isEmptyDirectory();
        assertThat(directory.resolve("status")).doesNotExist();
    }

    @Test
    void aNameThatLeavesTheTargetIsRefused() throws IOException {
        byte[] archive = archive(writer -> writer.file("out/../../escaped", new byte[0], false));

        assertThatThrownBy(() -> new CpioReader(new ByteArrayInputStream(archive)).unpack(directory.resolve("target")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("outside");
        assertThat(directory.resolve("escaped")).doesNotExist();
    }

    @Test
    void anArchiveThatEndsEarlyIsAnError() throws IOException {
        byte[] archive = archive(writer -> writer.file("out/a", new byte[100], false));
        byte[] half = Arrays.copyOf(archive, archive.length / 2);

        assertThatThrownBy(() -> new CpioReader(new ByteArrayInputStream(half)).unpack(directory))
                .isInstanceOf(EOFException.class);
    }

    @Test
    void linksOutOfAGuestAreLeftOut() throws IOException {
        Path source = Files.createDirectory(directory.resolve("source"));
        Files.createSymbolicLink(source.resolve("link"), Path.of("file"));
        Files.writeString(source.resolve("file"), "text");
        Path target = Files.createDirectory(directory.resolve("target"));

        new CpioReader(new ByteArrayInputStream(archive(writer -> writer.tree("out", source)))).unpack(target);

        assertThat(target.resolve("out/link")).doesNotExist();
        assertThat(target.resolve("out/file")).hasContent("text");
    }

    @Test
    void aRealCpioUnpacksIt() throws Exception {
        List<String> cpio = realCpio();
        Path source = directory.resolve("source");
        Files.createDirectories(source.resolve("sub"));
        Files.writeString(source.resolve("sub/file"), "content");
        Files.createSymbolicLink(source.resolve("link"), Path.of("sub/file"));
        Path archive = directory.resolve("archive");
        Files.write(archive, archive(writer -> {
            writer.tree("tree", source);
            writer.file("bin/run", "#!/bin/sh\n".getBytes(StandardCharsets.UTF_8), true);
        }));
        Path target = Files.createDirectory(directory.resolve("target"));
        List<String> command = Stream.concat(cpio.stream(), Stream.of("-i", "-d", "-F", archive.toString()))
                .toList();

        HostCommand.Result result = new HostCommand(command, target, Map.of()).run();

        assertThat(result.status()).as(result.errors()).isZero();
        assertThat(target.resolve("tree/sub/file")).hasContent("content");
        assertThat(Files.readSymbolicLink(target.resolve("tree/link"))).isEqualTo(Path.of("sub/file"));
        assertThat(target.resolve("bin/run")).isExecutable();
    }

    private static List<String> realCpio() {
        HostPrograms programs = HostPrograms.of(System.getenv());
        Optional<Path> cpio = programs.find("cpio");
        Optional<Path> busybox = programs.find("busybox")
                .or(() -> new LabCache(Lab.defaultCacheDirectory(System.getenv()))
                        .find("busybox")
                        .map(root -> root.resolve("bin/busybox"))
                        .filter(Files::isExecutable));
        assumeTrue(cpio.isPresent() || busybox.isPresent(), "neither cpio nor busybox is here or in the lab's cache");
        return cpio.map(path -> List.of(path.toString()))
                .orElseGet(() -> List.of(busybox.orElseThrow().toString(), "cpio"));
    }

    @FunctionalInterface
    private interface Filling {
        void fill(CpioWriter writer) throws IOException;
    }

    private static byte[] archive(Filling filling) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (CpioWriter writer = new CpioWriter(out)) {
            filling.fill(writer);
        }
        return out.toByteArray();
    }

    /** Entry names of an archive whose files are empty. */
    private static List<String> names(byte[] archive) {
        return Stream.of(new String(archive, StandardCharsets.US_ASCII).split("070701", -1))
                .filter(entry -> !entry.isEmpty())
                .map(entry -> entry.substring(104).replace("\0", ""))
                .filter(name -> !name.equals("TRAILER!!!"))
                .toList();
    }
}
