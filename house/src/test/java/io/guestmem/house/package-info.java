/**
 * The tests that look at the project as a whole: its rooms and their arrows, the launcher, the packaged command, the
 * documentation, and the command in the lab.
 *
 * <p><b>Invariants.</b> The command is always a process of its own, made from the packaged jars. The launcher is only tried in
 * a copy of the checkout: this one is being built. Whatever a test starts ends with it, and whatever is skipped says why.
 */
@NullMarked
package io.guestmem.house;

import org.jspecify.annotations.NullMarked;
