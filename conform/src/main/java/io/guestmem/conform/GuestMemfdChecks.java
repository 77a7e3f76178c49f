package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EFAULT;
import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.abi.ErrorNumber.ENODEV;
import static io.guestmem.abi.ErrorNumber.EOPNOTSUPP;
import static io.guestmem.abi.ErrorNumber.ESPIPE;
import static io.guestmem.conform.CheckClass.PRIVATE_MEMORY;
import static io.guestmem.conform.CheckClass.REAL;
import static io.guestmem.conform.CheckClass.TDP;

import io.guestmem.abi.Capability;
import io.guestmem.abi.CreateGuestMemfdLayout;
import io.guestmem.abi.ExitReason;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KernelException;
import io.guestmem.conform.HostActions.FileActions;
import io.guestmem.conform.HostActions.Status;
import io.guestmem.conform.HostActions.UserfaultfdMode;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** guest_memfd: the request that makes one, the file, and what the guest sees of it. */
final class GuestMemfdChecks {
    private static final long GPA = Guest.FREE;
    private static final long PAGE = Numbers.PAGE;
    private static final int KEEP_SIZE = 1;
    private static final int COLLAPSE_RANGE = 8;
    private static final int ZERO_RANGE = 16;

    private static final String NO_ACTIONS = "this host has no other system calls to offer on the file";

    private GuestMemfdChecks() {}

    static List<Check> all() {
        String create = "guest_memfd.c:kvm_gmem_create";
        String map = "guest_memfd.c:kvm_gmem_mmap";
        String fault = "guest_memfd.c:kvm_gmem_fault_user_mapping";
        String allocate = "guest_memfd.c:kvm_gmem_fallocate";
        String files = "guest_memfd.c:kvm_gmem_fops";
        return List.of(
                Check.of("GMEM-01", "sizes that no file has", create, GuestMemfdChecks::sizes, REAL),
                Check.of("GMEM-02", "the flags of the VM, and no other", create, GuestMemfdChecks::flags, REAL),
                Check.of(
                        "GMEM-03",
                        "private memory is not shared at first",
                        "x86.c:kvm_arch_supports_gmem_init_shared",
                        GuestMemfdChecks::flagsOfPrivateMemory,
                        PRIVATE_MEMORY),
                Check.of("GMEM-04", "flag and size wrong", create, GuestMemfdChecks::flagAndSize, REAL),
                Check.of("GMEM-05", "neither read nor written nor resized", files, GuestMemfdChecks::noFile, REAL),
                Check.of("GMEM-06", "what fstat says", files, GuestMemfdChecks::status, REAL),
                Check.of("GMEM-07", "mapped with the flag only", map, GuestMemfdChecks::mapWithoutFlag, REAL),
                Check.of("GMEM-08", "mapped shared only", map, GuestMemfdChecks::mapPrivate, REAL),
                Check.of("GMEM-09", "pages that the host may not touch", fault, GuestMemfdChecks::noTouch, REAL),
                Check.of(
                        "GMEM-10", "pages begin as zeroes, again after a hole", fault, GuestMemfdChecks::content, REAL),
                Check.of("GMEM-11", "modes that it does not know", allocate, GuestMemfdChecks::modes, REAL),
                Check.of("GMEM-12", "beyond the end", allocate, GuestMemfdChecks::beyondTheEnd, REAL),
                Check.of("GMEM-13", "ranges that are not pages", allocate, GuestMemfdChecks::unaligned, REAL),
                Check.of(
                        "GMEM-14",
                        "only the VM closes on exec",
                        "guest_memfd.c:__kvm_gmem_create",
                        GuestMemfdChecks::closeOnExec,
                        REAL),
                Check.of(
                        "GMEM-15",
                        "a closed file is a memory fault",
                        "guest_memfd.c:kvm_gmem_release",
                        GuestMemfdChecks::closed,
                        TDP),
                Check.of("GMEM-16", "it outlives the VM's descriptor", files, GuestMemfdChecks::outlivesTheVm, REAL),
                Check.of(
                        "GMEM-17",
                        "a hole takes pages out of the stage-2 tables",
                        "guest_memfd.c:kvm_gmem_punch_hole",
                        GuestMemfdChecks::hole,
                        TDP),
                Check.of(
                        "GMEM-18",
                        "host and guest share it, host memory of the slot is not used",
                        "kvm_host.h:kvm_memslot_is_gmem_only",
                        GuestMemfdChecks::shared,
                        TDP),
                Check.of(
                        "GMEM-19",
                        "an allocated page is zeroes",
                        "guest_memfd.c:kvm_gmem_get_pfn",
                        GuestMemfdChecks::allocatedOnly,
                        TDP),
                Check.of("GMEM-20", "no huge pages by advice", "mm/khugepaged.c", GuestMemfdChecks::collapse, REAL),
                Check.of("GMEM-21", "no write", files, GuestMemfdChecks::write, REAL),
                Check.of(
                        "GMEM-22",
                        "no userfaultfd",
                        "mm/userfaultfd.c:vma_can_userfault",
                        GuestMemfdChecks::userfaultfd,
                        REAL));
    }

