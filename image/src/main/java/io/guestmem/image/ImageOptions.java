package io.guestmem.image;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What an image cannot say itself.
 *
 * @param raw it is raw memory, whatever it begins with
 * @param lowMemory of raw memory: how many bytes are below 4 GiB, a multiple of 4096; what follows them begins at 4 GiB. 0 if
 *     there is no hole
 * @param state the state file of a Firecracker snapshot
 * @param bases what the image is a difference to, raw or of Firecracker: memory files of the same length, from the oldest to the
 *     newest. Where the image has a hole, the newest of those that have none there counts
 */
public record ImageOptions(boolean raw, long lowMemory, Optional<Path> state, List<Path> bases) {
    /** Everything as the file says. */
    public static final ImageOptions NONE = new ImageOptions(false, 0, Optional.empty(), List.of());

    /** Copies the list and checks the range. */
    public ImageOptions {
        bases = List.copyOf(bases);
        if (lowMemory < 0 || lowMemory % 4096 != 0 || lowMemory > 1L << 32) {
            throw new IllegalArgumentException("no amount of memory below 4 GiB: " + lowMemory);
        }
    }
}
