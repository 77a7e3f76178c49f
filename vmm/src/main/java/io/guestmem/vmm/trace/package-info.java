/**
 * First-touch traces: in which order a kernel touched its memory for the first time while it booted.
 *
 * <p><b>Purpose.</b> {@link io.guestmem.vmm.trace.FirstTouchTrace} is such a trace, {@link io.guestmem.vmm.trace.TraceFile} its
 * file. They know nothing of who recorded it and of who replays it.
 *
 * <p><b>Invariants.</b> A trace names no page twice and none outside its memory. Everything is immutable.
 *
 * <p><b>Locks.</b> None.
 */
@NullMarked
package io.guestmem.vmm.trace;

import org.jspecify.annotations.NullMarked;