    private static void sizes(Trial t) {
        RawVm vm = t.guestMemfdVm();
        t.expect("0", EINVAL, vm.createGuestMemfd(0, 0));
        t.expect("4095", EINVAL, vm.createGuestMemfd(4095, 0));
        t.expect("2^63", EINVAL, vm.createGuestMemfd(Long.MIN_VALUE, 0));
    }

    private static void flags(Trial t) {
        RawVm vm = t.guestMemfdVm();
        long known = vm.capability(Capability.GUEST_MEMFD_FLAGS);
        for (long flags = 1; flags <= 4; flags++) {
            if ((flags & ~known) == 0) {
                vm.guestMemfd(PAGE, flags);
                t.expect("flags " + flags + " are accepted", true, true);
            } else {
                t.expect("flags " + flags, EINVAL, vm.createGuestMemfd(PAGE, flags));
            }
        }
    }

    private static void flagsOfPrivateMemory(Trial t) {
        RawVm vm = t.privateVm();
        t.expect("INIT_SHARED", EINVAL, vm.createGuestMemfd(PAGE, CreateGuestMemfdLayout.INIT_SHARED));
        vm.guestMemfd(PAGE, vm.capability(Capability.GUEST_MEMFD_FLAGS) & CreateGuestMemfdLayout.MMAP);
    }

    private static void flagAndSize(Trial t) {
        t.expect("flag 2^63 and size 1", EINVAL, t.guestMemfdVm().createGuestMemfd(1, Long.MIN_VALUE));
    }

    private static FileActions actions(Trial t, GuestMemfdFile file) {
        return t.require(t.on().host().fileActions(file.file()), NO_ACTIONS);
    }

    private static void noFile(Trial t) {
        GuestMemfdFile file = t.guestMemfdVm().guestMemfd(PAGE, 0);
        t.expect("pread", ESPIPE, file.file().readAt(0, t.struct(8)));
        FileActions actions = actions(t, file);
        t.expect("read", EINVAL, actions.read());
        t.expect("write", EINVAL, actions.write());
        t.expect("pwrite", ESPIPE, actions.writeAt());
        t.expect("ftruncate", EINVAL, actions.truncate(2 * PAGE));
    }

    private static void status(Trial t) {
        RawVm vm = t.guestMemfdVm();
        Status first = actions(t, vm.guestMemfd(3 * PAGE, 0)).status();
        Status second = actions(t, vm.guestMemfd(PAGE, 0)).status();
        t.expect("st_size", 3 * PAGE, first.size());
        t.expect("st_blksize", PAGE, first.blockSize());
        t.expect("inodes differ", true, first.inode() != second.inode());
    }

    private static void mapWithoutFlag(Trial t) {
        GuestMemfdFile file = t.guestMemfdVm().guestMemfd(PAGE, 0);
        t.expect("mmap", ENODEV, map(t, file));
    }

    /** 0, or the negated errno. */
    private static long map(Trial t, GuestMemfdFile file) {
        try {
            t.own(file.map(PAGE));
            return 0;
        } catch (KernelException refused) {
            return -refused.errno();
        }
    }

    private static void mapPrivate(Trial t) {
        GuestMemfdFile file = t.guestMemfdVm().sharedGuestMemfd(PAGE);
        t.expect("MAP_SHARED", 0, map(t, file));
        t.expect("MAP_PRIVATE", EINVAL, actions(t, file).mapPrivate());
    }

