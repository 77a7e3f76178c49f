package io.guestmem.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OpenDescriptors.class)
class MappingTest {
    private static final long PAGE = MappedMemory.PAGE_SIZE;
    private static final long HUGE = 2 << 20;
    private static final AdviceResult DONE = new AdviceResult.Done();

    private static boolean isMapped(long address) throws Exception {
        String start = Long.toHexString(address) + "-";
        return Files.readAllLines(Path.of("/proc/self/maps")).stream().anyMatch(line -> line.startsWith(start));
    }

    @Test
    void populatingMakesPagesResidentAndDontNeedDropsThem() {
        try (Mapping mapping = Mapping.anonymous(4 * PAGE, Sharing.PRIVATE)) {
            assertThat(mapping.residentPages(0, 4 * PAGE)).isZero();
            assertThat(mapping.advise(Advice.POPULATE_WRITE, PAGE, 2 * PAGE)).isEqualTo(DONE);
            assertThat(mapping.residentPages(0, 4 * PAGE)).isEqualTo(2);
            mapping.segment().set(ValueLayout.JAVA_BYTE, PAGE, (byte) 9);
            assertThat(mapping.advise(Advice.DONT_NEED)).isEqualTo(DONE);
            assertThat(mapping.segment().get(ValueLayout.JAVA_BYTE, PAGE)).isZero();
        }
    }

