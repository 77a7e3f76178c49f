package io.guestmem.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** Memory through {@code /proc/PID/mem}, as where process_vm_readv(2) and process_vm_writev(2) are not built in. */
class ProcessMemoryFileTest {
    private static final int SELF = (int) ProcessHandle.current().pid();
    private static final long PAGE = MappedMemory.PAGE_SIZE;

    @Test
    void answersAsTheSystemCallsDo() {
        try (Mapping memory = Mapping.anonymous(4 * PAGE, Sharing.SHARED);
                Arena arena = Arena.ofConfined()) {
            memory.unmap(2 * PAGE, PAGE);
            MemorySegment pages = arena.allocate(2 * PAGE).fill((byte) 7);
            for (Transfer way : new Transfer[] {ProcessMemoryFileTest::byCall, ProcessMemory::transferByFile}) {
                memory.segment().asSlice(0, 2 * PAGE).fill((byte) 0);
                SystemCallNumber write = SystemCallNumber.PROCESS_VM_WRITEV;

                assertThat(way.of(write, SELF, memory.address(), pages)).isEqualTo(2 * PAGE);
                assertThat(memory.segment().get(ValueLayout.JAVA_LONG, PAGE)).isEqualTo(0x0707070707070707L);
                assertThat(way.of(write, SELF, memory.address() + PAGE, pages))
                        .as("up to the hole")
                        .isEqualTo(PAGE);
                assertThat(way.of(write, SELF, memory.address() + 2 * PAGE, pages))
                        .as("EFAULT")
                        .isEqualTo(-14);
                MemorySegment word = arena.allocate(ValueLayout.JAVA_LONG);
                assertThat(way.of(SystemCallNumber.PROCESS_VM_READV, SELF, memory.address(), word))
                        .isEqualTo(8);
                assertThat(word.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(0x0707070707070707L);
            }
        }
    }

    private interface Transfer {
        long of(SystemCallNumber call, int pid, long address, MemorySegment here);
    }

    private static long byCall(SystemCallNumber call, int pid, long address, MemorySegment here) {
        return call == SystemCallNumber.PROCESS_VM_READV
                ? ProcessMemory.read(pid, address, here)
                : ProcessMemory.write(pid, address, here);
    }
}
