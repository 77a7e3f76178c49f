package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.linux.InstallResult;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import io.guestmem.pager.source.SnapshotFiles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Large pieces that the guest gives back, on a scripted kernel and on a real one.
 *
 * <pre>{@code
 * address   100000 ... 1fffff   200000 ... 3fffff   400000 ... 5fffff   ...   c00000 ... dfffff   e00000 ... efffff
 *           half a piece        a piece             a piece                   a piece             half a piece
 * }</pre>
 */
class RemovedPiecesTest {
    private static final long BASE = 0x100000;
    private static final int PAGES = 7 * 512;

    @TempDir
    private Path directory;

    private final ScriptedPort port = new ScriptedPort();
    private final List<String> reports = new ArrayList<>();
    private final PageStates states = PageStates.anonymous(PAGES);
    private final DirtyPages dirty = DirtyPages.anonymous(PAGES);
    private final GuestMap map = new GuestMap(List.of(new Region(BASE, PAGES * 4096L, 0, 4096)));
    private SnapshotFiles source;

    @BeforeEach
    void makeSnapshot() throws Exception {
        Pattern.write(directory.resolve("memory"), PAGES, MockVmm.content(5));
        source = SnapshotFiles.open(directory.resolve("memory"), List.of());
        port.spareMappings(100);
    }

    @AfterEach
    void close() {
        source.close();
        states.close();
        dirty.close();
    }

    private FaultLoop loop(Guest guest) {
        return new FaultLoop(guest, FailurePolicy.POISON, new Reports(reports), () -> 0, new Counters());
    }

    private FaultLoop loop() {
        return loop(new Guest(map, states, source, port));
    }

    private void remove(FaultLoop loop, long from, long to) {
        port.batch().remove(from, to).pending();
        loop.round();
    }

    @Test
    void aPieceIsLetGoWhenItsLastPageIsGivenBackInWhateverOrder() {
        FaultLoop loop = loop();
        remove(loop, 0x300000, 0x400000);
        remove(loop, 0x201000, 0x300000);
        assertThat(port.calls()).as("its first page is still the snapshot's").isEmpty();

        remove(loop, 0x200000, 0x201000);

        assertThat(port.calls()).containsExactly("unregister 200000+200000");
        loop.close();
    }

    @Test
    void whatIsNoWholePieceStaysGuarded() {
        FaultLoop loop = loop();

        remove(loop, BASE, 0x900000);
        remove(loop, 0xd00000, 0xf00000);

        assertThat(port.calls())
                .as("half a piece at either end of the region, and one of which half is given back")
                .containsExactly("unregister 200000+200000", "unregister 400000+200000", "unregister 600000+200000");
        loop.close();
    }

    @Test
    void aPageThatWasTouchedAgainIsGuardedUntilItIsGivenBackOnceMore() {
        FaultLoop loop = loop();
        remove(loop, 0x200000, 0x300000);
        port.batch().fault(0x201000).pending();
        loop.round();
        remove(loop, 0x300000, 0x400000);
        assertThat(port.calls()).containsExactly("zero 201000+1000");

        remove(loop, 0x201000, 0x202000);

        assertThat(port.calls()).containsExactly("unregister 200000+200000");
        loop.close();
    }

    @Test
    void whoWaitsForAPageThatIsLetGoMeanwhileIsNobodysConcern() {
        FaultLoop loop = loop();
        port.answer(new InstallResult.Changing());
        port.batch().fault(0x205000).remove(0x200000, 0x400000).pending();
        loop.round();
        port.answer(new InstallResult.NotRegistered());

        loop.round();

        assertThat(port.calls()).containsExactly("zero 205000+1000", "unregister 200000+200000", "zero 205000+1000");
        assertThat(reports).isEmpty();
        assertThat(loop.hasWaiting()).isFalse();
        loop.close();
    }

    @Test
    void mappingsAreCountedAndAPieceBetweenTwoGivesSomeBack() {
        port.spareMappings(4);
        FaultLoop loop = loop();

        remove(loop, 0x200000, 0x400000);
        remove(loop, 0x600000, 0x800000);
        remove(loop, 0xa00000, 0xc00000);
        assertThat(port.calls())
                .as("the third would make 2 more of 4")
                .containsExactly("unregister 200000+200000", "unregister 600000+200000");

        remove(loop, 0x400000, 0x600000);
        assertThat(port.calls()).as("of five mappings that makes three").containsExactly("unregister 400000+200000");

        remove(loop, 0xa00000, 0xc00000);
        assertThat(port.calls()).containsExactly("unregister a00000+200000");
        loop.close();
    }

    @Test
    void aProcessThatMayHaveNoMoreMappingsIsNotAskedAgain() {
        FaultLoop loop = loop();
        port.answer(new InstallResult.OutOfMemory());
        remove(loop, 0x200000, 0x400000);
        remove(loop, 0x600000, 0x800000);

        port.batch().fault(0x203000).pending();
        loop.round();

        assertThat(port.calls()).containsExactly("unregister 200000+200000", "zero 203000+1000");
        loop.close();
    }

    @Test
    void whereWritesAreTrackedOrPagesAreLargeEverythingStaysGuarded() {
        FaultLoop tracked = loop(new Guest(map, states, source, port, dirty));
        remove(tracked, 0x200000, 0x400000);
        tracked.close();
        GuestMap large = new GuestMap(List.of(new Region(0x200000, 6 << 20, 0, 2 << 20)));
        try (PageStates few = PageStates.anonymous(3)) {
            FaultLoop loop = loop(new Guest(large, few, source, port));
            remove(loop, 0x200000, 0x600000);
            loop.close();
        }

        assertThat(port.calls()).isEmpty();
    }

    @Test
    void theKernelFillsWhatWasLetGoAndAsksNobody() throws Exception {
        int all = 16 * 512;
        Path socket = directory.resolve("vm.sock");
        Path snapshot = directory.resolve("snapshot");
        Pattern.write(snapshot, all, MockVmm.content(5));
        try (TestServer server = TestServer.start(ServerOptions.of(socket, snapshot))) {
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, all, 5)) {
                vmm.expectOk("read 0 100");
                vmm.expectOk("write 50 10");
                for (String order : IntStream.iterate(1024, page -> page < 7168, page -> page + 32)
                        .mapToObj(page -> "remove " + page + " 32")
                        .toList()) {
                    vmm.expectOk(order);
                }
                vmm.expectOk("read 1024 6144 2");
                vmm.expectOk("write 1024 6144 2");
                vmm.expectOk("remove 1024 6144");
                vmm.expectOk("read 0 " + all + " 2");
            }
            assertThat(server.await(Kind.DETACHED, 1).numbers().get("faults"))
                    .as("every page once, less 11 pieces at least of the 12 that were given back")
                    .isBetween((long) all - 6144, all - 11L * 512 + 2 * 1024);
            assertThat(server.events())
                    .extracting(ServerEvent::kind)
                    .doesNotContain(Kind.FAILED, Kind.REFUSED, Kind.WARNING);
        }
    }
}
