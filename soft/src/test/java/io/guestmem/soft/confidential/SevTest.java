package io.guestmem.soft.confidential;

import static io.guestmem.soft.confidential.LaunchHost.PAGE;
import static io.guestmem.soft.confidential.LaunchHost.U32;
import static io.guestmem.soft.confidential.LaunchHost.U64;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.EncRegionLayout;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.SevCommandLayout;
import io.guestmem.abi.SevGuestStatusLayout;
import io.guestmem.abi.SevInitLayout;
import io.guestmem.abi.SevLaunchMeasureLayout;
import io.guestmem.abi.SevLaunchSecretLayout;
import io.guestmem.abi.SevLaunchStartLayout;
import io.guestmem.abi.SevLaunchUpdateDataLayout;
import io.guestmem.abi.VmType;
import io.guestmem.measure.LaunchMeasurement;
import io.guestmem.measure.LaunchSecret;
import io.guestmem.measure.LaunchStep.SevData;
import io.guestmem.measure.Technology;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.measure.launch.SevLaunch;
import io.guestmem.measure.launch.SevSettings;
import io.guestmem.soft.LaunchSnapshot.Page;
import io.guestmem.soft.SevSession;
import io.guestmem.soft.confidential.LaunchHost.Outcome;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** SEV and SEV-ES: the rules of kernel.md 5.3 and measure.md 2, encryption in place, measurement, secrets, the digest. */
class SevTest {
    private static final Outcome EINVAL = new Outcome(Failure.EINVAL, 0);
    private static final Outcome ENOTTY = new Outcome(Failure.ENOTTY, 0);
    private static final int POLICY = 5;

    private static LaunchHost host(VmType type) {
        return new LaunchHost(EnumSet.of(VmType.DEFAULT, VmType.SEV, VmType.SEV_ES), type);
    }

    private static Outcome init2(LaunchHost host) {
        return host.sev(SevCommandLayout.INIT2, LaunchHost.struct(SevInitLayout.STRUCT));
    }

    private static Outcome start(LaunchHost host) {
        MemorySegment struct = LaunchHost.struct(SevLaunchStartLayout.STRUCT);
        struct.set(U32, SevLaunchStartLayout.POLICY, POLICY);
        return host.sev(SevCommandLayout.LAUNCH_START, struct);
    }

    private static Outcome update(LaunchHost host, long address, int length) {
        MemorySegment struct = LaunchHost.struct(SevLaunchUpdateDataLayout.STRUCT);
        struct.set(U64, SevLaunchUpdateDataLayout.UADDR, address);
        struct.set(U32, SevLaunchUpdateDataLayout.LEN, length);
        return host.sev(SevCommandLayout.LAUNCH_UPDATE_DATA, struct);
    }

    private static MemorySegment measure(int length, long address) {
        MemorySegment struct = LaunchHost.struct(SevLaunchMeasureLayout.STRUCT);
        struct.set(U64, SevLaunchMeasureLayout.UADDR, address);
        struct.set(U32, SevLaunchMeasureLayout.LEN, length);
        return struct;
    }

    private static Outcome command(LaunchHost host, int id) {
        return host.sev(id, MemorySegment.NULL);
    }

    private static int status(LaunchHost host) {
        MemorySegment struct = LaunchHost.struct(SevGuestStatusLayout.STRUCT);
        assertThat(host.sev(SevCommandLayout.GUEST_STATUS, struct)).isEqualTo(Outcome.DONE);
        assertThat(struct.get(U32, SevGuestStatusLayout.POLICY)).isEqualTo(POLICY);
        return struct.get(U32, SevGuestStatusLayout.STATE);
    }

    private static long source(LaunchHost host, int pages) {
        byte[] bytes = new byte[pages * PAGE];
        Arrays.fill(bytes, (byte) 9);
        return host.put(0, MemorySegment.ofArray(bytes));
    }

    @Test
    void commandsBeforeInitAreUnknownToTheVm() {
        try (LaunchHost host = host(VmType.SEV)) {
            assertThat(start(host)).isEqualTo(ENOTTY);
            assertThat(update(host, 0, 16)).isEqualTo(ENOTTY);
            assertThat(command(host, SevCommandLayout.INIT)).as("legacy").isEqualTo(EINVAL);
            assertThat(init2(host)).isEqualTo(Outcome.DONE);
            assertThat(init2(host)).as("twice").isEqualTo(EINVAL);
            assertThat(command(host, SevCommandLayout.LAUNCH_UPDATE_VMSA))
                    .as("not ES")
                    .isEqualTo(ENOTTY);
        }
    }

