package io.guestmem.image;

import io.guestmem.paging.PhysicalMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * Finds the page tables of a Linux kernel in memory that comes without registers.
 *
 * <p>First by what the kernel says about itself: {@code VMCOREINFO} lies in a page of its own. Otherwise blind: a page whose entries
 * are all empty or plausible tables, whose last one leads to the kernel's image in large pages. All processes share the kernel's half,
 * so roots come in groups.
 */
final class RootSearch {
    private static final int PAGE = 4096;
    private static final int ENTRIES = 512;
    private static final int KERNEL_HALF = 256;
    private static final long PRESENT = 1;
    private static final long LARGE = 1 << 7;
    private static final long ACCESSED_DIRTY = 3 << 5;
    private static final long ADDRESS = 0x000F_FFFF_FFFF_F000L;
    private static final long LARGE_ADDRESS = ADDRESS & -(1L << 21);
    private static final int FEWEST_LARGE = 4;
    private static final long FIRST_WORD = ByteBuffer.wrap("OSRELEAS".getBytes(StandardCharsets.ISO_8859_1))
            .order(ByteOrder.LITTLE_ENDIAN)
            .getLong();

    private final PhysicalMemory memory;
    private final List<Extent> extents;
    private final long[] page = new long[ENTRIES];
    private final long[] other = new long[ENTRIES];

    /**
     * Searches memory.
     *
     * @param extents where it is to be looked at
     */
    RootSearch(PhysicalMemory memory, List<Extent> extents) {
        this.memory = memory;
        this.extents = extents;
    }

    /** By the text that the kernel left in its memory. */
    Optional<PageTableRoot> byVmcoreinfo() {
        for (Extent extent : extents) {
            for (long at = firstPage(extent); at < extent.end(); at += PAGE) {
                Optional<PageTableRoot> root = isWhole(at) ? byVmcoreinfo(at) : Optional.empty();
                if (root.isPresent()) {
                    return root;
                }
            }
        }
        return Optional.empty();
    }

    private static long firstPage(Extent extent) {
        return (extent.start() + PAGE - 1) & -PAGE;
    }

    private Optional<PageTableRoot> byVmcoreinfo(long at) {
        int text = vmcoreinfo(at);
        return text < 0
                ? Optional.empty()
                : root(
                        new VmcoreInfo(textAt(at, text)),
                        "VMCOREINFO in guest memory at 0x" + Long.toHexString(at + text));
    }

    /** The root that a VMCOREINFO names, if there is memory at it. */
    Optional<PageTableRoot> root(VmcoreInfo info, String source) {
        OptionalLong root = info.root();
        return root.isPresent() && root.getAsLong() % PAGE == 0 && isWhole(root.getAsLong())
                ? Optional.of(new PageTableRoot(root.getAsLong(), info.fiveLevels(), source))
                : Optional.empty();
    }

    /**
     * Blind: of the largest group of roots the one that lies in the kernel's image, or the one with the emptiest user half. What a
     * root of five levels leads to looks like one of four, and is none.
     */
    Optional<PageTableRoot> blind() {
        Map<Long, List<Candidate>> groups = new HashMap<>();
        Set<Long> belowRoots = new HashSet<>();
        for (Extent extent : extents) {
            for (long at = firstPage(extent); at < extent.end(); at += PAGE) {
                int levels = isWhole(at) ? levels(at) : 0;
                if (levels != 0) {
                    Candidate found = new Candidate(at, levels == 5, isInImage(at), userEntries());
                    groups.computeIfAbsent(kernelHash(), _ -> new ArrayList<>()).add(found);
                    if (levels == 5) {
                        belowRoots.add(page[ENTRIES - 1] & ADDRESS);
                    }
                }
            }
        }
        groups.values().forEach(group -> group.removeIf(found -> belowRoots.contains(found.address)));
        return groups.values().stream()
                .max(Comparator.comparingInt(List::size))
                .flatMap(group -> group.stream().min(BEST_FIRST).map(root -> root.among(group.size())));
    }

