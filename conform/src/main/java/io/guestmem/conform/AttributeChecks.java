package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EFAULT;
import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.abi.ErrorNumber.ENOTTY;
import static io.guestmem.conform.CheckClass.MODEL;
import static io.guestmem.conform.CheckClass.PRIVATE_MEMORY;
import static io.guestmem.conform.CheckClass.REAL;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.ExitReason;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.MemoryAttributesLayout;
import java.util.List;

/** Memory attributes, and what a guest sees of a conversion. */
final class AttributeChecks {
    private static final long PAGE = Numbers.PAGE;
    private static final long HUGE = Numbers.HUGE;
    private static final long GPA = Guest.FREE;
    private static final long PRIVATE = MemoryAttributesLayout.PRIVATE;
    private static final long SHARED_DATA = 0x5A5A;
    private static final long PRIVATE_DATA = 0x1CE;

    private AttributeChecks() {}

    static List<Check> all() {
        String set = "kvm_main.c:kvm_vm_ioctl_set_mem_attributes";
        String store = "kvm_main.c:kvm_vm_set_mem_attributes";
        String mixed = "mmu.c:kvm_arch_post_set_memory_attributes";
        String gmem = "mmu.c:kvm_mmu_faultin_pfn_gmem";
        return List.of(
                Check.of("ATTR-01", "arguments that are refused", set, AttributeChecks::refused, PRIVATE_MEMORY),
                Check.of(
                        "ATTR-02",
                        "a VM of the default type has none",
                        "kvm_main.c:kvm_supported_mem_attributes",
                        AttributeChecks::defaultType,
                        REAL),
                Check.of("ATTR-03", "attributes need no memslot", store, AttributeChecks::withoutSlot, PRIVATE_MEMORY),
                Check.of("ATTR-04", "and outlive it", store, AttributeChecks::outliveTheSlot, PRIVATE_MEMORY),
                Check.of("ATTR-05", "the same again zaps nothing", store, AttributeChecks::sameAgain, PRIVATE_MEMORY),
                Check.of(
                        "ATTR-06",
                        "a page converted in a huge page splits it",
                        "mmu.c:kvm_arch_pre_set_memory_attributes",
                        AttributeChecks::mixed,
                        PRIVATE_MEMORY,
                        MODEL),
                Check.of(
                        "ATTR-07",
                        "converted back it can be huge again",
                        mixed,
                        AttributeChecks::uniformAgain,
                        PRIVATE_MEMORY,
                        MODEL),
                Check.of(
                        "ATTR-08",
                        "1 GiB is mixed if a part of it is",
                        "mmu.c:hugepage_has_attrs",
                        AttributeChecks::mixedGibibyte,
                        MODEL),
                Check.of(
                        "ATTR-09", "private access without guest_memfd", gmem, AttributeChecks::noFile, PRIVATE_MEMORY),
                Check.of(
                        "ATTR-10",
                        "private access without memslot",
                        "mmu.c:kvm_handle_noslot_fault",
                        AttributeChecks::noSlot,
                        PRIVATE_MEMORY),
                Check.of("ATTR-11", "conversion keeps both contents", gmem, AttributeChecks::contents, PRIVATE_MEMORY),
                Check.of(
                        "ATTR-12",
                        "a private page begins as zeroes",
                        "guest_memfd.c:kvm_gmem_get_pfn",
                        AttributeChecks::zeroes,
                        PRIVATE_MEMORY));
    }

    private static void refused(Trial t) {
        RawVm vm = t.privateVm();
        t.expect("flags 1", EINVAL, vm.attributes(GPA, PAGE, PRIVATE, 1));
        t.expect("attributes 1", EINVAL, vm.attributes(GPA, PAGE, 1, 0));
        t.expect("size 0", EINVAL, vm.attributes(GPA, 0, PRIVATE, 0));
        t.expect("address + size wraps", EINVAL, vm.attributes(-PAGE, 2 * PAGE, PRIVATE, 0));
        t.expect("address + 1", EINVAL, vm.attributes(GPA + 1, PAGE, PRIVATE, 0));
        t.expect("size + 1", EINVAL, vm.attributes(GPA, PAGE + 1, PRIVATE, 0));
        t.expect("as it should be", 0, vm.attributes(GPA, PAGE, PRIVATE, 0));
    }