    @Test
    void sev01UpdateChecksLengthsAndTheFirmwareAlignment() {
        try (LaunchHost host = host(VmType.SEV)) {
            init2(host);
            long source = source(host, 2);
            assertThat(update(host, source, 16)).as("not started").isEqualTo(new Outcome(Failure.EIO, 0x10));
            assertThat(start(host)).isEqualTo(Outcome.DONE);
            assertThat(start(host)).as("twice").isEqualTo(new Outcome(Failure.EIO, 0x0C));
            assertThat(update(host, source, 0)).as("length 0").isEqualTo(EINVAL);
            assertThat(update(host, -16, 32)).as("wraps").isEqualTo(EINVAL);
            assertThat(update(host, 8 * PAGE, 16))
                    .as("no memory, which cannot be pinned")
                    .isEqualTo(new Outcome(Failure.ENOMEM, 0));
            assertThat(update(host, source + 1, 16)).as("address").isEqualTo(new Outcome(Failure.EIO, 0x09));
            assertThat(update(host, source, 24)).as("length").isEqualTo(new Outcome(Failure.EIO, 0x04));
            assertThat(host.launch().steps()).isZero();
            assertThat(update(host, source, PAGE + 24))
                    .as("the first page stays encrypted")
                    .isEqualTo(new Outcome(Failure.EIO, 0x04));
            assertThat(host.launch().pages()).containsExactly(new Page(source, "ENCRYPTED"));
        }
    }

    @Test
    void memoryIsEncryptedInPlace() {
        try (LaunchHost host = host(VmType.SEV)) {
            init2(host);
            start(host);
            long source = source(host, 2);
            host.plainSlot(0x10000, 2 * PAGE, source);
            host.vcpu();
            byte[] before = host.get(0, 2 * PAGE);
            assertThat(update(host, source + 32, 64)).isEqualTo(Outcome.DONE);
            byte[] after = host.get(0, 2 * PAGE);
            assertThat(Arrays.equals(before, 32, 96, after, 32, 96)).isFalse();
            assertThat(Arrays.equals(before, 0, 32, after, 0, 32))
                    .as("before it")
                    .isTrue();
            assertThat(Arrays.equals(before, 96, 2 * PAGE, after, 96, 2 * PAGE))
                    .as("behind it")
                    .isTrue();
            long[] seen = new long[2];
            host.kernel.runs(host.vcpus.getFirst(), guest -> {
                seen[0] = guest.read(0x10020, Long.BYTES);
                seen[1] = guest.read(0x10000, Long.BYTES);
                guest.halt();
            });
            assertThat(host.vcpus.getFirst().ioctl(KvmIoctl.RUN.code(), 0)).isZero();
            assertThat(seen[0]).isEqualTo(0x0909090909090909L);
            assertThat(seen[1]).as("what was not encrypted is garbage").isNotEqualTo(0x0909090909090909L);
            assertThat(host.get(0, 2 * PAGE)).as("as the guest left it").isEqualTo(after);
        }
    }

    @Test
    void preFaultWorksFromTheStart() {
        try (LaunchHost host = host(VmType.SEV)) {
            init2(host);
            host.plainSlot(0x10000, PAGE, source(host, 1));
            host.vcpu();
            assertThat(host.preFault(0, 0x10000, PAGE)).isZero();
        }
    }

    @Test
    void measurementThenSecretThenFinish() {
        try (LaunchHost host = host(VmType.SEV)) {
            init2(host);
            start(host);
            long source = source(host, 1);
            update(host, source, PAGE);
            String digest = host.launch().digest();
            MemorySegment query = measure(0, 0);
            assertThat(host.sev(SevCommandLayout.LAUNCH_MEASURE, query))
                    .as("asks for the length")
                    .isEqualTo(new Outcome(Failure.EIO, 0x04));
            assertThat(query.get(U32, SevLaunchMeasureLayout.LEN)).isEqualTo(LaunchMeasurement.SIZE);
            assertThat(command(host, SevCommandLayout.LAUNCH_FINISH))
                    .as("not measured")
                    .isEqualTo(new Outcome(Failure.EIO, 0x02));
            assertThat(status(host)).isEqualTo(SevGuestStatusLayout.STATE_LAUNCH_UPDATE);
            assertThat(host.sev(SevCommandLayout.LAUNCH_MEASURE, measure(48, host.user.hva() + 8 * PAGE)))
                    .isEqualTo(Outcome.DONE);
            byte[] measurement = host.get(8 * PAGE, LaunchMeasurement.SIZE);
            SevSession session = host.kernel.inspect(host.vm).sevSession().orElseThrow();
            assertThat(measurement).isEqualTo(expected(session, digest, measurement));
            assertThat(status(host)).isEqualTo(SevGuestStatusLayout.STATE_LAUNCH_SECRET);
            assertThat(update(host, source, 16)).as("too late").isEqualTo(new Outcome(Failure.EIO, 0x02));
            LaunchSecret packet = LaunchSecret.seal(
                    session.encryptionKey(), session.integrityKey(), new byte[16], new byte[32], measurement);
            assertThat(secret(host, packet, source + PAGE, 32)).isEqualTo(Outcome.DONE);
            assertThat(host.get(PAGE, 32)).as("encrypted for the guest").isNotEqualTo(new byte[32]);
            packet.data()[0] ^= 1;
            assertThat(secret(host, packet, source + PAGE, 32))
                    .as("BAD_MEASUREMENT")
                    .isEqualTo(new Outcome(Failure.EIO, 0x0B));
            assertThat(command(host, SevCommandLayout.LAUNCH_FINISH)).isEqualTo(Outcome.DONE);
            assertThat(status(host)).isEqualTo(SevGuestStatusLayout.STATE_RUNNING);
            assertThat(command(host, SevCommandLayout.LAUNCH_FINISH)).isEqualTo(new Outcome(Failure.EIO, 0x02));
        }
    }

