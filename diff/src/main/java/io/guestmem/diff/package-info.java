/**
 * Differential testing: the same random calls on two kernels, and what they answered compared.
 *
 * <p><b>Purpose.</b> {@link io.guestmem.diff.Generator} makes a sequence of {@link io.guestmem.diff.Call}s of a seed.
 * {@link io.guestmem.diff.Comparison} performs it on two kernels, each with a fresh VM, and compares each
 * {@link io.guestmem.diff.Outcome}: results, errnos, structs written back, exits, dirty pages, statistics, memory. What differs
 * is a {@link io.guestmem.diff.KnownDifference}, or it is shrunk to the shortest sequence that shows it.
 *
 * <p><b>Invariants.</b> A sequence does not depend on what a kernel answered. Addresses of the process and descriptors are
 * never compared. Nothing outside the sequence touches its memory.
 *
 * <p><b>Locks.</b> None: everything is used by one thread.
 */
@NullMarked
package io.guestmem.diff;

import org.jspecify.annotations.NullMarked;
