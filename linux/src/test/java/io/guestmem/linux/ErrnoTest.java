package io.guestmem.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ErrnoTest {
    @Test
    void namesStandAtTheirNumbers() { // asm-generic/errno-base.h and errno.h of Linux 6.1
        assertThat(new Errno(1)).hasToString("EPERM (1)");
        assertThat(new Errno(34)).hasToString("ERANGE (34)");
        assertThat(new Errno(35)).hasToString("EDEADLK (35)");
        assertThat(new Errno(40)).hasToString("ELOOP (40)");
        assertThat(new Errno(41)).hasToString("errno 41 (41)");
        assertThat(new Errno(42)).hasToString("ENOMSG (42)");
        assertThat(new Errno(58)).hasToString("errno 58 (58)");
        assertThat(new Errno(59)).hasToString("EBFONT (59)");
        assertThat(new Errno(95)).hasToString("EOPNOTSUPP (95)");
        assertThat(new Errno(111)).hasToString("ECONNREFUSED (111)");
        assertThat(new Errno(133)).hasToString("EHWPOISON (133)");
        assertThat(new Errno(134)).hasToString("errno 134 (134)");
        assertThat(new Errno(4095)).hasToString("errno 4095 (4095)");
    }

    @Test
    void onlyTheRangeOfTheKernelIsAnErrno() {
        assertThat(Errno.ofResult(-22)).isEqualTo(Errno.EINVAL);
        for (int number : new int[] {0, -1, 4096}) {
            assertThatThrownBy(() -> new Errno(number)).isInstanceOf(IllegalArgumentException.class);
        }
        assertThatThrownBy(() -> Errno.ofResult(1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aFailureTellsAllAndAResultPasses() {
        assertThat(LinuxException.check(7, "read", "file")).isEqualTo(7);
        assertThatThrownBy(() -> LinuxException.check(-5, "read", "file", 12)).hasMessage("read: EIO (5): file 12");
        assertThatThrownBy(() -> LinuxException.check(-5, "read")).hasMessage("read: EIO (5)");
    }
}