    private static byte[] expected(SevSession session, String digest, byte[] measurement) {
        return new LaunchMeasurement(session.apiMajor(), session.apiMinor(), session.build(), POLICY)
                .of(
                        session.integrityKey(),
                        HexFormat.of().parseHex(digest),
                        Arrays.copyOfRange(measurement, 32, LaunchMeasurement.SIZE));
    }

    private static Outcome secret(LaunchHost host, LaunchSecret packet, long guest, int length) {
        MemorySegment struct = LaunchHost.struct(SevLaunchSecretLayout.STRUCT);
        struct.set(U64, SevLaunchSecretLayout.HDR_UADDR, host.put(10 * PAGE, MemorySegment.ofArray(packet.header())));
        struct.set(U32, SevLaunchSecretLayout.HDR_LEN, packet.header().length);
        struct.set(U64, SevLaunchSecretLayout.TRANS_UADDR, host.put(11 * PAGE, MemorySegment.ofArray(packet.data())));
        struct.set(U32, SevLaunchSecretLayout.TRANS_LEN, packet.data().length);
        struct.set(U64, SevLaunchSecretLayout.GUEST_UADDR, guest);
        struct.set(U32, SevLaunchSecretLayout.GUEST_LEN, length);
        return host.sev(SevCommandLayout.LAUNCH_SECRET, struct);
    }

    @Test
    void regionsAreRegisteredAndTakenBack() {
        try (LaunchHost host = host(VmType.SEV)) {
            MemorySegment region = LaunchHost.struct(EncRegionLayout.STRUCT);
            region.set(U64, EncRegionLayout.ADDR, host.user.hva());
            region.set(U64, EncRegionLayout.SIZE, 4 * PAGE);
            assertThat(host.vm.ioctl(KvmIoctl.MEMORY_ENCRYPT_REG_REGION.code(), region))
                    .isEqualTo(Failure.ENOTTY);
            init2(host);
            assertThat(host.vm.ioctl(KvmIoctl.MEMORY_ENCRYPT_UNREG_REGION.code(), region))
                    .isEqualTo(Failure.EINVAL);
            assertThat(host.vm.ioctl(KvmIoctl.MEMORY_ENCRYPT_REG_REGION.code(), region))
                    .isZero();
            assertThat(host.vm.ioctl(KvmIoctl.MEMORY_ENCRYPT_UNREG_REGION.code(), region))
                    .isZero();
            region.set(U64, EncRegionLayout.SIZE, 0);
            assertThat(host.vm.ioctl(KvmIoctl.MEMORY_ENCRYPT_REG_REGION.code(), region))
                    .isEqualTo(Failure.EINVAL);
        }
    }

    @Test
    void theDigestIsTheOneThatIsPredicted() throws Exception {
        for (VmType type : new VmType[] {VmType.SEV, VmType.SEV_ES, VmType.DEFAULT}) {
            Technology technology = type == VmType.SEV ? Technology.SEV : Technology.SEV_ES;
            SevSettings settings = SevSettings.STANDARD
                    .withVcpus(2)
                    .withSignature(LaunchHost.SIGNATURE)
                    .withFeatures(0)
                    .withFpu(type != VmType.DEFAULT);
            LaunchPlan.Launches plan = (LaunchPlan.Launches) SevLaunch.plan(technology, SmallFirmware.read(), settings);
            try (LaunchHost host = host(type)) {
                assertThat(type == VmType.DEFAULT ? command(host, SevCommandLayout.ES_INIT) : init2(host))
                        .isEqualTo(Outcome.DONE);
                start(host);
                host.vcpuOfQemu(0xFFFF_FFF0L);
                host.vcpuOfQemu(SmallFirmware.RESET);
                SevData firmware = (SevData) plan.steps().getFirst();
                assertThat(update(host, host.put(0, firmware.contents()), (int) firmware.size()))
                        .isEqualTo(Outcome.DONE);
                if (technology == Technology.SEV_ES) {
                    assertThat(command(host, SevCommandLayout.LAUNCH_UPDATE_VMSA))
                            .isEqualTo(Outcome.DONE);
                    assertThat(command(host, SevCommandLayout.LAUNCH_UPDATE_VMSA))
                            .as("twice")
                            .isEqualTo(EINVAL);
                    long registers =
                            host.vcpus.getFirst().ioctl(KvmIoctl.GET_REGS.code(), LaunchHost.struct(RegsLayout.STRUCT));
                    assertThat(registers).isEqualTo(type == VmType.DEFAULT ? 0 : Failure.EINVAL);
                }
                assertThat(host.launch().digest())
                        .as(type.name())
                        .isEqualTo(HexFormat.of().formatHex(plan.measure().digest()));
            }
        }
    }
}
