package io.guestmem.diff;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.abi.KvmFile;
import io.guestmem.abi.VmType;
import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.util.EnumSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TwinTest {
    @ParameterizedTest
    @CsvSource({
        "6.8.0-45-generic, V6_12",
        "6.12.107+deb13-cloud-amd64, V6_12",
        "6.18.44-fc, V6_18",
        "7.0.1, V7_2",
        "7.2.13+deb14-cloud-amd64, V7_2"
    })
    void aReleaseIsTakenForTheVersionThatItBehavesLike(String release, KernelVersion version) {
        assertThat(Twin.version(release)).isEqualTo(version);
    }

    @Test
    void whatIsNoReleaseIsRefused() {
        assertThatThrownBy(() -> Twin.version("plan9"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("plan9");
    }

    @Test
    void whatAKernelSaysBecomesOptions() {
        SoftKernelOptions options = SoftKernelOptions.defaults()
                .with()
                .maxPhysicalAddressBits(41)
                .vmTypes(EnumSet.of(VmType.DEFAULT))
                .addressSpaces(1)
                .maxHugeLevel(2)
                .build();
        try (SoftKernel kernel = new SoftKernel(options);
                KvmFile system = kernel.open()) {
            SoftKernelOptions twin = Twin.of(system);

            assertThat(twin.maxPhysicalAddressBits()).isEqualTo(41);
            assertThat(twin.vmTypes()).containsExactly(VmType.DEFAULT);
            assertThat(twin.addressSpaces()).isEqualTo(1);
            assertThat(twin.maxHugeLevel()).isEqualTo(2);
        }
    }

    @Test
    void aScopeIsWhatBothCan() {
        SoftKernelOptions all = SoftKernelOptions.defaults();
        SoftKernelOptions less = all.with()
                .kernelVersion(KernelVersion.V6_12)
                .vmTypes(EnumSet.of(VmType.DEFAULT))
                .maxPhysicalAddressBits(40)
                .build();
        try (SoftKernel one = new SoftKernel(all);
                SoftKernel other = new SoftKernel(less)) {
            assertThat(Diff.scope(one, other)).isEqualTo(new Scope(true, false, 0, 1, 40, false));
        }
    }
}
