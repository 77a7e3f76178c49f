package io.guestmem.lab;

import java.nio.file.Path;
import java.util.List;

/**
 * A file of the host that is carried into the guest. It is packed when the run begins; the guest writes to a copy.
 *
 * @param host a regular file
 * @param guest its absolute path in the guest, without {@code .} and {@code ..}
 */
public record LabFile(Path host, String guest) {
    /**
     * Checks the guest path.
     *
     * @throws IllegalArgumentException if it is not an absolute normal path below the root
     */
    public LabFile {
        List<String> names = List.of(guest.split("/", -1));
        boolean normal = guest.startsWith("/")
                && names.stream().skip(1).noneMatch(name -> name.isEmpty() || name.equals(".") || name.equals(".."));
        if (!normal) {
            throw new IllegalArgumentException("not an absolute normal path: " + guest);
        }
    }
}
