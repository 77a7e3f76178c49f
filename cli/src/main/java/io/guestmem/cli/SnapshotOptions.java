package io.guestmem.cli;

import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;

/** The files of a snapshot: the same for every sub-command that serves or reads one. */
final class SnapshotOptions {
    @Option(
            names = "--snapshot",
            required = true,
            paramLabel = "FILE",
            description = "The memory file of the snapshot.")
    private Path snapshot;

    @Option(
            names = "--base",
            paramLabel = "FILE",
            description = "What the snapshot is a difference to; repeated, from the oldest to the newest.")
    private List<Path> bases = List.of();

    Path snapshot() {
        return snapshot;
    }

    List<Path> bases() {
        return bases;
    }
}
