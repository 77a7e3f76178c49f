package io.guestmem.kvm.populate;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import java.util.Optional;

/**
 * One step of a plan. A value; ranges that cannot be populated can be written down, and are refused when the plan runs.
 *
 * @param range multiples of 4096, not empty, inside memslots
 * @param content what is put there
 * @param access what the guest's first access shall find
 * @param flavour shared or private memory
 * @param pageSize the wanted size of pages
 * @param purpose why; decides the order
 * @param measured what the launch of a confidential guest measures
 */
public record PopulationStep(
        GuestRange range,
        Content content,
        Access access,
        Flavour flavour,
        PageSize pageSize,
        Purpose purpose,
        Measured measured) {
    private static final Content MAP_ONLY = new Content.MapOnly();

    /** A step that maps shared memory for reading before the guest boots. */
    public static PopulationStep map(GuestRange range) {
        return of(range, MAP_ONLY);
    }

    /** A step that puts content into shared memory before the guest boots, and maps it. */
    public static PopulationStep of(GuestRange range, Content content) {
        return new PopulationStep(
                range, content, Access.READ, Flavour.SHARED, PageSize.ANY, Purpose.BOOT, Measured.CONTENT);
    }

    /** The same step for another access. */
    public PopulationStep with(Access other) {
        return new PopulationStep(range, content, other, flavour, pageSize, purpose, measured);
    }

    /** The same step for the other flavour. */
    public PopulationStep with(Flavour other) {
        return new PopulationStep(range, content, access, other, pageSize, purpose, measured);
    }

    /** The same step with another wish for pages. */
    public PopulationStep with(PageSize other) {
        return new PopulationStep(range, content, access, flavour, other, purpose, measured);
    }

    /** The same step for another reason. */
    public PopulationStep with(Purpose other) {
        return new PopulationStep(range, content, access, flavour, pageSize, other, measured);
    }

    /** The same step, measured in another way. */
    public PopulationStep with(Measured other) {
        return new PopulationStep(range, content, access, flavour, pageSize, purpose, other);
    }

    /** A part of it, with the part of the content that belongs there. */
    public PopulationStep part(GuestRange part) {
        long skipped = part.start().value() - range.start().value();
        return new PopulationStep(part, content.from(skipped), access, flavour, pageSize, purpose, measured);
    }

    /** A part of it whose content is there already. */
    PopulationStep mapPart(GuestRange part) {
        return new PopulationStep(part, MAP_ONLY, access, flavour, pageSize, purpose, measured);
    }

    boolean isMapOnly() {
        return content instanceof Content.MapOnly;
    }

    /** What is wrong with the range, whatever VM it is for. */
    Optional<String> malformed() {
        long start = range.start().value();
        if (range.size() == 0) {
            return Optional.of("the range is empty");
        }
        if (((start | range.size()) & (GuestPhysical.PAGE_SIZE - 1)) != 0) {
            return Optional.of("the range is not a multiple of 4096");
        }
        if (range.size() < 0 || start < 0 || start + range.size() < 0) {
            return Optional.of("the range is not in guest-physical memory");
        }
        return Optional.empty();
    }
}
