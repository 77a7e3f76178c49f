package io.guestmem.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From the meta package to an image and modules, for both ways in which Debian packs a kernel. */
class KernelPackagesTest {
    @TempDir
    Path root;

    @Test
    void untilVersion6OnePackageHoldsAll() throws Exception {
        assertThat(DebianKernel.kernelPackages(
                        resolved("linux-base", "linux-image-6.12.107+deb13-cloud-amd64", "linux-image-cloud-amd64")))
                .containsExactly(new Apt.Resolved("linux-image-6.12.107+deb13-cloud-amd64", "1"));
    }

    @Test
    void sinceVersion7ImageAndModulesHavePackagesOfTheirOwn() throws Exception {
        assertThat(DebianKernel.kernelPackages(resolved(
                        "linux-base-7.2.13+deb14-cloud-amd64",
                        "linux-binary-7.2.13+deb14-cloud-amd64",
                        "linux-modules-7.2.13+deb14-cloud-amd64",
                        "linux-image-7.2.13+deb14-cloud-amd64",
                        "linux-image-cloud-amd64")))
                .extracting(Apt.Resolved::name)
                .containsExactly(
                        "linux-binary-7.2.13+deb14-cloud-amd64",
                        "linux-modules-7.2.13+deb14-cloud-amd64",
                        "linux-image-7.2.13+deb14-cloud-amd64");
    }

    @Test
    void aMetaPackageThatLeadsNowhereSaysSo() {
        assertThatThrownBy(() -> DebianKernel.kernelPackages(resolved("linux-base")))
                .isInstanceOf(LabUnavailableException.class)
                .hasMessage("linux-image-cloud-amd64 leads to no kernel package");
    }

    @Test
    void theImageLiesInBootOrBesideTheModules() throws Exception {
        Path old = touch("old/boot/vmlinuz-6.12");
        Path recent = touch("new/usr/lib/modules/7.2/vmlinuz");
        touch("new/usr/lib/modules/7.2/kernel/virt/lib/irqbypass.ko");

        assertThat(DebianKernel.findImage(root.resolve("old"))).isEqualTo(old);
        assertThat(DebianKernel.findImage(root.resolve("new"))).isEqualTo(recent);
        assertThat(DebianKernel.findModules(root.resolve("new"))).isEqualTo(root.resolve("new/usr/lib/modules/7.2"));
        assertThatThrownBy(() -> DebianKernel.findModules(root.resolve("old")))
                .isInstanceOf(IOException.class)
                .hasMessage("the kernel packages hold no lib/modules/VERSION");
    }

    @Test
    void modulesComeAfterWhatTheyDependOnAndBuiltInOnesAreLeftOut() throws Exception {
        module("kvm-amd", "ccp,kvm");
        module("kvm", "irqbypass");
        module("irqbypass", "");
        module("virtio_blk", "");

        assertThat(KernelModules.collect(root, List.of("kvm-amd", "virtio_blk"), Path.of("/none"), root))
                .extractingFromEntries(Map.Entry::getKey)
                .containsExactly("irqbypass", "kvm", "kvm-amd", "virtio_blk");
    }

    @Test
    void aModuleNamesItsDependenciesInModinfo() {
        byte[] image = "ELF\0license=GPL\0depends=kvm,ccp\0name=x\0".getBytes(StandardCharsets.ISO_8859_1);

        assertThat(KernelModules.dependencies(image)).containsExactly("kvm", "ccp");
        assertThat(KernelModules.dependencies(new byte[] {1, 2, 3})).isEmpty();
    }

    @Test
    void aConfigurationThatDroppedAnOptionIsFoundOut() throws Exception {
        assertThat(PrivateKernel.options()).contains("CONFIG_KVM_SW_PROTECTED_VM=y", "CONFIG_SERIAL_8250_CONSOLE=y");
        assertThat(PrivateKernel.missing(
                        List.of("CONFIG_KVM=y", "CONFIG_NET=y"), "# CONFIG_KVM is not set\nCONFIG_NET=y\n"))
                .containsExactly("CONFIG_KVM=y");
    }

    @Test
    void aLinkToALibraryThatTheHostHasLeadsThere() throws Exception {
        Path libraries = Files.createDirectories(root.resolve("usr/lib/x86_64-linux-gnu"));
        Path link = Files.createSymbolicLink(libraries.resolve("libm.so"), Path.of("libm.so.6"));
        Path dangling = Files.createSymbolicLink(libraries.resolve("libnone.so"), Path.of("libnone.so.1"));

        PrivateKernel.joinLibraries(root);

        assertThat(Files.readSymbolicLink(link)).isEqualTo(Path.of("/usr/lib/x86_64-linux-gnu/libm.so.6"));
        assertThat(Files.readSymbolicLink(dangling)).isEqualTo(Path.of("libnone.so.1"));
    }

    private void module(String name, String depends) throws IOException {
        Path file = root.resolve("kernel").resolve(name + ".ko");
        Files.createDirectories(root.resolve("kernel"));
        Files.write(file, ("ELF\0depends=" + depends + "\0").getBytes(StandardCharsets.ISO_8859_1));
    }

    private Path touch(String name) throws IOException {
        Path file = root.resolve(name);
        Files.createDirectories(file.resolve(".."));
        return Files.createFile(file);
    }

    private static List<Apt.Resolved> resolved(String... names) {
        return List.of(names).stream().map(name -> new Apt.Resolved(name, "1")).toList();
    }
}
