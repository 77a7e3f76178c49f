/**
 * x86 address translation: page-table formats, the walker, access and fault types.
 *
 * <p><b>Invariants.</b> Pure functions over a {@link io.guestmem.paging.PhysicalMemory}; no state, no locks.
 */
@NullMarked
package io.guestmem.paging;

import org.jspecify.annotations.NullMarked;
