package io.guestmem.image;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Registers that somebody names; what is empty comes from the image.
 *
 * @param cpu whose registers, if the image has those of several
 * @param cr0 instead of the image's
 * @param cr3 instead of the image's
 * @param cr4 instead of the image's
 * @param efer instead of the image's
 * @param maxPhysicalAddressBits MAXPHYADDR; 52 if nobody knows, so that no address bit is reserved
 * @param amdCompatible whether the vendor is AMD or Hygon; no if nobody knows
 */
public record RegisterChoice(
        int cpu,
        OptionalLong cr0,
        OptionalLong cr3,
        OptionalLong cr4,
        OptionalLong efer,
        OptionalInt maxPhysicalAddressBits,
        Optional<Boolean> amdCompatible) {
    /** Everything as the image has it, of the first processor. */
    public static final RegisterChoice NONE = new RegisterChoice(
            0,
            OptionalLong.empty(),
            OptionalLong.empty(),
            OptionalLong.empty(),
            OptionalLong.empty(),
            OptionalInt.empty(),
            Optional.empty());
}
