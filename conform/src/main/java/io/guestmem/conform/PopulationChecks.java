package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EEXIST;
import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.abi.ErrorNumber.EIO;
import static io.guestmem.abi.ErrorNumber.ENOTTY;
import static io.guestmem.conform.CheckClass.MODEL;
import static io.guestmem.conform.CheckClass.PRIVATE_MEMORY;
import static io.guestmem.conform.CheckClass.REAL;

import io.guestmem.abi.Capability;
import io.guestmem.abi.GuestMemfdPopulateLayout;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostProtection;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.VmType;
import io.guestmem.conform.HostActions.OtherProcess;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** {@code KVM_GUEST_MEMFD_POPULATE}, as it was proposed, and the door to the firmware's commands. */
final class PopulationChecks {
    private static final long PAGE = Numbers.PAGE;
    private static final long GPA = Guest.FREE;
    private static final int PAGES = 4;
    private static final int PLAIN_SLOT = 1;
    private static final long PLAIN = GPA + 64 * PAGE;

    private PopulationChecks() {}

    static List<Check> all() {
        String proposal = "KVM_GUEST_MEMFD_POPULATE RFC, patch 2";
        String populate = "guest_memfd.c:kvm_gmem_populate";
        return List.of(
                Check.of(
                        "POP-01",
                        "no released kernel has it, a model may",
                        "x86.c:kvm_arch_vm_ioctl",
                        PopulationChecks::unknown,
                        REAL),
                Check.of("POP-02", "pages from a buffer", proposal, PopulationChecks::fromBuffer, MODEL),
                Check.of("POP-03", "pages of zeroes", proposal, PopulationChecks::zeroes, MODEL),
                Check.of("POP-04", "private pages of a guest_memfd only", populate, PopulationChecks::refused, MODEL),
                Check.of("POP-05", "once", proposal, PopulationChecks::twice, MODEL),
                Check.of("POP-06", "up to the end of the slot", populate, PopulationChecks::clamped, MODEL),
                Check.of("POP-07", "up to a source that cannot be read", proposal, PopulationChecks::badSource, MODEL),
                Check.of(
                        "POP-08",
                        "from another process too",
                        "KVM_GUEST_MEMFD_POPULATE RFC, patch 3",
                        PopulationChecks::otherProcess,
                        MODEL),
                Check.of("POP-09", "a pre-fault does not undo it", populate, PopulationChecks::thenPreFault, MODEL),
                Check.of(
                        "SNP-08",
                        "a null pointer asks whether there is SEV",
                        "sev.c:sev_mem_enc_ioctl",
                        PopulationChecks::encryptionProbe,
                        REAL,
                        PRIVATE_MEMORY));
    }

    private static void unknown(Trial t) {
        RawVm vm = t.vm();
        long answer = vm.populate(GPA, PAGE, 0);
        t.expect("populate", t.on().model().isEmpty() ? ENOTTY : EINVAL, answer);
    }

    /**
     * A VM with a private slot and a plain one, and a buffer whose pages begin with 0x100, 0x101, ….
     *
     * @param vm of type SW_PROTECTED
     * @param guest in it
     * @param file behind the private slot
     * @param buffer of the host
     */
    private record Private(RawVm vm, Guest guest, GuestMemfdFile file, HostMemory buffer) {
        static Private of(Trial t) {
            Trial.require(
                    t.vm().populate(GPA, PAGE, 0) != -ENOTTY.number(),
                    "this kernel has no KVM_GUEST_MEMFD_POPULATE: it was never merged");
            RawVm vm = t.privateVm();
            Guest guest = Guest.on(t, vm);
            GuestMemfdFile file = vm.guestMemfd(PAGES * PAGE, 0);
            t.must("memslot", vm.set2(Region.of(0, GPA, PAGES * PAGE, file)));
            vm.slot(PLAIN_SLOT, PLAIN, PAGE);
            vm.makePrivate(GPA, PAGES * PAGE);
            HostMemory buffer = t.memory(2 * PAGES * PAGE);
            for (int page = 0; page < 2 * PAGES; page++) {
                t.store(buffer, page * PAGE, 0x100 + page);
            }
            return new Private(vm, guest, file, buffer);
        }
    }

    /** What populating some pages answers: the code of the proposal counts them, its documentation says 0. */
    private static long populated(Trial t, long pages) {
        return t.model().areProposalsAsDocumented() ? 0 : pages;
    }

