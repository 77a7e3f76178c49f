package io.guestmem.soft.mmu;

/** The TLBs of a VM's vCPUs. */
@FunctionalInterface
public interface RemoteTlbs {
    /**
     * Makes every vCPU forget all translations, and returns when none uses one that it had before. May be called with
     * {@code mmu_lock} held: a vCPU that waits for that lock uses none.
     */
    void flush();
}
