/**
 * A VMM that has no guest: real memory, a real userfaultfd, the handshake, and threads that do what vCPUs do.
 *
 * <p><b>Purpose.</b> To try a page server, this one or another one, without Firecracker and without KVM. It runs in a process of
 * its own, knows what every byte of its memory must be, and says so when one is not.
 *
 * <p><b>Invariants.</b> Guest memory is touched by system call only, so that a page that is not served stops one thread and not
 * this JVM.
 *
 * <p><b>Locks.</b> None: a page belongs to one thread at a time.
 */
@NullMarked
package io.guestmem.pager.mock;

import org.jspecify.annotations.NullMarked;