    private static void fromBuffer(Trial t) {
        Private memory = Private.of(t);
        t.expect("3 pages", populated(t, 3), memory.vm.populate(GPA, 3 * PAGE, memory.buffer.hva()));
        for (int page = 0; page < 3; page++) {
            t.expectHex("guest reads page " + page, 0x100 + page, memory.guest.read(GPA + page * PAGE));
        }
        t.expectHex("and the page that was not populated", 0, memory.guest.read(GPA + 3 * PAGE));
    }

    private static void zeroes(Trial t) {
        Private memory = Private.of(t);
        t.expect("2 pages", populated(t, 2), memory.vm.populate(GPA, 2 * PAGE, 0));
        t.expect("they are populated now", EEXIST, memory.vm.populate(GPA, 2 * PAGE, memory.buffer.hva()));
        t.expectHex("guest reads", 0, memory.guest.read(GPA));
    }

    private static void refused(Trial t) {
        Private memory = Private.of(t);
        memory.vm.makeShared(GPA, PAGE);
        memory.vm.makePrivate(PLAIN, PAGE);
        t.expect("shared", EINVAL, memory.vm.populate(GPA, PAGE, 0));
        t.expect("slot without guest_memfd", EINVAL, memory.vm.populate(PLAIN, PAGE, 0));
        t.expect("no slot", EINVAL, memory.vm.populate(GPA + 32 * PAGE, PAGE, 0));
    }

    private static void twice(Trial t) {
        Private memory = Private.of(t);
        t.expect("first", populated(t, 1), memory.vm.populate(GPA, PAGE, memory.buffer.hva()));
        t.expect("second", EEXIST, memory.vm.populate(GPA, PAGE, memory.buffer.hva()));
        t.expect("punch", 0, memory.file.punch(0, PAGE));
        t.expect("third", populated(t, 1), memory.vm.populate(GPA, PAGE, memory.buffer.hva() + PAGE));
        t.expectHex("guest reads", 0x101, memory.guest.read(GPA));
    }

    private static void clamped(Trial t) {
        Private memory = Private.of(t);
        long last = GPA + (PAGES - 1) * PAGE;
        t.expect(
                "4 pages from the last one on",
                populated(t, 1),
                memory.vm.populate(last, 4 * PAGE, memory.buffer.hva()));
    }

    private static void badSource(Trial t) {
        Private memory = Private.of(t);
        t.must("mprotect", memory.buffer.protect(HostProtection.NONE, PAGE, PAGE));
        t.expect("2 pages", populated(t, 1), memory.vm.populate(GPA, 2 * PAGE, memory.buffer.hva()));
        t.expect("the second", EINVAL, memory.vm.populate(GPA + PAGE, PAGE, memory.buffer.hva() + PAGE));
    }

    private static void otherProcess(Trial t) {
        Private memory = Private.of(t);
        OtherProcess other = t.own(t.require(
                t.on().host().otherProcess(List.of(memory.vm.file())), "this host has no other process to offer"));
        MemorySegment struct = t.struct(GuestMemfdPopulateLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, GuestMemfdPopulateLayout.GPA, GPA);
        struct.set(ValueLayout.JAVA_LONG, GuestMemfdPopulateLayout.SIZE, PAGE);
        byte[] bytes = struct.toArray(ValueLayout.JAVA_BYTE);
        t.expect("populate there", populated(t, 1), other.ioctl(0, KvmIoctl.GUEST_MEMFD_POPULATE.code(), bytes));
        t.expect("CHECK_EXTENSION there", EIO, other.ioctl(0, KvmIoctl.CHECK_EXTENSION.code(), new byte[0]));
        t.expect("populate here", EEXIST, memory.vm.populate(GPA, PAGE, 0));
    }

    private static void thenPreFault(Trial t) {
        Private memory = Private.of(t);
        t.expect("2 pages", populated(t, 2), memory.vm.populate(GPA, 2 * PAGE, memory.buffer.hva()));
        memory.guest.vcpu().preFaultAll(GPA, PAGES * PAGE);
        t.expectHex("guest reads", 0x100, memory.guest.read(GPA));
        t.expectHex("guest reads", 0x101, memory.guest.read(GPA + PAGE));
    }

    private static void encryptionProbe(Trial t) {
        boolean sev = (t.capability(Capability.VM_TYPES) & 1 << VmType.SEV.value()) != 0;
        long expected = sev ? 0 : -ENOTTY.number();
        t.expect("null pointer", expected, Trial.request(t.vm().file(), KvmIoctl.MEMORY_ENCRYPT_OP, 0));
    }
}