    private static void defaultType(Trial t) {
        RawVm vm = t.vm();
        boolean builtIn = t.capability(Capability.MEMORY_ATTRIBUTES) != 0;
        ErrorNumber expected = builtIn ? EINVAL : ENOTTY;
        t.expect("private", expected, vm.attributes(GPA, PAGE, PRIVATE, 0));
        t.expect("shared", builtIn ? 0 : -ENOTTY.number(), vm.attributes(GPA, PAGE, 0, 0));
    }

    /**
     * A guest whose memory has data in its shared half.
     *
     * @param vm of type SW_PROTECTED
     * @param guest in it
     * @param region slot 0, with a guest_memfd
     * @param memory of the shared half
     */
    private record Both(RawVm vm, Guest guest, Region region, HostMemory memory) {
        static Both of(Trial t) {
            RawVm vm = t.privateVm();
            HostMemory memory = t.memory(4 * PAGE);
            GuestMemfdFile file = vm.guestMemfd(4 * PAGE, 0);
            Region region = Region.of(0, GPA, memory).withGuestMemfd(file.descriptor(), 0);
            t.store(memory, 0, SHARED_DATA);
            return new Both(vm, Guest.on(t, vm), region, memory);
        }
    }

    private static void withoutSlot(Trial t) {
        Both both = Both.of(t);
        both.vm.makePrivate(GPA, PAGE);
        t.expect("memslot", 0, both.vm.set2(both.region));
        t.expectHex("guest reads the private page", 0, both.guest.read(GPA));
        both.vm.makeShared(GPA, PAGE);
        t.expectHex("and the shared one", SHARED_DATA, both.guest.read(GPA));
    }

    private static void outliveTheSlot(Trial t) {
        Both both = Both.of(t);
        t.expect("memslot", 0, both.vm.set2(both.region));
        both.vm.makePrivate(GPA, PAGE);
        t.expect("delete", 0, both.vm.delete(0));
        t.expect("memslot again", 0, both.vm.set2(both.region));
        t.expectHex("guest reads the private page", 0, both.guest.read(GPA));
    }

    private static void sameAgain(Trial t) {
        Both both = Both.of(t);
        t.expect("memslot", 0, both.vm.set2(both.region));
        both.vm.makePrivate(GPA, 2 * PAGE);
        both.guest.vcpu().preFaultAll(GPA, 2 * PAGE);
        Statistics statistics = both.vm.statistics();
        long mapped = statistics.mappedPages();
        both.vm.makePrivate(GPA, 2 * PAGE);
        t.expect("mapped pages more or less", 0, statistics.mappedPages() - mapped);
    }

    /**
     * A block of 2 MiB of shared memory that is huge in the host, in a slot with a guest_memfd.
     *
     * @param vm of type SW_PROTECTED
     * @param vcpu of it
     */
    private record Block(RawVm vm, RawVcpu vcpu) {
        static Block mapped(Trial t) {
            RawVm vm = t.privateVm();
            RawVcpu vcpu = vm.vcpu(0);
            HugeBlock memory = HugeBlock.of(t);
            GuestMemfdFile file = vm.guestMemfd(HUGE, 0);
            Region region = Region.of(0, GPA, HUGE, memory.hva()).withGuestMemfd(file.descriptor(), 0);
            t.must("memslot", vm.set2(region));
            vcpu.preFaultAll(GPA, HUGE);
            t.expect("pages_2m", 1, vm.statistics().value("pages_2m"));
            return new Block(vm, vcpu);
        }

        void expectMapped(Trial t, long huge, long small) {
            Statistics statistics = vm.statistics();
            t.expect("pages_2m", huge, statistics.value("pages_2m"));
            t.expect("pages_4k", small, statistics.value("pages_4k"));
        }
    }

    private static void mixed(Trial t) {
        Block block = Block.mapped(t);
        block.vm.makePrivate(GPA + 5 * PAGE, PAGE);
        block.expectMapped(t, 0, 0);
        block.vcpu.preFaultAll(GPA, 8 * PAGE);
        block.expectMapped(t, 0, 8);
        t.on().model().ifPresent(model -> t.expect("MIXED", true, model.isMixed(block.vm.file(), 0, 2, GPA / PAGE)));
    }

