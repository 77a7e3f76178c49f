package io.guestmem.lab;

import java.nio.file.Path;
import java.util.Optional;

/**
 * What QEMU boots.
 *
 * @param image a bzImage
 * @param modules an archive with {@code /modules/NN-NAME.ko}, to be inserted in the order of their names; none if all is built in
 */
record BootKernel(Path image, Optional<Path> modules) {}
