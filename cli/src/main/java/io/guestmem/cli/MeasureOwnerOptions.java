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
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What the owner of a SEV guest needs to check what LAUNCH_MEASURE returned. */
final class MeasureOwnerOptions {
    private static final int KEY_SIZE = LaunchMeasurement.KEY_SIZE;
    private static final int NUMBERS = 2;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec;

    @Option(
            names = "--tik",
            paramLabel = "FILE",
            description = "The transport integrity key, 16 bytes: adds the HMAC that LAUNCH_MEASURE returns.")
    private Optional<Path> tik = Optional.empty();

    @Option(names = "--api", paramLabel = "MAJOR.MINOR", description = "Version of the SEV firmware.")
    private Optional<String> api = Optional.empty();

    @Option(names = "--build", paramLabel = "N", description = "Build of the SEV firmware.")
    private Optional<Long> build = Optional.empty();

    @Option(names = "--policy", paramLabel = "N", description = "Policy of the guest.")
    private Optional<Long> policy = Optional.empty();

    @Option(names = "--nonce", paramLabel = "HEX", description = "The nonce in the measurement, 16 bytes.")
    private Optional<String> nonce = Optional.empty();

    @Option(
            names = "--measurement",
            paramLabel = "BASE64",
            description = "What LAUNCH_MEASURE returned, HMAC and nonce: is compared, instead of --nonce.")
    private Optional<String> measurement = Optional.empty();

    /** The HMAC of a digest, if it is wanted. */
    MeasureOptions.Rows of(byte[] digest) throws IOException {
        if (tik.isEmpty()) {
            return MeasureOptions.Rows.NONE;
        }
        Optional<byte[]> returned = measurement.map(text -> measurement(spec, text));
        byte[] salt = returned.isPresent()
                ? Arrays.copyOfRange(
                        returned.get(), LaunchMeasurement.SIZE - LaunchMeasurement.NONCE_SIZE, LaunchMeasurement.SIZE)
                : MeasureOptions.digest(spec, "--nonce", nonce.orElse(""), LaunchMeasurement.NONCE_SIZE);
        int[] version = version();
        byte[] right = new LaunchMeasurement(
                        version[0], version[1], Math.toIntExact(build.orElse(0L)), policy.orElse(0L))
                .of(key(spec, "--tik", tik.get()), digest, salt);
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
        if (tik.isEmpty() && others) {
            throw new ParameterException(
                    spec.commandLine(), "--nonce, --measurement, --api, --build and --policy need --tik");
        }
        if (tik.isPresent()
                && (api.isEmpty()
                        || build.isEmpty()
                        || policy.isEmpty()
                        || nonce.isPresent() == measurement.isPresent())) {
            throw new ParameterException(
                    spec.commandLine(), "--tik needs --api, --build, --policy, and one of --nonce and --measurement");
        }
    }

    private int[] version() {
        String[] numbers = api.orElse("").split("\\.", -1);
        try {
            if (numbers.length == NUMBERS) {
                return new int[] {Integer.parseInt(numbers[0]), Integer.parseInt(numbers[1])};
            }
        } catch (NumberFormatException _) {
            // Said below.
        }
        throw new ParameterException(spec.commandLine(), "--api: '" + api.orElse("") + "' is no version like 1.55");
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
