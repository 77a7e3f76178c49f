/**
 * How a VMM hands its memory over: Firecracker's message, of every version.
 *
 * <p><b>Purpose.</b> {@link io.guestmem.pager.handshake.HandshakeReader} takes the message and its descriptors from a connection,
 * {@link io.guestmem.pager.handshake.RegionParser} reads its JSON, and {@link io.guestmem.pager.handshake.GuestMap} is what both
 * mean: where each page of the memory file stands in the VMM's address space.
 *
 * <p><b>Invariants.</b> The other side may be hostile: time, size and depth are bounded, every sum is checked, and whatever is
 * refused leaves no descriptor behind. Source: Firecracker's {@code docs/snapshotting/handling-page-faults-on-snapshot-resume.md},
 * versions 1.1 to 1.14.
 *
 * <p><b>Locks.</b> None.
 */
@NullMarked
package io.guestmem.pager.handshake;

import org.jspecify.annotations.NullMarked;
