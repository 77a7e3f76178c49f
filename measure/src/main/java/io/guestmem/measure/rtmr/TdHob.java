package io.guestmem.measure.rtmr;

import io.guestmem.measure.layout.LittleEndian;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * The list of hand-off blocks through which a VMM tells TD firmware about its memory (UEFI Platform Initialization, volume 3; QEMU
 * {@code hw/i386/tdvf-hob.c}). The firmware measures it into RTMR 0.
 *
 * <pre>{@code
 *   header    u16 type; u16 length; u32 reserved
 *   PHIT      header {1, 56}; u32 version 9, boot_mode 0; u64 memory_top, bottom, free_top, free_bottom = 0; u64 end_of_list
 *   resource  header {3, 48}; GUID owner = 0; u32 resource_type, attribute; u64 start, length      for each range
 *   end       header {0xffff, 8}
 * }</pre>
 *
 * @param resources in their order
 * @param endCounted whether {@code end_of_list} is the address behind the end, as in QEMU, or that of the end, as in GCE
 */
public record TdHob(List<Resource> resources, boolean endCounted) {
    /** {@code EFI_RESOURCE_SYSTEM_MEMORY}. */
    public static final int SYSTEM_MEMORY = 0;
    /** {@code EFI_RESOURCE_MEMORY_UNACCEPTED}. */
    public static final int UNACCEPTED = 7;
    /** Present, initialized, tested. */
    public static final long ATTRIBUTES = 7;
    /** GCE: the firmware shall accept it early. */
    public static final long EARLY_ACCEPT = 0x1000_0000;

    private static final int PHIT = 56;
    private static final int RESOURCE = 48;
    private static final int END = 8;
    private static final long FOUR_GIB = 1L << 32;

    /**
     * A range of memory.
     *
     * @param type {@link #SYSTEM_MEMORY} or {@link #UNACCEPTED}
     * @param attributes {@link #ATTRIBUTES}, {@link #EARLY_ACCEPT}
     * @param range the memory
     */
    public record Resource(int type, long attributes, MemoryRange range) {}

    /** Keeps its own copy. */
    public TdHob {
        resources = List.copyOf(resources);
    }

    /**
     * What QEMU writes: all ranges in ascending order, those that the launch added as system memory.
     *
     * @param memory ascending
     * @param added what the launch added: TD_HOB and TEMP_MEM
     */
    public static TdHob ofQemu(List<MemoryRange> memory, List<MemoryRange> added) {
        List<Resource> resources = new ArrayList<>();
        added.forEach(range -> resources.add(new Resource(SYSTEM_MEMORY, ATTRIBUTES, range)));
        without(memory, added).forEach(range -> resources.add(new Resource(UNACCEPTED, ATTRIBUTES, range)));
        resources.sort(Comparator.comparingLong(each -> each.range.start()));
        return new TdHob(resources, true);
    }

    /**
     * What GCE writes: first what the launch added, in the order of the metadata, then the rest, ascending.
     *
     * @param memory ascending
     * @param added all sections of the metadata
     * @param earlyAccept whether memory above 4 GiB is accepted early too, and not only that below
     */
    public static TdHob ofGce(List<MemoryRange> memory, List<MemoryRange> added, boolean earlyAccept) {
        List<Resource> resources = new ArrayList<>();
        added.forEach(range -> resources.add(new Resource(SYSTEM_MEMORY, ATTRIBUTES, range)));
        for (MemoryRange range : without(memory, added)) {
            boolean early = earlyAccept || range.end() <= FOUR_GIB;
            resources.add(new Resource(UNACCEPTED, early ? ATTRIBUTES | EARLY_ACCEPT : ATTRIBUTES, range));
        }
        return new TdHob(resources, false);
    }

    /** What is left of memory, ascending. */
    private static List<MemoryRange> without(List<MemoryRange> memory, List<MemoryRange> taken) {
        List<MemoryRange> sorted = new ArrayList<>(taken);
        sorted.sort(Comparator.comparingLong(MemoryRange::start));
        List<MemoryRange> rest = new ArrayList<>();
        for (MemoryRange range : memory) {
            long from = range.start();
            for (MemoryRange hole : sorted) {
                if (hole.end() <= from || hole.start() >= range.end()) {
                    continue;
                }
                if (hole.start() > from) {
                    rest.add(new MemoryRange(from, hole.start() - from));
                }
                from = hole.end();
            }
            if (from < range.end()) {
                rest.add(new MemoryRange(from, range.end() - from));
            }
        }
        return rest;
    }

    /**
     * Its bytes.
     *
     * @param gpa where the list starts
     */
    public byte[] bytes(long gpa) {
        int size = PHIT + resources.size() * RESOURCE + END;
        byte[] list = new byte[size];
        header(list, 0, 1, PHIT);
        LittleEndian.put32(list, 8, 9);
        LittleEndian.put64(list, 48, gpa + size - (endCounted ? 0 : END));
        int at = PHIT;
        for (Resource resource : resources) {
            header(list, at, 3, RESOURCE);
            LittleEndian.put32(list, at + 24, resource.type);
            LittleEndian.put32(list, at + 28, resource.attributes);
            LittleEndian.put64(list, at + 32, resource.range.start());
            LittleEndian.put64(list, at + 40, resource.range.size());
            at += RESOURCE;
        }
        header(list, at, 0xffff, END);
        return list;
    }

    /**
     * What the firmware measures: everything but the end.
     *
     * @param gpa where the list starts
     */
    public byte[] measured(long gpa) {
        byte[] list = bytes(gpa);
        return Arrays.copyOf(list, list.length - END);
    }

    private static void header(byte[] list, int at, int type, int length) {
        LittleEndian.put16(list, at, type);
        LittleEndian.put16(list, at + 2, length);
    }
}
