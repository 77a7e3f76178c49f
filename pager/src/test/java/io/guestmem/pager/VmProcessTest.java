package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.linux.EventFd;
import io.guestmem.linux.FaultScope;
import io.guestmem.linux.GuardedMapping;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.RegisterMode;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** This process as a VMM with two userfaultfds, whose descriptors a successor looks for. */
class VmProcessTest {
    private static final long LENGTH = 4 * MappedMemory.PAGE_SIZE;
    private static final int PID = (int) ProcessHandle.current().pid();

    private Userfaultfd wanted;
    private GuardedMapping memory;
    private Userfaultfd other;
    private GuardedMapping elsewhere;
    private GuestMap map;
    private VmProcess process;

    @BeforeEach
    void makeThem() {
        other = userfaultfd();
        elsewhere = guarded(other);
        wanted = userfaultfd();
        memory = guarded(wanted);
        map = new GuestMap(List.of(new Region(memory.address(), LENGTH, 0, MappedMemory.PAGE_SIZE)));
        process = VmProcess.open(PID);
    }

    private static Userfaultfd userfaultfd() {
        try {
            Userfaultfd made = Userfaultfd.open(FaultScope.USER_AND_KERNEL);
            made.handshake(Set.of());
            return made;
        } catch (LinuxException refused) {
            return Assumptions.abort("no userfaultfd on this machine: " + refused.getMessage());
        }
    }

    private static GuardedMapping guarded(Userfaultfd by) {
        GuardedMapping mapping = GuardedMapping.anonymous(LENGTH, Sharing.PRIVATE);
        by.register(mapping, Set.of(RegisterMode.MISSING));
        return mapping;
    }

    @AfterEach
    void closeThem() {
        for (AutoCloseable each : new AutoCloseable[] {process, wanted, memory, other, elsewhere}) {
            if (each != null) {
                close(each);
            }
        }
    }

    private static void close(AutoCloseable each) {
        try {
            each.close();
        } catch (Exception impossible) {
            throw new AssertionError(impossible);
        }
    }

    @Test
    void theNumberIsThatOfTheOneThatGuardsTheMemory() {
        assertThat(process.userfaultfdNumber(map)).isEqualTo(wanted.descriptor().number());
    }

    @Test
    void theDescriptorIsFoundWhateverItsNumberMeansByNow() throws IOException {
        try (EventFd reused = EventFd.create()) {
            int closed = reused.descriptor().number() + 1000;
            long before = descriptors();
            for (int expected : new int[] {
                wanted.descriptor().number(),
                other.descriptor().number(),
                reused.descriptor().number(),
                closed,
                VmProcess.UNKNOWN
            }) {
                try (Userfaultfd taken = process.userfaultfd(map, expected)) {
                    // Another one gets EBUSY.
                    assertThat(taken.register(memory.address(), LENGTH, Set.of(RegisterMode.MISSING)))
                            .as("expected %d", expected)
                            .isNotEmpty();
                }
            }
            assertThat(descriptors()).isEqualTo(before);
        }
    }

    @Test
    void aProcessWithoutItIsRefused() {
        GuestMap foreign = new GuestMap(List.of(new Region(1L << 40, LENGTH, 0, MappedMemory.PAGE_SIZE)));

        assertThat(process.userfaultfdNumber(foreign)).isEqualTo(VmProcess.UNKNOWN);
        assertThatThrownBy(
                        () -> process.userfaultfd(foreign, wanted.descriptor().number()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("no userfaultfd of its memory");
    }

    @Test
    void aProcessThatHasTheNumberOfOneThatHasEndedIsNotIt() {
        assertThat(VmProcess.reopen(PID, process.startTime() + 1)).isEmpty();
        VmProcess same = VmProcess.reopen(PID, process.startTime()).orElseThrow();
        same.close();
    }

    private static long descriptors() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.count();
        }
    }
}
