package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Pointers with metadata, and the linear addresses that they stand for. */
class PointerTagsTest {
    private static final long U57 = 1L << 61;
    private static final long U48 = 1L << 62;
    private static final long SUP = 1L << 28;
    private static final long LA57 = 1L << 12;
    private static final long UAI = 1L << 20;

    @ParameterizedTest
    @CsvSource({
        // pointer, nothing, LAM_U57, LAM_U48, LAM_SUP, LAM_SUP with LA57, UAI
        "0x7e00700012345678, 0x7e00700012345678, 0x0000700012345678, 0x0000700012345678, 0x7e00700012345678,"
                + " 0x7e00700012345678, 0x0000700012345678",
        "0x7fff700012345678, 0x7fff700012345678, 0x7fff700012345678, 0x0000700012345678, 0x7fff700012345678,"
                + " 0x7fff700012345678, 0xffff700012345678",
        "0xa5ff800000001000, 0xa5ff800000001000, 0xa5ff800000001000, 0xa5ff800000001000, 0xffff800000001000,"
                + " 0xffff800000001000, 0xffff800000001000",
        "0x8000000000001000, 0x8000000000001000, 0x8000000000001000, 0x8000000000001000, 0x8000000000001000,"
                + " 0x8000000000001000, 0x0000000000001000",
    })
    void metadataGoesAndTheAddressStays(
            String pointer, String plain, String u57, String u48, String sup, String supLa57, String uai) {
        long tagged = parse(pointer);

        assertThat(PointerTags.untag(tagged, 0, 0, 0)).isEqualTo(parse(plain));
        assertThat(PointerTags.untag(tagged, U57, 0, 0)).isEqualTo(parse(u57));
        assertThat(PointerTags.untag(tagged, U57 | U48, 0, 0)).isEqualTo(parse(u57));
        assertThat(PointerTags.untag(tagged, U48, 0, 0)).isEqualTo(parse(u48));
        assertThat(PointerTags.untag(tagged, 0, SUP, 0)).isEqualTo(parse(sup));
        assertThat(PointerTags.untag(tagged, 0, SUP | LA57, 0)).isEqualTo(parse(supLa57));
        assertThat(PointerTags.untag(tagged, 0, 0, UAI)).isEqualTo(parse(uai));
    }

    /**
     * Upper address ignore leaves out bits 63 to 57 and nothing else: what is left must be canonical, with four levels in bits
     * 56 to 47. A walk takes no pointer: the same address with its tag is none, whatever EFER says.
     */
    @ParameterizedTest
    @CsvSource({
        // pointer, the address, valid with four levels, with five
        "0x5a00700012345678, 0x0000700012345678, true, true",
        "0xa5ff800000001000, 0xffff800000001000, true, true",
        "0x5b00700012345678, 0xff00700012345678, false, true",
        "0x5a70000000001000, 0x0070000000001000, false, true",
        "0xfe00000000001000, 0x0000000000001000, true, true",
        "0x00ffffffffffe000, 0x00ffffffffffe000, false, true",
    })
    void upperAddressIgnoreLeavesTheCanonicalCheckOfTheRest(
            String pointer, String address, boolean fourLevels, boolean fiveLevels) {
        long linear = PointerTags.untag(parse(pointer), 0, 0, UAI);

        assertThat(linear).isEqualTo(parse(address));
        assertThat(plan(0).isValid(linear, true)).isEqualTo(fourLevels);
        assertThat(plan(LA57).isValid(linear, true)).isEqualTo(fiveLevels);
        assertThat(plan(LA57).isValid(parse(pointer), true)).isEqualTo(parse(pointer) == linear);
    }

    /** A plan whose EFER has UAIE set. */
    private static WalkPlan plan(long cr4) {
        PagingFeatures amd = new PagingFeatures(48, true, true, PagingFeatures.KVM_PSE36_BITS);
        return WalkPlan.of(
                new PagingState(0x8000_0001L, 0x1000, 1 << 5 | cr4, 0x500 | UAI, PdpteRegisters.NONE, 0, amd));
    }

    private static long parse(String hexadecimal) {
        return Long.parseUnsignedLong(hexadecimal.substring(2), 16);
    }
}
