package io.guestmem.vmm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Registers;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.vmm.GuestProgram.Access;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Programs that follow a list of addresses, on both kernels. */
class ListedProgramTest {
    private static final long PAGE = 4096;

    /** More than the 2 MiB of one page of the guest; its list has more than a page. */
    private static final int PAGES = 777;

    private final SoftKernel soft = new SoftKernel(SoftKernelOptions.defaults());

    @AfterEach
    void close() {
        soft.close();
    }

    private Kernel kernel(String name) {
        return name.equals("soft") ? soft : HostKernel.get();
    }

    private static Registers run(Machine machine, GuestProgram program) {
        machine.load(program);
        RunOutcome outcome = new RunLoop(machine.vcpu()).run(Duration.ofMinutes(5));
        assertThat(outcome).as(program.name()).isInstanceOf(RunOutcome.Finished.class);
        return ((RunOutcome.Finished) outcome).registers();
    }

    /** What a test does with a machine. */
    private interface With {
        void machine(Machine machine, HostMemory memory);
    }

    private void withMachine(String kernel, long[] list, With test) {
        try (Kvm kvm = Kvm.open(kernel(kernel));
                HostMemory memory = kvm.kernel().allocate(PAGES * PAGE);
                Machine machine = Machine.create(kvm, VmType.DEFAULT, memory.length(), list)) {
            machine.vm().set(Memslot.of(Machine.MEMORY_SLOT, machine.memory().start(), memory));
            test.machine(machine, memory);
        }
    }

    /** Some pages, each once, in a random order. */
    private static long[] somePages() {
        long seed = System.nanoTime();
        System.out.println("ListedProgramTest: seed " + seed);
        Random random = new Random(seed);
        int[] pages = random.ints(0, PAGES).distinct().limit(600).toArray();
        return Arrays.stream(pages).mapToLong(page -> page * PAGE).toArray();
    }

    @ParameterizedTest
    @ValueSource(strings = {"soft", "linux"})
    void eachPageOfTheListIsWrittenInItsTurn(String kernel) {
        long[] list = somePages();
        withMachine(kernel, list, (machine, memory) -> {
            run(machine, GuestProgram.touchListed(machine.list(list.length), Access.WRITE));

            long[] expected = new long[PAGES];
            for (int turn = 0; turn < list.length; turn++) {
                expected[(int) (list[turn] / PAGE)] = (long) list.length - turn;
            }
            for (int page = 0; page < PAGES; page++) {
                assertThat(memory.segment().get(ValueLayout.JAVA_LONG, page * PAGE))
                        .as("page %d", page)
                        .isEqualTo(expected[page]);
            }
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"soft", "linux"})
    void theChecksumIsThatOfTheWordsInTheOrderOfTheList(String kernel) {
        long[] list = {3 * PAGE, 8, 776 * PAGE, 3 * PAGE};
        withMachine(kernel, list, (machine, memory) -> {
            MemorySegment bytes = memory.segment();
            bytes.set(ValueLayout.JAVA_LONG, 3 * PAGE, 7);
            bytes.set(ValueLayout.JAVA_LONG, 8, -5);
            bytes.set(ValueLayout.JAVA_LONG, 776 * PAGE, 1L << 62);

            Registers all = run(machine, GuestProgram.checksumListed(machine.list(4)));
            Registers two = run(machine, GuestProgram.checksumListed(machine.list(2)));

            assertThat(GuestProgram.checksumOf(all))
                    .isEqualTo(Checksum.EMPTY.and(MemorySegment.ofArray(new long[] {7, -5, 1L << 62, 7})));
            assertThat(GuestProgram.checksumOf(two))
                    .isEqualTo(Checksum.EMPTY.and(MemorySegment.ofArray(new long[] {7, -5})));
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"soft", "linux"})
    void aReadingTouchAddsTheWords(String kernel) {
        withMachine(kernel, new long[] {PAGE, 0}, (machine, memory) -> {
            memory.segment().set(ValueLayout.JAVA_LONG, 0, 40);
            memory.segment().set(ValueLayout.JAVA_LONG, PAGE, 2);

            Registers end = run(machine, GuestProgram.touchListed(machine.list(2), Access.READ));

            assertThat(end.get(Registers.Register.RAX)).isEqualTo(42);
        });
    }

    @Test
    void anEmptyListIsRefused() {
        GuestRange nothing = GuestRange.of(0, 0);
        assertThatIllegalArgumentException().isThrownBy(() -> GuestProgram.touchListed(nothing, Access.WRITE));
        assertThatIllegalArgumentException().isThrownBy(() -> GuestProgram.checksumListed(nothing));
    }
}
