/**
 * A shell over the seam: every request of KVM by its name and its fields, on the real kernel or the software kernel.
 *
 * <p><b>Purpose.</b> {@link io.guestmem.shell.Shell} reads commands from a person, a file or a pipe. Lines become words, words become
 * values and structs ({@code StructBuffer}), a request is issued through the seam ({@code Request}), and what came back is text
 * ({@code StructText}).
 *
 * <p><b>Invariants.</b>
 *
 * <ul>
 *   <li>The shell never decides what is allowed: any request can be issued on any file, and the kernel's errno is the answer.
 *   <li>Memory is touched by {@code load} and {@code store} only, so that no command can bring the JVM down.
 *   <li>All that a session opens is closed when it ends, the newest first.
 *   <li>The same commands give the same text: addresses of the host are printed only where they are asked for.
 * </ul>
 *
 * <p><b>Locks.</b> None: one session belongs to one thread. The only other thread is the limit of a {@code run}.
 */
@NullMarked
package io.guestmem.shell;

import org.jspecify.annotations.NullMarked;
