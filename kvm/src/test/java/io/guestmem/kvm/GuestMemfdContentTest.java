package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A guest_memfd that cannot be mapped, on kernels with and without pwrite(2) for it; no released kernel has it. */
class GuestMemfdContentTest {
    private static final long PAGE = 4096;

    private final List<String> writes = new ArrayList<>();
    private long answer;
    private final GuestMemfdContent content = new GuestMemfdContent(new File(), 16 * PAGE, false);

    private static MemorySegment pages(long count) {
        return Arena.ofAuto().allocate(count * PAGE);
    }

    @ParameterizedTest
    @ValueSource(longs = {-29, -22, -19})
    void whatKernelsWithoutItAnswerIsThatThereIsNoSuchWay(long errno) {
        answer = errno;

        assertThat(content.write(0, pages(1))).as("ENOTTY").isEqualTo(-25);
        assertThat(content.populate(0, pages(1))).isEqualTo(-25);
        assertThat(content.free(0, PAGE)).isEqualTo(PAGE);
    }

    @Test
    void whatIsWrittenIsPopulatedUntilAHoleIsPunched() {
        answer = 2 * PAGE;

        assertThat(content.populate(4 * PAGE, pages(2))).isEqualTo(2 * PAGE);
        assertThat(content.populate(5 * PAGE, pages(2))).as("EEXIST").isEqualTo(-17);
        assertThat(content.populate(2 * PAGE, pages(8))).isEqualTo(2 * PAGE);
        content.forget(4 * PAGE, PAGE);
        assertThat(content.free(4 * PAGE, 8 * PAGE)).isEqualTo(PAGE);
        assertThat(writes).containsExactly("16384 8192", "8192 8192");
    }

    @Test
    void onlyWholePagesOfAPartialWriteCount() {
        answer = PAGE + 100;

        assertThat(content.populate(0, pages(4))).isEqualTo(PAGE);
        assertThat(content.free(PAGE, PAGE)).isEqualTo(PAGE);
    }

    @Test
    void theProposalsErrnoForAPageWithContentIsEexist() {
        answer = -28;

        assertThat(content.write(0, pages(1))).isEqualTo(-17);
    }

    @Test
    void whatIsNotInTheFileIsNoErrnoButAMistake() {
        assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> content.write(15 * PAGE, pages(2)));
    }

    private final class File implements KvmFile {
        @Override
        public long writeAt(long offset, MemorySegment from) {
            writes.add(offset + " " + from.byteSize());
            return answer;
        }

        @Override
        public int descriptor() {
            return 3;
        }

        @Override
        public String name() {
            return "guest_memfd";
        }

        @Override
        public long ioctl(int request, long argument) {
            throw new AssertionError("no request");
        }

        @Override
        public long ioctl(int request, MemorySegment argument) {
            throw new AssertionError("no request");
        }

        @Override
        public long readAt(long offset, MemorySegment into) {
            throw new AssertionError("no reading");
        }

        @Override
        public long allocate(int mode, long offset, long length) {
            throw new AssertionError("no allocating");
        }

        @Override
        public HostMemory map(long offset, long length) {
            throw new AssertionError("no mapping");
        }

        @Override
        public KvmFile closeOnExec() {
            return this;
        }

        @Override
        public void close() {}
    }
}
