package io.guestmem.soft.confidential;

import static io.guestmem.soft.confidential.LaunchHost.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ExitReason;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.SevCommandLayout;
import io.guestmem.abi.SnpLaunchFinishLayout;
import io.guestmem.abi.SnpLaunchUpdateLayout;
import io.guestmem.measure.IdAuthentication;
import io.guestmem.measure.IdBlock;
import io.guestmem.measure.LaunchStep.SnpPages;
import io.guestmem.measure.SnpPageType;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.measure.launch.SevSettings;
import io.guestmem.measure.launch.SnpLaunch;
import io.guestmem.soft.LaunchSnapshot;
import io.guestmem.soft.LaunchSnapshot.Page;
import io.guestmem.soft.confidential.LaunchHost.Outcome;
import io.guestmem.soft.confidential.SnpHost.Updated;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.KeyPairGenerator;
import java.security.spec.ECGenParameterSpec;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** SNP: the errnos and the progress of kernel.md 5.4 and measure.md 1.1, page states, encryption, the digest. */
class SnpTest {
    private static final Outcome EINVAL = new Outcome(Failure.EINVAL, 0);
    private static final long GPA = 0x800000;
    private static final int PAGES = 4;

    private final SnpHost snp = new SnpHost();
    private final LaunchHost host = snp.host;

    private static byte[] content(int seed) {
        byte[] page = new byte[PAGE];
        Arrays.fill(page, (byte) seed);
        return page;
    }

    private long source(int pages) {
        for (int i = 0; i < pages; i++) {
            host.put((long) i * PAGE, MemorySegment.ofArray(content(i + 1)));
        }
        return host.user.hva();
    }

    private void launching() {
        assertThat(snp.init(0, 0, 0)).isEqualTo(Outcome.DONE);
        assertThat(snp.start(SnpHost.POLICY, 0)).isEqualTo(Outcome.DONE);
        host.privateSlot(GPA, PAGES * PAGE);
    }

    @Test
    void initRefusesWhatTheHostDoesNotSupport() {
        try (snp) {
            assertThat(snp.init(0, 1, 0)).as("flags").isEqualTo(EINVAL);
            assertThat(snp.init(1, 0, 0)).as("SNP_ACTIVE is KVM's").isEqualTo(EINVAL);
            assertThat(snp.init(0, 0, 1)).as("GHCB version 1").isEqualTo(EINVAL);
            assertThat(snp.init(0, 0, 3)).as("GHCB version 3").isEqualTo(EINVAL);
            assertThat(host.sev(SevCommandLayout.INIT, MemorySegment.NULL))
                    .as("legacy")
                    .isEqualTo(EINVAL);
            assertThat(snp.init(0x220, 0, 2)).as("DebugSwap, SecureTSC").isEqualTo(Outcome.DONE);
            assertThat(snp.init(0, 0, 0)).as("SNP-07: again").isEqualTo(new Outcome(Failure.EPERM, 0));
        }
    }

    @Test
    void initComesBeforeVcpus() {
        try (snp) {
            host.vcpu();
            assertThat(snp.init(0, 0, 0)).isEqualTo(EINVAL);
            assertThat(host.vcpus.getFirst().ioctl(KvmIoctl.RUN.code(), 0)).isEqualTo(Failure.EINVAL);
        }
    }

    @Test
    void snp06StartOnceWithALegalPolicy() {
        try (snp) {
            assertThat(snp.start(SnpHost.POLICY, 0)).as("no SNP yet").isEqualTo(new Outcome(Failure.ENOTTY, 0));
            snp.init(0, 0, 0);
            assertThat(snp.start(0x10000, 0)).as("bit 17").isEqualTo(EINVAL);
            assertThat(snp.start(SnpHost.POLICY | 1L << 26, 0))
                    .as("unknown bit")
                    .isEqualTo(EINVAL);
            assertThat(snp.start(SnpHost.POLICY, 1)).as("flags").isEqualTo(EINVAL);
            assertThat(host.sev(SevCommandLayout.SNP_LAUNCH_START, 8, MemorySegment.NULL))
                    .as("bad pointer")
                    .isEqualTo(new Outcome(Failure.EFAULT, 0));
            assertThat(snp.start(SnpHost.POLICY, 0)).isEqualTo(Outcome.DONE);
            assertThat(snp.start(SnpHost.POLICY, 0)).as("twice").isEqualTo(EINVAL);
        }
    }