    private record Candidate(long address, boolean fiveLevels, boolean inImage, int userEntries) {
        PageTableRoot among(int count) {
            return new PageTableRoot(
                    address, fiveLevels, "a search of memory: 1 of " + count + " roots that share a kernel");
        }
    }

    private static final Comparator<Candidate> BEST_FIRST = Comparator.comparing(Candidate::inImage)
            .reversed()
            .thenComparingInt(Candidate::userEntries)
            .thenComparingLong(Candidate::address);

    /** Whether the whole page can be read: the last one may be cut off. */
    private boolean isWhole(long address) {
        return isReadable(address) && isReadable(address + PAGE - Long.BYTES);
    }

    /** Whether the kernel's image, whose large pages are in {@link #other}, has a page. */
    private boolean isInImage(long address) {
        for (long pde : other) {
            if ((pde & (PRESENT | LARGE)) == (PRESENT | LARGE) && (pde & LARGE_ADDRESS) == (address & LARGE_ADDRESS)) {
                return true;
            }
        }
        return false;
    }

    private boolean isReadable(long address) {
        return memory.presence(address).isReadable();
    }

    /** The offset of a VMCOREINFO text in a page, at a multiple of 4; -1 if there is none. */
    private int vmcoreinfo(long at) {
        memory.readPage(at, page);
        for (int i = 0; i < ENTRIES; i++) {
            if (page[i] == FIRST_WORD) {
                return i * Long.BYTES;
            }
        }
        return -1;
    }

    private String textAt(long at, int offset) {
        ByteBuffer text = ByteBuffer.allocate(2 * PAGE).order(ByteOrder.LITTLE_ENDIAN);
        text.asLongBuffer().put(page);
        if (isWhole(at + PAGE)) {
            memory.readPage(at + PAGE, other);
            text.position(PAGE);
            text.asLongBuffer().put(other);
        }
        int end = offset;
        while (end < 2 * PAGE && text.get(end) != 0) {
            end++;
        }
        return new String(text.array(), offset, end - offset, StandardCharsets.ISO_8859_1);
    }

    /** 4 or 5 if a page, then in {@link #page}, is a root of so many levels; otherwise 0. */
    private int levels(long at) {
        long last = memory.read64(at + PAGE - Long.BYTES);
        if (!isTable(last)) {
            return 0;
        }
        memory.readPage(at, page);
        for (long entry : page) {
            if (entry != 0 && !isTable(entry)) {
                return 0;
            }
        }
        if (isImage(entry(last, ENTRIES - 2))) {
            return 4;
        }
        long below = entry(last, ENTRIES - 1);
        return isTable(below) && isImage(entry(below, ENTRIES - 2)) ? 5 : 0;
    }

    private boolean isTable(long entry) {
        return (entry & (PRESENT | LARGE)) == PRESENT && isWhole(entry & ADDRESS);
    }

    private long entry(long table, int index) {
        return memory.read64((table & ADDRESS) + (long) index * Long.BYTES);
    }

    /** Whether an entry leads to a table of large pages, as the kernel's image has them. */
    private boolean isImage(long pdpte) {
        if (!isTable(pdpte)) {
            return false;
        }
        memory.readPage(pdpte & ADDRESS, other);
        int large = 0;
        for (long pde : other) {
            large += (pde & (PRESENT | LARGE)) == (PRESENT | LARGE) ? 1 : 0;
        }
        return large >= FEWEST_LARGE;
    }

    private int userEntries() {
        int count = 0;
        for (int i = 0; i < KERNEL_HALF; i++) {
            count += page[i] == 0 ? 0 : 1;
        }
        return count;
    }

    private long kernelHash() {
        long hash = 0;
        for (int i = KERNEL_HALF; i < ENTRIES; i++) {
            hash = hash * 0x9E37_79B9_7F4A_7C15L + (page[i] & ~ACCESSED_DIRTY);
        }
        return hash;
    }
}
