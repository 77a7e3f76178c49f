package io.guestmem.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.util.Base64;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class IdKeyFileTest {
    /** RFC 6979, A.2.6: a key and its public point. */
    private static final String SECRET =
            "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5";

    private static final String X =
            "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13";
    private static final String Y =
            "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720";

    /** RFC 5915: version 1, the number, the curve. */
    private static final String RFC_5915 = "303e0201010430" + SECRET + "a00706052b81040022";

    private static String pem(String label, byte[] der) {
        String body = Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII))
                .encodeToString(der);
        return "-----BEGIN " + label + "-----\n" + body + "\n-----END " + label + "-----\n";
    }

    @Test
    void thePublicKeyIsComputed() throws GeneralSecurityException {
        byte[] der = HexFormat.of().parseHex(RFC_5915);

        KeyPair pair = IdKeyFile.read("ignored before\n" + pem("EC PRIVATE KEY", der));

        assertThat(((ECPrivateKey) pair.getPrivate()).getS()).isEqualTo(new BigInteger(SECRET, 16));
        ECPublicKey key = (ECPublicKey) pair.getPublic();
        assertThat(key.getW().getAffineX()).isEqualTo(new BigInteger(X, 16));
        assertThat(key.getW().getAffineY()).isEqualTo(new BigInteger(Y, 16));
    }

    @Test
    void keysOfThisJdkAreReadAsTheyAre() throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp384r1"));
        KeyPair made = generator.generateKeyPair();

        KeyPair read = IdKeyFile.read(pem("PRIVATE KEY", made.getPrivate().getEncoded()));

        assertThat(((ECPublicKey) read.getPublic()).getW()).isEqualTo(((ECPublicKey) made.getPublic()).getW());
    }

    @Test
    void otherCurvesAndOtherFilesAreRefused() throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        String small =
                pem("PRIVATE KEY", generator.generateKeyPair().getPrivate().getEncoded());

        assertThatThrownBy(() -> IdKeyFile.read(small))
                .isInstanceOf(InvalidKeyException.class)
                .hasMessageContaining("P-384");
        assertThatThrownBy(() -> IdKeyFile.read("-----BEGIN CERTIFICATE-----"))
                .isInstanceOf(InvalidKeyException.class)
                .hasMessage("no unencrypted private key in PEM");
        assertThatThrownBy(() -> IdKeyFile.read(pem("EC PRIVATE KEY", new byte[40])))
                .isInstanceOf(GeneralSecurityException.class);
    }
}
