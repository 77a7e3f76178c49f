package io.guestmem.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * Sizes, offsets and codes, recorded with gcc on x86-64 from the headers of Debian 12: linux-libc-dev 6.1.187-1 and
 * libc6-dev 2.36-9+deb12u14. Poison came with 6.6; its values are those of Linux 6.12 {@code linux/userfaultfd.h}.
 */
class KernelHeaderTest {
    @Test
    void requestCodesOfUserfaultfd() {
        assertThat(UserfaultfdRequest.API).isEqualTo(0xC018AA3F);
        assertThat(UserfaultfdRequest.REGISTER).isEqualTo(0xC020AA00);
        assertThat(UserfaultfdRequest.UNREGISTER).isEqualTo(0x8010AA01);
        assertThat(UserfaultfdRequest.WAKE).isEqualTo(0x8010AA02);
        assertThat(UserfaultfdRequest.COPY).isEqualTo(0xC028AA03);
        assertThat(UserfaultfdRequest.ZEROPAGE).isEqualTo(0xC020AA04);
        assertThat(UserfaultfdRequest.WRITEPROTECT).isEqualTo(0xC018AA06);
        assertThat(UserfaultfdRequest.CONTINUE).isEqualTo(0xC020AA07);
        assertThat(UserfaultfdRequest.POISON).isEqualTo(0xC020AA08);
        assertThat(UserfaultfdRequest.NEW).isEqualTo(0x0000AA00);
    }

    @Test
    void argumentsOfUserfaultfd() { // linux/userfaultfd.h
        assertOffsets(UffdioApiLayout.SIZE, 24, UffdioApiLayout.API, 0, UffdioApiLayout.FEATURES, 8);
        assertOffsets(UffdioApiLayout.SIZE, 24, UffdioApiLayout.IOCTLS, 16);
        assertOffsets(UffdioRangeLayout.SIZE, 16, UffdioRangeLayout.START, 0, UffdioRangeLayout.LEN, 8);
        assertOffsets(UffdioRegisterLayout.SIZE, 32, UffdioRegisterLayout.MODE, 16, UffdioRegisterLayout.IOCTLS, 24);
        assertOffsets(UffdioCopyLayout.SIZE, 40, UffdioCopyLayout.DST, 0, UffdioCopyLayout.SRC, 8);
        assertOffsets(UffdioCopyLayout.SIZE, 40, UffdioCopyLayout.LEN, 16, UffdioCopyLayout.MODE, 24);
        assertOffsets(UffdioCopyLayout.SIZE, 40, UffdioCopyLayout.COPY, 32);
        assertOffsets(UffdioZeropageLayout.SIZE, 32, UffdioZeropageLayout.MODE, 16, UffdioZeropageLayout.ZEROPAGE, 24);
        assertOffsets(UffdioContinueLayout.SIZE, 32, UffdioContinueLayout.MODE, 16, UffdioContinueLayout.MAPPED, 24);
        assertOffsets(UffdioPoisonLayout.SIZE, 32, UffdioPoisonLayout.MODE, 16, UffdioPoisonLayout.UPDATED, 24);
        assertOffsets(UffdioWriteprotectLayout.SIZE, 24, UffdioWriteprotectLayout.MODE, 16);
    }

    @Test
    void messageOfUserfaultfd() { // linux/userfaultfd.h
        assertOffsets(UffdMsgLayout.SIZE, 32, UffdMsgLayout.EVENT, 0, UffdMsgLayout.FLAGS, 8);
        assertOffsets(UffdMsgLayout.SIZE, 32, UffdMsgLayout.ADDRESS, 16, UffdMsgLayout.PTID, 24);
        assertOffsets(UffdMsgLayout.SIZE, 32, UffdMsgLayout.UFD, 8);
        assertOffsets(UffdMsgLayout.SIZE, 32, UffdMsgLayout.FROM, 8, UffdMsgLayout.TO, 16, UffdMsgLayout.LEN, 24);
        assertOffsets(UffdMsgLayout.SIZE, 32, UffdMsgLayout.START, 8, UffdMsgLayout.END, 16);
        assertThat(UserfaultfdEvents.PAGE_FAULT).isEqualTo(0x12);
        assertThat(UserfaultfdEvents.FORK).isEqualTo(0x13);
        assertThat(UserfaultfdEvents.REMAP).isEqualTo(0x14);
        assertThat(UserfaultfdEvents.REMOVE).isEqualTo(0x15);
        assertThat(UserfaultfdEvents.UNMAP).isEqualTo(0x16);
    }

