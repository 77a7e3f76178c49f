package io.guestmem.soft.host;

import static io.guestmem.soft.host.HostMachine.HUGE;
import static io.guestmem.soft.host.HostMachine.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Memory that Java code has as one segment: what is written there is what the process and its guests see. */
class ContiguousTest {
    private final HostMachine machine = new HostMachine();
    private final AddressSpace space = machine.space;

    @AfterEach
    void close() {
        machine.close();
    }

    private static byte get(MemorySegment segment, long offset) {
        return segment.get(ValueLayout.JAVA_BYTE, offset);
    }

    private static void set(MemorySegment segment, long offset, int value) {
        segment.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
    }

    private long map(String kind) {
        long length = 2 * HUGE;
        return machine.map(
                switch (kind) {
                    case "private" -> MapRequest.anonymous(length);
                    case "thp" -> MapRequest.anonymous(length).thp(ThpPolicy.ALWAYS);
                    case "shared" -> MapRequest.shared(machine.memfd(length), 0, length);
                    case "file" -> MapRequest.privateFile(machine.file(length), 0, length);
                    case "hugetlb" -> MapRequest.hugetlb(2, length);
                    case "hugeshared" ->
                        MapRequest.shared(machine.open(new SharedFile(machine.frames, length, 2, null)), 0, length);
                    default -> throw new IllegalArgumentException(kind);
                });
    }

    @ParameterizedTest
    @ValueSource(strings = {"private", "thp", "shared", "file", "hugetlb", "hugeshared"})
    void keepsContentPopulatesAndIsSeenBothWays(String kind) {
        long hva = map(kind);
        machine.store(hva + 5 * PAGE, 55);
        machine.load(hva + HUGE);
        MemorySegment segment = space.contiguous(hva, 2 * HUGE);
        assertThat(segment.byteSize()).isEqualTo(2 * HUGE);
        assertThat(get(segment, 5 * PAGE)).isEqualTo((byte) 55);
        assertThat(get(segment, 7 * PAGE)).isEqualTo((byte) (kind.equals("file") ? 8 : 0));
        assertThat(space.describe(hva, 2 * HUGE)).allMatch(run -> run.state() == HostPageState.WRITABLE);
        set(segment, 9 * PAGE, 99);
        assertThat(machine.load(hva + 9 * PAGE)).isEqualTo(99);
        assertThat(machine.guestLoad(space, hva + 9 * PAGE)).isEqualTo(99);
        machine.store(hva + HUGE + 1, 11);
        assertThat(get(segment, HUGE + 1)).isEqualTo((byte) 11);
        assertThat(space.contiguous(hva, 2 * HUGE)).isEqualTo(segment);
        assertThat(space.contiguous(hva + HUGE, PAGE).address()).isEqualTo(segment.address() + HUGE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"private", "thp", "shared", "file", "hugetlb", "hugeshared"})
    void afterDontneedAndHolesTheSegmentStillIsTheMemory(String kind) {
        long hva = map(kind);
        MemorySegment segment = space.contiguous(hva, 2 * HUGE);
        set(segment, 0, 1);
        boolean shared = kind.equals("shared") || kind.equals("hugeshared");
        assertThat(space.advise(shared ? Advice.REMOVE : Advice.DONTNEED, hva, HUGE))
                .isZero();
        assertThat(get(segment, 0)).isEqualTo((byte) (kind.equals("file") ? 1 : 0));
        assertThat(get(segment, PAGE)).isEqualTo((byte) (kind.equals("file") ? 2 : 0));
        set(segment, 1, 3);
        assertThat(machine.load(hva + 1)).isEqualTo(3);
        machine.store(hva + 2, 4);
        assertThat(get(segment, 2)).isEqualTo((byte) 4);
    }

    @ParameterizedTest
    @ValueSource(strings = {"private", "thp", "file", "hugetlb"})
    void aForkedChildHasACopyAndTheParentKeepsItsPlace(String kind) {
        long hva = map(kind);
        MemorySegment segment = space.contiguous(hva, 2 * HUGE);
        set(segment, PAGE, 1);
        AddressSpace child = machine.open(space.fork());
        assertThat(HostMachine.text(space.faultIn(hva + PAGE, false))).startsWith("ro");
        set(segment, PAGE, 2);
        assertThat(machine.load(child, hva + PAGE)).isEqualTo(1);
        machine.store(hva + PAGE, 3);
        assertThat(get(segment, PAGE)).isEqualTo((byte) 3);
        assertThat(machine.load(child, hva + PAGE)).isEqualTo(1);
        machine.store(child, hva + PAGE, 4);
        assertThat(get(segment, PAGE)).isEqualTo((byte) 3);
    }

