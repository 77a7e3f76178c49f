/**
 * The page server: a process that gives resuming virtual machines their memory, through the userfaultfd that a VMM hands over
 * the way Firecracker does.
 *
 * <pre>{@code
 *   VMM                                       page server
 *   vCPU touches a page, waits    →  event thread: read all, apply removals, UFFDIO_COPY   →  vCPU goes on
 *   MADV_DONTNEED (balloon)       →  event thread: the page's content is zero from now on
 *                                    installer: copies ahead, behind the gate
 * }</pre>
 *
 * <p><b>Invariants.</b>
 *
 * <ul>
 *   <li>A page has the snapshot's content until the guest has written or removed it, and is zero after a removal. What cannot be
 *       had is never replaced by zeroes: the VM's {@link io.guestmem.pager.FailurePolicy} says what happens.
 *   <li>The kernel knows best which pages are present; {@link io.guestmem.pager.PageStates} knows what the missing ones contain,
 *       in a file that outlives the server, as do the written pages and what a recording has.
 *   <li>What is installed ahead of demand never takes the last of a VM's memory; what is asked for is tried until the kernel or the
 *       source says no for good.
 *   <li>The userfaultfd of a living VM is closed only when all its pages are there and its memory is unregistered: otherwise its
 *       missing pages would read as zeroes. A server that dies leaves it open in the VMM, and a successor takes it from there.
 *   <li>Whoever holds the lock of the state directory serves, and nobody else. A successor may prepare VMs that another server still serves,
 *       but changes nothing of theirs before it has the lock.
 *   <li>No fault waits for a page that nobody has asked for, no VM for another one: each has an event thread and an installer, and a
 *       recording has a thread that writes it.
 *   <li>Where writes are tracked a page is marked before its first write is allowed, and one that belongs to a cut keeps its content
 *       until it is copied.
 *   <li>Serving a fault allocates nothing. Java code never touches memory that a userfaultfd guards.
 * </ul>
 *
 * <p><b>Locks.</b> {@link io.guestmem.pager.InstallGate} of one guest, between its event thread and whoever installs or copies; inside it
 * only the monitor of the {@link io.guestmem.pager.DirtyCut} is taken. The monitor of {@link io.guestmem.pager.VmSet} guards the list of VMs,
 * that of {@link io.guestmem.pager.Diffs} who asks for a diff; neither is held while a thread is waited for.
 */
@NullMarked
package io.guestmem.pager;

import org.jspecify.annotations.NullMarked;
