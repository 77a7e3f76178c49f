package io.guestmem.image;

import io.guestmem.paging.PhysicalMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

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
    private static final int FEWEST_LARGE = 4;
    private static final long FIRST_WORD = ByteBuffer.wrap("OSRELEAS".getBytes(StandardCharsets.ISO_8859_1))
            .order(ByteOrder.LITTLE_ENDIAN)
            .getLong();

    private final PhysicalMemory memory;
    private final long end;
    private final long[] page = new long[ENTRIES];
    private final long[] other = new long[ENTRIES];

    /**
     * Searches memory.
     *
     * @param end behind the highest address that can be read
     */
    RootSearch(PhysicalMemory memory, long end) {
        this.memory = memory;
        this.end = end;
    }

    /** By the text that the kernel left in its memory. */
    Optional<PageTableRoot> byVmcoreinfo() {
        for (long at = 0; at < end; at += PAGE) {
            if (!isReadable(at)) {
                continue;
            }
            int text = vmcoreinfo(at);
            if (text < 0) {
                continue;
            }
            Optional<PageTableRoot> root = root(
                    new VmcoreInfo(textAt(at, text)), "VMCOREINFO in guest memory at 0x" + Long.toHexString(at + text));
            if (root.isPresent()) {
                return root;
            }
        }
        return Optional.empty();
    }

    /** The root that a VMCOREINFO names, if there is memory at it. */
    Optional<PageTableRoot> root(VmcoreInfo info, String source) {
        OptionalLong root = info.root();
        return root.isPresent() && root.getAsLong() % PAGE == 0 && isReadable(root.getAsLong())
                ? Optional.of(new PageTableRoot(root.getAsLong(), info.fiveLevels(), source))
                : Optional.empty();
    }

    /** Blind: the root with the emptiest user half, of the largest group of roots. */
    Optional<PageTableRoot> blind() {
        Map<Long, List<Candidate>> groups = new HashMap<>();
        for (long at = 0; at < end; at += PAGE) {
            if (isReadable(at)) {
                int levels = levels(at);
                if (levels != 0) {
                    Candidate found = new Candidate(at, levels == 5, userEntries());
                    groups.computeIfAbsent(kernelHash(), _ -> new ArrayList<>()).add(found);
                }
            }
        }
        return groups.values().stream()
                .max(Comparator.comparingInt(List::size))
                .flatMap(group -> group.stream()
                        .min(Comparator.comparingInt(Candidate::userEntries))
                        .map(root -> new PageTableRoot(
                                root.address,
                                root.fiveLevels,
                                "a search of memory: 1 of " + group.size() + " roots that share a kernel")));
    }

    private record Candidate(long address, boolean fiveLevels, int userEntries) {}

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
        if (isReadable(at + PAGE)) {
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
        return (entry & (PRESENT | LARGE)) == PRESENT && isReadable(entry & ADDRESS);
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
