package io.guestmem.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The sides of the benchmarks of the software kernel, over 4 MiB: each leaves what it should. */
class SoftGuestTest {
    private static final long BYTES = 4 << 20;

    @Test
    void preFaultingMapsEverySmallPageWhetherOrNotTheyWereMapped() {
        try (SoftGuest guest = SoftGuest.ofSmallPages(1, BYTES)) {
            assertThat(guest.counted()).isZero();
            assertThat(guest.pages()).isEqualTo(1024);

            for (int i = 0; i < 2; i++) {
                assertThat(guest.preFaulting().once()).isPositive();
                assertThat(guest.counted()).isEqualTo(1024);
            }
        }
    }

    @Test
    void aTeamPreFaultsEverythingOnVcpusOfItsOwn() {
        try (SoftGuest guest = SoftGuest.ofSmallPages(2, BYTES);
                Team team = new Team(2)) {
            assertThat(guest.preFaulting(team).once()).isPositive();
            assertThat(guest.counted()).isEqualTo(1024);
        }
    }

    @Test
    void hugePagesAreMappedWholeUnlessTheMemslotLogsWrites() {
        try (SoftGuest whole = SoftGuest.ofHugePages(BYTES);
                SoftGuest logged = SoftGuest.ofLoggedHugePages(BYTES)) {
            assertThat(whole.preFaulting().once()).isPositive();
            assertThat(logged.preFaulting().once()).isPositive();

            assertThat(whole.counted()).isEqualTo(2);
            assertThat(logged.counted()).isEqualTo(1024);
        }
    }

    @Test
    void invalidatingAndDeletingLeaveNothing() {
        try (SoftGuest guest = SoftGuest.ofSmallPages(1, BYTES)) {
            assertThat(guest.invalidating().once()).isPositive();
            assertThat(guest.counted()).isZero();
            assertThat(guest.inspector().tables()).as("the tables stay").isEqualTo(2 + 3);

            assertThat(guest.deleting().once()).isPositive();
            assertThat(guest.counted()).isZero();
        }
    }

    @Test
    void theGuestReadsWhatIsInItsMemory() {
        try (SoftAccess access = new SoftAccess(4)) {
            assertThat(access.guest(1000)).isEqualTo(access.bare(1000)).isNotZero();
            assertThat(access.guest(3)).isEqualTo(4104L * 4104 + 8208L * 8208);
        }
    }
}
