/**
 * Populating guest memory: one call on every kernel, whatever ioctls it happens to have.
 *
 * <p><b>Purpose.</b> A {@link io.guestmem.kvm.populate.PopulationPlan} says what shall be where, how and why; a
 * {@link io.guestmem.kvm.populate.Populator} does it on a VM, or from another process on memory that it was given, and answers with
 * an outcome for every step and a plan of what is left.
 *
 * <pre>{@code
 *   PopulationPlan ── steps: range, content, access, flavour, page size, purpose
 *         │
 *      Populator ──── GuestMemory: which memory is behind which gpa ── PopulationTarget: how content gets there
 *         │                                                             host memory, guest_memfd by mmap, by write(2),
 *     Population ──── chunks of at most 2 MiB, one thread a vCPU         by KVM_GUEST_MEMFD_POPULATE, userfaultfd, a vendor's
 *         │
 * PopulationOutcome ─ a StepOutcome for each step, and left(): a plan
 * }</pre>
 *
 * <p><b>Invariants.</b>
 *
 * <ul>
 *   <li>A page gets content once: a page belongs to the first step of a plan that names it, and what is left of a step never
 *       contains content that was put in before, because a guest may have changed it meanwhile.
 *   <li>A source that ends early is an error of the step. Zeroes are written only where a plan asks for them.
 *   <li>What an ioctl can do is found by trying: errnos that say "not here" lead to the next way, all others are the step's reason.
 *   <li>Where a launch is measured, pages are given in the order of the plan by one thread, and nothing is given after a page that was
 *       refused: the measurement would be another one.
 *   <li>A vCPU's ioctls come from one thread. Every loop is bounded: EAGAIN and storms of signals by a time without progress,
 *       cancellation by a chunk.
 *   <li>When {@link io.guestmem.kvm.populate.Population#run} returns or throws, its threads have ended and its files are closed.
 * </ul>
 *
 * <p><b>Locks.</b> None but the monitor of a step, which is innermost.
 */
@NullMarked
package io.guestmem.kvm.populate;

import org.jspecify.annotations.NullMarked;
