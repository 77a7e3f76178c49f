package io.guestmem.cli;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFile.ClassHierarchyResolverOption;
import java.lang.classfile.ClassFile.StackMapsOption;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.lang.constant.ClassDesc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * Gives the classes of jars the class file format of Java 8, where theirs is older: the same code, with the stack maps that it
 * lacks. The AOT cache holds no class of a format before Java 6 (JDK 25, {@code SystemDictionaryShared}: old classes), and picocli's
 * is of Java 5: without this every start would read, verify and link its parser anew, which takes longer than most commands.
 */
final class ClassFileRenewal {
    private static final String CLASS = ".class";

    private final Map<String, byte[]> entries = new LinkedHashMap<>();
    private final ClassFile format = ClassFile.of(
            StackMapsOption.GENERATE_STACK_MAPS,
            ClassHierarchyResolverOption.of(ClassHierarchyResolver.ofResourceParsing(this::resource)
                    .orElse(ClassHierarchyResolver.defaultResolver())
                    .cached()));

    private ClassFileRenewal(Path jar) throws IOException {
        try (JarFile file = new JarFile(jar.toFile())) {
            for (JarEntry entry : file.stream().toList()) {
                try (InputStream content = file.getInputStream(entry)) {
                    entries.put(entry.getName(), content.readAllBytes());
                }
            }
        }
    }

    /** Renews each of these jars in its place; one with nothing old in it stays as it is. */
    public static void main(String[] jars) throws IOException {
        for (String each : jars) {
            Path jar = Path.of(each);
            ClassFileRenewal renewal = new ClassFileRenewal(jar);
            if (renewal.renew()) {
                renewal.write(jar);
            }
        }
    }

    private boolean renew() {
        boolean changed = false;
        for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
            if (entry.getKey().endsWith(CLASS)) {
                ClassModel old = format.parse(entry.getValue());
                if (old.majorVersion() < ClassFile.JAVA_6_VERSION) {
                    entry.setValue(format.transformClass(old, renewed()));
                    changed = true;
                }
            }
        }
        return changed;
    }

    /** Method bodies are built anew, for only then are stack maps made. */
    private static ClassTransform renewed() {
        ClassTransform version = (to, element) -> {
            if (element instanceof ClassFileVersion) {
                to.withVersion(ClassFile.JAVA_8_VERSION, 0);
            } else {
                to.with(element);
            }
        };
        return version.andThen(ClassTransform.transformingMethodBodies(CodeTransform.ACCEPT_ALL));
    }

    private @Nullable InputStream resource(ClassDesc type) {
        String descriptor = type.descriptorString();
        byte[] bytes = entries.get(descriptor.substring(1, descriptor.length() - 1) + CLASS);
        return bytes == null ? null : new ByteArrayInputStream(bytes);
    }

    private void write(Path jar) throws IOException {
        Path renewed = jar.resolveSibling(jar.getFileName() + ".renewed");
        try (OutputStream file = Files.newOutputStream(renewed);
                JarOutputStream out = new JarOutputStream(file)) {
            for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
                out.putNextEntry(new JarEntry(entry.getKey()));
                out.write(entry.getValue());
                out.closeEntry();
            }
        }
        Files.move(renewed, jar, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}
