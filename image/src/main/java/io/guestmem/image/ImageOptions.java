package io.guestmem.image;

import java.nio.file.Path;
import java.util.Optional;

/**
 * What an image cannot say itself.
 *
 * @param raw it is raw memory, whatever it begins with
 * @param lowMemory of raw memory: how many bytes are below 4 GiB, a multiple of 4096; what follows them begins at 4 GiB. 0 if
 *     there is no hole
 * @param state the state file of a Firecracker snapshot
 */
public record ImageOptions(boolean raw, long lowMemory, Optional<Path> state) {
    /** Everything as the file says. */
    public static final ImageOptions NONE = new ImageOptions(false, 0, Optional.empty());

    /** Checks the range. */
    public ImageOptions {
        if (lowMemory < 0 || lowMemory % 4096 != 0 || lowMemory > 1L << 32) {
            throw new IllegalArgumentException("no amount of memory below 4 GiB: " + lowMemory);
        }
    }
}