    /** By system call, which says EFAULT where a program would get SIGBUS. */
    private static void noTouch(Trial t) {
        RawVm vm = t.guestMemfdVm();
        HostMemory longer = t.own(vm.sharedGuestMemfd(PAGE).map(2 * PAGE));
        MemorySegment eight = t.struct(8);
        t.expect("the last page", 0, t.tryLoad(longer, 0, eight));
        t.expect("behind it", EFAULT, t.tryLoad(longer, PAGE, eight));
        HostMemory notShared =
                t.own(vm.guestMemfd(PAGE, CreateGuestMemfdLayout.MMAP).map(PAGE));
        t.expect("not shared at first", EFAULT, t.tryLoad(notShared, 0, eight));
    }

    private static void content(Trial t) {
        GuestMemfdFile file = t.guestMemfdVm().sharedGuestMemfd(2 * PAGE);
        HostMemory memory = t.own(file.map(2 * PAGE));
        t.expectHex("first touch", 0, t.load(memory, 0));
        t.store(memory, 0, 0x5EED);
        t.expectHex("read again", 0x5EED, t.load(memory, 0));
        t.expect("drop the host's mapping of it", 0, memory.advise(HostAdvice.DONT_NEED, 0, PAGE));
        t.expectHex("read again", 0x5EED, t.load(memory, 0));
        t.expect("punch", 0, file.punch(0, PAGE));
        t.expectHex("read again", 0, t.load(memory, 0));
    }

    private static void modes(Trial t) {
        GuestMemfdFile file = t.guestMemfdVm().guestMemfd(4 * PAGE, 0);
        t.expect("mode 0", EOPNOTSUPP, file.file().allocate(0, 0, PAGE));
        t.expect("COLLAPSE_RANGE", EOPNOTSUPP, file.file().allocate(COLLAPSE_RANGE, 0, PAGE));
        t.expect("ZERO_RANGE", EOPNOTSUPP, file.file().allocate(ZERO_RANGE, 0, PAGE));
        t.expect("KEEP_SIZE | ZERO_RANGE", EOPNOTSUPP, file.file().allocate(KEEP_SIZE | ZERO_RANGE, 0, PAGE));
    }

    private static void beyondTheEnd(Trial t) {
        GuestMemfdFile file = t.guestMemfdVm().guestMemfd(2 * PAGE, 0);
        t.expect("allocate past the end", EINVAL, file.allocate(PAGE, 2 * PAGE));
        t.expect("allocate up to the end", 0, file.allocate(PAGE, PAGE));
        t.expect("punch across the end", 0, file.punch(PAGE, 2 * PAGE));
        t.expect("punch past the end", 0, file.punch(8 * PAGE, PAGE));
    }

    private static void unaligned(Trial t) {
        GuestMemfdFile file = t.guestMemfdVm().guestMemfd(4 * PAGE, 0);
        t.expect("offset 1", EINVAL, file.allocate(1, PAGE));
        t.expect("length 1", EINVAL, file.allocate(0, 1));
        t.expect("length 0", EINVAL, file.allocate(0, 0));
        t.expect("punch offset 1", EINVAL, file.punch(1, PAGE));
        t.expect("punch length 1", EINVAL, file.punch(0, 1));
    }

    private static void closeOnExec(Trial t) {
        RawVm vm = t.guestMemfdVm();
        GuestMemfdFile file = vm.guestMemfd(PAGE, 0);
        t.expect("guest_memfd", false, actions(t, file).closesOnExec());
        FileActions ofVm = t.require(t.on().host().fileActions(vm.file()), NO_ACTIONS);
        t.expect("VM", true, ofVm.closesOnExec());
    }

