package io.guestmem.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.measure.firmware.FirmwareFile;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import io.guestmem.measure.launch.KernelHashes;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.measure.launch.SevLaunch;
import io.guestmem.measure.launch.SevSettings;
import java.lang.foreign.MemorySegment;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The stream of SEV, LAUNCH_MEASURE and LAUNCH_SECRET. */
class SevMeasurementTest {
    static List<Vector> measured() {
        return Vector.all("sev_measure.json", "vectors");
    }

    @ParameterizedTest
    @MethodSource("measured")
    void launchMeasureReturnsThePublishedHmac(Vector vector) throws MalformedFirmwareException {
        byte[] key = vector.text("tik").contains("/") ? Vector.bytes("tik1.bin") : hex(vector.text("tik"));
        LaunchMeasurement firmware = new LaunchMeasurement(
                (int) vector.number("api_major"),
                (int) vector.number("api_minor"),
                (int) vector.number("build"),
                vector.number("policy"));

        byte[] measurement = firmware.of(key, digest(vector), hex(vector.text("nonce")));

        vector.optional("expected_hex")
                .ifPresent(hmac ->
                        assertThat(HexFormat.of().formatHex(measurement)).isEqualTo(hmac + vector.text("nonce")));
        vector.optional("expected_base64")
                .ifPresent(all -> assertThat(Base64.getEncoder().encodeToString(measurement))
                        .isEqualTo(all));
    }

    private static byte[] digest(Vector vector) throws MalformedFirmwareException {
        if (vector.optional("firmware").isEmpty()) {
            return hex(vector.text("launch_digest"));
        }
        OvmfFirmware firmware = OvmfFirmware.of(FirmwareFile.of(Vector.bytes(vector.text("firmware"))));
        Optional<KernelHashes> hashes = vector.optional("kernel")
                .map(_ -> KernelHashes.of(
                        MemorySegment.ofArray(Vector.bytes("vmlinuz-fake")),
                        Optional.of(MemorySegment.ofArray(Vector.bytes("initrd-fake"))),
                        vector.text("cmdline")));
        LaunchPlan plan = SevLaunch.plan(Technology.SEV, firmware, SevSettings.STANDARD.withHashes(hashes));
        return ((LaunchPlan.Launches) plan).measure().digest();
    }

    @Test
    void firmwareBeforeApi017LeavesItsVersionOut() {
        byte[] nothing = new byte[16];
        byte[] digest = new byte[32];

        byte[] old = new LaunchMeasurement(0, 16, 1, 0).of(nothing, digest, nothing);

        assertThat(old).isEqualTo(new LaunchMeasurement(0, 16, 99, 0).of(nothing, digest, nothing));
        assertThat(old).isNotEqualTo(new LaunchMeasurement(0, 17, 1, 0).of(nothing, digest, nothing));
    }

    @Test
    void theDigestIsThatOfTheStreamWhateverItsParts() throws GeneralSecurityException {
        byte[] bytes = new byte[48];
        new Random(1).nextBytes(bytes);
        MemorySegment all = MemorySegment.ofArray(bytes);
        SevMeasurement whole = new SevMeasurement(Technology.SEV);
        whole.apply(new LaunchStep.SevData(0, all, ""));
        SevMeasurement parts = new SevMeasurement(Technology.SEV);
        parts.apply(new LaunchStep.SevData(0x5000, all.asSlice(0, 16), ""));
        SevMeasurement rest = parts.checkpoint();
        rest.apply(new LaunchStep.SevData(0, all.asSlice(16), ""));

        assertThat(whole.digest())
                .isEqualTo(rest.digest())
                .isEqualTo(MessageDigest.getInstance("SHA-256").digest(bytes));
        assertThat(parts.digest()).isNotEqualTo(rest.digest());
        assertThat(rest.steps()).isEqualTo(2);
    }

    @Test
    void whatSevCannotEncryptIsRefused() {
        MemorySegment block = MemorySegment.ofArray(new byte[16]);
        assertThatThrownBy(() -> new LaunchStep.SevData(8, block, "")).hasMessageContaining("no multiple of 16: 0x8");
        assertThatThrownBy(() -> new LaunchStep.SevData(0, block.asSlice(0, 15), ""))
                .hasMessageContaining("no multiple of 16: 0xf");
        assertThatThrownBy(() -> new LaunchStep.SevData(0, MemorySegment.NULL, ""))
                .hasMessageContaining("no contents");
        LaunchStep vmsa = new LaunchStep.SevVmsa(0, MemorySegment.ofArray(new byte[4096]));
        assertThatThrownBy(() -> new SevMeasurement(Technology.SEV).apply(vmsa))
                .isInstanceOf(IllegalArgumentException.class);
        new SevMeasurement(Technology.SEV_ES).apply(vmsa);
    }

    @Test
    void aSecretIsOpenedWithTheKeysAndTheMeasurementOnly() throws GeneralSecurityException {
        byte[] encryptionKey = new byte[16];
        byte[] integrityKey = new byte[16];
        byte[] iv = new byte[16];
        Arrays.fill(encryptionKey, (byte) 1);
        Arrays.fill(integrityKey, (byte) 2);
        Arrays.fill(iv, (byte) 3);
        byte[] measurement = new byte[48];
        Arrays.fill(measurement, (byte) 4);
        byte[] table = LaunchSecret.table(Map.of("736870e5-84f0-4973-92ec-06879ce3da0b", new byte[] {5, 6, 7}));

        LaunchSecret secret = LaunchSecret.seal(encryptionKey, integrityKey, iv, table, measurement);

        Cipher cipher = Cipher.getInstance("AES/CTR/NoPadding");
        cipher.init(Cipher.DECRYPT_MODE, new SecretKeySpec(encryptionKey, "AES"), new IvParameterSpec(iv));
        assertThat(cipher.doFinal(secret.data())).isEqualTo(table);
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(integrityKey, "HmacSHA256"));
        mac.update(hex("01" + "00000000" + "03".repeat(16) + "30000000" + "30000000"));
        mac.update(secret.data());
        assertThat(HexFormat.of().formatHex(secret.header()))
                .isEqualTo("00000000" + "03".repeat(16) + HexFormat.of().formatHex(mac.doFinal(hex("04".repeat(32)))));
        assertThat(HexFormat.of().formatHex(table))
                .isEqualTo("42f5741edd71664d963eef4287ff173b" + "2b000000" + "e5706873f084734992ec06879ce3da0b"
                        + "17000000" + "050607" + "0000000000");
    }

    private static byte[] hex(String digits) {
        return HexFormat.of().parseHex(digits);
    }
}
