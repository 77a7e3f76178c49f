package io.guestmem.diff;

import java.io.IOException;
import java.io.Serial;
import java.nio.file.Path;

/** A file is no whole recording, or none of this version of the sequences. */
public final class RecordingException extends IOException {
    @Serial
    private static final long serialVersionUID = 1;

    RecordingException(Path file, String what) {
        super(file + ": " + what);
    }
}
