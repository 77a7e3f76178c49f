package io.guestmem.kvm.populate;

import static io.guestmem.kvm.populate.PopulateScene.BASE;
import static io.guestmem.kvm.populate.PopulateScene.PAGE;
import static io.guestmem.kvm.populate.PopulateScene.content;
import static io.guestmem.kvm.populate.PopulateScene.pages;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.HostProtection;
import io.guestmem.abi.MemoryMappingV1Layout;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.MapMemory;
import io.guestmem.kvm.MapMemory.V1;
import io.guestmem.kvm.MapMemory.V2;
import io.guestmem.kvm.MapMemory.V3;
import io.guestmem.kvm.populate.MapMemoryRequests.Difference;
import io.guestmem.kvm.populate.MapMemoryRequests.SourceRule;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.SoftKernelOptions.SharedRequest;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The proposals over KVM_PRE_FAULT_MEMORY, compared with themselves: each request to two VMs in the same state. */
class MapMemoryRequestsTest {
    private static final long GFN = BASE / PAGE;
    private static final long WRITE = MemoryMappingV1Layout.WRITE;
    private static final long EXEC = MemoryMappingV1Layout.EXEC;
    private static final long USER = MemoryMappingV1Layout.USER;
    private static final long PRIVATE = MemoryMappingV1Layout.PRIVATE;

    /** Pages 0 to 15 are in the slot; page 8 cannot be accessed; in the private VM 4 to 7 are private. */
    static Stream<MapMemory> requests() {
        return Stream.of(
                new V1(GFN, 4, 0, 0),
                new V1(GFN, 4, WRITE, 0),
                new V1(GFN, 3, EXEC | USER, 0),
                new V1(GFN, 0, 0, 0),
                new V1(GFN, 4, 16, 0),
                new V1(GFN, 4, 0, 123),
                new V1(GFN, 4, 0, 4096),
                new V1(-1, 2, 0, 0),
                new V1(1L << 51, 2, 0, 0),
                new V1(GFN, 4, PRIVATE, 0),
                new V1(GFN + 4, 4, PRIVATE, 0),
                new V1(GFN + 4, 4, WRITE | PRIVATE, 0),
                new V1(GFN + 2, 4, 0, 0),
                new V1(GFN + 6, 4, PRIVATE, 0),
                new V1(GFN + 8, 4, 0, 0),
                new V1(GFN + 8, 4, WRITE, 0),
                new V1(GFN + 14, 2, WRITE, 0),
                new V1(GFN + 14, 4, 0, 0),
                new V1(GFN + 14, 4, WRITE, 0),
                new V1(GFN + 16, 4, 0, 0),
                new V1(GFN + 16, 4, WRITE, 0),
                new V2(BASE, 4 * PAGE, 0),
                new V2(BASE, 4 * PAGE, 1),
                new V2(BASE, 0, 0),
                new V2(BASE + 1, PAGE, 0),
                new V2(-PAGE, PAGE, 0),
                new V2(BASE + 2 * PAGE, 4 * PAGE, 0),
                new V2(BASE + 8 * PAGE, PAGE, 0),
                new V2(BASE + 7 * PAGE, 4 * PAGE, 0),
                new V2(BASE + 14 * PAGE, 4 * PAGE, 0),
                new V2(BASE + 16 * PAGE, 4 * PAGE, 0),
                new V3(BASE, 4 * PAGE, 0),
                new V3(BASE, 4 * PAGE, 2),
                new V3(BASE, PAGE + 1, 0),
                new V3(BASE + 7 * PAGE, 4 * PAGE, 0),
                new V3(BASE + 14 * PAGE, 4 * PAGE, 0),
                new V3(BASE + 16 * PAGE, 4 * PAGE, 0));
    }

    private record Result(MapMemory.Answer answer, Map<Long, String> leaves) {}

    /** A kernel that has all three proposals; the third takes the place of KVM_PRE_FAULT_MEMORY. */
    private static Result natively(VmType type, MapMemory request) {
        SoftKernelOptions options = SoftKernelOptions.defaults()
                .with()
                .sharedRequest(SharedRequest.MAP_MEMORY_V3)
                .build();
        try (SoftKernel kernel = new SoftKernel(options);
                PopulateScene scene = scene(kernel, type)) {
            assertThat(scene.vcpus.getFirst().knows(request)).isTrue();
            return result(kernel, scene.vcpus.getFirst().mapMemory(request));
        }
    }

    private static Result emulated(VmType type, MapMemory request) {
        try (SoftKernel kernel = new SoftKernel(SoftKernelOptions.defaults());
                PopulateScene scene = scene(kernel, type)) {
            return result(
                    kernel,
                    requests(scene, SourceRule.AS_PROPOSED).emulate(request).answer());
        }
    }