    private static void uniformAgain(Trial t) {
        Block block = Block.mapped(t);
        block.vm.makePrivate(GPA + 5 * PAGE, PAGE);
        block.vcpu.preFaultAll(GPA, 8 * PAGE);
        block.vm.makeShared(GPA + 5 * PAGE, PAGE);
        block.vcpu.preFaultAll(GPA + 5 * PAGE, PAGE);
        block.expectMapped(t, 1, 0);
        t.on().model().ifPresent(model -> t.expect("MIXED", false, model.isMixed(block.vm.file(), 0, 2, GPA / PAGE)));
    }

    private static void mixedGibibyte(Trial t) {
        ModelInspection model = t.model();
        RawVm vm = t.privateVm();
        long gfn = Numbers.GIB / PAGE;
        t.must("memslot", vm.set(Region.of(0, Numbers.GIB, Numbers.GIB, Numbers.GIB)));
        t.expect("at first", false, model.isMixed(vm.file(), 0, 3, gfn));
        vm.makePrivate(Numbers.GIB + 7 * HUGE, PAGE);
        t.expect("one page private: 2 MiB", true, model.isMixed(vm.file(), 0, 2, gfn + 7 * 512));
        t.expect("its neighbour", false, model.isMixed(vm.file(), 0, 2, gfn + 6 * 512));
        t.expect("1 GiB", true, model.isMixed(vm.file(), 0, 3, gfn));
        vm.makePrivate(Numbers.GIB + 7 * HUGE, HUGE);
        t.expect("2 MiB private: 2 MiB", false, model.isMixed(vm.file(), 0, 2, gfn + 7 * 512));
        t.expect("1 GiB", true, model.isMixed(vm.file(), 0, 3, gfn));
        vm.makePrivate(Numbers.GIB, Numbers.GIB);
        t.expect("all private: 1 GiB", false, model.isMixed(vm.file(), 0, 3, gfn));
    }

    private static void expectMemoryFault(Trial t, Guest guest) {
        Guest.Run run = guest.tryRead(GPA);
        t.expect("KVM_RUN", EFAULT, run.result());
        t.expect("exit reason", ExitReason.MEMORY_FAULT, run.exitReason());
        t.expectSame("memory fault", new Guest.MemoryFault(PRIVATE, GPA, PAGE), guest.memoryFault());
    }

    private static void noFile(Trial t) {
        RawVm vm = t.privateVm();
        Guest guest = Guest.on(t, vm);
        vm.slot(0, GPA, PAGE);
        vm.makePrivate(GPA, PAGE);
        expectMemoryFault(t, guest);
    }

    private static void noSlot(Trial t) {
        Both both = Both.of(t);
        t.expect("memslot", 0, both.vm.set2(both.region));
        both.vm.makePrivate(GPA, PAGE);
        t.expectHex("guest reads", 0, both.guest.read(GPA));
        t.expect("delete", 0, both.vm.delete(0));
        expectMemoryFault(t, both.guest);
    }

    private static void contents(Trial t) {
        Both both = Both.of(t);
        t.expect("memslot", 0, both.vm.set2(both.region));
        t.expectHex("shared", SHARED_DATA, both.guest.read(GPA));
        both.vm.makePrivate(GPA, PAGE);
        both.guest.write(GPA, PRIVATE_DATA);
        t.expectHex("private", PRIVATE_DATA, both.guest.read(GPA));
        both.vm.makeShared(GPA, PAGE);
        t.expectHex("shared again", SHARED_DATA, both.guest.read(GPA));
        both.vm.makePrivate(GPA, PAGE);
        t.expectHex("private again", PRIVATE_DATA, both.guest.read(GPA));
    }

    private static void zeroes(Trial t) {
        Both both = Both.of(t);
        both.vm.makePrivate(GPA, 4 * PAGE);
        t.expect("memslot", 0, both.vm.set2(both.region));
        t.expectHex("sum of the guest's pages", 0, both.guest.readPages(GPA, 4 * PAGE));
    }
}
