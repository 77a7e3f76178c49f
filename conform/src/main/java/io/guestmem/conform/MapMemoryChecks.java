package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EAGAIN;
import static io.guestmem.abi.ErrorNumber.EFAULT;
import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.abi.ErrorNumber.ENOENT;
import static io.guestmem.conform.CheckClass.MODEL;

import io.guestmem.abi.Capability;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MemoryMappingV1Layout;
import io.guestmem.abi.MemoryMappingV2Layout;
import io.guestmem.abi.VmType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** {@code KVM_MAP_MEMORY}: the proposals that became {@code KVM_PRE_FAULT_MEMORY}. */
final class MapMemoryChecks {
    private static final long PAGE = Numbers.PAGE;
    private static final long GPA = Guest.FREE;
    private static final long GFN = GPA / PAGE;
    private static final long WRITE = MemoryMappingV1Layout.WRITE;
    private static final long PRIVATE = MemoryMappingV1Layout.PRIVATE;

    private MapMemoryChecks() {}

    static List<Check> all() {
        String first = "KVM_MAP_MEMORY v1, patch 2";
        String firstX86 = "KVM_MAP_MEMORY v1, patches 5 to 7";
        String second = "KVM_MAP_MEMORY v2, patch 2";
        return List.of(
                Check.of("MM-01", "v1: flags that are refused", first, MapMemoryChecks::flags, MODEL),
                Check.of("MM-02", "v1: ranges that are refused", first, MapMemoryChecks::ranges, MODEL),
                Check.of("MM-03", "v1: a source needs encrypted memory", firstX86, MapMemoryChecks::source, MODEL),
                Check.of("MM-04", "v1: EAGAIN hides the error after progress", first, MapMemoryChecks::partial, MODEL),
                Check.of("MM-05", "v1: never larger than asked for", firstX86, MapMemoryChecks::neverLarger, MODEL),
                Check.of("MM-06", "v1: WRITE writes", firstX86, MapMemoryChecks::write, MODEL),
                Check.of("MM-07", "v2: arguments that are refused", second, MapMemoryChecks::secondRefused, MODEL),
                Check.of(
                        "MM-08",
                        "v2: the error is told after progress too",
                        second,
                        MapMemoryChecks::secondPartial,
                        MODEL),
                Check.of(
                        "MM-09",
                        "v3 has the code of the final request",
                        "KVM_MAP_MEMORY v3",
                        MapMemoryChecks::third,
                        MODEL),
                Check.of("MM-10", "all make the same entries", "derived", MapMemoryChecks::sameEntries, MODEL));
    }

    /**
     * What a request answered.
     *
     * @param result 0 or a negated errno
     * @param at base_gfn or base_address afterwards
     * @param left nr_pages or size afterwards
     */
    private record Mapped(long result, long at, long left) {
        @Override
        public String toString() {
            return Trial.answer(result) + " at 0x" + Long.toHexString(at) + " left " + left;
        }
    }

    private static Mapped first(RawVcpu vcpu, long gfn, long pages, long flags, long source) {
        MemorySegment struct = vcpu.trial().struct(MemoryMappingV1Layout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.BASE_GFN, gfn);
        struct.set(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.NR_PAGES, pages);
        struct.set(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.FLAGS, flags);
        struct.set(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.SOURCE, source);
        long result = Trial.request(vcpu.file(), KvmIoctl.MAP_MEMORY_V1, struct);
        return new Mapped(
                result,
                struct.get(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.BASE_GFN),
                struct.get(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.NR_PAGES));
    }

    private static Mapped second(RawVcpu vcpu, long gpa, long size, long flags) {
        MemorySegment struct = vcpu.trial().struct(MemoryMappingV2Layout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, MemoryMappingV2Layout.BASE_ADDRESS, gpa);
        struct.set(ValueLayout.JAVA_LONG, MemoryMappingV2Layout.SIZE, size);
        struct.set(ValueLayout.JAVA_LONG, MemoryMappingV2Layout.FLAGS, flags);
        long result = Trial.request(vcpu.file(), KvmIoctl.MAP_MEMORY_V2, struct);
        return new Mapped(
                result,
                struct.get(ValueLayout.JAVA_LONG, MemoryMappingV2Layout.BASE_ADDRESS),
                struct.get(ValueLayout.JAVA_LONG, MemoryMappingV2Layout.SIZE));
    }

    /** A vCPU of a VM with a slot of 8 pages, on a kernel that has both requests, or a skip. */
    private static RawVcpu vcpu(RawVm vm) {
        vm.slot(0, GPA, 8 * PAGE);
        return offered(vm.vcpu(0));
    }

    private static RawVcpu offered(RawVcpu vcpu) {
        Trial.require(
                first(vcpu, GFN, 1, 0, 0).result() != -EINVAL.number()
                        && second(vcpu, GPA, PAGE, 0).result() != -EINVAL.number(),
                "this kernel has no KVM_MAP_MEMORY: it was never merged");
        return vcpu;
    }

    private static void flags(Trial t) {
        RawVcpu vcpu = vcpu(t.vm());
        t.expect("flag 16", EINVAL, first(vcpu, GFN, 1, 16, 0).result());
        t.expect("PRIVATE, default VM", EINVAL, first(vcpu, GFN, 1, PRIVATE, 0).result());
    }

    private static void ranges(Trial t) {
        RawVcpu vcpu = vcpu(t.vm());
        t.expect("no pages", EINVAL, first(vcpu, GFN, 0, 0, 0).result());
        t.expect("base_gfn + nr_pages wraps", EINVAL, first(vcpu, -1, 1, 0, 0).result());
        t.expect("source 1", EINVAL, first(vcpu, GFN, 1, 0, 1).result());
    }

