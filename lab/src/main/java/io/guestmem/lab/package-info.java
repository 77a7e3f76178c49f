/**
 * The lab: a real {@code /dev/kvm} on any x86-64 machine, with nothing installed on it and without root.
 *
 * <p><b>Purpose.</b> QEMU's software CPU (TCG) emulates AMD's SVM with nested paging. A Debian kernel that boots in it loads
 * {@code kvm-amd} and has a true {@code /dev/kvm}, with the TDP MMU, {@code KVM_PRE_FAULT_MEMORY} and guest_memfd. {@link
 * io.guestmem.lab.Lab} fetches QEMU, busybox and the kernel with the host's own apt into a cache, packs a Java run time beside
 * them and runs one Java program inside; its output, error output, exit status and files come back unchanged.
 *
 * <p><b>Invariants.</b>
 *
 * <ul>
 *   <li>Nothing is installed on the host; everything written outside the cache is one temporary directory per run.
 *   <li>An entry of the cache is complete or absent: it is made beside its place and renamed ({@link
 *       io.guestmem.lab.LabCache}). A run on a warm cache uses no network.
 *   <li>The program's two output streams cross on serial ports of their own, in raw mode: no kernel message, no carriage
 *       return and no terminal gets between.
 *   <li>QEMU never outlives this process: a shell beside it waits on a pipe from here and kills it when the pipe closes.
 *   <li>A boot that dies before the program started is repeated, at most five times; a started program never runs twice.
 * </ul>
 *
 * <p><b>Locks.</b> One file lock per cache entry, held while that entry is made. Making a kernel asks for busybox and thus
 * takes its lock inside; busybox and QEMU ask for nothing. No other lock is held across a call.
 */
@NullMarked
package io.guestmem.lab;

import org.jspecify.annotations.NullMarked;
