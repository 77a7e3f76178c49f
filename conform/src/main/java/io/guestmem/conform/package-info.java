/**
 * The conformance suite: what any kernel must answer to KVM's memory requests.
 *
 * <p><b>Purpose.</b> {@link io.guestmem.conform.Conformance} lists the {@link io.guestmem.conform.Check}s and runs them on a
 * {@link io.guestmem.conform.ConformanceKernel}: the software kernel, the host's {@code /dev/kvm}, one of the lab's. A check
 * passes, fails with what was expected and what was seen, or is skipped with the reason.
 *
 * <p><b>How a check is written.</b> A method that makes raw requests and tells a {@link io.guestmem.conform.Trial} what each
 * must answer. It makes everything that it needs itself, and the trial takes it down. It never asks which kernel it runs on, but
 * what this kernel is able to do; where releases of Linux answer differently, the answer is a table by
 * {@link io.guestmem.conform.KernelRelease}.
 *
 * <p><b>Invariants.</b> Checks do not depend on each other or on their order. A guest that does not come back is ended by a
 * watchdog. Memory that a userfaultfd guards is never touched by Java code.
 *
 * <p><b>Locks.</b> None of its own.
 */
@NullMarked
package io.guestmem.conform;

import org.jspecify.annotations.NullMarked;
