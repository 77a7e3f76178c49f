package io.guestmem.vmm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Registers;
import io.guestmem.kvm.Registers.Register;
import io.guestmem.vmm.GuestProgram.Access;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each program on a real guest, against the same computation in Java. */
class GuestProgramTest {
    private static final long PAGE = 4096;

    /** Not a power of two, and more than the 2 MiB of one page of the guest. */
    private static final long PAGES = 777;

    private static final Duration LIMIT = Duration.ofMinutes(5);

    private Kvm kvm;
    private HostMemory memory;
    private Machine machine;

    @BeforeEach
    void makeMachine() {
        kvm = Kvm.open(HostKernel.get());
        memory = kvm.kernel().allocate(PAGES * PAGE);
        machine = Machine.create(kvm, VmType.DEFAULT, memory.length());
        machine.vm().set(Memslot.of(Machine.MEMORY_SLOT, machine.memory().start(), memory));
    }

    @AfterEach
    void closeAll() {
        if (kvm != null) {
            machine.close();
            memory.close();
            kvm.close();
        }
    }

    private Registers run(GuestProgram program) {
        machine.load(program);
        RunOutcome outcome = new RunLoop(machine.vcpu()).run(LIMIT);
        assertThat(outcome).as(program.name()).isInstanceOf(RunOutcome.Finished.class);
        return ((RunOutcome.Finished) outcome).registers();
    }

    private long word(long at) {
        return memory.segment().get(ValueLayout.JAVA_LONG, at);
    }

    private void fillAtRandom() {
        long seed = System.nanoTime();
        System.out.println("GuestProgramTest: random content of seed " + seed);
        Random random = new Random(seed);
        for (long at = 0; at < memory.length(); at += Long.BYTES) {
            memory.segment().set(ValueLayout.JAVA_LONG, at, random.nextLong());
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 3182592", "0, 8", "8, 16", "4088, 4104", "12288, 4096"})
    void checksum(long start, long size) {
        fillAtRandom();

        Registers end = run(GuestProgram.checksum(GuestRange.of(start, size)));

        assertThat(GuestProgram.checksumOf(end))
                .isEqualTo(Checksum.EMPTY.and(memory.segment().asSlice(start, size)));
    }

    @Test
    void checksumOfUntouchedMemoryIsThatOfZeroes() {
        Registers end = run(GuestProgram.checksum(machine.memory()));

        assertThat(GuestProgram.checksumOf(end)).isEqualTo(Checksum.EMPTY);
    }

    @ParameterizedTest
    @CsvSource({"0, 3182592, 1, 3", "4096, 8, -1, 5", "8, 12280, 9223372036854775807, -7", "16, 8192, 0, 0"})
    void writePattern(long start, long size, long first, long step) {
        memory.segment().fill((byte) 0x55);

        run(GuestProgram.writePattern(GuestRange.of(start, size), first, step));

        for (long at = 0; at < memory.length(); at += Long.BYTES) {
            boolean inside = at >= start && at < start + size;
            long expected = inside ? first + (at - start) / Long.BYTES * step : 0x5555555555555555L;
            assertThat(word(at)).as("word at %d", at).isEqualTo(expected);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {8, 4096, 12288, 2 << 20, PAGES * PAGE})
    void touchReadsTheStartOfEachStride(long stride) {
        fillAtRandom();
        long expected = 0;
        for (long i = 0; i < memory.length() / stride; i++) {
            expected += word(i * stride);
        }

        assertThat(run(GuestProgram.touch(machine.memory(), stride, Access.READ))
                        .get(Register.RAX))
                .isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(longs = {4096, 12288, PAGES * PAGE})
    void touchWritesHowManyAreLeft(long stride) {
        memory.segment().fill((byte) 0x55);

        run(GuestProgram.touch(machine.memory(), stride, Access.WRITE));

        long count = memory.length() / stride;
        for (long at = 0; at < memory.length(); at += Long.BYTES) {
            boolean touched = at % stride == 0 && at / stride < count;
            assertThat(word(at)).as("word at %d", at).isEqualTo(touched ? count - at / stride : 0x5555555555555555L);
        }
    }

    @ParameterizedTest
    @CsvSource({"777, 1", "777, -1", "777, 81985529216486895", "1, 7", "2, 7", "513, 0", "512, 99"})
    void randomOrderWritesEachPageOnceInTheOrderOfTheHost(long pages, long seed) {
        memory.segment().fill((byte) 0x55);

        run(GuestProgram.touchInRandomOrder(GuestRange.of(0, pages * PAGE), seed, Access.WRITE));

        // The n-th touch writes how many are left, itself included: so memory tells when each page had its turn.
        long[] order = new RandomOrder(pages, seed).stream().toArray();
        assertThat(order).hasSize((int) pages);
        for (int turn = 0; turn < order.length; turn++) {
            assertThat(word(order[turn] * PAGE)).as("page %d", order[turn]).isEqualTo(pages - turn);
        }
        for (long page = pages; page < PAGES; page++) {
            assertThat(word(page * PAGE)).as("page %d", page).isEqualTo(0x5555555555555555L);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {3, -3, 1L << 40})
    void randomOrderReadsEachPageOnce(long seed) {
        fillAtRandom();
        long expected = 0;
        for (long page = 3; page < PAGES; page++) {
            expected += word(page * PAGE);
        }

        GuestRange range = GuestRange.of(3 * PAGE, (PAGES - 3) * PAGE);
        assertThat(run(GuestProgram.touchInRandomOrder(range, seed, Access.READ))
                        .get(Register.RAX))
                .isEqualTo(expected);
    }

    @ParameterizedTest
    @EnumSource(Access.class)
    void nothingToTouchIsRefused(Access access) {
        GuestRange nothing = GuestRange.of(0, 0);
        assertThatIllegalArgumentException().isThrownBy(() -> GuestProgram.checksum(nothing));
        assertThatIllegalArgumentException().isThrownBy(() -> GuestProgram.writePattern(nothing, 0, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> GuestProgram.touch(nothing, PAGE, access));
        assertThatIllegalArgumentException().isThrownBy(() -> GuestProgram.touch(machine.memory(), 0, access));
        assertThatIllegalArgumentException().isThrownBy(() -> GuestProgram.touchInRandomOrder(nothing, 0, access));
    }
}