    private static MapMemoryRequests requests(PopulateScene scene, SourceRule rule) {
        return new MapMemoryRequests(scene.vm, scene.vcpus.getFirst(), scene.guest, rule);
    }

    private static PopulateScene scene(SoftKernel kernel, VmType type) {
        PopulateScene scene = new PopulateScene(kernel, type, 16, Set.of());
        if (type.privateMemory()) {
            scene.vm.setPrivate(pages(4, 4), true);
        }
        scene.memory.protect(HostProtection.NONE, 8 * PAGE, PAGE);
        return scene;
    }

    /** The Accessed bit is the one difference in the tables that is stated, with small pages. */
    private static Result result(SoftKernel kernel, MapMemory.Answer answer) {
        Map<Long, String> leaves = new TreeMap<>();
        StageTwo.leaves(kernel).forEach((gfn, words) -> leaves.put(gfn, words.replace(" A ", " ")));
        return new Result(answer, leaves);
    }

    @ParameterizedTest
    @MethodSource("requests")
    void anEmulatedRequestEndsAsTheNativeOneDoes(MapMemory request) {
        assertThat(emulated(VmType.DEFAULT, request)).isEqualTo(natively(VmType.DEFAULT, request));
    }

    @ParameterizedTest
    @MethodSource("requests")
    void alsoWherePagesAreSharedOrPrivate(MapMemory request) {
        assertThat(emulated(VmType.SW_PROTECTED, request)).isEqualTo(natively(VmType.SW_PROTECTED, request));
    }

    @Test
    void someOfTheseRequestsMapAndSomeStopInBetween() {
        assertThat(emulated(VmType.DEFAULT, new V1(GFN, 4, WRITE, 0)).answer())
                .isEqualTo(new MapMemory.Answer(0, new V1(GFN + 4, 0, WRITE, 0)));
        assertThat(emulated(VmType.DEFAULT, new V1(GFN + 14, 4, 0, 0)).answer())
                .isEqualTo(new MapMemory.Answer(-11, new V1(GFN + 16, 2, 0, 0)));
        assertThat(emulated(VmType.DEFAULT, new V2(BASE + 14 * PAGE, 4 * PAGE, 0))
                        .answer())
                .isEqualTo(new MapMemory.Answer(-22, new V2(BASE + 16 * PAGE, 2 * PAGE, 0)));
        assertThat(emulated(VmType.DEFAULT, new V3(BASE + 14 * PAGE, 4 * PAGE, 0))
                        .answer())
                .isEqualTo(new MapMemory.Answer(0, new V3(BASE + 16 * PAGE, 2 * PAGE, 0)));
    }

    @Test
    void aNativeRequestIsPreferredAndHasNoDifferences() {
        try (SoftKernel kernel = new SoftKernel(SoftKernelOptions.defaults());
                PopulateScene scene = new PopulateScene(kernel, 16)) {
            MapMemoryRequests requests = requests(scene, SourceRule.COPIED);

            assertThat(requests.map(new V1(GFN, 2, EXEC, 0)).differences()).isEmpty();
            assertThat(requests.emulate(new V1(GFN, 2, EXEC | WRITE, 0)).differences())
                    .containsExactlyInAnyOrder(Difference.values());
            assertThat(requests.map(new V3(BASE, PAGE, 0)).answer())
                    .isEqualTo(new MapMemory.Answer(0, new V3(BASE + PAGE, 0, 0)));
        }
    }

    @Test
    void aSourceIsCopiedIntoSharedMemoryAndAdvances() {
        try (SoftKernel kernel = new SoftKernel(SoftKernelOptions.defaults());
                PopulateScene scene = new PopulateScene(kernel, 16)) {
            MemorySegment source = content(4, 700);

            MapMemory.Answer answer = requests(scene, SourceRule.COPIED)
                    .emulate(new V1(GFN + 14, 4, 0, source.address()))
                    .answer();

            assertThat(answer)
                    .isEqualTo(new MapMemory.Answer(-11, new V1(GFN + 16, 2, 0, source.address() + 2 * PAGE)));
            assertThat(scene.words(14, 2)).containsExactly(700L, 701L);
        }
    }

    @Test
    void aSourceThatIsNoMemoryIsEfault() {
        try (SoftKernel kernel = new SoftKernel(SoftKernelOptions.defaults());
                PopulateScene scene = new PopulateScene(kernel, 16)) {
            V1 request = new V1(GFN, 1, 0, 4096);

            assertThat(requests(scene, SourceRule.COPIED).emulate(request).answer())
                    .isEqualTo(new MapMemory.Answer(-14, request));
        }
    }
}