    @Test
    void swappedAndSharedPagesComeHome() {
        long hva = machine.map(MapRequest.anonymous(4 * PAGE));
        machine.store(hva, 1);
        machine.store(hva + PAGE, 2);
        assertThat(space.advise(Advice.PAGEOUT, hva, PAGE)).isZero();
        AddressSpace child = machine.open(space.fork());
        Told told = new Told(hva);
        space.register(told);
        MemorySegment segment = space.contiguous(hva, 4 * PAGE);
        assertThat(told.take()).containsExactly("[0,4)");
        assertThat(get(segment, 0)).isEqualTo((byte) 1);
        set(segment, PAGE, 20);
        assertThat(machine.load(child, hva + PAGE)).isEqualTo(2);
        assertThat(space.advise(Advice.PAGEOUT, hva, PAGE)).isEqualTo(-22);
    }

    @Test
    void everyProcessThatMapsTheFileSeesTheSegment() {
        SharedFile memfd = machine.memfd(4 * PAGE);
        AddressSpace other = machine.open(new AddressSpace(machine.frames, ThpPolicy.NEVER));
        long hva = machine.map(MapRequest.shared(memfd, PAGE, 2 * PAGE));
        long elsewhere = other.map(MapRequest.shared(memfd, 0, 4 * PAGE));
        machine.store(other, elsewhere + PAGE, 1);
        machine.store(other, elsewhere + 3 * PAGE, 3);
        Told told = new Told(elsewhere);
        other.register(told);
        MemorySegment segment = space.contiguous(hva, 2 * PAGE);
        assertThat(told.take()).containsExactly("[0,4)");
        assertThat(get(segment, 0)).isEqualTo((byte) 1);
        set(segment, PAGE, 2);
        assertThat(machine.load(other, elsewhere + 2 * PAGE)).isEqualTo(2);
        assertThat(machine.load(other, elsewhere + 3 * PAGE)).isEqualTo(3);
    }

    @Test
    void partsMayBeUnmappedAndTheSegmentGoesWithTheLast() {
        long hva = machine.map(MapRequest.anonymous(3 * PAGE));
        MemorySegment segment = space.contiguous(hva, 3 * PAGE);
        set(segment, 2 * PAGE, 1);
        assertThat(space.unmap(hva + PAGE, PAGE)).isZero();
        assertThat(get(segment, 2 * PAGE)).isEqualTo((byte) 1);
        assertThat(space.unmap(hva, PAGE)).isZero();
        assertThat(space.unmap(hva + 2 * PAGE, PAGE)).isZero();
        assertThatThrownBy(() -> get(segment, 0)).isInstanceOf(IllegalStateException.class);
        assertThat(machine.frames.nativeBytes()).isLessThanOrEqualTo(HUGE);
    }

    @Test
    void protectionsAreKept() {
        long hva = machine.map(MapRequest.anonymous(4 * PAGE));
        machine.store(hva, 1);
        machine.store(hva + PAGE, 2);
        assertThat(space.protect(hva, PAGE, Protection.NONE)).isZero();
        assertThat(space.protect(hva + PAGE, 2 * PAGE, Protection.READ)).isZero();
        MemorySegment segment = space.contiguous(hva, 4 * PAGE);
        assertThat(get(segment, 0)).isEqualTo((byte) 1);
        assertThat(machine.table(hva, 4 * PAGE))
                .containsExactly("[0,1) 4K HIDDEN", "[1,3) 4K READ_ONLY", "[3,4) 4K WRITABLE");
    }

    @Test
    void whatIsNotOneKindOfMemoryIsRefused() {
        long hva = machine.map(MapRequest.anonymous(2 * PAGE));
        machine.map(MapRequest.shared(machine.memfd(PAGE), 0, PAGE).at(hva + 2 * PAGE));
        assertThatThrownBy(() -> space.contiguous(hva, 3 * PAGE)).isInstanceOf(IllegalArgumentException.class);
        long hugetlb = machine.map(MapRequest.hugetlb(2, HUGE));
        assertThatThrownBy(() -> space.contiguous(hugetlb, PAGE)).isInstanceOf(IllegalArgumentException.class);
        assertThat(space.contiguous(hva, PAGE).byteSize()).isEqualTo(PAGE);
        assertThatThrownBy(() -> space.contiguous(hva, 2 * PAGE)).isInstanceOf(IllegalArgumentException.class);
        long behind = machine.map(MapRequest.shared(machine.memfd(PAGE), 0, 2 * PAGE));
        assertThatThrownBy(() -> space.contiguous(behind, 2 * PAGE)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> space.contiguous(hva, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> space.contiguous(hva + 1, PAGE)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> space.contiguous(hva + 8 * PAGE, PAGE)).isInstanceOf(IllegalArgumentException.class);
    }
}
