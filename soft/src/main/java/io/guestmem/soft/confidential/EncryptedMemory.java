package io.guestmem.soft.confidential;

import io.guestmem.soft.mmu.KernelMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.SecureRandom;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A guest's memory: frames hold ciphertext, and while vCPUs are in the guest a cache holds the plaintext of the pages that they
 * use. Thread-safe; nothing is locked under its monitor.
 */
final class EncryptedMemory {
    static final int PAGE = 4096;

    private final GuestMachine machine;
    private final AesXex cipher = new AesXex(new SecureRandom());

    /** By gfn. Guarded by this, as are the fields below. */
    private final Map<Long, Line> cache = new HashMap<>();

    private final Deque<MemorySegment> spare = new ArrayDeque<>();
    private KernelMemory.@Nullable Area area;
    private int inside;

    /** A page in the cache. */
    private record Line(long pfn, MemorySegment plaintext) {}

    EncryptedMemory(GuestMachine machine) {
        this.machine = machine;
    }

    /** Puts a page into a frame, encrypted. */
    void put(long pfn, byte[] plaintext) {
        MemorySegment.copy(
                cipher.encrypt(plaintext, pfn * PAGE), 0, machine.frame(pfn), ValueLayout.JAVA_BYTE, 0, PAGE);
    }

    /** Encrypts a part of a frame where it lies; offset and length are multiples of 16. Answers what was there. */
    byte[] encryptInPlace(long pfn, int offset, int length) {
        MemorySegment part = machine.frame(pfn).asSlice(offset, length);
        byte[] plaintext = part.toArray(ValueLayout.JAVA_BYTE);
        put(part, plaintext, pfn * PAGE + offset);
        return plaintext;
    }

    /** Puts bytes into a part of a frame, encrypted. */
    void put(long pfn, int offset, byte[] plaintext) {
        put(machine.frame(pfn).asSlice(offset, plaintext.length), plaintext, pfn * PAGE + offset);
    }

    private void put(MemorySegment into, byte[] plaintext, long address) {
        MemorySegment.copy(cipher.encrypt(plaintext, address), 0, into, ValueLayout.JAVA_BYTE, 0, plaintext.length);
    }

    /** What a frame holds, decrypted. */
    byte[] get(long pfn) {
        return cipher.decrypt(machine.frame(pfn).toArray(ValueLayout.JAVA_BYTE), pfn * PAGE);
    }

    // The cache.

    synchronized void entered() {
        inside++;
    }

    synchronized void left() {
        inside--;
        if (inside == 0) {
            cache.values().forEach(this::writeBack);
            cache.clear();
            spare.clear();
            if (area != null) {
                area.close();
                area = null;
            }
        }
    }

    /** The native address of the plaintext of a page. */
    synchronized long address(long gfn, long pfn) {
        Line line = cache.get(gfn);
        if (line == null || line.pfn() != pfn) {
            line = new Line(pfn, page());
            MemorySegment.copy(get(pfn), 0, line.plaintext(), ValueLayout.JAVA_BYTE, 0, PAGE);
            cache.put(gfn, line);
        }
        return line.plaintext().address();
    }

    /** Writes pages back, which nobody uses any more. */
    synchronized void forget(long from, long to) {
        cache.entrySet().removeIf(entry -> {
            boolean hit = entry.getKey() >= from && entry.getKey() < to;
            if (hit) {
                writeBack(entry.getValue());
                spare.add(entry.getValue().plaintext());
            }
            return hit;
        });
    }

    private void writeBack(Line line) {
        put(line.pfn(), line.plaintext().toArray(ValueLayout.JAVA_BYTE));
    }

    private MemorySegment page() {
        MemorySegment known = spare.poll();
        if (known != null) {
            return known;
        }
        if (area == null) {
            area = machine.kernelMemory().open();
        }
        return area.allocate(PAGE, PAGE);
    }
}
