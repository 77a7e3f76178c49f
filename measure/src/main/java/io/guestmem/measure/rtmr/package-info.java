/**
 * The run-time registers of a TD: TD HOB, event logs and RTMR 0 to 2 of a direct boot.
 *
 * <p><b>Invariants.</b> Immutable values and pure functions; no locks.
 */
@NullMarked
package io.guestmem.measure.rtmr;

import org.jspecify.annotations.NullMarked;
