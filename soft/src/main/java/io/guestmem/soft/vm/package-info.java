/**
 * Virtual machines: their files and requests, memslots' changes, attributes, guest_memfd, dirty logs, statistics, vCPUs and
 * their faults.
 *
 * <p><b>Who waits for whom.</b> A change of memslots waits, under {@code slots_lock}, until no invalidation of the host is open
 * and until no vCPU reads the old set. An invalidation waits, under the host's lock, until vCPUs have forgotten their
 * translations. A vCPU in a fault is waited for by the first and not by the second: it may itself wait for the host's lock.
 *
 * <pre>{@code
 *   slots_lock ──> guest_memfd's invalidate lock ──> host's lock ──> mmu_lock
 *       │                                                              ^
 *       └── waits for readers of memslots (vCPUs in a request)         └── TLB flush waits for vCPUs in the guest
 * }</pre>
 *
 * <p><b>Errors.</b> Whatever a request is given, it answers a result or a negated errno; nothing is thrown.
 */
@NullMarked
package io.guestmem.soft.vm;

import org.jspecify.annotations.NullMarked;
