/**
 * Where the pages come from: the files of a snapshot.
 *
 * <p><b>Purpose.</b> A {@link io.guestmem.pager.source.PageSource} says for each byte of the guest's memory file whether it is
 * known to be zero, and where in this process its content is mapped.
 *
 * <p><b>Invariants.</b> Files are mapped once and never dereferenced in Java: the kernel reads them, on behalf of
 * {@code UFFDIO_COPY}, and answers {@code EFAULT} where a file has become too short. Looking up a page allocates nothing.
 * A snapshot must not be changed while it is served; that it shrinks is noticed, other changes are not.
 *
 * <p><b>Locks.</b> None.
 */
@NullMarked
package io.guestmem.pager.source;

import org.jspecify.annotations.NullMarked;
