package io.guestmem.measure.rtmr;

import io.guestmem.measure.layout.LittleEndian;

/**
 * A bzImage as QEMU before 10.2 hands it over: it fills in the setup header first, and so changes what is measured ({@code
 * hw/i386/x86-common.c}, {@code x86_load_linux}; Linux {@code Documentation/arch/x86/boot.rst}). QEMU 10.2 and later leave it alone.
 */
public final class KernelImage {
    private static final int SHORTEST = 0x1000;
    private static final int OLD_COMMAND_LINE_MAGIC = 0x20;
    private static final int OLD_COMMAND_LINE_OFFSET = 0x22;
    private static final int VERSION = 0x206;
    private static final int TYPE_OF_LOADER = 0x210;
    private static final int LOAD_FLAGS = 0x211;
    private static final int RAMDISK_IMAGE = 0x218;
    private static final int RAMDISK_SIZE = 0x21c;
    private static final int HEAP_END = 0x224;
    private static final int COMMAND_LINE = 0x228;
    private static final int RAMDISK_LIMIT = 0x22c;
    private static final int XLOAD_FLAGS = 0x236;
    private static final int LOADED_HIGH = 1;
    private static final int CAN_USE_HEAP = 0x80;
    private static final int CAN_BE_LOADED_ABOVE_4G = 2;
    private static final int ACPI_DATA = 0x28000;
    private static final long STANDARD_LIMIT = 0x37ff_ffff;
    private static final long SPLIT_FROM = 0xb000_0000L;
    private static final long LOW_WHEN_SPLIT = 0x8000_0000L;

    private KernelImage() {}

    /**
     * The image with its header filled in.
     *
     * @param initrdSize bytes; 0 for none
     * @param memory bytes of guest memory
     * @throws IllegalArgumentException if it is no kernel, or the initrd does not fit
     */
    public static byte[] patched(byte[] kernel, long initrdSize, long memory) {
        if (kernel.length < SHORTEST) {
            throw new IllegalArgumentException("the kernel, " + kernel.length + " bytes, is too short for a bzImage");
        }
        byte[] image = kernel.clone();
        int version = LittleEndian.u16(image, VERSION);
        boolean high = version >= 0x200 && (image[LOAD_FLAGS] & LOADED_HIGH) != 0;
        int real = high ? 0x10000 : 0x90000;
        int commandLine = high ? 0x20000 : 0x9a000;
        if (version >= 0x200) {
            image[TYPE_OF_LOADER] = (byte) 0xb0;
        }
        if (version >= 0x201) {
            image[LOAD_FLAGS] |= (byte) CAN_USE_HEAP;
            LittleEndian.put16(image, HEAP_END, commandLine - real - 0x200);
        }
        if (version >= 0x202) {
            LittleEndian.put32(image, COMMAND_LINE, commandLine);
        } else {
            LittleEndian.put16(image, OLD_COMMAND_LINE_MAGIC, 0xa33f);
            LittleEndian.put16(image, OLD_COMMAND_LINE_OFFSET, commandLine - real);
        }
        if (initrdSize > 0) {
            putInitrd(image, version, initrdSize, memory);
        }
        return image;
    }

    private static void putInitrd(byte[] image, int version, long size, long memory) {
        if (version < 0x200) {
            throw new IllegalArgumentException(
                    "the kernel is too old for an initrd: boot protocol 0x" + Integer.toHexString(version));
        }
        long low = memory >= SPLIT_FROM ? LOW_WHEN_SPLIT : memory;
        long limit = Math.min(limit(image, version), low - ACPI_DATA - 1);
        if (size >= limit) {
            throw new IllegalArgumentException(
                    "the initrd, " + size + " bytes, does not fit below 0x" + Long.toHexString(limit));
        }
        LittleEndian.put32(image, RAMDISK_IMAGE, (limit - size) & -0x1000L);
        LittleEndian.put32(image, RAMDISK_SIZE, size);
    }

    private static long limit(byte[] image, int version) {
        if (version >= 0x20c && (LittleEndian.u16(image, XLOAD_FLAGS) & CAN_BE_LOADED_ABOVE_4G) != 0) {
            return 0xffff_ffffL;
        }
        return version >= 0x203 ? LittleEndian.u32(image, RAMDISK_LIMIT) : STANDARD_LIMIT;
    }
}
