package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.StatsDescriptorLayout;
import io.guestmem.abi.StatsHeaderLayout;
import io.guestmem.abi.VmType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** Statistics are found by name, wherever a kernel puts them. */
class StatisticsTest {
    private static final int NAME_SIZE = 48;
    private static final String FILE = "statistics of VM DEFAULT";

    private final ScriptedKernel kernel = new ScriptedKernel();

    /** A statistics file whose row i has the given name and the value i + 100, rows in the given order. */
    private static MemorySegment file(String... names) {
        int descOffset = 72;
        int stride = StatsDescriptorLayout.NAME + NAME_SIZE;
        int dataOffset = descOffset + names.length * stride;
        MemorySegment file = Arena.ofAuto().allocate(dataOffset + names.length * 8L, Long.BYTES);
        file.set(ValueLayout.JAVA_INT, StatsHeaderLayout.NAME_SIZE, NAME_SIZE);
        file.set(ValueLayout.JAVA_INT, StatsHeaderLayout.NUM_DESC, names.length);
        file.set(ValueLayout.JAVA_INT, StatsHeaderLayout.DESC_OFFSET, descOffset);
        file.set(ValueLayout.JAVA_INT, StatsHeaderLayout.DATA_OFFSET, dataOffset);
        for (int i = 0; i < names.length; i++) {
            MemorySegment descriptor = file.asSlice(descOffset + (long) i * stride, stride);
            // Values stand in the opposite order of their descriptors.
            int at = (names.length - 1 - i) * Long.BYTES;
            descriptor.set(ValueLayout.JAVA_SHORT, StatsDescriptorLayout.SIZE, (short) 1);
            descriptor.set(ValueLayout.JAVA_INT, StatsDescriptorLayout.OFFSET, at);
            descriptor.setString(StatsDescriptorLayout.NAME, names[i]);
            file.set(ValueLayout.JAVA_LONG, dataOffset + at, i + 100L);
        }
        return file;
    }

    private static ScriptedKernel.Reads all(MemorySegment file) {
        return (offset, into) -> {
            long length = Math.min(into.byteSize(), file.byteSize() - offset);
            MemorySegment.copy(file, offset, into, 0, length);
            return length;
        };
    }

    private Statistics open(Kvm kvm) {
        return kvm.createVm(VmType.DEFAULT).statistics();
    }

    @Test
    void namesAreLookedUpWhateverTheirOrder() {
        kernel.onRead(FILE, all(file("pages_4k", "out_of_tree", "pf_taken")));
        try (Kvm kvm = Kvm.open(kernel)) {
            Statistics statistics = open(kvm);

            assertThat(statistics.names()).containsExactly("pages_4k", "out_of_tree", "pf_taken");
            assertThat(statistics.value("pages_4k")).hasValue(100);
            assertThat(statistics.value("out_of_tree")).hasValue(101);
            assertThat(statistics.value("pf_taken")).hasValue(102);
            assertThat(statistics.value("pf_fixed")).isEmpty();
        }
    }

    @Test
    void everyReadIsRepeatedWhileItIsInterrupted() {
        ScriptedKernel.Reads content = all(file("pf_taken"));
        boolean[] interrupted = new boolean[1];
        kernel.onRead(FILE, (offset, into) -> {
            interrupted[0] = !interrupted[0];
            return interrupted[0] ? -ErrorNumber.EINTR.number() : content.read(offset, into);
        });
        try (Kvm kvm = Kvm.open(kernel)) {
            assertThat(open(kvm).value("pf_taken")).hasValue(100);
        }
    }

    @Test
    void aShortReadIsAnErrorAndNeverAZero() {
        MemorySegment file = file("pf_taken");
        kernel.onRead(FILE, (offset, into) -> all(file).read(offset, into) - (offset == 0 ? 0 : 1));
        try (Kvm kvm = Kvm.open(kernel)) {
            assertThatExceptionOfType(KernelException.class)
                    .isThrownBy(() -> open(kvm))
                    .withMessage("read: EIO (5): statistics of VM DEFAULT at 72, 63 of 64 bytes");
        }
        assertThat(kernel.log).contains("close " + FILE);
    }

    @Test
    void anErrorWhileReadingAValueKeepsItsErrno() {
        ScriptedKernel.Reads content = all(file("pf_taken"));
        boolean[] broken = new boolean[1];
        kernel.onRead(FILE, (offset, into) -> broken[0] ? -ErrorNumber.EIO.number() : content.read(offset, into));
        try (Kvm kvm = Kvm.open(kernel)) {
            Statistics statistics = open(kvm);
            broken[0] = true;

            assertThatExceptionOfType(KernelException.class)
                    .isThrownBy(() -> statistics.value("pf_taken"))
                    .satisfies(failed -> assertThat(failed.errno()).isEqualTo(ErrorNumber.EIO.number()));
        }
    }
}
