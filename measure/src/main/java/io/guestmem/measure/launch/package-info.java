/**
 * What a VMM launches, in which order, with which processor state: plans for SEV, SEV-ES, SEV-SNP and TDX.
 *
 * <p><b>Invariants.</b> Immutable values. A plan is a list of steps, or the reason why this VMM never launches this guest; rules that differ among VMMs and
 * versions are settings with a name. No locks.
 */
@NullMarked
package io.guestmem.measure.launch;

import org.jspecify.annotations.NullMarked;
