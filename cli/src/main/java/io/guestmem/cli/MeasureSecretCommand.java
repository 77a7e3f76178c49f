package io.guestmem.cli;

import io.guestmem.measure.LaunchSecret;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code guestmem measure secret}. */
@Command(
        name = "secret",
        header = "Seal secrets for LAUNCH_SECRET of a SEV or SEV-ES guest that was measured.",
        description = {
            "",
            "Only the security processor that gave the measurement can open the packet. The guest finds the table of OVMF: each"
                    + " secret with its GUID. Check the measurement first ('guestmem measure sev --tik FILE --measurement BASE64').",
            ""
        })
final class MeasureSecretCommand implements Callable<Integer> {
    private static final int IV_SIZE = 16;

    @Spec
    private CommandSpec spec;

    @Mixin
    private OutputOptions output;

    @Option(names = "--tik", paramLabel = "FILE", required = true, description = "The transport integrity key.")
    private Path tik;

    @Option(names = "--tek", paramLabel = "FILE", required = true, description = "The transport encryption key.")
    private Path tek;

    @Option(
            names = "--measurement",
            paramLabel = "BASE64",
            required = true,
            description = "What LAUNCH_MEASURE returned.")
    private String measurement;

    @Option(
            names = "--secret",
            paramLabel = "GUID=FILE",
            required = true,
            description = "A secret and what it is; may be repeated.")
    private Map<String, Path> secrets = new LinkedHashMap<>();

    @Option(
            names = "--iv",
            paramLabel = "HEX",
            description = "16 bytes that were never used with this key (default: random).")
    private Optional<String> iv = Optional.empty();

    @Option(names = "--header", paramLabel = "FILE", required = true, description = "Write the packet's header there.")
    private Path header;

    @Option(names = "--data", paramLabel = "FILE", required = true, description = "Write the encrypted table there.")
    private Path data;

    @Override
    public Integer call() throws IOException {
        byte[] table = table();
        byte[] start = new byte[IV_SIZE];
        if (iv.isPresent()) {
            start = MeasureOptions.digest(spec, "--iv", iv.get(), IV_SIZE);
        } else {
            new SecureRandom().nextBytes(start);
        }
        LaunchSecret packet = LaunchSecret.seal(
                MeasureOwnerOptions.key(spec, "--tek", tek),
                MeasureOwnerOptions.key(spec, "--tik", tik),
                start,
                table,
                MeasureOwnerOptions.measurement(spec, measurement));
        Files.write(header, packet.header());
        Files.write(data, packet.data());
        PrintWriter out = spec.commandLine().getOut();
        if (output.json()) {
            JsonResult.print(out, "measure secret", json -> {
                json.writeStringProperty("header", HexFormat.of().formatHex(packet.header()));
                json.writeNumberProperty("size", packet.data().length);
            });
        } else {
            out.println("header  " + HexFormat.of().formatHex(packet.header()));
            out.println("size    " + packet.data().length);
        }
        return ExitStatus.DONE;
    }

    private byte[] table() throws IOException {
        Map<String, byte[]> contents = new LinkedHashMap<>();
        for (Map.Entry<String, Path> secret : secrets.entrySet()) {
            contents.put(secret.getKey(), Files.readAllBytes(secret.getValue()));
        }
        try {
            return LaunchSecret.table(contents);
        } catch (IllegalArgumentException wrong) {
            throw new ParameterException(spec.commandLine(), "--secret: " + wrong.getMessage(), wrong);
        }
    }
}