    @Test
    void snp07And08OtherCommands() {
        try (snp) {
            assertThat(host.vm.ioctl(KvmIoctl.MEMORY_ENCRYPT_OP.code(), 0)).isZero();
            snp.init(0, 0, 0);
            assertThat(host.sev(SevCommandLayout.LAUNCH_FINISH, MemorySegment.NULL))
                    .isEqualTo(new Outcome(Failure.EPERM, 0));
            assertThat(host.sev(999, MemorySegment.NULL)).isEqualTo(EINVAL);
        }
    }

    @Test
    void snp01UpdateChecksItsFieldsFirst() {
        try (snp) {
            Updated refused = new Updated(Failure.EINVAL, 0, GPA >>> 12, host.user.hva(), PAGE);
            assertThat(snp.init(0, 0, 0)).isEqualTo(Outcome.DONE);
            assertThat(snp.update(1, GPA, host.user.hva(), PAGE))
                    .as("before START")
                    .isEqualTo(refused);
            snp.start(SnpHost.POLICY, 0);
            assertThat(snp.update(1, GPA, host.user.hva(), PAGE)).as("no slot").isEqualTo(refused);
            host.privateSlot(GPA, PAGES * PAGE);
            assertThat(snp.update(1, GPA, host.user.hva(), 0).result())
                    .as("length 0")
                    .isEqualTo(Failure.EINVAL);
            assertThat(snp.update(1, GPA, host.user.hva(), 100).result())
                    .as("length 100")
                    .isEqualTo(Failure.EINVAL);
            assertThat(snp.update(1, GPA, host.user.hva(), PAGE, 1)).as("flags").isEqualTo(refused);
            for (int type : new int[] {0, 2, 7}) {
                assertThat(snp.update(type, GPA, host.user.hva(), PAGE))
                        .as("type " + type)
                        .isEqualTo(refused);
            }
            assertThat(snp.update(1, GPA, host.user.hva() + 16, PAGE).result()).isEqualTo(Failure.EINVAL);
            assertThat(host.launch().steps()).isZero();
        }
    }

    @Test
    void snp02WhateverFailsAtTheFirstPageIsAnInputOutputError() {
        try (snp) {
            launching();
            long source = source(1);
            Updated failed = new Updated(Failure.EIO, 0, GPA >>> 12, source, PAGE);
            host.attributes(GPA, PAGE, 0);
            assertThat(snp.update(1, GPA, source, PAGE)).as("shared").isEqualTo(failed);
            host.attributes(GPA, PAGE, 8);
            assertThat(snp.update(1, GPA, 0, PAGE).result()).as("no source").isEqualTo(Failure.EIO);
            assertThat(snp.update(1, GPA, source, PAGE).result()).isZero();
            String digest = host.launch().digest();
            assertThat(snp.update(1, GPA, source, PAGE)).as("twice").isEqualTo(failed);
            assertThat(host.launch().digest()).isEqualTo(digest);
        }
    }

    @Test
    void snp03And04ProgressIsInTheStruct() {
        try (snp) {
            launching();
            long source = source(PAGES);
            long gfn = GPA >>> 12;
            host.attributes(GPA + 2 * PAGE, PAGE, 0);
            assertThat(snp.update(1, GPA, source, 3 * PAGE))
                    .as("the third page is shared")
                    .isEqualTo(new Updated(0, 0, gfn + 2, source + 2 * PAGE, PAGE));
            assertThat(snp.update(1, GPA + 2 * PAGE, source + 2 * PAGE, PAGE).result())
                    .isEqualTo(Failure.EIO);
            assertThat(snp.update(SnpLaunchUpdateLayout.ZERO, GPA + 3 * PAGE, 5, 9 * PAGE))
                    .as("to the end of the slot, the source not looked at")
                    .isEqualTo(new Updated(0, 0, gfn + 4, 5, 8 * PAGE));
        }
    }

    @Test
    void snp05TheFirmwareCorrectsCpuidPages() {
        try (snp) {
            launching();
            MemorySegment page = MemorySegment.ofArray(new byte[PAGE]);
            page.set(LaunchHost.U32, 0, 1);
            page.set(LaunchHost.U32, 16, 1);
            page.set(LaunchHost.U32, 16 + 32, -1);
            long source = host.put(0, page);
            assertThat(snp.update(SnpLaunchUpdateLayout.CPUID, GPA, source, PAGE))
                    .isEqualTo(new Updated(Failure.EIO, 0x16, GPA >>> 12, source, PAGE));
            int corrected = MemorySegment.ofArray(host.get(0, PAGE)).get(LaunchHost.U32, 16 + 32);
            assertThat(corrected).isNotEqualTo(-1).isNotZero();
            assertThat(host.launch().pages()).isEmpty();
            assertThat(snp.update(SnpLaunchUpdateLayout.CPUID, GPA, source, PAGE)
                            .result())
                    .as("as corrected")
                    .isZero();
        }
    }

