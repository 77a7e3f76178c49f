/**
 * Virtual machines: memslots, attributes, guest_memfd, dirty logging, statistics, and their ioctls.
 */
@NullMarked
package io.guestmem.soft.vm;

import org.jspecify.annotations.NullMarked;