    private static void source(Trial t) {
        long source = t.memory(PAGE).hva();
        RawVcpu vcpu = vcpu(t.vm());
        t.expect("default VM", EINVAL, first(vcpu, GFN, 1, 0, source).result());
        RawVcpu ofPrivate = vcpu(t.vm(VmType.SW_PROTECTED));
        t.expect(
                "VM with private memory",
                EINVAL,
                first(ofPrivate, GFN, 1, 0, source).result());
    }

    private static void partial(Trial t) {
        RawVcpu vcpu = vcpu(t.vm());
        t.expectSame("10 pages of 8", new Mapped(-EAGAIN.number(), GFN + 8, 2), first(vcpu, GFN, 10, 0, 0));
        t.expectSame("the rest", new Mapped(-EFAULT.number(), GFN + 8, 2), first(vcpu, GFN + 8, 2, 0, 0));
    }

    private static void neverLarger(Trial t) {
        RawVm vm = t.vm();
        HugeBlock block = HugeBlock.of(t);
        t.must("memslot", vm.set(Region.of(1, Numbers.GIB, Numbers.HUGE, block.hva())));
        RawVcpu vcpu = vcpu(vm);
        long before = vm.statistics().value("pages_4k");
        t.expect(
                "one page of a huge one",
                0,
                first(vcpu, Numbers.GIB / PAGE, 1, 0, 0).result());
        t.expect("pages_2m", 0, vm.statistics().value("pages_2m"));
        t.expect("pages_4k more", 1, vm.statistics().value("pages_4k") - before);
        t.expect("all of it", 0, first(vcpu, Numbers.GIB / PAGE, 512, 0, 0).result());
        // Without accessed bits the entry that is there ends the first step, and the next one is no longer aligned.
        t.expect("pages_2m", t.tracksAccess() ? 0 : 1, vm.statistics().value("pages_2m"));
    }

    private static void write(Trial t) {
        ModelInspection model = t.model();
        RawVm vm = t.vm();
        RawVcpu vcpu = vcpu(vm);
        long page = GPA + 3 * PAGE;
        t.expect("READ of an untouched page", 0, first(vcpu, GFN + 2, 1, 0, 0).result());
        t.expect("writable", false, model.leaf(vm.file(), 0, GPA + 2 * PAGE).writable());
        t.expect(
                "WRITE of an untouched page",
                0,
                first(vcpu, GFN + 3, 1, WRITE, 0).result());
        t.expect("writable", true, model.leaf(vm.file(), 0, page).writable());
        t.expect("accessed", true, model.leaf(vm.file(), 0, page).accessed());
    }

    private static void secondRefused(Trial t) {
        RawVcpu vcpu = vcpu(t.vm());
        t.expect("flags 1", EINVAL, second(vcpu, GPA, PAGE, 1).result());
        t.expect("size 0", EINVAL, second(vcpu, GPA, 0, 0).result());
        t.expect("base_address + 1", EINVAL, second(vcpu, GPA + 1, PAGE, 0).result());
    }

    private static void secondPartial(Trial t) {
        RawVcpu vcpu = vcpu(t.vm());
        long end = GPA + 8 * PAGE;
        t.expectSame("outside", new Mapped(-EINVAL.number(), end, PAGE), second(vcpu, end, PAGE, 0));
        t.expectSame("10 pages of 8", new Mapped(-EINVAL.number(), end, 2 * PAGE), second(vcpu, GPA, 10 * PAGE, 0));
    }

    private static void third(Trial t) {
        t.expect("code", KvmIoctl.PRE_FAULT_MEMORY.code(), KvmIoctl.MAP_MEMORY_V3.code());
        Trial.require(
                t.capability(Capability.PRE_FAULT_MEMORY) == 1,
                "no TDP: KVM_CAP_PRE_FAULT_MEMORY is 0, this kernel shadows page tables");
        RawVm vm = t.vm();
        vm.slot(0, GPA, PAGE);
        boolean asProposed =
                t.on().model().map(ModelInspection::isThirdProposal).orElse(false);
        t.expect(
                "outside",
                asProposed ? -EINVAL.number() : -ENOENT.number(),
                vm.vcpu(0).preFault(GPA + PAGE, PAGE).result());
    }

    /** Every other page was written before, the others never. */
    private static void sameEntries(Trial t) {
        ModelInspection model = t.model();
        List<List<ModelInspection.Leaf>> all = new ArrayList<>();
        for (int dialect = 0; dialect < 3; dialect++) {
            RawVm vm = t.vm();
            HostMemory memory = t.memory(8 * PAGE);
            memory.advise(HostAdvice.NO_HUGE_PAGE, 0, 8 * PAGE);
            for (int page = 0; page < 8; page += 2) {
                t.store(memory, page * PAGE, 1);
            }
            t.must("memslot", vm.set(Region.of(1, Numbers.GIB, memory)));
            RawVcpu vcpu = vcpu(vm);
            long result = switch (dialect) {
                case 0 -> first(vcpu, Numbers.GIB / PAGE, 8, 0, 0).result();
                case 1 -> second(vcpu, Numbers.GIB, 8 * PAGE, 0).result();
                default -> vcpu.preFault(Numbers.GIB, 8 * PAGE).result();
            };
            t.expect("8 pages", 0, result);
            List<ModelInspection.Leaf> leaves = new ArrayList<>();
            for (int page = 0; page < 8; page++) {
                leaves.add(model.leaf(vm.file(), 0, Numbers.GIB + page * PAGE).forgettingAccess());
            }
            all.add(leaves);
        }
        t.expectSame("entries of v1", all.get(2), all.get(0));
        t.expectSame("entries of v2", all.get(2), all.get(1));
    }
}
