package io.guestmem.measure;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.measure.firmware.FirmwareFile;
import io.guestmem.measure.firmware.IgvmFile;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import io.guestmem.measure.firmware.TestFirmware;
import io.guestmem.measure.firmware.TestIgvm;
import io.guestmem.measure.launch.IgvmLaunch;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.measure.launch.SevLaunch;
import io.guestmem.measure.launch.SevSettings;
import io.guestmem.measure.launch.SnpLaunch;
import io.guestmem.measure.launch.TdxLaunch;
import io.guestmem.measure.launch.TdxSettings;
import io.guestmem.measure.launch.TdxVmm;
import io.guestmem.measure.rtmr.AcpiTables;
import io.guestmem.measure.rtmr.KernelImage;
import io.guestmem.measure.rtmr.PeImage;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Whatever is in a file: it is measured, or refused with a reason. Nothing else is thrown, and nothing large is allocated. */
class FuzzTest {
    private static final int ROUNDS = 20_000;
    private static final List<Integer> EDGES =
            List.of(0, 1, 0x7f, 0x80, 0xff, 0xfff, 0x1000, 0x7fff_ffff, 0x8000_0000, 0xffff_f000, 0xffff_ffff);

    private final long seed = System.nanoTime();
    private final Random random = new Random(seed);

    @Test
    void firmwareOfSevAndSnp() {
        rounds(TestFirmware.snp().bytes(), bytes -> {
            try {
                OvmfFirmware firmware = OvmfFirmware.of(FirmwareFile.of(bytes));
                SevSettings settings = SevSettings.STANDARD.withVcpus(2).withUnknownAsZero(random.nextBoolean());
                checked(SnpLaunch.plan(firmware, settings));
                checked(SevLaunch.plan(Technology.SEV_ES, firmware, settings));
            } catch (MalformedFirmwareException refused) {
                assertThat(refused.getMessage()).contains(" at ").contains("0x");
            }
        });
    }

    @Test
    void firmwareOfTdx() {
        rounds(TestFirmware.tdx().bytes(), bytes -> {
            try {
                OvmfFirmware firmware = OvmfFirmware.of(FirmwareFile.of(bytes));
                for (TdxVmm vmm : TdxVmm.values()) {
                    checked(TdxLaunch.plan(firmware, TdxSettings.STANDARD.with(vmm)));
                }
            } catch (MalformedFirmwareException refused) {
                assertThat(refused.getMessage()).contains(" at ").contains("0x");
            }
        });
    }

    @Test
    void igvmFiles() {
        byte[] file = new TestIgvm()
                .platform(IgvmFile.SNP)
                .page(1 << IgvmFile.SNP, 0x1000, 0, 0, new byte[4096])
                .parameters(1 << IgvmFile.SNP, 0x8000, 0x2000, 7)
                .vmsa(1 << IgvmFile.SNP, SnpMeasurement.VMSA_GPA, new byte[4096])
                .bytes();
        int headers = 24 + 8 + 16 + 8 + 24 + 8 + 16 + 8 + 16 + 8 + 24;
        rounds(file, bytes -> {
            try {
                byte[] summed = bytes.length > headers ? TestIgvm.summed(bytes, headers - 24) : bytes;
                IgvmFile read = IgvmFile.of(FirmwareFile.of(summed));
                checked(IgvmLaunch.plan(Technology.SNP, read, random.nextBoolean()));
            } catch (MalformedFirmwareException refused) {
                assertThat(refused.getMessage()).contains(" at ").contains("0x");
            }
        });
    }

    @Test
    void kernelsAndAcpiTables() {
        rounds(Vector.bytes("aleph_synthetic_pe.bin"), bytes -> refusedAtMost(() -> PeImage.authenticode(bytes)));
        rounds(new byte[0x1000], bytes -> refusedAtMost(() -> KernelImage.patched(bytes, random.nextInt(), 1L << 31)));
        byte[] tables = Arrays.copyOf(Vector.bytes("canonical_acpi_tables.bin.gz"), 0x2800);
        rounds(tables, bytes -> refusedAtMost(() -> AcpiTables.of(bytes).loader()));
    }

    private static void refusedAtMost(Runnable call) {
        try {
            call.run();
        } catch (IllegalArgumentException refused) {
            assertThat(refused.getMessage()).isNotBlank();
        }
    }

    private static void checked(LaunchPlan plan) {
        switch (plan) {
            case LaunchPlan.Refused refused -> assertThat(refused.reason()).isNotBlank();
            case LaunchPlan.Launches launches -> {
                long size =
                        launches.steps().stream().mapToLong(LaunchStep::size).sum();
                if (size < 1 << 20) {
                    assertThat(launches.measure().digest())
                            .hasSize(launches.technology().digestSize());
                }
            }
        }
    }

    /** Calls it with the original, damaged in one to four places, cut off now and then. */
    private void rounds(byte[] original, Consumer<byte[]> call) {
        System.out.println("FuzzTest: seed " + seed);
        for (int round = 0; round < ROUNDS; round++) {
            byte[] bytes = original.clone();
            for (int i = 0; i <= random.nextInt(4); i++) {
                damage(bytes);
            }
            byte[] input = random.nextInt(8) == 0 ? Arrays.copyOf(bytes, random.nextInt(bytes.length)) : bytes;
            try {
                call.accept(input);
            } catch (RuntimeException wrong) {
                throw new AssertionError("seed " + seed + ", round " + round, wrong);
            }
        }
    }

    /** Where tables are: the first and the last KiB; a byte, or four of them with an edge. */
    private void damage(byte[] bytes) {
        int near = random.nextInt(Math.min(0x600, bytes.length - 4));
        int at = random.nextInt(3) == 0 ? Math.max(0, bytes.length - 4 - near % 0x200) : near;
        if (random.nextBoolean()) {
            bytes[at] = (byte) random.nextInt();
        } else {
            int edge = EDGES.get(random.nextInt(EDGES.size())) + random.nextInt(3) - 1;
            for (int i = 0; i < 4; i++) {
                bytes[at + i] = (byte) (edge >> (8 * i));
            }
        }
    }
}
