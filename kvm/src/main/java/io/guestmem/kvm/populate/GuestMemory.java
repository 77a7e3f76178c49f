package io.guestmem.kvm.populate;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.kvm.GuestMemfd;
import io.guestmem.kvm.Memslot;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;

/** Which memory is behind which range of guest-physical memory: what a populator must know of a VM. Immutable. */
public final class GuestMemory {
    private final NavigableMap<Long, Region> regions;

    private GuestMemory(NavigableMap<Long, Region> regions) {
        this.regions = regions;
    }

    /**
     * A range with memory behind it.
     *
     * @param range multiples of 4096, not empty
     * @param shared where shared content goes
     * @param secret where private content goes; empty without a guest_memfd
     */
    record Region(GuestRange range, PopulationTarget shared, Optional<PopulationTarget> secret) {
        long start() {
            return range.start().value();
        }

        long end() {
            return start() + range.size();
        }

        Optional<PopulationTarget> target(Flavour flavour) {
            return flavour == Flavour.PRIVATE ? secret : Optional.of(shared);
        }
    }

    /** Collects what is behind guest memory. Not thread-safe. */
    public static final class Builder {
        private final NavigableMap<Long, Region> regions = new TreeMap<>();

        private Builder() {}

        /**
         * A memslot as it was set. What a guest_memfd is behind is populated there: private content always, and shared content too
         * if the file was made with MMAP, for then KVM takes everything from it.
         *
         * @param memory the memory that the slot's hva is in; stays owned by the caller
         * @throws IllegalArgumentException if the slot is not in address space 0, or its hva not in the memory
         */
        public Builder slot(Memslot slot, HostMemory memory) {
            return slot(slot, memory, List.of());
        }

        /**
         * As {@link #slot(Memslot, HostMemory)}.
         *
         * @param vendors ways to put private content in that are tried before those that this library knows
         */
        public Builder slot(Memslot slot, HostMemory memory, List<PopulationTarget> vendors) {
            long base = slot.hva().value() - memory.hva();
            if (slot.addressSpace() != 0 || base < 0 || base + slot.range().size() > memory.length()) {
                throw new IllegalArgumentException("not a slot of address space 0 in this memory: " + slot);
            }
            PopulationTarget host = new HostTarget(memory, base);
            if (slot.backing().isEmpty()) {
                return add(slot.range(), host, Optional.empty());
            }
            Memslot.Backing backing = slot.backing().get();
            GuestMemfd file = backing.file();
            List<PopulationTarget> ways = new ArrayList<>(vendors);
            ways.add(new PopulateRequestTarget(
                    file.vm().guestMemfdPopulate(), slot.range().start()));
            ways.add(new GuestMemfdTarget(file, backing.offset(), true));
            boolean all = file.flags().contains(GuestMemfd.Flag.MMAP);
            PopulationTarget shared = all ? new GuestMemfdTarget(file, backing.offset(), false) : host;
            return add(slot.range(), shared, Optional.of(new FirstThatWorks(ways)));
        }

        /** Memory that another process fills for a VM that it does not own. */
        public Builder memory(GuestPhysical start, HostMemory memory) {
            return target(new GuestRange(start, memory.length()), new HostTarget(memory, 0));
        }

        /** Anything else that can be filled. It takes content of both flavours. */
        public Builder target(GuestRange range, PopulationTarget target) {
            return add(range, target, Optional.of(target));
        }

        private Builder add(GuestRange range, PopulationTarget shared, Optional<PopulationTarget> secret) {
            Region region = new Region(range, shared, secret);
            var before = regions.floorEntry(region.end() - 1);
            if (range.size() <= 0 || (before != null && before.getValue().end() > region.start())) {
                throw new IllegalArgumentException("empty, or there is memory already: " + range);
            }
            regions.put(region.start(), region);
            return this;
        }

        /** What was collected. */
        public GuestMemory build() {
            return new GuestMemory(new TreeMap<>(regions));
        }
    }

    /** Starts to collect. */
    public static Builder builder() {
        return new Builder();
    }

    /** What is behind an address. */
    Optional<Region> at(long gpa) {
        var entry = regions.floorEntry(gpa);
        return entry != null && gpa < entry.getValue().end() ? Optional.of(entry.getValue()) : Optional.empty();
    }
}
