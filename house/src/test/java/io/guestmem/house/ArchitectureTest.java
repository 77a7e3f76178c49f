package io.guestmem.house;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.AccessTarget;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaPackage;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.IOException;
import java.lang.foreign.Linker;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.lang.reflect.AccessibleObject;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The rooms and their arrows, as in docs/architecture.md. */
class ArchitectureTest {
    private static final String ROOT_PACKAGE = "io.guestmem.";
    private static final Pattern MODULE = Pattern.compile("<module>(.*)</module>");

    /** Which rooms a room may use. */
    private static final Map<String, Set<String>> ARROWS = new TreeMap<>(Map.ofEntries(
            Map.entry("linux", Set.of()),
            Map.entry("abi", Set.of()),
            Map.entry("paging", Set.of()),
            Map.entry("image", Set.of("linux", "paging")),
            Map.entry("measure", Set.of()),
            Map.entry("soft", Set.of("abi", "paging", "measure")),
            Map.entry("kvm", Set.of("abi", "linux", "paging")),
            Map.entry("vmm", Set.of("soft", "kvm", "abi", "linux", "measure")),
            Map.entry("pager", Set.of("linux")),
            Map.entry("conform", Set.of("soft", "vmm", "kvm", "abi", "linux")),
            Map.entry("diff", Set.of("paging", "soft", "vmm", "kvm", "abi", "linux")),
            Map.entry("shell", Set.of("soft", "vmm", "kvm", "abi", "linux")),
            Map.entry("lab", Set.of("linux")),
            Map.entry(
                    "bench",
                    Set.of("linux", "abi", "paging", "image", "measure", "soft", "kvm", "vmm", "pager", "lab")),
            Map.entry(
                    "cli",
                    Set.of(
                            "linux", "abi", "paging", "image", "measure", "soft", "kvm", "vmm", "pager", "conform",
                            "diff", "shell", "lab", "bench"))));

    /** The classes beside those of {@code linux} that may call native code, with the reason. */
    private static final Map<String, String> OTHER_NATIVE_DOORS = Map.of(
            "io.guestmem.bench.BareIoctl", "the floor that the benchmarks compare with: no room's code in between");

    private static JavaClasses all;

    static Stream<String> rooms() {
        return ARROWS.keySet().stream();
    }

    @BeforeAll
    static void readClasses() {
        all = new ClassFileImporter()
                .importPaths(rooms().map(ArchitectureTest::classesOf)
                        .filter(Files::isDirectory)
                        .toList());
    }

    @Test
    void everyModuleOfTheBuildIsARoomWithArrows() throws IOException {
        List<String> modules = MODULE.matcher(Files.readString(Checkout.ROOT.resolve("pom.xml")))
                .results()
                .map(match -> match.group(1))
                .toList();

        assertThat(modules).as("tests only").startsWith("testing").endsWith("races", "house");
        assertThat(modules.subList(1, modules.size() - 2)).containsExactlyInAnyOrderElementsOf(ARROWS.keySet());
    }

    @ParameterizedTest
    @MethodSource("rooms")
    void aRoomUsesOnlyWhatItsArrowsPointTo(String room) {
        assumeSources(room);
        String[] others = rooms().filter(
                        other -> !other.equals(room) && !allowed(room).contains(other))
                .map(other -> ROOT_PACKAGE + other + "..")
                .toArray(String[]::new);

        assertThat(all.stream().filter(type -> type.getPackageName().startsWith(ROOT_PACKAGE + room)))
                .as("classes of " + room)
                .isNotEmpty();
        noClasses()
                .that()
                .resideInAPackage(ROOT_PACKAGE + room + "..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(others)
                .check(all);
    }

    @ParameterizedTest
    @MethodSource("rooms")
    void aModuleRequiresOnlyWhatItsArrowsPointTo(String room) {
        assumeSources(room);
        ModuleDescriptor module = ModuleFinder.of(classesOf(room))
                .find(ROOT_PACKAGE + room)
                .orElseThrow(() -> new AssertionError("no module-info in " + room))
                .descriptor();
        Set<String> required = new HashSet<>();
        module.requires().stream()
                .map(ModuleDescriptor.Requires::name)
                .filter(name -> name.startsWith(ROOT_PACKAGE))
                .forEach(name -> required.add(name.substring(ROOT_PACKAGE.length())));

        assertThat(allowed(room)).containsAll(required);
    }

    @ParameterizedTest
    @MethodSource("rooms")
    void aRoomKeepsToItsOwnPackages(String room) {
        assumeSources(room);

        assertThat(new ClassFileImporter().importPath(classesOf(room)))
                .filteredOn(type -> !type.getSimpleName().equals("module-info"))
                .allMatch(
                        type -> (type.getPackageName() + ".").startsWith(ROOT_PACKAGE + room + "."),
                        "in the room's packages");
    }

    @Test
    void nativeCodeIsCalledThroughOneDoor() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.guestmem.linux..")
                .and(DescribedPredicate.not(DescribedPredicate.describe(
                        "one of " + OTHER_NATIVE_DOORS, type -> OTHER_NATIVE_DOORS.containsKey(outermost(type)))))
                .should()
                .dependOnClassesThat()
                .areAssignableTo(Linker.class)
                .check(all);
        assertThat(all.stream()
                        .anyMatch(type -> type.getDirectDependenciesFromSelf().stream()
                                .anyMatch(dependency ->
                                        dependency.getTargetClass().isEquivalentTo(Linker.class))))
                .as("somebody calls native code: the rule above sees it")
                .isTrue();
    }

