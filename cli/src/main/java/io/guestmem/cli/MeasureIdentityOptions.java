package io.guestmem.cli;

import io.guestmem.measure.IdAuthentication;
import io.guestmem.measure.IdBlock;
import io.guestmem.measure.IdKeyFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.interfaces.ECPublicKey;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** The ID block of an SNP guest and who signs it. */
final class MeasureIdentityOptions {
    private static final int ID_SIZE = 16;

    private final CommandSpec spec;
    private final Argument<Path> idKey;
    private final Argument<Path> authorKey;
    private final Argument<Path> blockFile;
    private final Argument<Path> authFile;
    private final Argument<String> family;
    private final Argument<String> image;
    private final Argument<Long> svn;
    private final Argument<Long> policy;

    MeasureIdentityOptions(CommandSpec spec) {
        this.spec = spec;
        idKey = Argument.option(
                spec, "--id-key", "PEM", Values.PATH, "Signs an ID block with the digest: a private key on P-384.");
        authorKey =
                Argument.option(spec, "--author-key", "PEM", Values.PATH, "Signs the ID key: a private key on P-384.");
        blockFile = Argument.option(spec, "--id-block", "FILE", Values.PATH, "Write the ID block there: 96 bytes.");
        authFile = Argument.option(
                spec,
                "--id-auth",
                "FILE",
                Values.PATH,
                "Write keys and signatures there: the ID authentication page, 4096 bytes.");
        family = Argument.option(
                spec, "--family-id", "HEX", Values.TEXT, "16 bytes of the owner's choice (default: 0).");
        image = Argument.option(spec, "--image-id", "HEX", Values.TEXT, "16 bytes of the owner's choice (default: 0).");
        svn = Argument.option(
                spec,
                "--guest-svn",
                "N",
                RawNumber::parse,
                "0",
                "Security version of the guest (default: ${DEFAULT-VALUE}).");
        policy = Argument.option(
                spec,
                "--policy",
                "N",
                RawNumber::parse,
                "0x30000",
                "Policy that the guest is started with (default: ${DEFAULT-VALUE}).");
    }

    /** Refuses options that do not belong together. */
    void check() {
        if (!idKey.isPresent() && (blockFile.isPresent() || authFile.isPresent() || authorKey.isPresent())) {
            throw new ParameterException(spec.commandLine(), "--id-block, --id-auth and --author-key need --id-key");
        }
    }

    /** The digests of the keys, and the files, if they are wanted. */
    MeasureOptions.Rows of(byte[] digest) throws IOException {
        if (!idKey.isPresent()) {
            return MeasureOptions.Rows.NONE;
        }
        KeyPair id = read("--id-key", idKey.value());
        Optional<KeyPair> author =
                authorKey.isPresent() ? Optional.of(read("--author-key", authorKey.value())) : Optional.empty();
        IdBlock block = IdBlock.of(
                digest,
                id("--family-id", family.optional()),
                id("--image-id", image.optional()),
                svn.value(),
                policy.value());
        Map<String, String> rows = new LinkedHashMap<>();
        rows.put("id_block", HexFormat.of().formatHex(block.bytes()));
        rows.put("id_key_digest", digest(id));
        author.ifPresent(key -> rows.put("author_key_digest", digest(key)));
        if (blockFile.isPresent()) {
            Files.write(blockFile.value(), block.bytes());
        }
        if (authFile.isPresent()) {
            Files.write(authFile.value(), page(block, id, author));
        }
        return new MeasureOptions.Rows(rows, Optional.empty());
    }

    private byte[] page(IdBlock block, KeyPair id, Optional<KeyPair> author) {
        try {
            return IdAuthentication.page(block, id, author);
        } catch (GeneralSecurityException refused) {
            throw new ParameterException(spec.commandLine(), "--id-key: " + refused.getMessage(), refused);
        }
    }

    private static String digest(KeyPair key) {
        return HexFormat.of().formatHex(IdAuthentication.keyDigest((ECPublicKey) key.getPublic()));
    }

    private byte[] id(String option, Optional<String> hex) {
        return hex.map(text -> MeasureOptions.digest(spec, option, text, ID_SIZE))
                .orElse(new byte[ID_SIZE]);
    }

    private KeyPair read(String option, Path file) throws IOException {
        String pem = Files.readString(file);
        try {
            return IdKeyFile.read(pem);
        } catch (GeneralSecurityException broken) {
            throw new ParameterException(spec.commandLine(), option + ": " + file + ": " + broken.getMessage(), broken);
        }
    }
}
