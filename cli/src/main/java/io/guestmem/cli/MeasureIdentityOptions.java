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
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The ID block of an SNP guest and who signs it. */
final class MeasureIdentityOptions {
    private static final int ID_SIZE = 16;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec;

    @Option(
            names = "--id-key",
            paramLabel = "PEM",
            description = "Signs an ID block with the digest: a private key on P-384.")
    private Optional<Path> idKey = Optional.empty();

    @Option(names = "--author-key", paramLabel = "PEM", description = "Signs the ID key: a private key on P-384.")
    private Optional<Path> authorKey = Optional.empty();

    @Option(names = "--id-block", paramLabel = "FILE", description = "Write the ID block there: 96 bytes.")
    private Optional<Path> blockFile = Optional.empty();

    @Option(
            names = "--id-auth",
            paramLabel = "FILE",
            description = "Write keys and signatures there: the ID authentication page, 4096 bytes.")
    private Optional<Path> authFile = Optional.empty();

    @Option(names = "--family-id", paramLabel = "HEX", description = "16 bytes of the owner's choice (default: 0).")
    private Optional<String> family = Optional.empty();

    @Option(names = "--image-id", paramLabel = "HEX", description = "16 bytes of the owner's choice (default: 0).")
    private Optional<String> image = Optional.empty();

    @Option(
            names = "--guest-svn",
            paramLabel = "N",
            defaultValue = "0",
            description = "Security version of the guest (default: ${DEFAULT-VALUE}).")
    private Long svn;

    @Option(
            names = "--policy",
            paramLabel = "N",
            defaultValue = "0x30000",
            description = "Policy that the guest is started with (default: ${DEFAULT-VALUE}).")
    private Long policy;

    /** Refuses options that do not belong together. */
    void check() {
        if (idKey.isEmpty() && (blockFile.isPresent() || authFile.isPresent() || authorKey.isPresent())) {
            throw new ParameterException(spec.commandLine(), "--id-block, --id-auth and --author-key need --id-key");
        }
    }

    /** The digests of the keys, and the files, if they are wanted. */
    MeasureOptions.Rows of(byte[] digest) throws IOException {
        if (idKey.isEmpty()) {
            return MeasureOptions.Rows.NONE;
        }
        KeyPair id = read("--id-key", idKey.get());
        Optional<KeyPair> author =
                authorKey.isPresent() ? Optional.of(read("--author-key", authorKey.get())) : Optional.empty();
        IdBlock block = IdBlock.of(digest, id("--family-id", family), id("--image-id", image), svn, policy);
        Map<String, String> rows = new LinkedHashMap<>();
        rows.put("id_block", HexFormat.of().formatHex(block.bytes()));
        rows.put("id_key_digest", digest(id));
        author.ifPresent(key -> rows.put("author_key_digest", digest(key)));
        if (blockFile.isPresent()) {
            Files.write(blockFile.get(), block.bytes());
        }
        if (authFile.isPresent()) {
            Files.write(authFile.get(), page(block, id, author));
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
