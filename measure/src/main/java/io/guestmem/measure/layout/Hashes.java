package io.guestmem.measure.layout;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.DigestException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** The hash functions of launch measurements, and memory as their input. */
public final class Hashes {
    /** Bytes of a SHA-384 digest. */
    public static final int SHA384_SIZE = 48;
    /** Bytes of a SHA-256 digest. */
    public static final int SHA256_SIZE = 32;

    private static final int COPY_SIZE = 1 << 16;

    private Hashes() {}

    /** A new SHA-384. */
    public static MessageDigest sha384() {
        return create("SHA-384");
    }

    /** A new SHA-256. */
    public static MessageDigest sha256() {
        return create("SHA-256");
    }

    /** The SHA-384 of some bytes. */
    public static byte[] sha384(byte[] bytes) {
        return sha384().digest(bytes);
    }

    /** Feeds memory to a digest: where it lies if that is the heap, through a copy otherwise. */
    public static void update(MessageDigest digest, MemorySegment memory) {
        if (memory.heapBase().orElse(null) instanceof byte[] array) {
            digest.update(array, (int) memory.address(), (int) memory.byteSize());
            return;
        }
        byte[] copy = new byte[(int) Math.min(COPY_SIZE, memory.byteSize())];
        for (long done = 0; done < memory.byteSize(); ) {
            int length = (int) Math.min(copy.length, memory.byteSize() - done);
            MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, done, copy, 0, length);
            digest.update(copy, 0, length);
            done += length;
        }
    }

    /** Ends a digest into a place that has room for it. */
    public static void finish(MessageDigest digest, byte[] into, int offset) {
        try {
            digest.digest(into, offset, digest.getDigestLength());
        } catch (DigestException impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** A copy of a running digest. */
    public static MessageDigest copy(MessageDigest digest) {
        try {
            return (MessageDigest) digest.clone();
        } catch (CloneNotSupportedException impossible) {
            throw new AssertionError("the JDK's digests can be cloned", impossible);
        }
    }

    private static MessageDigest create(String algorithm) {
        try {
            return MessageDigest.getInstance(algorithm);
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError("every JDK has " + algorithm, impossible);
        }
    }
}
