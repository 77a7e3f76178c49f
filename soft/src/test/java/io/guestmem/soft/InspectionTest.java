package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.VmType;
import io.guestmem.soft.Trace.Event;
import io.guestmem.soft.Trace.Kind;
import io.guestmem.soft.mmu.Spte;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the looks inside say. */
class InspectionTest {
    private static VmSnapshot.Entry leaf(SoftHost host, long gpa) {
        return host.kernel.inspect(host.vmFile).leaf(0, gpa).orElseThrow();
    }

    @Test
    void anUntouchedPageIsTheZeroPageAndOnlyToRead() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(2 * PAGE)) {
            host.slot(0, 0, 0, 2 * PAGE, memory.hva());
            SoftHost.touch(memory, PAGE, PAGE);
            host.preFault(0, 2 * PAGE);

            VmSnapshot.Entry untouched = leaf(host, 0);
            assertThat(untouched.isZeroPage()).isTrue();
            assertThat(untouched.isWritable()).isFalse();
            assertThat(untouched.isDirty()).isFalse();
            VmSnapshot.Entry written = leaf(host, PAGE);
            assertThat(written.isZeroPage()).isFalse();
            assertThat(written.isWritable()).isTrue();
            assertThat(written.isDirty()).isTrue();
            assertThat(written.isExecutable()).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aPreFaultedPageHasItsRightsAndIsAccessedOnceTheGuestReads(boolean accessedDirtyBits) {
        SoftKernelOptions options = SoftKernelOptions.defaults()
                .with()
                .accessedDirtyBits(accessedDirtyBits)
                .build();
        try (SoftHost host = new SoftHost(options);
                HostMemory memory = host.kernel.allocate(PAGE)) {
            host.slot(0, 0, 0, PAGE, memory.hva());
            SoftHost.touch(memory);
            host.preFault(0, PAGE);

            assertThat(leaf(host, 0).isAccessed()).isFalse();
            assertThat(leaf(host, 0).isWritable()).isTrue();
            assertThat(leaf(host, 0).isExecutable()).isTrue();
            assertThat(host.guestRead(0)).isEqualTo(1);
            assertThat(leaf(host, 0).isAccessed()).isTrue();
        }
    }

    @Test
    void onlyALeafOfAnotherFrameInPlaceOfALeafChangesTheFrame() {
        long first = Spte.leaf(0x1000, 1, true, true, true, false, 0);
        long other = Spte.leaf(0x1001, 1, true, true, true, false, 0);
        long readOnly = Spte.leaf(0x1000, 1, false, true, true, false, 0);

        assertThat(replaced(first, other)).isTrue();
        assertThat(replaced(first, readOnly)).isFalse();
        assertThat(replaced(first, Spte.NEVER_MAPPED)).isFalse();
        assertThat(replaced(Spte.NEVER_MAPPED, other)).isFalse();
        assertThat(new Event(Kind.RETRY, 0, 1, 1, first, other, "").changesFrame())
                .isFalse();
    }

    private static boolean replaced(long before, long after) {
        return new Event(Kind.ENTRY, 0, 1, 1, before, after, "").changesFrame();
    }

    /** A deletion publishes twice: the memslot INVALID, then none. Entries go in between. */
    @Test
    void memslotsSettleBeforeEntriesGo() {
        AtomicReference<Runnable> settled = new AtomicReference<>(() -> {});
        Schedule schedule = point -> {
            if (point == Schedule.Point.SLOTS_SETTLED) {
                settled.get().run();
            }
        };
        try (SoftHost host = new SoftHost(SoftKernelOptions.defaults(), VmType.DEFAULT, schedule);
                HostMemory memory = host.kernel.allocate(PAGE)) {
            host.slot(0, 0, 0, PAGE, memory.hva());
            host.preFault(0, PAGE);
            List<String> seen = new ArrayList<>();
            settled.set(() -> {
                VmInspector inspector = host.kernel.inspect(host.vmFile);
                seen.add(inspector.snapshot().slots().stream()
                                .map(slot -> slot.invalid() ? "invalid" : "valid")
                                .toList()
                        + " " + inspector.countLeaves(1));
            });

            assertThat(host.slot(0, 0, 0, 0, memory.hva())).isZero();

            assertThat(seen).containsExactly("[invalid] 1", "[] 0");
        }
    }

    @Test
    void nobodyIsWaitedForLongerThanAskedFor() throws Exception {
        try (SoftHost host = new SoftHost();
                GuardedMemory guarded = host.kernel.process().guarded(PAGE)) {
            assertThat(guarded.awaitFault(Duration.ofMillis(1))).isEmpty();
        }
    }

    @Test
    void versionsAreNamedAsReleases() {
        assertThat(KernelVersion.values()).extracting(KernelVersion::release).containsExactly("6.12", "6.18", "7.2");
    }
}
