package io.guestmem.measure.launch;

import io.guestmem.measure.layout.Guid;
import io.guestmem.measure.layout.Hashes;
import io.guestmem.measure.layout.LittleEndian;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Optional;

/**
 * The table through which firmware knows the kernel, initrd and command line of a direct boot ({@code kernel-hashes=on}; QEMU
 * {@code target/i386/sev.c}, {@code struct PaddedSevHashTable}).
 *
 * <pre>{@code
 *  struct { GUID 9438d606-…; u16 168;
 *           struct { GUID; u16 50; u8 sha256[32]; } cmdline 97d02dd8-…, initrd 44baf731-…, kernel 4de79437-…;
 *           u8 padding[8]; };
 * }</pre>
 *
 * @param table its 176 bytes
 */
public record KernelHashes(MemorySegment table) {
    /** Bytes of the table with its padding. */
    public static final int SIZE = 176;

    private static final int HEAD = Guid.SIZE + 2;
    private static final int ENTRY = HEAD + Hashes.SHA256_SIZE;
    private static final int LENGTH = HEAD + 3 * ENTRY;

    /**
     * The table.
     *
     * @param kernel the file as it is: QEMU does not change its header then
     * @param initrd the file, if there is one; otherwise nothing is hashed
     * @param append the command line, without its terminating zero, which is hashed too
     */
    public static KernelHashes of(MemorySegment kernel, Optional<MemorySegment> initrd, String append) {
        byte[] table = new byte[SIZE];
        head(table, 0, "9438d606-4f22-4cc9-b479-a793d411fd21", LENGTH);
        MessageDigest digest = Hashes.sha256();
        digest.update(append.getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
        entry(table, 0, "97d02dd8-bd20-4c94-aa78-e7714d36ab2a", digest);
        initrd.ifPresent(file -> Hashes.update(digest, file));
        entry(table, 1, "44baf731-3a2f-4bd7-9af1-41e29169781d", digest);
        Hashes.update(digest, kernel);
        entry(table, 2, "4de79437-abd2-427f-b835-d5b172d2045b", digest);
        return new KernelHashes(MemorySegment.ofArray(table));
    }

    private static void entry(byte[] table, int index, String guid, MessageDigest digest) {
        int at = HEAD + index * ENTRY;
        head(table, at, guid, ENTRY);
        Hashes.finish(digest, table, at + HEAD);
    }

    private static void head(byte[] table, int at, String guid, int length) {
        new Guid(guid).put(table, at);
        LittleEndian.put16(table, at + Guid.SIZE, length);
    }
}
