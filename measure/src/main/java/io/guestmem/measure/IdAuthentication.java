package io.guestmem.measure;

import io.guestmem.measure.layout.Hashes;
import io.guestmem.measure.layout.LittleEndian;
import java.math.BigInteger;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.util.Arrays;
import java.util.Optional;

/**
 * The page that proves who made an {@link IdBlock} (AMD SEV-SNP firmware ABI, table "Structure of the ID Authentication Information
 * Structure"). ECDSA over P-384 with SHA-384; numbers little-endian.
 *
 * <pre>{@code
 *  struct { u32 id_key_algo = 1, auth_key_algo = 1; u8 reserved[56];
 *           u8 id_block_sig[512]; u8 id_key[1028]; u8 reserved[60];       // 0x040, 0x240
 *           u8 id_key_sig[512]; u8 author_key[1028]; u8 reserved[892]; }; // 0x680, 0x880
 *  key:       u32 curve = 2; u8 qx[72], qy[72]; zeroes
 *  signature: u8 r[72], s[72]; zeroes
 * }</pre>
 */
public final class IdAuthentication {
    /** Bytes of the page. */
    public static final int SIZE = 4096;
    /** Bytes of a key. */
    public static final int KEY_SIZE = 1028;

    private static final int BLOCK_SIGNATURE = 0x40;
    private static final int ID_KEY = 0x240;
    private static final int KEY_SIGNATURE = 0x680;
    private static final int AUTHOR_KEY = 0x880;
    private static final int P384 = 2;
    private static final int P384_BITS = 384;
    private static final int NUMBER = 72;
    private static final int COORDINATE = 48;

    private IdAuthentication() {}

    /**
     * Signs an ID block.
     *
     * @param idKey signs the block, on P-384
     * @param authorKey signs the ID key, on P-384; optional
     * @return the page
     * @throws GeneralSecurityException if a key is none of P-384 or cannot sign
     */
    public static byte[] page(IdBlock block, KeyPair idKey, Optional<KeyPair> authorKey)
            throws GeneralSecurityException {
        byte[] page = new byte[SIZE];
        byte[] key = key((ECPublicKey) idKey.getPublic());
        LittleEndian.put32(page, 0, 1);
        putSignature(page, BLOCK_SIGNATURE, idKey.getPrivate(), block.bytes());
        System.arraycopy(key, 0, page, ID_KEY, KEY_SIZE);
        if (authorKey.isPresent()) {
            LittleEndian.put32(page, 4, 1);
            putSignature(page, KEY_SIGNATURE, authorKey.get().getPrivate(), key);
            byte[] author = key((ECPublicKey) authorKey.get().getPublic());
            System.arraycopy(author, 0, page, AUTHOR_KEY, KEY_SIZE);
        }
        return page;
    }

    /**
     * Whether a page proves who made an ID block, as the firmware checks it at {@code SNP_LAUNCH_FINISH}.
     *
     * @param page 4096 bytes
     * @param author whether the author's signature counts too
     */
    public static boolean verifies(byte[] page, IdBlock block, boolean author) {
        byte[] key = Arrays.copyOfRange(page, ID_KEY, ID_KEY + KEY_SIZE);
        byte[] authorKey = Arrays.copyOfRange(page, AUTHOR_KEY, AUTHOR_KEY + KEY_SIZE);
        return LittleEndian.u32(page, 0) == 1
                && verifies(key, page, BLOCK_SIGNATURE, block.bytes())
                && (!author || (LittleEndian.u32(page, 4) == 1 && verifies(authorKey, page, KEY_SIGNATURE, key)));
    }

    private static boolean verifies(byte[] key, byte[] page, int at, byte[] message) {
        if (LittleEndian.u32(key, 0) != P384) {
            return false;
        }
        try {
            AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
            curve.init(new ECGenParameterSpec("secp384r1"));
            ECPoint point = new ECPoint(number(key, 4), number(key, 4 + NUMBER));
            Signature verifier = Signature.getInstance("SHA384withECDSAinP1363Format");
            verifier.initVerify(KeyFactory.getInstance("EC")
                    .generatePublic(new ECPublicKeySpec(point, curve.getParameterSpec(ECParameterSpec.class))));
            verifier.update(message);
            byte[] both = new byte[2 * COORDINATE];
            for (int i = 0; i < COORDINATE; i++) {
                both[i] = page[at + COORDINATE - 1 - i];
                both[COORDINATE + i] = page[at + NUMBER + COORDINATE - 1 - i];
            }
            return verifier.verify(both);
        } catch (GeneralSecurityException _) { // the key is no point of the curve, or the signature has no form
            return false;
        }
    }

    private static BigInteger number(byte[] bytes, int at) {
        byte[] big = new byte[NUMBER];
        for (int i = 0; i < NUMBER; i++) {
            big[i] = bytes[at + NUMBER - 1 - i];
        }
        return new BigInteger(1, big);
    }

    /**
     * A key as the firmware has it.
     *
     * @param key on P-384
     */
    public static byte[] key(ECPublicKey key) {
        if (key.getParams().getCurve().getField().getFieldSize() != P384_BITS) {
            throw new IllegalArgumentException("not a key of P-384: " + key.getParams());
        }
        byte[] bytes = new byte[KEY_SIZE];
        LittleEndian.put32(bytes, 0, P384);
        putNumber(bytes, 4, key.getW().getAffineX());
        putNumber(bytes, 4 + NUMBER, key.getW().getAffineY());
        return bytes;
    }

    /** The digest of a key that attestation reports carry: SHA-384 of all of it. */
    public static byte[] keyDigest(ECPublicKey key) {
        return Hashes.sha384(key(key));
    }

    private static void putSignature(byte[] page, int at, PrivateKey key, byte[] message)
            throws GeneralSecurityException {
        Signature signer = Signature.getInstance("SHA384withECDSAinP1363Format");
        signer.initSign(key);
        signer.update(message);
        byte[] both = signer.sign();
        if (both.length != 2 * COORDINATE) {
            throw new IllegalArgumentException("not a key of P-384");
        }
        putNumber(page, at, new BigInteger(1, both, 0, COORDINATE));
        putNumber(page, at + NUMBER, new BigInteger(1, both, COORDINATE, COORDINATE));
    }

    private static void putNumber(byte[] bytes, int at, BigInteger number) {
        byte[] big = number.toByteArray();
        for (int i = 0; i < big.length && i < NUMBER; i++) {
            bytes[at + i] = big[big.length - 1 - i];
        }
    }
}
