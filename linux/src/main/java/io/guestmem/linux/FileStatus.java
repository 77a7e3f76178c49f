package io.guestmem.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What {@code fstat(2)} says of a file, as far as guestmem asks.
 *
 * <pre>{@code
 * struct stat {                    // x86-64, asm/stat.h, 144 bytes
 *     unsigned long  st_dev;       //   0
 *     unsigned long  st_ino;       //   8
 *     unsigned long  st_nlink;     //  16
 *     unsigned int   st_mode;      //  24
 *     unsigned int   st_uid;       //  28
 *     unsigned int   st_gid;       //  32
 *     unsigned int   __pad0;       //  36
 *     unsigned long  st_rdev;      //  40
 *     long           st_size;      //  48
 *     long           st_blksize;   //  56
 *     long           st_blocks;    //  64, units of 512 bytes
 *     ...
 * };
 * }</pre>
 *
 * @param mode type and permission bits
 * @param size in bytes
 * @param blockSize the preferred size of a transfer, in bytes
 * @param allocated bytes that are really allocated
 */
public record FileStatus(int mode, long size, int blockSize, long allocated) {
    static final long SIZE = 144;
    static final long MODE = 24;
    static final long LENGTH = 48;
    static final long BLOCK_SIZE = 56;
    static final long BLOCKS = 64;
    private static final int S_IFMT = 0xF000;
    private static final int S_IFREG = 0x8000;
    private static final int S_IFDIR = 0x4000;

    static FileStatus of(MemorySegment stat) {
        return new FileStatus(
                stat.get(ValueLayout.JAVA_INT, MODE),
                stat.get(ValueLayout.JAVA_LONG, LENGTH),
                (int) stat.get(ValueLayout.JAVA_LONG, BLOCK_SIZE),
                stat.get(ValueLayout.JAVA_LONG, BLOCKS) * 512);
    }

    /** Whether it is a regular file. */
    public boolean isRegular() {
        return (mode & S_IFMT) == S_IFREG;
    }

    /** Whether it is a directory. */
    public boolean isDirectory() {
        return (mode & S_IFMT) == S_IFDIR;
    }
}