    @Test
    void pagesAreEncryptedAtRestAndPlainForTheGuest() {
        try (snp) {
            launching();
            host.vcpu();
            snp.update(1, GPA, source(2), 2 * PAGE);
            assertThat(host.atRest(GPA)).isNotEqualTo(content(1));
            assertThat(Arrays.equals(host.atRest(GPA), 0, 16, host.atRest(GPA), 16, 32))
                    .as("equal blocks look different")
                    .isFalse();
            assertThat(host.vcpus.getFirst().ioctl(KvmIoctl.RUN.code(), 0)).isZero();
            assertThat(host.exitReason(0)).as("before FINISH").isEqualTo(ExitReason.FAIL_ENTRY);
            assertThat(snp.finish()).isEqualTo(Outcome.DONE);
            byte[] before = host.atRest(GPA);
            long[] seen = new long[2];
            host.kernel.runs(host.vcpus.getFirst(), guest -> {
                seen[0] = guest.read(GPA, Long.BYTES);
                guest.write(GPA + 8, Long.BYTES, 42);
                seen[1] = guest.read(GPA + 8, Long.BYTES);
                guest.halt();
            });
            host.vcpus.getFirst().ioctl(KvmIoctl.RUN.code(), 0);
            assertThat(seen).containsExactly(0x0101010101010101L, 42);
            byte[] after = host.atRest(GPA);
            assertThat(Arrays.equals(before, 0, 16, after, 0, 16))
                    .as("the block written to")
                    .isFalse();
            assertThat(Arrays.equals(before, 16, PAGE, after, 16, PAGE)).isTrue();
        }
    }

    @Test
    void pf39PreFaultWaitsForTheFinish() {
        try (snp) {
            launching();
            host.vcpu();
            snp.update(1, GPA, source(2), 2 * PAGE);
            assertThat(host.preFault(0, GPA, PAGES * PAGE)).isEqualTo(Failure.EOPNOTSUPP);
            snp.finish();
            assertThat(host.preFault(0, GPA, PAGES * PAGE)).isZero();
            assertThat(host.launch().pages())
                    .containsExactly(
                            new Page(GPA, "GUEST_VALID"),
                            new Page(GPA + PAGE, "GUEST_VALID"),
                            new Page(GPA + 2 * PAGE, "GUEST_INVALID"),
                            new Page(GPA + 3 * PAGE, "GUEST_INVALID"));
        }
    }

    @Test
    void punchingMakesPagesTheHypervisorsAgain() {
        try (snp) {
            snp.init(0, 0, 0);
            snp.start(SnpHost.POLICY, 0);
            var memfd = host.privateSlot(GPA, PAGES * PAGE);
            snp.update(1, GPA, source(1), PAGE);
            assertThat(host.launch().pages()).containsExactly(new Page(GPA, "GUEST_VALID"));
            assertThat(memfd.allocate(3, 0, PAGE)).isZero();
            assertThat(host.launch().pages()).isEmpty();
            assertThat(snp.update(1, GPA, source(1), PAGE).result()).isZero();
        }
    }

    @Test
    void finishProtectsRegistersOnce() {
        try (snp) {
            assertThat(snp.finish()).as("no SNP").isEqualTo(new Outcome(Failure.ENOTTY, 0));
            snp.init(0, 0, 0);
            assertThat(snp.finish()).as("not started").isEqualTo(EINVAL);
            snp.start(SnpHost.POLICY, 0);
            host.vcpu();
            MemorySegment regs = LaunchHost.struct(RegsLayout.STRUCT);
            assertThat(host.vcpus.getFirst().ioctl(KvmIoctl.GET_REGS.code(), regs))
                    .isZero();
            assertThat(snp.finish()).isEqualTo(Outcome.DONE);
            assertThat(host.vcpus.getFirst().ioctl(KvmIoctl.GET_REGS.code(), regs))
                    .isEqualTo(Failure.EINVAL);
            assertThat(snp.finish()).as("twice").isEqualTo(EINVAL);
            host.privateSlot(GPA, PAGE);
            assertThat(snp.update(3, GPA, 0, PAGE))
                    .as("the firmware's guest state")
                    .isEqualTo(new Updated(Failure.EIO, 0x02, GPA >>> 12, 0, PAGE));
        }
    }