    private static void closed(Trial t) {
        t.requireTdp();
        RawVm vm = t.guestMemfdVm();
        Guest guest = Guest.on(t, vm);
        GuestMemfdFile file = vm.sharedGuestMemfd(2 * PAGE);
        t.must("memslot", vm.set2(Region.of(0, GPA, 2 * PAGE, file)));
        t.expectHex("before", 0, guest.read(GPA));
        file.file().close();
        Guest.Run run = guest.tryRead(GPA);
        t.expect("KVM_RUN", EFAULT, run.result());
        t.expect("exit reason", ExitReason.MEMORY_FAULT, run.exitReason());
        t.expectSame("memory fault", new Guest.MemoryFault(0, GPA, PAGE), guest.memoryFault());
        t.expect("delete the slot", 0, vm.delete(0));
    }

    private static void outlivesTheVm(Trial t) {
        RawVm vm = t.guestMemfdVm();
        GuestMemfdFile file = vm.sharedGuestMemfd(2 * PAGE);
        t.must("memslot", vm.set2(Region.of(0, GPA, 2 * PAGE, file)));
        vm.file().close();
        t.expect("map", 0, map(t, file));
        t.expectHex("touch", 0, t.load(t.own(file.map(PAGE)), 0));
        t.expect("punch", 0, file.punch(0, PAGE));
    }

    private static void hole(Trial t) {
        t.requireTdp();
        RawVm vm = t.guestMemfdVm();
        RawVcpu vcpu = vm.vcpu(0);
        GuestMemfdFile file = vm.sharedGuestMemfd(8 * PAGE);
        t.must("memslot", vm.set2(Region.of(0, GPA, 8 * PAGE, file)));
        vcpu.preFaultAll(GPA, 8 * PAGE);
        Statistics statistics = vm.statistics();
        t.expect("pages_4k", 8, statistics.value("pages_4k"));
        t.expect("punch 3 pages", 0, file.punch(2 * PAGE, 3 * PAGE));
        t.expect("pages_4k", 5, statistics.value("pages_4k"));
    }

    private static void shared(Trial t) {
        t.requireTdp();
        RawVm vm = t.guestMemfdVm();
        Guest guest = Guest.on(t, vm);
        GuestMemfdFile file = vm.sharedGuestMemfd(PAGE);
        HostMemory unused = t.memory(PAGE);
        unused.segment().set(ValueLayout.JAVA_LONG, 0, 0xBAD);
        t.must("memslot", vm.set2(Region.of(0, GPA, PAGE, file).withHva(unused.hva())));
        HostMemory memory = t.own(file.map(PAGE));
        memory.segment().set(ValueLayout.JAVA_LONG, 0, 0x600D);
        t.expectHex("written by the host, read by the guest", 0x600D, guest.read(GPA));
        guest.write(GPA, 0x6E57);
        t.expectHex("written by the guest, read by the host", 0x6E57, t.load(memory, 0));
    }

    private static void allocatedOnly(Trial t) {
        t.requireTdp();
        RawVm vm = t.guestMemfdVm();
        Guest guest = Guest.on(t, vm);
        GuestMemfdFile file = vm.sharedGuestMemfd(PAGE);
        t.must("memslot", vm.set2(Region.of(0, GPA, PAGE, file)));
        t.expect("allocate", 0, file.allocate(0, PAGE));
        t.expectHex("guest reads", 0, guest.read(GPA));
    }

    private static void collapse(Trial t) {
        HostMemory memory =
                t.own(t.guestMemfdVm().sharedGuestMemfd(2 * Numbers.HUGE).map(2 * Numbers.HUGE));
        long aligned = -memory.hva() & Numbers.HUGE - 1;
        t.must("touch", memory.advise(HostAdvice.POPULATE_WRITE, aligned, Numbers.HUGE));
        t.expect("MADV_COLLAPSE", EINVAL, memory.advise(HostAdvice.COLLAPSE, aligned, Numbers.HUGE));
    }

    private static void write(Trial t) {
        t.expect(
                "write",
                EINVAL,
                actions(t, t.guestMemfdVm().sharedGuestMemfd(PAGE)).write());
    }

    private static void userfaultfd(Trial t) {
        HostMemory memory = t.own(t.guestMemfdVm().sharedGuestMemfd(PAGE).map(PAGE));
        for (UserfaultfdMode mode : UserfaultfdMode.values()) {
            long result =
                    t.require(t.on().host().registerUserfaultfd(memory, mode), "this host has no userfaultfd to offer");
            t.expect("UFFDIO_REGISTER " + mode, EINVAL, result);
        }
    }
}
