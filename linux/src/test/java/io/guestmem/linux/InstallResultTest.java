package io.guestmem.linux;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Every row of what the kernel may answer: result of the ioctl, last field of its argument. */
class InstallResultTest {
    private static final long LENGTH = 4 * 4096;

    @Test
    void zeroIsAllOfIt() {
        assertThat(InstallResult.of(0, LENGTH, LENGTH)).isEqualTo(new InstallResult.Complete(LENGTH));
    }

    @Test
    void againWithACountIsProgress() {
        assertThat(InstallResult.of(-11, 4096, LENGTH)).isEqualTo(new InstallResult.Partial(4096));
        assertThat(InstallResult.of(-11, LENGTH - 4096, LENGTH)).isEqualTo(new InstallResult.Partial(LENGTH - 4096));
    }

    @Test
    void againWithoutACountIsNoProgressWhateverTheFieldSays() {
        assertThat(InstallResult.of(-11, -11, LENGTH)).isEqualTo(new InstallResult.Changing());
        assertThat(InstallResult.of(-11, 0, LENGTH)).isEqualTo(new InstallResult.Changing());
    }

    @Test
    void expectedErrnosHaveNames() {
        assertThat(InstallResult.of(-17, -17, LENGTH)).isEqualTo(new InstallResult.AlreadyPresent());
        assertThat(InstallResult.of(-2, -2, LENGTH)).isEqualTo(new InstallResult.NotRegistered());
        assertThat(InstallResult.of(-3, 0, LENGTH)).isEqualTo(new InstallResult.Gone());
        assertThat(InstallResult.of(-12, -12, LENGTH)).isEqualTo(new InstallResult.OutOfMemory());
    }

    @Test
    void everyOtherErrnoIsKept() {
        for (int errno = 1; errno <= 4095; errno++) {
            if (errno != 2 && errno != 3 && errno != 11 && errno != 12 && errno != 17) {
                assertThat(InstallResult.of(-errno, -errno, LENGTH))
                        .isEqualTo(new InstallResult.Refused(new Errno(errno)));
            }
        }
    }

    @Test
    void adviceForAnotherProcessKeepsCountsAndErrnos() {
        assertThat(ProcessAdviceResult.of(LENGTH, LENGTH)).isEqualTo(new ProcessAdviceResult.Complete(LENGTH));
        assertThat(ProcessAdviceResult.of(4096, LENGTH)).isEqualTo(new ProcessAdviceResult.Partial(4096));
        assertThat(ProcessAdviceResult.of(-16, LENGTH)).isEqualTo(new ProcessAdviceResult.Refused(Errno.EBUSY));
    }
}
