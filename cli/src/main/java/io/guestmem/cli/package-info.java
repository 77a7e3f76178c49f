/**
 * The command {@code guestmem}.
 *
 * <p><b>Purpose.</b> One class a sub-command: it reads the command line, calls a room, prints the result. Results go to
 * standard output, as text or with {@code --json} as one object; progress and errors go to standard error.
 *
 * <p><b>Invariants.</b> Exit statuses are those of {@link io.guestmem.cli.ExitStatus}. An error is one line that names the
 * call, the errno and the object, and one line with the remedy; a stack trace appears only with {@code --debug}. Field names
 * and exit statuses are relied on by scripts: they change only with the number {@code "schema"}.
 *
 * <p><b>Locks.</b> None.
 */
@NullMarked
package io.guestmem.cli;

import org.jspecify.annotations.NullMarked;
