/**
 * {@code KVM_TRANSLATE2} on kernels that do not have it, which are all: the registers of a vCPU by KVM's requests, the walk in
 * user space over the mappings behind the memslots.
 *
 * <pre>{@code
 *   GET_NESTED_STATE   in guest mode? then it says that it cannot
 *   GET_SREGS2         CR0, CR3, CR4, EFER, CS.L, PDPTRs       ┐
 *   GET_REGS           RFLAGS.AC                               ├─▶ PausedVcpu ─▶ Walker over SlotMemory
 *   GET_XSAVE          PKRU                                    │
 *   CPUID              MAXPHYADDR, vendor, 1 GiB pages         ┘
 * }</pre>
 *
 * <p>{@link io.guestmem.kvm.translate.Translate2Requests} reads them for each request; a {@link
 * io.guestmem.kvm.translate.PausedVcpu} is read once, for many walks.
 *
 * <p><b>Invariants.</b> The vCPU does not run meanwhile: its registers are read one request after the other. Stores to page tables are
 * this process's and not the guest's: KVM's dirty log does not see them, so an answer names the pages. No locks.
 */
@NullMarked
package io.guestmem.kvm.translate;

import org.jspecify.annotations.NullMarked;
