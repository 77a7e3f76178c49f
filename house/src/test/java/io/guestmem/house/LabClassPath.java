package io.guestmem.house;

import io.guestmem.lab.LabFile;
import io.guestmem.lab.LabRequest;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URISyntaxException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Programs of these tests in the lab's guest: their main class is a module, as the lab wants it, all else is on the class path. */
final class LabClassPath {
    private LabClassPath() {}

    /**
     * A run of a class of this room.
     *
     * @param directory for temporary files
     * @param archives jars, and directories of classes
     */
    static LabRequest request(Path directory, Class<?> main, List<Path> archives)
            throws IOException, URISyntaxException {
        Path modules = Files.createDirectory(directory.resolve("modules"));
        Path own = archiveOf(main);
        Path room = own.resolve(main.getPackageName().replace('.', '/'));
        try (JarOutputStream jar = new JarOutputStream(Files.newOutputStream(modules.resolve("suite.jar")));
                DirectoryStream<Path> classes = Files.newDirectoryStream(room, main.getSimpleName() + "*.class")) {
            for (Path file : classes) {
                add(jar, own, own.relativize(file).toString());
            }
        }
        List<LabFile> files = new ArrayList<>();
        for (Path archive : archives) {
            Path jar = Files.isDirectory(archive) ? jarOf(directory, archive) : archive;
            files.add(new LabFile(jar, "/in/" + jar.getFileName()));
        }
        String classPath = files.stream().map(LabFile::guest).collect(Collectors.joining(":"));
        return LabRequest.of(modules, "suite/" + main.getName())
                .withNativeAccess(Set.of("ALL-UNNAMED"))
                .withEnvironment(Map.of("JDK_JAVA_OPTIONS", "-cp " + classPath))
                .withFiles(files);
    }

    /** The jar or directory that a class comes from. */
    static Path archiveOf(Class<?> type) throws URISyntaxException {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
    }

    /** A directory of classes as a jar. */
    private static Path jarOf(Path directory, Path classes) throws IOException {
        Path file = Files.createTempFile(directory, "classes-", ".jar");
        try (OutputStream out = Files.newOutputStream(file);
                JarOutputStream jar = new JarOutputStream(out);
                Stream<Path> all = Files.walk(classes)) {
            for (Path entry : all.filter(Files::isRegularFile).toList()) {
                add(jar, classes, classes.relativize(entry).toString());
            }
        }
        return file;
    }

    private static void add(JarOutputStream jar, Path classes, String name) throws IOException {
        jar.putNextEntry(new JarEntry(name));
        Files.copy(classes.resolve(name), jar);
        jar.closeEntry();
    }
}
