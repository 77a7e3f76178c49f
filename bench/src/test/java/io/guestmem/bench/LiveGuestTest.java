package io.guestmem.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Both sides of {@code walk-live} walk the tables in the memory of one VM. */
class LiveGuestTest {
    private static final long SIZE = 8 << 20;
    private static final long PRESENT = 1;

    @BeforeEach
    void needsKvm() {
        Optional<String> lacking = BenchmarkVm.refusal();
        assumeTrue(lacking.isEmpty(), () -> "no VM here: " + lacking.orElseThrow());
    }

    @Test
    void theKernelAndTheWalkerAddUpTheSameAddresses() {
        try (GuestSpace space = GuestSpaces.ofKernel(SIZE);
                LiveGuest guest = new LiveGuest(space)) {
            long[] queries = space.queries(500, false);

            assertThat(guest.walks(queries).pass().sum())
                    .isEqualTo(guest.ioctls(queries).pass().sum())
                    .isNotZero();
        }
    }

    @Test
    void whatIsNotMappedAddsNothing() {
        try (GuestSpace space = GuestSpaces.ofKernel(SIZE);
                LiveGuest guest = new LiveGuest(space)) {
            long[] unmapped = {0x1000, 0x2000};

            assertThat(guest.walks(unmapped).pass().sum()).isZero();
            assertThat(guest.ioctls(unmapped).pass().sum()).isZero();
        }
    }

    /** The memory is the VM's own: what a guest writes to its tables both sides see with the next walk. */
    @Test
    void anEntryThatChangesIsSeenByBoth() {
        try (GuestSpace space = GuestSpaces.ofKernel(SIZE);
                LiveGuest guest = new LiveGuest(space)) {
            long[] first = {0};
            WalkPass.Side walks = guest.walks(first);
            WalkPass.Side ioctls = guest.ioctls(first);
            assertThat(walks.pass().sum()).isZero();

            long upper = 0x3000;
            long directory = 0x5000;
            space.set(space.root(), upper | PRESENT);
            space.set(upper, directory | PRESENT);
            space.set(directory, 0x20_0000 | PRESENT | 1 << 7);

            assertThat(walks.pass().sum()).isEqualTo(0x20_0000);
            assertThat(ioctls.pass().sum()).isEqualTo(0x20_0000);
        }
    }
}
