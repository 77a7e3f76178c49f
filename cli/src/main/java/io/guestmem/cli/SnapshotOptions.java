package io.guestmem.cli;

import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;

/** The files of a snapshot: the same for every sub-command that serves or reads one. */
final class SnapshotOptions {
    private final Argument<Path> snapshot;
    private final Argument<List<Path>> bases;

    SnapshotOptions(CommandSpec spec) {
        snapshot = Argument.required(spec, "--snapshot", "FILE", Values.PATH, "The memory file of the snapshot.");
        bases = Argument.repeated(
                spec,
                "--base",
                "FILE",
                Values.PATH,
                "What the snapshot is a difference to; repeated, from the oldest to the newest.");
    }

    Path snapshot() {
        return snapshot.value();
    }

    List<Path> bases() {
        return bases.value();
    }
}
