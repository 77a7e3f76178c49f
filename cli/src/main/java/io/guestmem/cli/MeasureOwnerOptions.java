package io.guestmem.cli;

import io.guestmem.measure.LaunchMeasurement;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** What the owner of a SEV guest needs to check what LAUNCH_MEASURE returned. */
final class MeasureOwnerOptions {
    private static final int KEY_SIZE = LaunchMeasurement.KEY_SIZE;
    private static final int NUMBERS = 2;

    private final CommandSpec spec;
    private final Argument<Path> tik;
    private final Argument<String> api;
    private final Argument<Long> build;
    private final Argument<Long> policy;
    private final Argument<String> nonce;
    private final Argument<String> measurement;

    MeasureOwnerOptions(CommandSpec spec) {
        this.spec = spec;
        tik = Argument.option(
                spec,
                "--tik",
                "FILE",
                Values.PATH,
                "The transport integrity key, 16 bytes: adds the HMAC that LAUNCH_MEASURE returns.");
        api = Argument.option(spec, "--api", "MAJOR.MINOR", Values.TEXT, "Version of the SEV firmware.");
        build = Argument.option(spec, "--build", "N", RawNumber::parse, "Build of the SEV firmware.");
        policy = Argument.option(spec, "--policy", "N", RawNumber::parse, "Policy of the guest.");
        nonce = Argument.option(spec, "--nonce", "HEX", Values.TEXT, "The nonce in the measurement, 16 bytes.");
        measurement = Argument.option(
                spec,
                "--measurement",
                "BASE64",
                Values.TEXT,
                "What LAUNCH_MEASURE returned, HMAC and nonce: is compared, instead of --nonce.");
    }

    /** The HMAC of a digest, if it is wanted. */
    MeasureOptions.Rows of(byte[] digest) throws IOException {
        if (!tik.isPresent()) {
            return MeasureOptions.Rows.NONE;
        }
        Optional<byte[]> returned = measurement.optional().map(text -> measurement(spec, text));
        byte[] salt = returned.isPresent()
                ? Arrays.copyOfRange(
                        returned.get(), LaunchMeasurement.SIZE - LaunchMeasurement.NONCE_SIZE, LaunchMeasurement.SIZE)
                : MeasureOptions.digest(spec, "--nonce", nonce.or(""), LaunchMeasurement.NONCE_SIZE);
        int[] version = version();
        byte[] right = new LaunchMeasurement(version[0], version[1], Math.toIntExact(build.or(0L)), policy.or(0L))
                .of(key(spec, "--tik", tik.value()), digest, salt);
        Map<String, String> rows = new LinkedHashMap<>();
        int hmac = right.length - salt.length;
        rows.put("hmac", HexFormat.of().formatHex(right, 0, hmac));
        rows.put("measurement", Base64.getEncoder().encodeToString(right));
        return new MeasureOptions.Rows(rows, returned.map(bytes -> Arrays.equals(bytes, right)));
    }

    /** Refuses options that do not belong together. */
    void check() {
        boolean others = api.isPresent()
                || build.isPresent()
                || policy.isPresent()
                || nonce.isPresent()
                || measurement.isPresent();
        if (!tik.isPresent() && others) {
            throw new ParameterException(
                    spec.commandLine(), "--nonce, --measurement, --api, --build and --policy need --tik");
        }
        if (tik.isPresent()
                && (!api.isPresent()
                        || !build.isPresent()
                        || !policy.isPresent()
                        || nonce.isPresent() == measurement.isPresent())) {
            throw new ParameterException(
                    spec.commandLine(), "--tik needs --api, --build, --policy, and one of --nonce and --measurement");
        }
    }

    private int[] version() {
        String[] numbers = api.or("").split("\\.", -1);
        try {
            if (numbers.length == NUMBERS) {
                return new int[] {Integer.parseInt(numbers[0]), Integer.parseInt(numbers[1])};
            }
        } catch (NumberFormatException _) {
            // Said below.
        }
        throw new ParameterException(spec.commandLine(), "--api: '" + api.or("") + "' is no version like 1.55");
    }

    /** What LAUNCH_MEASURE returned. */
    static byte[] measurement(CommandSpec spec, String text) {
        byte[] bytes;
        try {
            bytes = Base64.getDecoder().decode(text);
        } catch (IllegalArgumentException _) {
            bytes = new byte[0];
        }
        if (bytes.length != LaunchMeasurement.SIZE) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--measurement: '" + text + "' is not the base64 of " + LaunchMeasurement.SIZE + " bytes");
        }
        return bytes;
    }

    /** A key of 16 bytes. */
    static byte[] key(CommandSpec spec, String option, Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        if (bytes.length != KEY_SIZE) {
            throw new ParameterException(
                    spec.commandLine(), option + ": " + file + " has " + bytes.length + " bytes, not " + KEY_SIZE);
        }
        return bytes;
    }
}
