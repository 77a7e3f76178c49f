/**
 * Launch measurements: what the security processor or the TDX module hashes while a confidential guest is populated.
 *
 * <pre>{@code
 *   firmware, kernel, …                      LaunchStep ──▶ Measurement ──▶ digest
 *        │                                       ▲              │  │
 *        └─▶ launch.LaunchPlan (of one VMM) ─────┘              │  └─▶ checkpoint(): another one that goes on from here
 *            or a kernel that populates for real                └─▶ LoggedStep, LoggedStep, …  (LaunchLog, LogDifference)
 * }</pre>
 *
 * <p><b>Invariants.</b> A measurement knows the algorithm of its technology and nothing of firmware or VMMs: whoever populates a
 * guest feeds it, a plan or a kernel. Feeding it whole regions or page by page gives the same digest, and so does any number of
 * threads. Steps are values; a measurement is a mutable state of a few hundred bytes that one thread uses at a time. Page loops
 * allocate nothing unless somebody keeps a log. No locks.
 */
@NullMarked
package io.guestmem.measure;

import org.jspecify.annotations.NullMarked;