    @Test
    void theDigestIsTheOneThatIsPredicted() throws Exception {
        SevSettings settings = SevSettings.STANDARD.withVcpus(2).withSignature(LaunchHost.SIGNATURE);
        LaunchPlan plan = SnpLaunch.plan(SmallFirmware.read(), settings);
        assertThat(plan).isInstanceOf(LaunchPlan.Launches.class);
        LaunchPlan.Launches launches = (LaunchPlan.Launches) plan;
        try (snp) {
            replay(launches);
            assertThat(snp.finish()).isEqualTo(Outcome.DONE);
            LaunchSnapshot launch = host.launch();
            assertThat(launch.state()).isEqualTo("RUNNING");
            assertThat(launch.digest())
                    .isEqualTo(HexFormat.of().formatHex(launches.measure().digest()));
            assertThat(launch.steps()).isEqualTo(launches.measure().steps());
        }
    }

    /** As a VMM does it; the VMSAs are KVM's. */
    private void replay(LaunchPlan.Launches launches) {
        snp.init(0, 0, 0);
        snp.start(SnpHost.POLICY, 0);
        host.privateSlot((1L << 32) - SmallFirmware.SIZE, SmallFirmware.SIZE);
        host.privateSlot(0x800000, 0x20000);
        host.vcpuOfQemu(0xFFFF_FFF0L);
        host.vcpuOfQemu(SmallFirmware.RESET);
        for (var step : launches.steps()) {
            if (step instanceof SnpPages pages && pages.type() != SnpPageType.VMSA) {
                MemorySegment contents = pages.contents().equals(MemorySegment.NULL)
                        ? MemorySegment.ofArray(new byte[(int) pages.size()])
                        : pages.contents();
                Updated updated = snp.update(pages.type().code(), pages.gpa(), host.put(0, contents), pages.size());
                assertThat(updated.result()).as(pages.what()).isZero();
                assertThat(updated.length()).as(pages.what()).isZero();
            }
        }
    }

    @Test
    void anIdBlockMustBeSignedAndTrue() throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp384r1"));
        var key = generator.generateKeyPair();
        try (snp) {
            launching();
            snp.update(1, GPA, source(1), PAGE);
            byte[] digest = HexFormat.of().parseHex(host.launch().digest());
            IdBlock right = IdBlock.of(digest, new byte[16], new byte[16], 0, SnpHost.POLICY);
            IdBlock wrong = IdBlock.of(new byte[48], new byte[16], new byte[16], 0, SnpHost.POLICY);
            IdBlock other = IdBlock.of(digest, new byte[16], new byte[16], 0, SnpHost.POLICY | 1 << 19);
            byte[] signed = IdAuthentication.page(right, key, Optional.empty());
            assertThat(finish(wrong, signed)).as("BAD_SIGNATURE").isEqualTo(new Outcome(Failure.EIO, 0x0A));
            assertThat(finish(wrong, IdAuthentication.page(wrong, key, Optional.empty())))
                    .as("BAD_MEASUREMENT")
                    .isEqualTo(new Outcome(Failure.EIO, 0x0B));
            assertThat(finish(other, IdAuthentication.page(other, key, Optional.empty())))
                    .as("POLICY_FAILURE")
                    .isEqualTo(new Outcome(Failure.EIO, 0x07));
            assertThat(host.launch().state()).isEqualTo("LAUNCHING");
            assertThat(finish(right, signed)).isEqualTo(Outcome.DONE);
            assertThat(host.launch().state()).isEqualTo("RUNNING");
        }
    }

    private Outcome finish(IdBlock block, byte[] authentication) {
        MemorySegment struct = LaunchHost.struct(SnpLaunchFinishLayout.STRUCT);
        struct.set(
                LaunchHost.U64,
                SnpLaunchFinishLayout.ID_BLOCK_UADDR,
                host.put(0, MemorySegment.ofArray(block.bytes())));
        struct.set(
                LaunchHost.U64,
                SnpLaunchFinishLayout.ID_AUTH_UADDR,
                host.put(PAGE, MemorySegment.ofArray(authentication)));
        struct.set(ValueLayout.JAVA_BYTE, SnpLaunchFinishLayout.ID_BLOCK_EN, (byte) 1);
        return host.sev(SevCommandLayout.SNP_LAUNCH_FINISH, struct);
    }
}
