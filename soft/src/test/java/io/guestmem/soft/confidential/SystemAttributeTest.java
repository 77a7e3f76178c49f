package io.guestmem.soft.confidential;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.Capability;
import io.guestmem.abi.DeviceAttrLayout;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.SevCommandLayout;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.VmType;
import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.confidential.LaunchHost.Outcome;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** What a host tells about SEV before there is a VM. */
class SystemAttributeTest {
    private static final long ENXIO = -ErrorNumber.ENXIO.number();
    private static final long UNTOUCHED = -1;

    private static SoftKernelOptions host(VmType type) {
        return SoftKernelOptions.defaults()
                .with()
                .vmTypes(SoftKernelOptions.vmTypesWith(type))
                .build();
    }

    /** What a request answered, and the value that it left. */
    private record Answer(long result, long value) {}

    private static Answer ask(SoftKernelOptions options, KvmIoctl request, int group, long attribute) {
        try (SoftKernel kernel = new SoftKernel(options);
                KvmFile system = kernel.open();
                Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocateFrom(ValueLayout.JAVA_LONG, UNTOUCHED);
            try (UserMemory into = kernel.expose(value)) {
                MemorySegment struct = arena.allocate(DeviceAttrLayout.STRUCT.size(), Long.BYTES);
                struct.set(ValueLayout.JAVA_INT, DeviceAttrLayout.GROUP, group);
                struct.set(ValueLayout.JAVA_LONG, DeviceAttrLayout.ATTR, attribute);
                struct.set(ValueLayout.JAVA_LONG, DeviceAttrLayout.ADDR, into.address());
                long result = system.ioctl(request.code(), struct);
                return new Answer(result, value.get(ValueLayout.JAVA_LONG, 0));
            }
        }
    }

    private static Answer get(SoftKernelOptions options, int group, long attribute) {
        return ask(options, KvmIoctl.GET_DEVICE_ATTR, group, attribute);
    }

    @Test
    void init2TakesTheFeaturesThatTheHostTells() {
        int sev = DeviceAttrLayout.GROUP_SEV;
        long features = DeviceAttrLayout.SEV_VMSA_FEATURES;

        assertThat(get(host(VmType.SNP), sev, features)).isEqualTo(new Answer(0, 1 << 5 | 1 << 9));
        assertThat(ask(host(VmType.SNP), KvmIoctl.HAS_DEVICE_ATTR, sev, features))
                .as("only asks")
                .isEqualTo(new Answer(0, UNTOUCHED));
        assertThat(get(host(VmType.TDX), sev, features)).isEqualTo(new Answer(ENXIO, UNTOUCHED));
        assertThat(get(SoftKernelOptions.defaults(), sev, features)).isEqualTo(new Answer(ENXIO, UNTOUCHED));
    }

    @Test
    void policyBitsAreToldSinceLinux6Dot19() {
        SoftKernelOptions old =
                host(VmType.SNP).with().kernelVersion(KernelVersion.V6_18).build();
        long policy = DeviceAttrLayout.SNP_POLICY_BITS;

        assertThat(get(host(VmType.SNP), DeviceAttrLayout.GROUP_SEV, policy))
                .isEqualTo(new Answer(0, SnpLaunch.POLICY_BITS));
        assertThat(get(old, DeviceAttrLayout.GROUP_SEV, policy)).isEqualTo(new Answer(ENXIO, UNTOUCHED));
    }

    @Test
    void unknownGroupsAndAttributesAreRefused() {
        assertThat(get(host(VmType.SNP), DeviceAttrLayout.GROUP_SEV, 77)).isEqualTo(new Answer(ENXIO, UNTOUCHED));
        assertThat(get(host(VmType.SNP), 7, 0)).isEqualTo(new Answer(ENXIO, UNTOUCHED));
        assertThat(get(host(VmType.SNP), DeviceAttrLayout.GROUP_SYSTEM, DeviceAttrLayout.XCOMP_GUEST_SUPP))
                .isEqualTo(new Answer(0, 0));
        try (SoftKernel kernel = new SoftKernel(host(VmType.SNP));
                KvmFile system = kernel.open()) {
            assertThat(system.ioctl(KvmIoctl.GET_DEVICE_ATTR.code(), 0)).isEqualTo(Failure.EFAULT);
            assertThat(system.ioctl(KvmIoctl.CHECK_EXTENSION.code(), Capability.SYS_ATTRIBUTES.number()))
                    .isOne();
        }
    }

    @Test
    void certificatesAreAskedForBeforeTheFirstVcpu() {
        try (SnpHost snp = new SnpHost()) {
            assertThat(command(snp)).as("before INIT2").isEqualTo(new Outcome(Failure.EINVAL, 0));
            assertThat(snp.init(0, 0, 0)).isEqualTo(Outcome.DONE);
            assertThat(command(snp)).isEqualTo(Outcome.DONE);
            snp.host.vcpu();
            assertThat(command(snp)).as("after it").isEqualTo(new Outcome(Failure.EINVAL, 0));
        }
    }

    private static Outcome command(SnpHost snp) {
        return snp.host.sev(SevCommandLayout.SNP_ENABLE_REQ_CERTS, MemorySegment.NULL);
    }
}