    @Test
    void adviceThatTheKernelRefusesKeepsItsErrno() {
        try (FileDescriptor file = Memfd.create("short", PAGE);
                Mapping mapping = Mapping.of(file, 0, 2 * PAGE, Protection.READ_WRITE, Sharing.SHARED)) {
            assertThat(mapping.advise(Advice.POPULATE_READ)).isEqualTo(new AdviceResult.Refused(Errno.EFAULT));
            assertThat(mapping.advise(Advice.POPULATE_READ, 1, PAGE)).isEqualTo(new AdviceResult.Refused(Errno.EINVAL));
            assertThatThrownBy(() -> mapping.advise(Advice.COLD, PAGE, 2 * PAGE))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void sharedMappingsOfAFileSeeEachOtherAndPrivateOnesDoNot() {
        try (FileDescriptor file = Memfd.create("shared", 2 * PAGE);
                Mapping one = Mapping.of(file, 0, 2 * PAGE, Protection.READ_WRITE, Sharing.SHARED);
                Mapping two = Mapping.of(file, PAGE, PAGE, Protection.READ_WRITE, Sharing.SHARED);
                Mapping alone = Mapping.of(file, PAGE, PAGE, Protection.READ_WRITE, Sharing.PRIVATE)) {
            one.segment().set(ValueLayout.JAVA_INT, PAGE, 42);
            assertThat(two.segment().get(ValueLayout.JAVA_INT, 0)).isEqualTo(42);
            alone.segment().set(ValueLayout.JAVA_INT, 0, 43);
            assertThat(two.segment().get(ValueLayout.JAVA_INT, 0)).isEqualTo(42);
            assertThat(two.advise(Advice.REMOVE)).isEqualTo(DONE);
            assertThat(one.segment().get(ValueLayout.JAVA_INT, PAGE)).isZero();
        }
    }

    @Test
    void aPartCanBeReplacedByAFileAndProtected() {
        try (FileDescriptor file = Memfd.create("over", PAGE);
                Mapping content = Mapping.of(file, 0, PAGE, Protection.READ_WRITE, Sharing.SHARED);
                Mapping mapping = Mapping.anonymous(3 * PAGE, Sharing.PRIVATE)) {
            content.segment().fill((byte) 5);
            mapping.segment().fill((byte) 1);
            mapping.replace(PAGE, file, 0, PAGE, Protection.READ, Sharing.SHARED);
            assertThat(mapping.segment().get(ValueLayout.JAVA_BYTE, PAGE - 1)).isEqualTo((byte) 1);
            assertThat(mapping.segment().get(ValueLayout.JAVA_BYTE, PAGE)).isEqualTo((byte) 5);
            assertThat(mapping.segment().get(ValueLayout.JAVA_BYTE, 2 * PAGE)).isEqualTo((byte) 1);
            mapping.protect(2 * PAGE, PAGE, Protection.NONE);
            int self = (int) ProcessHandle.current().pid();
            assertThat(ProcessMemory.read(self, mapping.address(), content.segment()))
                    .isEqualTo(PAGE);
            assertThat(ProcessMemory.read(self, mapping.address() + 2 * PAGE, content.segment()))
                    .isEqualTo(-Errno.EFAULT.number());
        }
    }

    @Test
    void aPartCanBeUnmappedAndTheRestGoesWithTheMapping() throws Exception {
        int self = (int) ProcessHandle.current().pid();
        Mapping mapping = Mapping.anonymous(4 * PAGE, Sharing.PRIVATE);
        try (Mapping buffer = Mapping.anonymous(PAGE, Sharing.PRIVATE)) {
            buffer.segment().fill((byte) 7);
            assertThat(ProcessMemory.write(self, mapping.address() + 2 * PAGE, buffer.segment()))
                    .isEqualTo(PAGE);
            assertThat(mapping.segment().get(ValueLayout.JAVA_BYTE, 2 * PAGE)).isEqualTo((byte) 7);
            mapping.unmap(PAGE, PAGE);
            assertThat(ProcessMemory.write(self, mapping.address() + PAGE, buffer.segment()))
                    .isEqualTo(-Errno.EFAULT.number());
            assertThat(ProcessMemory.read(self, mapping.address() + 2 * PAGE, buffer.segment()))
                    .isEqualTo(PAGE);
            mapping.close();
            for (int page : List.of(0, 2, 3)) {
                assertThat(isMapped(mapping.address() + page * PAGE)).isFalse();
            }
        }
    }

    @Test
    void badLengthsAndOffsetsAreRefused() {
        for (long length : List.of(0L, -PAGE, PAGE + 1)) {
            assertThatThrownBy(() -> Mapping.anonymous(length, Sharing.PRIVATE))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        try (FileDescriptor file = Memfd.create("offset", PAGE)) {
            assertThatThrownBy(() -> Mapping.of(file, 1, PAGE, Protection.READ, Sharing.SHARED))
                    .hasMessageStartingWith("mmap: EINVAL (22): memfd:offset");
        }
    }

    @Test
    void nothingWorksAfterClose() throws Exception {
        Mapping mapping = Mapping.anonymous(PAGE, Sharing.PRIVATE);
        GuardedMapping guarded = GuardedMapping.anonymous(PAGE, Sharing.PRIVATE);
        MemorySegment segment = mapping.segment();
        assertThat(isMapped(mapping.address()) || isMapped(guarded.address())).isTrue();
        for (MappedMemory memory : List.of(mapping, guarded)) {
            memory.close();
            memory.close();
            assertThatThrownBy(() -> memory.advise(Advice.COLD)).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> memory.residentPages(0, PAGE)).isInstanceOf(IllegalStateException.class);
        }
        assertThatThrownBy(() -> segment.get(ValueLayout.JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> mapping.protect(0, PAGE, Protection.READ)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aCloseDuringAdviceUnmapsWhenTheAdviceHasReturned() throws Exception {
        try (Guarded guarded = Guarded.anonymous(1, Guarded.MISSING)) {
            Background<AdviceResult> touch = guarded.touch(0, Advice.POPULATE_READ);
            guarded.next();
            guarded.memory.close();
            int self = (int) ProcessHandle.current().pid();
            assertThat(guarded.userfaultfd.zeropage(guarded.page(0), PAGE, InstallMode.WAKE))
                    .isEqualTo(new InstallResult.Complete(PAGE));
            assertThat(touch.result()).isEqualTo(DONE);
            try (Mapping buffer = Mapping.anonymous(PAGE, Sharing.PRIVATE)) {
                // the new buffer may stand where the mapping was; the userfaultfd knows that it is not its own
                assertThat(ProcessMemory.read(self, buffer.address(), buffer.segment()))
                        .isEqualTo(PAGE);
                assertThat(guarded.userfaultfd.zeropage(guarded.page(0), PAGE, InstallMode.WAKE))
                        .isEqualTo(new InstallResult.NotRegistered());
            }
        }
    }

    @Test
    void collapseMakesAHugePageOfWhatIsPopulated() throws Exception {
        try (GuardedMapping mapping = GuardedMapping.anonymous(2 * HUGE, Sharing.PRIVATE)) {
            long offset = -mapping.address() & (HUGE - 1);
            assertThat(mapping.advise(Advice.NO_HUGE_PAGE, offset, HUGE)).isEqualTo(DONE);
            assertThat(mapping.advise(Advice.POPULATE_WRITE, offset, HUGE)).isEqualTo(DONE);
            assertThat(mapping.advise(Advice.COLLAPSE, offset, HUGE))
                    .describedAs("collapse where huge pages are not wanted")
                    .isEqualTo(new AdviceResult.Refused(Errno.EINVAL));
            assertThat(mapping.advise(Advice.HUGE_PAGE, offset, HUGE)).isEqualTo(DONE);
            AdviceResult collapsed = mapping.advise(Advice.COLLAPSE, offset, HUGE);
            Assumptions.assumeTrue(collapsed.equals(DONE), () -> "no huge page to be had: " + collapsed);
            assertThat(hugeKilobytes(mapping.address() + offset)).isEqualTo(HUGE / 1024);
        }
    }

    /** {@code AnonHugePages} of the mapping that contains an address. */
    private static long hugeKilobytes(long address) throws Exception {
        boolean inside = false;
        for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
            String[] words = line.split("[ -]+", -1);
            if (line.matches("^[0-9a-f]+-[0-9a-f]+ .*")) {
                inside = Long.parseUnsignedLong(words[0], 16) <= address
                        && address < Long.parseUnsignedLong(words[1], 16);
            } else if (inside && line.startsWith("AnonHugePages:")) {
                return Long.parseLong(words[1]);
            }
        }
        throw new AssertionError("no mapping at 0x" + Long.toHexString(address));
    }
}
