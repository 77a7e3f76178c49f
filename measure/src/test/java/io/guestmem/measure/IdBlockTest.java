package io.guestmem.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PublicKey;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What the owner of an SNP guest signs. */
class IdBlockTest {
    private static final Vector VECTOR = Vector.named("idblock.json", "ssm_id_block");

    @Test
    void theBlockIsThePublishedOne() {
        assertThat(Base64.getEncoder().encodeToString(block().bytes()))
                .isEqualTo(VECTOR.text("expected_id_block_base64"));
        assertThat(block().digest()).isEqualTo(Base64.getDecoder().decode(VECTOR.text("launch_digest_base64")));
    }

    @Test
    void theDigestsOfKeysAreThePublishedOnes() throws GeneralSecurityException {
        assertThat(digest("id_key")).isEqualTo(VECTOR.text("expected_id_key_digest_base64"));
        assertThat(digest("author_key")).isEqualTo(VECTOR.text("expected_author_key_digest_base64"));
    }

    @Test
    void bothSignaturesHold() throws GeneralSecurityException {
        KeyPair idKey = generate("secp384r1");
        KeyPair authorKey = generate("secp384r1");

        byte[] page = IdAuthentication.page(block(), idKey, Optional.of(authorKey));

        assertThat(page).hasSize(4096).startsWith(1, 0, 0, 0, 1, 0, 0, 0);
        byte[] key = Arrays.copyOfRange(page, 0x240, 0x240 + 1028);
        assertThat(key).isEqualTo(IdAuthentication.key((ECPublicKey) idKey.getPublic()));
        assertThat(holds(idKey.getPublic(), block().bytes(), page, 0x40)).isTrue();
        assertThat(holds(authorKey.getPublic(), key, page, 0x680)).isTrue();
        assertThat(Arrays.copyOfRange(page, 0x880, 0x880 + 1028))
                .isEqualTo(IdAuthentication.key((ECPublicKey) authorKey.getPublic()));
    }

    @Test
    void anAuthorIsOptionalAndOtherCurvesAreRefused() throws GeneralSecurityException {
        byte[] page = IdAuthentication.page(block(), generate("secp384r1"), Optional.empty());

        assertThat(page).startsWith(1, 0, 0, 0, 0, 0, 0, 0);
        assertThat(Arrays.copyOfRange(page, 0x680, 4096)).containsOnly(0);
        assertThatThrownBy(() -> IdAuthentication.page(block(), generate("secp256r1"), Optional.empty()))
                .hasMessageContaining("P-384");
    }

    private static IdBlock block() {
        return IdBlock.of(
                Base64.getDecoder().decode(VECTOR.text("launch_digest_base64")),
                new byte[16],
                new byte[16],
                0,
                Long.decode(VECTOR.text("policy")));
    }

    private static String digest(String key) throws GeneralSecurityException {
        String pem = new String(Vector.bytes(VECTOR.text(key)), StandardCharsets.US_ASCII);
        byte[] der = Base64.getMimeDecoder().decode(pem.replaceAll("-----[A-Z ]+-----", ""));
        PublicKey parsed = KeyFactory.getInstance("EC").generatePublic(new X509EncodedKeySpec(der));
        return Base64.getEncoder().encodeToString(IdAuthentication.keyDigest((ECPublicKey) parsed));
    }

    private static KeyPair generate(String curve) throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec(curve));
        return generator.generateKeyPair();
    }

    private static boolean holds(PublicKey key, byte[] message, byte[] page, int at) throws GeneralSecurityException {
        byte[] both = new byte[96];
        for (int half = 0; half < 2; half++) {
            byte[] little = Arrays.copyOfRange(page, at + half * 72, at + half * 72 + 72);
            assertThat(Arrays.copyOfRange(little, 48, 72)).containsOnly(0);
            for (int i = 0; i < 48; i++) {
                both[half * 48 + i] = little[47 - i];
            }
        }
        assertThat(new BigInteger(1, both)).isPositive();
        Signature signature = Signature.getInstance("SHA384withECDSAinP1363Format");
        signature.initVerify(key);
        signature.update(message);
        return signature.verify(both);
    }
}
