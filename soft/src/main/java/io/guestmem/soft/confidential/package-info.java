/**
 * What a confidential VM adds to a VM: the commands of SEV, SEV-ES, SNP and TDX, their state machines, the states of pages, the
 * launch measurement, and memory that is encrypted at rest.
 *
 * <pre>{@code
 *   vm ── ConfidentialGuest ──┬── SevGuest ──┬── SevLaunch    SEV, SEV-ES: host memory, encrypted where it lies
 *    ^     (the one seam)     │              └── SnpLaunch    SNP: guest_memfd, ReverseMap
 *    │                        └── TdxGuest                    TDX: guest_memfd, SecurePageTable
 *    │                                │
 *    └──────── GuestMachine ──────────┴── EncryptedMemory (AesXex), measure.Measurement
 * }</pre>
 *
 * <p>The security processor and the TDX module are part of the model: what they refuse comes back in {@code kvm_sev_cmd.error}
 * and {@code kvm_tdx_cmd.hw_error}. The measurement is fed with what was really populated, page by page, when it is populated.
 *
 * <p><b>Memory.</b> A frame that belongs to such a guest holds ciphertext under a key of the VM; the tweak is the frame's
 * address, so that moved ciphertext is garbage. A vCPU sees plaintext in a cache of its VM, as in a processor's: it is written
 * back when its page is invalidated and when the last vCPU leaves the guest. A process that reads memory at another time, or
 * through its own mapping, sees ciphertext.
 *
 * <p><b>Locks.</b> Commands run under the VM's lock, those that populate under its {@code slots_lock} too. The monitors of
 * {@link io.guestmem.soft.confidential.EncryptedMemory} and of the tables of page states are innermost.
 *
 * <p><b>Not modelled.</b> Migration, debugging and mirrored VMs, {@code /dev/sev} (its descriptor is not looked at), the owner's
 * session of SEV (the transport keys are the VM's own), the guest's own instructions for page states: a vCPU that touches a
 * page which it would have to validate or accept does so by this. Which accesses are private, the memory attribute says, and in
 * SEV and SEV-ES all are.
 */
@NullMarked
package io.guestmem.soft.confidential;

import org.jspecify.annotations.NullMarked;
