package io.guestmem.house;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/** The checkout that is tested. */
final class Checkout {
    /** Its directory. */
    static final Path ROOT = Path.of(Objects.requireNonNull(System.getProperty("guestmem.root"), "guestmem.root"));

    private static final Set<String> HIDDEN = Set.of(".ci", ".mvn");

    private Checkout() {}

    /** Every file that is source, by its path from the root: no build products, nothing hidden but the build's own. */
    static List<Path> files() throws IOException {
        List<Path> files = new ArrayList<>();
        Files.walkFileTree(ROOT, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                String name = directory.getFileName().toString();
                boolean foreign = name.equals("target") || (name.startsWith(".") && !HIDDEN.contains(name));
                return foreign && !directory.equals(ROOT) ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                Path path = ROOT.relativize(file);
                if (!path.startsWith(".git") && !path.toString().startsWith(".mvn/build.")) {
                    files.add(path);
                }
                return FileVisitResult.CONTINUE;
            }
        });
        files.sort(null);
        return files;
    }

    /** The lines of a source file; empty if it is not text. */
    static Optional<List<String>> lines(Path file) throws IOException {
        try {
            return Optional.of(Files.readAllLines(ROOT.resolve(file)));
        } catch (CharacterCodingException _) {
            return Optional.empty();
        }
    }

    /** Copies every source file, with its permissions and times, to another directory. */
    static void copyTo(Path directory) throws IOException {
        for (Path file : files()) {
            Path target = directory.resolve(file);
            Files.createDirectories(Objects.requireNonNull(target.getParent()));
            Files.copy(ROOT.resolve(file), target, StandardCopyOption.COPY_ATTRIBUTES);
        }
    }
}
