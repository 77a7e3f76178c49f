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
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** {@code guestmem measure secret}. */
final class MeasureSecretCommand implements Callable<Integer>, Verb {
    private static final int IV_SIZE = 16;

    private final CommandSpec spec = Verb.spec(
            this,
            "secret",
            "Seal secrets for LAUNCH_SECRET of a SEV or SEV-ES guest that was measured.",
            "",
            "Only the security processor that gave the measurement can open the packet. The guest finds the table of OVMF: each"
                    + " secret with its GUID. Check the measurement first ('guestmem measure sev --tik FILE --measurement BASE64').",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final Argument<Path> tik =
            Argument.required(spec, "--tik", "FILE", Values.PATH, "The transport integrity key.");

    private final Argument<Path> tek =
            Argument.required(spec, "--tek", "FILE", Values.PATH, "The transport encryption key.");

    private final Argument<String> measurement =
            Argument.required(spec, "--measurement", "BASE64", Values.TEXT, "What LAUNCH_MEASURE returned.");

    private final Argument<Map<String, Path>> secrets = Argument.requiredPairs(
            spec, "--secret", "GUID=FILE", Values.TEXT, Values.PATH, "A secret and what it is; may be repeated.");

    private final Argument<String> iv = Argument.option(
            spec, "--iv", "HEX", Values.TEXT, "16 bytes that were never used with this key (default: random).");

    private final Argument<Path> header =
            Argument.required(spec, "--header", "FILE", Values.PATH, "Write the packet's header there.");

    private final Argument<Path> data =
            Argument.required(spec, "--data", "FILE", Values.PATH, "Write the encrypted table there.");

    @Override
    public Integer call() throws IOException {
        byte[] table = table();
        byte[] start = new byte[IV_SIZE];
        if (iv.isPresent()) {
            start = MeasureOptions.digest(spec, "--iv", iv.value(), IV_SIZE);
        } else {
            new SecureRandom().nextBytes(start);
        }
        LaunchSecret packet = LaunchSecret.seal(
                MeasureOwnerOptions.key(spec, "--tek", tek.value()),
                MeasureOwnerOptions.key(spec, "--tik", tik.value()),
                start,
                table,
                MeasureOwnerOptions.measurement(spec, measurement.value()));
        Files.write(header.value(), packet.header());
        Files.write(data.value(), packet.data());
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
        for (Map.Entry<String, Path> secret : secrets.value().entrySet()) {
            contents.put(secret.getKey(), Files.readAllBytes(secret.getValue()));
        }
        try {
            return LaunchSecret.table(contents);
        } catch (IllegalArgumentException wrong) {
            throw new ParameterException(spec.commandLine(), "--secret: " + wrong.getMessage(), wrong);
        }
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