    @Test
    void nobodyKeepsTheCollectorWaitingInANativeCall() {
        noClasses()
                .should()
                .callMethodWhere(target("critical", Linker.Option.class))
                .check(all);
    }

    @Test
    void nobodyUsesUnsafe() {
        noClasses().should().dependOnClassesThat().haveSimpleName("Unsafe").check(all);
    }

    @Test
    void nobodyUsesReflection() {
        noClasses()
                .should()
                .callMethodWhere(target("forName", Class.class))
                .orShould()
                .callMethodWhere(target("invoke", Method.class))
                .orShould()
                .callMethodWhere(target("newInstance", Constructor.class))
                .orShould()
                .callMethodWhere(target("setAccessible", AccessibleObject.class))
                .orShould()
                .dependOnClassesThat()
                .areAssignableTo(Proxy.class)
                .check(all);
    }

    @Test
    void onlyTheCommandsEntryPointEndsTheProcess() {
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName("io.guestmem.cli.Main")
                .should()
                .callMethodWhere(target("exit", System.class))
                .orShould()
                .callMethodWhere(target("exit", Runtime.class))
                .orShould()
                .callMethodWhere(target("halt", Runtime.class))
                .check(all);
        assertThat(all.get("io.guestmem.cli.Main").getMethodCallsFromSelf())
                .as("the entry point ends it: the rule above sees it")
                .anyMatch(call -> call.getName().equals("exit"));
    }

    @Test
    void everyPackageIsNullMarked() {
        Set<JavaPackage> packages = new HashSet<>();
        all.stream()
                .filter(type -> !type.getSimpleName().equals("module-info"))
                .forEach(type -> packages.add(type.getPackage()));

        assertThat(packages)
                .isNotEmpty()
                .allMatch(one -> one.isAnnotatedWith(NullMarked.class), "has a package-info with @NullMarked");
    }

    @Test
    void layoutsStandWithTheInterfaceThatTheyBelongTo() {
        classes()
                .that()
                .haveSimpleNameEndingWith("Layout")
                .should()
                .resideInAnyPackage("io.guestmem.linux", "io.guestmem.abi")
                .check(all);
    }

    private static Set<String> allowed(String room) {
        Set<String> allowed = new HashSet<>(ARROWS.getOrDefault(room, Set.of()));
        allowed.add(room);
        return allowed;
    }

    private static Path classesOf(String room) {
        return Checkout.ROOT.resolve(room).resolve("target/classes");
    }

    private static void assumeSources(String room) {
        assumeTrue(
                Files.isDirectory(Checkout.ROOT.resolve(room).resolve("src/main/java")),
                "the room " + room + " has no sources yet");
    }

    private static String outermost(JavaClass type) {
        return type.getName().replaceFirst("\\$.*", "");
    }

    /** Calls of a method by its name, on a type or on one derived from it. */
    private static DescribedPredicate<JavaAccess<?>> target(String method, Class<?> owner) {
        return DescribedPredicate.describe(owner.getSimpleName() + "." + method, access -> {
            AccessTarget target = access.getTarget();
            return target.getName().equals(method) && target.getOwner().isAssignableTo(owner);
        });
    }
}
