/**
 * Linux system calls, typed: files and ioctl, mappings and advice, memfd, userfaultfd, epoll, eventfd, pidfd, poll and unix
 * sockets that pass descriptors.
 *
 * <p><b>Purpose.</b> This package is the one place of guestmem that uses {@link java.lang.foreign.Linker} (a benchmark
 * compares it with a bare downcall of its own). Everything goes
 * through one handle of {@code syscall(2)} ({@link SystemCall}): one downcall shape costs less start-up time than one per
 * function, and it is the smallest unsafe surface there can be.
 *
 * <p><b>Invariants.</b>
 *
 * <ul>
 *   <li>No errno is lost. A result that callers must expect is a sealed type; anything else is a {@link LinuxException} that
 *       names the call, the errno and the arguments.
 *   <li>{@code EINTR} never surfaces by accident: calls that may simply be repeated repeat themselves; waits
 *       go on for the time that is left; calls where the interruption is information (an ioctl) say so in their documentation.
 *   <li>A descriptor is closed, and a mapping unmapped, once, after the last call on it has returned, so that a number or an
 *       address reused by the kernel is never hit by a late call. Use after close is an {@link IllegalStateException}.
 *   <li>Memory that a userfaultfd guards is a {@link GuardedMapping} and has no {@link java.lang.foreign.MemorySegment}: a
 *       Java thread that touched it would hang in the Java state and block the next safepoint, for ever if the same JVM
 *       serves the fault.
 *   <li>No downcall is {@code critical}: any of these may block.
 * </ul>
 *
 * <p><b>Locks.</b> None. Objects of this package may be used by any thread unless their documentation says otherwise.
 */
@NullMarked
package io.guestmem.linux;

import org.jspecify.annotations.NullMarked;
