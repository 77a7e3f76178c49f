package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.spec.ECGenParameterSpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Launches of confidential guests on the command line: those that are simulated, and what an owner computes. */
class LaunchCommandTest {
    /** Published for sevctl: firmware, kernel, initrd and command line (virtee/sevctl {@code tests/measurementbuild.rs}). */
    private static final Path VECTORS = Checkout.ROOT
            .resolve("measure/src/test/resources/io/guestmem/measure")
            .toAbsolutePath();

    private static final String WITH_KERNEL = "h3auYbWQnVW7EGLWN4Hf9SN0oEYMPU2sK4bLnefWPwvDE/q1EcIWsVBbGy6pkDxA";

    @TempDir
    private Path directory;

    private Map<String, @Nullable Object> json(int status, String... arguments) throws Exception {
        Command.Outcome outcome = Guestmem.command(directory, arguments).run();
        assertThat(outcome.status()).as(outcome.err()).isEqualTo(status);
        return Json.object(outcome.out());
    }

    private Path image() throws Exception {
        byte[] bytes = new byte[64 << 10];
        new Random(7).nextBytes(bytes);
        return Files.write(directory.resolve("memory.bin"), bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"sev", "sev-es", "snp", "tdx"})
    void aSimulatedLaunchIsMeasuredAsPredictedAndSaysThatItIsSimulated(String type) throws Exception {
        Map<String, @Nullable Object> json = json(
                0,
                "demo",
                "--kernel",
                "soft",
                "--vm-type",
                type,
                "--json",
                "--memory",
                "64K",
                "--image",
                image().toString());

        assertThat(json)
                .containsEntry("kernel", "soft")
                .containsEntry("simulated", true)
                .containsEntry("vm_type", type.replace('-', '_'))
                .containsEntry("match", true)
                .containsEntry("ok", true);
        assertThat(json.get("digest")).isEqualTo(json.get("predicted"));
        assertThat(Json.objects(json, "steps"))
                .isNotEmpty()
                .allSatisfy(step -> assertThat(step.get("done")).isEqualTo(step.get("size")));
        Map<String, @Nullable Object> before = Json.objects(json, "moments").get(1);
        assertThat(before.containsKey("refused"))
                .as("pre-fault before the launch is finished")
                .isEqualTo(type.equals("snp") || type.equals("tdx"));
        assertThat(Json.objects(json, "moments").getLast()).doesNotContainKey("refused");
    }

    @Test
    void theDigestOfASimulatedSevLaunchIsTheFilesHash() throws Exception {
        Path image = image();
        String hash =
                HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(image)));

        assertThat(json(
                        0,
                        "demo",
                        "--kernel",
                        "soft",
                        "--vm-type",
                        "sev",
                        "--json",
                        "--memory",
                        "64K",
                        "--image",
                        image.toString()))
                .containsEntry("digest", hash);
    }

    @Test
    void anOwnerChecksWhatLaunchMeasureReturned() throws Exception {
        String[] owner = {
            "measure",
            "sev",
            "--json",
            "--firmware",
            VECTORS.resolve("sevctl_ovmf_amdsev_trimmed.bin").toString(),
            "--kernel",
            VECTORS.resolve("vmlinuz-fake").toString(),
            "--initrd",
            VECTORS.resolve("initrd-fake").toString(),
            "--append",
            "foo bar baz fake kernel=cmdline",
            "--tik",
            VECTORS.resolve("tik1.bin").toString(),
            "--api",
            "1.40",
            "--build",
            "40",
            "--policy",
            "3",
            "--measurement",
            WITH_KERNEL
        };

        assertThat(json(0, owner)).containsEntry("measurement", WITH_KERNEL).containsEntry("measurement_match", true);
        owner[14] = "1.41";
        assertThat(json(1, owner)).containsEntry("measurement_match", false);
    }

    @Test
    void anIdBlockHasTheDigestAndASignedPage() throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp384r1"));
        byte[] der = generator.generateKeyPair().getPrivate().getEncoded();
        String pem = "-----BEGIN PRIVATE KEY-----\n" + Base64.getMimeEncoder().encodeToString(der)
                + "\n-----END PRIVATE KEY-----\n";
        Path key = Files.writeString(directory.resolve("key.pem"), pem);
        String firmware = VECTORS.resolve("ovmf_OvmfX64_suffix.bin").toString();

        Map<String, @Nullable Object> json = json(
                0,
                "measure",
                "snp",
                "--json",
                "--firmware",
                firmware,
                "--id-key",
                key.toString(),
                "--guest-svn",
                "7",
                "--id-block",
                "block",
                "--id-auth",
                "auth");

        byte[] block = Files.readAllBytes(directory.resolve("block"));
        assertThat(HexFormat.of().formatHex(block)).isEqualTo(json.get("id_block"));
        assertThat(HexFormat.of().formatHex(block, 0, 48)).isEqualTo(json.get("digest"));
        assertThat(HexFormat.of().formatHex(block, 80, 96)).isEqualTo("01000000" + "07000000" + "0000030000000000");
        byte[] page = Files.readAllBytes(directory.resolve("auth"));
        assertThat(page).hasSize(4096);
        assertThat(HexFormat.of()
                        .formatHex(MessageDigest.getInstance("SHA-384")
                                .digest(Arrays.copyOfRange(page, 0x240, 0x240 + 1028))))
                .isEqualTo(json.get("id_key_digest"));
    }

    @Test
    void aSecretIsSealedForOneMeasurement() throws Exception {
        Files.write(directory.resolve("tek"), new byte[16]);
        Files.writeString(directory.resolve("secret"), "open sesame");

        Map<String, @Nullable Object> json = json(
                0,
                "measure",
                "secret",
                "--json",
                "--tik",
                VECTORS.resolve("tik1.bin").toString(),
                "--tek",
                "tek",
                "--measurement",
                WITH_KERNEL,
                "--iv",
                "00000000000000000000000000000001",
                "--secret",
                "736869e5-84f0-4973-92ec-06879ce3da0b=secret",
                "--header",
                "header",
                "--data",
                "data");

        byte[] header = Files.readAllBytes(directory.resolve("header"));
        assertThat(HexFormat.of().formatHex(header)).isEqualTo(json.get("header"));
        assertThat(HexFormat.of().formatHex(header, 0, 20)).isEqualTo("00000000" + "00000000000000000000000000000001");
        assertThat(Files.size(directory.resolve("data"))).isEqualTo(64);
    }
}
