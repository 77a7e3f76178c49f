package io.guestmem.image;

import io.guestmem.paging.PhysicalMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * Memory in blocks that are decompressed when they are asked for; some of them stay. What does not decompress cannot be read, and
 * the first such error is kept. Thread-safe.
 */
abstract class CompressedMemory implements PhysicalMemory {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** A block that was decompressed; without words if it could not be. */
    private static final class Block {
        private final long number;
        private final long start;
        private final long @Nullable [] words;

        Block(long number, long start, long @Nullable [] words) {
            this.number = number;
            this.start = start;
            this.words = words;
        }
    }

    private final AtomicReferenceArray<@Nullable Block> cache;
    private final AtomicReference<@Nullable ImageException> damage = new AtomicReference<>();

    /**
     * Nothing decompressed yet.
     *
     * @param cached how many blocks stay, a power of two
     */
    CompressedMemory(int cached) {
        this.cache = new AtomicReferenceArray<>(cached);
    }

    /** The number of the block that has an address, from 0; negative if none has. */
    abstract long block(long address);

    /** The physical address that a block begins with. */
    abstract long start(long block);

    /** A block's bytes, a multiple of 8. */
    abstract byte[] decompress(long block) throws ImageException;

    /** What is at an address that no block has. */
    abstract Presence withoutBlock(long address);

    /** The first block that could not be decompressed. */
    final Optional<ImageException> damage() {
        return Optional.ofNullable(damage.get());
    }

    private Block get(long number) {
        int slot = (int) number & (cache.length() - 1);
        Block cached = cache.get(slot);
        if (cached != null && cached.number == number) {
            return cached;
        }
        Block block = new Block(number, start(number), words(number));
        cache.set(slot, block);
        return block;
    }

    private long @Nullable [] words(long number) {
        try {
            return MemorySegment.ofArray(decompress(number)).toArray(LONG);
        } catch (ImageException e) {
            damage.compareAndSet(null, e);
            return null;
        }
    }

    private static boolean has(Block block, long address) {
        return block.words != null && (address - block.start) / Long.BYTES < block.words.length;
    }

    @Override
    public final Presence presence(long address) {
        long number = block(address);
        if (number < 0) {
            return withoutBlock(address);
        }
        return has(get(number), address) ? Presence.READ_ONLY : Presence.EXCLUDED;
    }

    @Override
    public final long read64(long address) {
        long number = block(address);
        Block block = number < 0 ? null : get(number);
        if (block == null || block.words == null || !has(block, address)) {
            throw new IndexOutOfBoundsException("no memory at 0x" + Long.toHexString(address));
        }
        return block.words[(int) ((address - block.start) / Long.BYTES)];
    }

    @Override
    public final int read32(long address) {
        return (int) (read64(address & -Long.BYTES) >>> ((address & Integer.BYTES) * Byte.SIZE));
    }

    @Override
    public final boolean compareAndSet64(long address, long expected, long replacement) {
        throw new UnsupportedOperationException("an image is read-only");
    }

    @Override
    public final boolean compareAndSet32(long address, int expected, int replacement) {
        throw new UnsupportedOperationException("an image is read-only");
    }
}
