package io.guestmem.measure;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.interfaces.ECPrivateKey;
import java.security.spec.ECFieldFp;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Private keys on P-384 as {@code openssl} writes them, for {@link IdAuthentication}: PKCS #8 ({@code BEGIN PRIVATE KEY}) and RFC 5915
 * ({@code BEGIN EC PRIVATE KEY}). The public key is computed.
 */
public final class IdKeyFile {
    private static final Pattern PEM = Pattern.compile(
            "-----BEGIN (EC )?PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END (EC )?PRIVATE KEY-----", Pattern.DOTALL);
    private static final String CURVE = "secp384r1";
    private static final int SEQUENCE = 0x30;
    private static final int OCTETS = 0x04;

    /** Version 0; the algorithm: an EC key of secp384r1. */
    private static final byte[] HEADER = HexFormat.of().parseHex("020100301006072a8648ce3d020106052b81040022");

    private static final BigInteger THREE = BigInteger.valueOf(3);

    private IdKeyFile() {}

    /**
     * Reads a key pair.
     *
     * @param pem the file's text
     * @throws GeneralSecurityException if there is no such key in it
     */
    public static KeyPair read(String pem) throws GeneralSecurityException {
        Matcher matcher = PEM.matcher(pem);
        if (!matcher.find()) {
            throw new InvalidKeyException("no unencrypted private key in PEM");
        }
        byte[] der;
        try {
            der = Base64.getMimeDecoder().decode(matcher.group(2).getBytes(StandardCharsets.US_ASCII));
        } catch (IllegalArgumentException broken) {
            throw new InvalidKeyException("the PEM has no base64", broken);
        }
        byte[] pkcs8 = matcher.group(1) == null ? der : wrap(der);
        KeyFactory factory = KeyFactory.getInstance("EC");
        ECPrivateKey secret = (ECPrivateKey) factory.generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
        AlgorithmParameters named = AlgorithmParameters.getInstance("EC");
        named.init(new ECGenParameterSpec(CURVE));
        ECParameterSpec curve = named.getParameterSpec(ECParameterSpec.class);
        if (!secret.getParams().getOrder().equals(curve.getOrder())) {
            throw new InvalidKeyException("not a key of P-384: " + secret.getParams());
        }
        ECPoint point = multiply(curve, secret.getS());
        return new KeyPair(factory.generatePublic(new ECPublicKeySpec(point, curve)), secret);
    }

    /** An RFC 5915 key as PKCS #8. */
    private static byte[] wrap(byte[] key) {
        byte[] octets = tagged(OCTETS, key, new byte[0]);
        return tagged(SEQUENCE, HEADER, octets);
    }

    private static byte[] tagged(int tag, byte[] first, byte[] second) {
        int length = first.length + second.length;
        byte[] made = new byte[4 + length];
        made[0] = (byte) tag;
        made[1] = (byte) 0x82;
        made[2] = (byte) (length >> 8);
        made[3] = (byte) length;
        System.arraycopy(first, 0, made, 4, first.length);
        System.arraycopy(second, 0, made, 4 + first.length, second.length);
        return made;
    }

    /** The generator times a number from 1 to the order − 1. Who measures time here learns something: keys are the caller's own. */
    private static ECPoint multiply(ECParameterSpec curve, BigInteger scalar) {
        BigInteger field = ((ECFieldFp) curve.getCurve().getField()).getP();
        ECPoint sum = ECPoint.POINT_INFINITY;
        for (int bit = scalar.bitLength() - 1; bit >= 0; bit--) {
            sum = add(sum, sum, curve, field);
            if (scalar.testBit(bit)) {
                sum = add(sum, curve.getGenerator(), curve, field);
            }
        }
        return sum;
    }

    private static ECPoint add(ECPoint left, ECPoint right, ECParameterSpec curve, BigInteger field) {
        if (left.equals(ECPoint.POINT_INFINITY)) {
            return right;
        }
        if (right.equals(ECPoint.POINT_INFINITY)) {
            return left;
        }
        BigInteger x = left.getAffineX();
        BigInteger y = left.getAffineY();
        BigInteger rise;
        BigInteger run;
        if (left.equals(right)) {
            rise = x.multiply(x).multiply(THREE).add(curve.getCurve().getA());
            run = y.shiftLeft(1);
        } else if (x.equals(right.getAffineX())) {
            return ECPoint.POINT_INFINITY;
        } else {
            rise = right.getAffineY().subtract(y);
            run = right.getAffineX().subtract(x);
        }
        BigInteger slope = rise.multiply(run.modInverse(field)).mod(field);
        BigInteger newX =
                slope.multiply(slope).subtract(x).subtract(right.getAffineX()).mod(field);
        return new ECPoint(newX, slope.multiply(x.subtract(newX)).subtract(y).mod(field));
    }
}
