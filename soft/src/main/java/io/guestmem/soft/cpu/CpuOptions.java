package io.guestmem.soft.cpu;

import io.guestmem.paging.CheckOrder;

/**
 * What the host's processor is like, as far as vCPUs see it.
 *
 * @param vendor of the processor
 * @param gigabytePages whether the processor knows pages of 1 GiB; with TDP the guest's CPUID does not matter
 * @param translate2Rules which of code and documentation {@code KVM_TRANSLATE2} follows
 * @param translate2Order when {@code KVM_TRANSLATE2} checks permissions; the series does it per level
 */
public record CpuOptions(
        Vendor vendor, boolean gigabytePages, Translate2Rules translate2Rules, CheckOrder translate2Order) {
    /** {@code KVM_TRANSLATE2}'s code and documentation contradict each other. See kernel.md 4.2. */
    public enum Translate2Rules {
        /**
         * As the series was posted: on failure the address is that of the table, {@code set_bits_succeeded} says only that no
         * read-only memory was met, and a supervisor read that SMAP or a key refuses has no error code.
         */
        RFC_EXACT,
        /** As its documentation says: the address is that of the entry, and every field tells what happened. */
        DOCUMENTED
    }

    /** An AMD processor with 1 GiB pages; {@code KVM_TRANSLATE2} as it was posted. */
    public static CpuOptions defaults() {
        return new CpuOptions(Vendor.AMD, true, Translate2Rules.RFC_EXACT, CheckOrder.PER_LEVEL);
    }
}