    @Test
    void featuresStandAtTheirBits() { // linux/userfaultfd.h; the kernel of 6.8 and later offers just these
        UserfaultfdFeature[] features = UserfaultfdFeature.values();
        for (int bit = 0; bit < features.length; bit++) {
            assertThat(UserfaultfdFeature.of(1L << bit)).containsExactly(features[bit]);
            assertThat(UserfaultfdFeature.bits(Set.of(features[bit]))).isEqualTo(1L << bit);
        }
        assertThat(UserfaultfdFeature.of(0x1FFFF)).hasSize(17);
    }

    @Test
    void messagesOfSockets() { // sys/socket.h, sys/uio.h, sys/un.h
        assertOffsets(MsghdrLayout.SIZE, 56, MsghdrLayout.IOV, 16, MsghdrLayout.IOVLEN, 24);
        assertOffsets(MsghdrLayout.SIZE, 56, MsghdrLayout.CONTROL, 32, MsghdrLayout.CONTROLLEN, 40);
        assertOffsets(MsghdrLayout.SIZE, 56, MsghdrLayout.FLAGS, 48);
        assertOffsets(CmsghdrLayout.SIZE, 16, CmsghdrLayout.LEN, 0, CmsghdrLayout.LEVEL, 8, CmsghdrLayout.TYPE, 12);
        assertOffsets(IovecLayout.SIZE, 16, IovecLayout.BASE, 0, IovecLayout.LEN, 8);
        assertOffsets(UcredLayout.SIZE, 12, UcredLayout.PID, 0, UcredLayout.UID, 4, UcredLayout.GID, 8);
        assertOffsets(SockaddrUnLayout.SIZE, 110, SockaddrUnLayout.FAMILY, 0, SockaddrUnLayout.PATH, 2);
    }

    @Test
    void waiting() { // sys/epoll.h (packed), poll.h, linux/time_types.h
        assertOffsets(EpollEventLayout.SIZE, 12, EpollEventLayout.EVENTS, 0, EpollEventLayout.DATA, 4);
        assertOffsets(PollfdLayout.SIZE, 8, PollfdLayout.FD, 0, PollfdLayout.EVENTS, 4, PollfdLayout.REVENTS, 6);
        assertOffsets(TimespecLayout.SIZE, 16, TimespecLayout.SECONDS, 0, TimespecLayout.NANOSECONDS, 8);
        assertThat(PollEvents.READABLE.bits()).isEqualTo(0x001);
        assertThat(PollEvents.WRITABLE.bits()).isEqualTo(0x004);
        assertThat(PollEvents.ERROR.bits()).isEqualTo(0x008);
        assertThat(PollEvents.HANG_UP.bits()).isEqualTo(0x010);
        assertThat(PollEvents.PEER_CLOSED.bits()).isEqualTo(0x2000);
    }

    @Test
    void resourceUsageAndFileStatus() { // sys/resource.h, sys/stat.h
        assertOffsets(RusageLayout.SIZE, 144, RusageLayout.USER_SECONDS, 0, RusageLayout.USER_MICROSECONDS, 8);
        assertOffsets(RusageLayout.SIZE, 144, RusageLayout.SYSTEM_SECONDS, 16, RusageLayout.SYSTEM_MICROSECONDS, 24);
        assertOffsets(RusageLayout.SIZE, 144, RusageLayout.MINFLT, 64, RusageLayout.MAJFLT, 72);
        assertOffsets(FileStatus.SIZE, 144, FileStatus.MODE, 24, FileStatus.LENGTH, 48);
        assertOffsets(FileStatus.SIZE, 144, FileStatus.BLOCK_SIZE, 56, FileStatus.BLOCKS, 64);
    }

    /** The size and what it must be, then offsets and what they must be. */
    private static void assertOffsets(long... found) {
        for (int i = 0; i < found.length; i += 2) {
            assertThat(found[i]).describedAs("pair " + i / 2).isEqualTo(found[i + 1]);
        }
    }
}
