package io.guestmem.measure;

import io.guestmem.measure.layout.Guid;
import io.guestmem.measure.layout.LittleEndian;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * A packet for {@code LAUNCH_SECRET} of SEV and SEV-ES (AMD SEV API, 6.6): only the firmware that gave the measurement can open it.
 *
 * <pre>{@code
 *   header: u32 flags; u8 iv[16]; u8 mac[32]
 *   data:   AES-128-CTR(TEK, iv) of the secret
 *   mac:    HMAC-SHA256(TIK, 0x01 | flags | iv | u32 guest length | u32 data length | data | measurement[32])
 * }</pre>
 *
 * @param header 52 bytes
 * @param data the encrypted secret, as long as the secret
 */
@SuppressWarnings("ArrayRecordComponent") // bytes for an ioctl, compared by nobody
public record LaunchSecret(byte[] header, byte[] data) {
    /** Bytes of a header. */
    public static final int HEADER_SIZE = 52;

    private static final byte SECRET = 1;
    private static final int IV = 4;
    private static final int IV_SIZE = 16;
    private static final int MAC = 20;
    private static final int MAC_SIZE = 32;
    private static final String TABLE = "1e74f542-71dd-4d66-963e-ef4287ff173b";
    private static final int ENTRY = Guid.SIZE + 4;

    /**
     * Encrypts a secret.
     *
     * @param encryptionKey TEK, 16 bytes
     * @param integrityKey TIK, 16 bytes
     * @param iv 16 bytes that are never used again with this key
     * @param secret a multiple of 16 bytes
     * @param measurement what {@code LAUNCH_MEASURE} returned; its HMAC, the first 32 bytes, counts
     */
    public static LaunchSecret seal(
            byte[] encryptionKey, byte[] integrityKey, byte[] iv, byte[] secret, byte[] measurement) {
        LaunchMeasurement.require("the encryption key", encryptionKey, LaunchMeasurement.KEY_SIZE);
        LaunchMeasurement.require("the integrity key", integrityKey, LaunchMeasurement.KEY_SIZE);
        LaunchMeasurement.require("the iv", iv, IV_SIZE);
        if (secret.length == 0 || secret.length % LaunchStep.SEV_BLOCK != 0) {
            throw new IllegalArgumentException("the secret's length is no multiple of 16: " + secret.length);
        }
        byte[] data = crypt(Cipher.ENCRYPT_MODE, encryptionKey, iv, secret);
        byte[] header = new byte[HEADER_SIZE];
        System.arraycopy(iv, 0, header, IV, IV_SIZE);
        System.arraycopy(mac(integrityKey, header, data, measurement), 0, header, MAC, MAC_SIZE);
        return new LaunchSecret(header, data);
    }

    /**
     * Decrypts the secret, as the firmware does.
     *
     * @param encryptionKey TEK, 16 bytes
     * @param integrityKey TIK, 16 bytes
     * @param measurement what {@code LAUNCH_MEASURE} returned
     * @return the secret; empty if the packet is not authentic, or belongs to another measurement
     */
    public Optional<byte[]> open(byte[] encryptionKey, byte[] integrityKey, byte[] measurement) {
        byte[] right = mac(integrityKey, header, data, measurement);
        if (!MessageDigest.isEqual(right, Arrays.copyOfRange(header, MAC, MAC + MAC_SIZE))) {
            return Optional.empty();
        }
        byte[] iv = Arrays.copyOfRange(header, IV, IV + IV_SIZE);
        return Optional.of(crypt(Cipher.DECRYPT_MODE, encryptionKey, iv, data));
    }

    private static byte[] mac(byte[] integrityKey, byte[] header, byte[] data, byte[] measurement) {
        byte[] lengths = new byte[8];
        LittleEndian.put32(lengths, 0, data.length);
        LittleEndian.put32(lengths, 4, data.length);
        Mac mac = LaunchMeasurement.mac(integrityKey);
        mac.update(SECRET);
        mac.update(header, 0, MAC);
        mac.update(lengths);
        mac.update(data);
        return mac.doFinal(Arrays.copyOf(measurement, MAC_SIZE));
    }

    /**
     * The table that OVMF hands to the guest: GUID of the table, its length, then GUID, length and data of each secret; padded to
     * 16 bytes.
     *
     * @param secrets by GUID, in order
     */
    public static byte[] table(Map<String, byte[]> secrets) {
        int length = ENTRY
                + secrets.values().stream()
                        .mapToInt(each -> ENTRY + each.length)
                        .sum();
        byte[] table = new byte[(length + LaunchStep.SEV_BLOCK - 1) / LaunchStep.SEV_BLOCK * LaunchStep.SEV_BLOCK];
        new Guid(TABLE).put(table, 0);
        LittleEndian.put32(table, Guid.SIZE, length);
        int at = ENTRY;
        for (Map.Entry<String, byte[]> secret : secrets.entrySet()) {
            byte[] data = secret.getValue();
            new Guid(secret.getKey()).put(table, at);
            LittleEndian.put32(table, at + Guid.SIZE, ENTRY + data.length);
            System.arraycopy(data, 0, table, at + ENTRY, data.length);
            at += ENTRY + data.length;
        }
        return table;
    }

    private static byte[] crypt(int mode, byte[] key, byte[] iv, byte[] bytes) {
        try {
            Cipher cipher = Cipher.getInstance("AES/CTR/NoPadding");
            cipher.init(mode, new SecretKeySpec(key, "AES"), new IvParameterSpec(iv));
            return cipher.doFinal(bytes);
        } catch (GeneralSecurityException impossible) {
            throw new AssertionError("every JDK has AES/CTR", impossible);
        }
    }
}
