package io.guestmem.measure;

import io.guestmem.measure.layout.Hashes;
import io.guestmem.measure.layout.LittleEndian;
import java.security.InvalidKeyException;
import java.security.NoSuchAlgorithmException;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * What {@code LAUNCH_MEASURE} of SEV and SEV-ES returns (AMD SEV API, 6.5.1): the guest owner knows the key, so it proves the digest.
 *
 * <pre>{@code HMAC-SHA256(TIK, 0x04 | api_major | api_minor | build | u32 policy | digest[32] | nonce[16]), nonce[16]}</pre>
 *
 * Firmware before API 0.17 leaves the version out.
 *
 * @param apiMajor of the SEV firmware
 * @param apiMinor of the SEV firmware
 * @param build of the SEV firmware
 * @param policy of the guest
 */
public record LaunchMeasurement(int apiMajor, int apiMinor, int build, long policy) {
    /** Bytes of a transport integrity key. */
    public static final int KEY_SIZE = 16;
    /** Bytes of a nonce. */
    public static final int NONCE_SIZE = 16;
    /** Bytes of the result: HMAC and nonce. */
    public static final int SIZE = Hashes.SHA256_SIZE + NONCE_SIZE;

    private static final byte MEASURE = 4;
    private static final int FIRST_WITH_VERSION = 17;

    /**
     * The measurement.
     *
     * @param integrityKey TIK, 16 bytes
     * @param digest the launch digest, 32 bytes
     * @param nonce 16 bytes
     * @return 48 bytes: HMAC, then the nonce
     */
    public byte[] of(byte[] integrityKey, byte[] digest, byte[] nonce) {
        require("the key", integrityKey, KEY_SIZE);
        require("the digest", digest, Hashes.SHA256_SIZE);
        require("the nonce", nonce, NONCE_SIZE);
        byte[] number = new byte[4];
        LittleEndian.put32(number, 0, policy);
        Mac mac = mac(integrityKey);
        mac.update(MEASURE);
        if (apiMajor > 0 || apiMinor >= FIRST_WITH_VERSION) {
            mac.update((byte) apiMajor);
            mac.update((byte) apiMinor);
            mac.update((byte) build);
        }
        mac.update(number);
        mac.update(digest);
        byte[] result = new byte[SIZE];
        System.arraycopy(mac.doFinal(nonce), 0, result, 0, Hashes.SHA256_SIZE);
        System.arraycopy(nonce, 0, result, Hashes.SHA256_SIZE, NONCE_SIZE);
        return result;
    }

    static Mac mac(byte[] key) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            return mac;
        } catch (NoSuchAlgorithmException | InvalidKeyException impossible) {
            throw new AssertionError("every JDK has HmacSHA256", impossible);
        }
    }

    static void require(String what, byte[] bytes, int size) {
        if (bytes.length != size) {
            throw new IllegalArgumentException(what + " has " + bytes.length + " bytes, not " + size);
        }
    }
}
