package io.guestmem.conform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.VcpuThread;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TrialTest {
    private static final ConformanceKernel NOTHING = new ConformanceKernel(
            new KernelOfNothing(), new KernelRelease(6, 18), new LinuxHostActions(), Optional.empty());

    @Test
    void answersAreValuesOrNamesOfErrnos() {
        assertThat(Trial.answer(0)).isEqualTo("0");
        assertThat(Trial.answer(12288)).isEqualTo("12288");
        assertThat(Trial.answer(-22)).isEqualTo("EINVAL");
        assertThat(Trial.answer(-4095)).isEqualTo("errno 4095");
        assertThat(Trial.answer(-4096)).isEqualTo("-4096");
    }

    @Test
    void whatWasSeenIsRemembered() {
        try (Trial trial = new Trial(NOTHING)) {
            trial.expect("size 0", ErrorNumber.EINVAL, -22);
            trial.expectHex("gpa", 0x1000, 0x1000);
            trial.expectOneOf("race", -11, 0, -11);

            assertThat(trial.seen()).isEqualTo("size 0 = EINVAL; gpa = 0x1000; race = EAGAIN");
        }
    }

    @Test
    void theFirstMismatchEndsTheCheck() {
        try (Trial trial = new Trial(NOTHING)) {
            assertThatThrownBy(() -> trial.expect("size 0", ErrorNumber.EINVAL, 0))
                    .isInstanceOfSatisfying(MismatchException.class, mismatch -> {
                        assertThat(mismatch.what()).isEqualTo("size 0");
                        assertThat(mismatch.expected()).isEqualTo("EINVAL");
                        assertThat(mismatch.actual()).isEqualTo("0");
                    });
            assertThatThrownBy(() -> trial.expectOneOf("race", -22, 0, -11))
                    .isInstanceOfSatisfying(
                            MismatchException.class,
                            mismatch -> assertThat(mismatch.expected()).isEqualTo("0 or EAGAIN"));
        }
    }

    @Test
    void anAnswerHoldsFromItsReleaseOn() {
        Answer answer = Answer.of(ErrorNumber.EINVAL).since(7, 0, ErrorNumber.EEXIST);

        assertThat(answer.in(new KernelRelease(6, 18))).isEqualTo(-22);
        assertThat(answer.in(new KernelRelease(7, 0))).isEqualTo(-17);
        assertThat(answer.in(new KernelRelease(7, 2))).isEqualTo(-17);
    }

    @Test
    void releasesAreReadFromWhatUnameSays() {
        assertThat(KernelRelease.parse("6.12.57+deb13-cloud-amd64\n")).isEqualTo(new KernelRelease(6, 12));
        assertThat(KernelRelease.parse("7.2")).isEqualTo(new KernelRelease(7, 2));
        assertThat(new KernelRelease(6, 12))
                .isLessThan(new KernelRelease(6, 18))
                .isLessThan(new KernelRelease(7, 0));
        assertThatThrownBy(() -> KernelRelease.parse("six")).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void whatACheckMadeIsTakenDownLastFirst() {
        List<String> closed = new ArrayList<>();
        try (Trial trial = new Trial(NOTHING)) {
            trial.own((AutoCloseable) () -> closed.add("first"));
            trial.own((AutoCloseable) () -> closed.add("second"));
        }

        assertThat(closed).containsExactly("second", "first");
    }

    @Test
    void resultsAreOneLineEach() {
        assertThat(CheckResult.passed("SYS-01", "a = 1").toString()).isEqualTo("pass SYS-01: a = 1");
        assertThat(CheckResult.failed("SYS-01", "12", "EINVAL", "GET_API_VERSION(0)")
                        .toString())
                .isEqualTo("fail SYS-01: GET_API_VERSION(0): expected 12, saw EINVAL");
        assertThat(CheckResult.skipped("PF-07", "no TDP").toString()).isEqualTo("skip PF-07: no TDP");
    }

    /** A kernel that nobody may ask. */
    private static final class KernelOfNothing implements Kernel {
        @Override
        public String name() {
            return "nothing";
        }

        @Override
        public KvmFile open() {
            throw new UnsupportedOperationException();
        }

        @Override
        public KvmFile adopt(int descriptor, String name) {
            throw new UnsupportedOperationException();
        }

        @Override
        public HostMemory allocate(HostMemoryKind kind, long length) {
            throw new UnsupportedOperationException();
        }

        @Override
        public UserMemory expose(MemorySegment memory) {
            throw new UnsupportedOperationException();
        }

        @Override
        public VcpuThread currentThread() {
            throw new UnsupportedOperationException();
        }
    }
}
