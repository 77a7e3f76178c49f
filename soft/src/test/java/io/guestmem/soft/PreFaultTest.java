package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.HUGE;
import static io.guestmem.soft.SoftHost.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostMemory;
import io.guestmem.soft.SoftHost.PreFaulted;
import org.junit.jupiter.api.Test;

/** KVM_PRE_FAULT_MEMORY: the checks of kernel.md 7.5. */
class PreFaultTest {
    private static final long ENOENT = -ErrorNumber.ENOENT.number();

    @Test
    void pf07To09RangesAgainstASlotOf2MiBAndAPage() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(HUGE + PAGE)) {
            long base = 1L << 30;
            SoftHost.touch(memory);
            assertThat(host.slot(1, 0, base, HUGE + PAGE, memory.hva())).isZero();
            assertThat(host.preFault(base, HUGE)).isEqualTo(new PreFaulted(0, base + HUGE, 0));
            assertThat(host.preFault(base + HUGE, 2 * PAGE)).isEqualTo(new PreFaulted(0, base + HUGE + PAGE, PAGE));
            assertThat(host.preFault(base + HUGE + PAGE, PAGE))
                    .isEqualTo(new PreFaulted(ENOENT, base + HUGE + PAGE, PAGE));
            assertThat(host.pages()).containsExactly(513, 0, 0);
            assertThat(host.guestRead(base)).isEqualTo(1);
        }
    }
}
