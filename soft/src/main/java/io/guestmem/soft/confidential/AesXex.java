package io.guestmem.soft.confidential;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import javax.crypto.Cipher;
import javax.crypto.spec.SecretKeySpec;

/**
 * AES-128 in XEX mode, as a memory controller encrypts: each block of 16 bytes by itself, tweaked by its physical address.
 *
 * <pre>{@code
 *   tweak = AES(key 2, address)        ciphertext = AES(key 1, plaintext xor tweak) xor tweak
 * }</pre>
 *
 * <p>Thread-safe.
 */
final class AesXex {
    static final int BLOCK = 16;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

    private final SecretKeySpec data;
    private final SecretKeySpec tweak;

    /** Keys of one guest, that nobody else has. */
    AesXex(SecureRandom random) {
        data = key(random);
        tweak = key(random);
    }

    private static SecretKeySpec key(SecureRandom random) {
        byte[] bytes = new byte[BLOCK];
        random.nextBytes(bytes);
        return new SecretKeySpec(bytes, "AES");
    }

    /**
     * Encrypts.
     *
     * @param bytes a multiple of 16
     * @param address of the first byte, a multiple of 16
     */
    byte[] encrypt(byte[] bytes, long address) {
        return apply(Cipher.ENCRYPT_MODE, bytes, address);
    }

    /** Decrypts what {@link #encrypt} made at the same address. */
    byte[] decrypt(byte[] bytes, long address) {
        return apply(Cipher.DECRYPT_MODE, bytes, address);
    }

    private byte[] apply(int mode, byte[] bytes, long address) {
        try {
            Cipher cipher = Cipher.getInstance("AES/ECB/NoPadding");
            cipher.init(Cipher.ENCRYPT_MODE, tweak);
            byte[] tweaks = cipher.doFinal(addresses(bytes.length, address));
            cipher.init(mode, data);
            return xor(cipher.doFinal(xor(bytes, tweaks)), tweaks);
        } catch (GeneralSecurityException impossible) {
            throw new AssertionError("every JDK has AES", impossible);
        }
    }

    private static byte[] addresses(int length, long first) {
        byte[] blocks = new byte[length];
        MemorySegment segment = MemorySegment.ofArray(blocks);
        for (int i = 0; i < length; i += BLOCK) {
            segment.set(LONG, i, first + i);
        }
        return blocks;
    }

    private static byte[] xor(byte[] left, byte[] right) {
        byte[] result = new byte[left.length];
        MemorySegment a = MemorySegment.ofArray(left);
        MemorySegment b = MemorySegment.ofArray(right);
        MemorySegment into = MemorySegment.ofArray(result);
        for (int i = 0; i < result.length; i += Long.BYTES) {
            into.set(LONG, i, a.get(LONG, i) ^ b.get(LONG, i));
        }
        return result;
    }
}
