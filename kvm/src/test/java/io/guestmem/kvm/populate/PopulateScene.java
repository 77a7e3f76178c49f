package io.guestmem.kvm.populate;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.GuestMemfd;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Statistics;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** A VM with two vCPUs and one memslot, and what the tests of the populator need around it. */
final class PopulateScene implements AutoCloseable {
    static final long PAGE = GuestPhysical.PAGE_SIZE;

    /** Where the slot begins: not at a multiple of 2 MiB, so that all pages are small and can be counted. */
    static final long BASE = (2L << 20) + PAGE;

    private final Kvm kvm;
    final Kernel kernel;
    final Vm vm;
    final List<Vcpu> vcpus;
    final HostMemory memory;
    final Memslot slot;
    final GuestMemory guest;

    /** A VM of the default type over host memory. */
    PopulateScene(Kernel kernel, long pages) {
        this(kernel, VmType.DEFAULT, pages, Set.of());
    }

    /** A VM over host memory, and a guest_memfd if there are flags or the type has private memory. */
    PopulateScene(Kernel kernel, VmType type, long pages, Set<GuestMemfd.Flag> flags) {
        this.kernel = kernel;
        kvm = Kvm.open(kernel);
        vm = kvm.createVm(type);
        vcpus = List.of(vm.createVcpu(0), vm.createVcpu(1));
        memory = kernel.allocate(HostMemoryKind.SHARED_MEMFD, pages * PAGE);
        Memslot plain = Memslot.of(0, new GuestPhysical(BASE), memory);
        slot = flags.isEmpty() && !type.privateMemory()
                ? plain
                : plain.backedBy(vm.createGuestMemfd(pages * PAGE, flags), 0);
        vm.set(slot);
        guest = GuestMemory.builder().slot(slot, memory).build();
    }

    /** Pages of the slot. */
    static GuestRange pages(long first, long count) {
        return GuestRange.of(BASE + first * PAGE, count * PAGE);
    }

    static GuestPhysical page(long number) {
        return new GuestPhysical(BASE + number * PAGE);
    }

    /** Content whose pages all differ: the page's number and a seed in every 8 bytes. */
    static MemorySegment content(long pages, long seed) {
        MemorySegment content = Arena.ofAuto().allocate(pages * PAGE, PAGE);
        for (long i = 0; i < pages * PAGE; i += Long.BYTES) {
            content.set(ValueLayout.JAVA_LONG, i, seed + i / PAGE);
        }
        return content;
    }

    static Content buffer(long pages, long seed) {
        return new Content.Buffer(content(pages, seed));
    }

    Populator populator() {
        return Populator.of(vm, guest, vcpus);
    }

    /** The first 8 bytes of each page of the host's memory. */
    List<Long> words(long first, long count) {
        List<Long> words = new ArrayList<>();
        MemorySegment word = Arena.ofAuto().allocate(ValueLayout.JAVA_LONG);
        for (long i = first; i < first + count; i++) {
            assertThat(memory.load(i * PAGE, word)).isZero();
            words.add(word.get(ValueLayout.JAVA_LONG, 0));
        }
        return words;
    }

    /** Pages of 4096 bytes that KVM has in its second stage. */
    long mapped() {
        try (Statistics statistics = vm.statistics()) {
            return statistics.value("pages_4k").orElseThrow();
        }
    }

    @Override
    public void close() {
        kvm.close();
        memory.close();
    }
}
