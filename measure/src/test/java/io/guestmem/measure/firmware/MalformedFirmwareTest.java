package io.guestmem.measure.firmware;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.measure.layout.LittleEndian;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Broken firmware is refused with the field and its offset; missing tables are legal. */
class MalformedFirmwareTest {
    private static final int SIZE = 0x4000;
    private static final int FOOTER = SIZE - 32 - 18;

    @Test
    void tablesAreRead() throws MalformedFirmwareException {
        OvmfFirmware firmware = TestFirmware.snp().read();

        assertThat(firmware.resetAddress()).contains(TestFirmware.RESET);
        assertThat(firmware.kernelHashes()).contains(new OvmfFirmware.Area(0x810c00, 0x400));
        assertThat(firmware.sevMetadata().orElseThrow())
                .hasSize(5)
                .startsWith(new SevSection(0, TestFirmware.SEV + 16, 0x800000, 0x2000, 1));
        assertThat(firmware.tdvf()).isEmpty();
        assertThat(firmware.secretArea()).isEmpty();
        assertThat(TestFirmware.tdx().read().tdvf().orElseThrow().sections()).hasSize(4);
    }

    @Test
    void firmwareWithoutTablesIsLegal() throws MalformedFirmwareException {
        OvmfFirmware plain = OvmfFirmware.of(FirmwareFile.of(new byte[4096]));

        assertThat(plain.table()).isEmpty();
        assertThat(plain.resetAddress()).isEmpty();
        assertThat(plain.sevMetadata()).isEmpty();
        assertThat(plain.tdvf()).isEmpty();
    }

    @Test
    void theBareResetBlockOfEarlyFirmwareIsRead() throws MalformedFirmwareException {
        byte[] bytes = new byte[4096];
        byte[] entry =
                new TestFirmware(0x1000).entry(GuidTable.RESET_BLOCK, 0x1234).bytes();
        System.arraycopy(entry, 4096 - 32 - 18 - 22, bytes, 4096 - 32 - 22, 22);

        assertThat(OvmfFirmware.of(FirmwareFile.of(bytes)).resetAddress()).contains(0x1234L);
    }

    @Test
    void aFileThatIsTooShort() {
        assertThatThrownBy(() -> OvmfFirmware.of(FirmwareFile.of(new byte[49])))
                .isInstanceOf(MalformedFirmwareException.class)
                .hasMessage("firmware at 0x0: 49 bytes are too few");
    }

    @Test
    void theGuidTable() {
        refused(bytes -> LittleEndian.put16(bytes, FOOTER, 17), "GUID table: length at 0x3fce: 17 bytes");
        refused(bytes -> LittleEndian.put16(bytes, FOOTER, 0xffff), "GUID table: length at 0x3fce: 65535 bytes");
        refused(
                bytes -> LittleEndian.put16(bytes, FOOTER - 18, 17),
                "GUID table: length of entry 00f771de-1a7e-4fcb-890e-68c77e2fb44e at 0x3fbc: 17 bytes");
        refused(bytes -> LittleEndian.put16(bytes, FOOTER - 18, 0x1000), "at 0x3fbc: 4096 bytes, of");
        assertThatThrownBy(
                        () -> TestFirmware.snp().entry(GuidTable.RESET_BLOCK, 1).read())
                .hasMessageContaining("appears twice");
        assertThatThrownBy(() -> new TestFirmware(SIZE)
                        .entry(GuidTable.KERNEL_HASHES, 1)
                        .read()
                        .kernelHashes())
                .hasMessageContaining("4 bytes are too few");
    }

    @Test
    void sevMetadata() {
        int sev = TestFirmware.SEV;
        refusedSev(bytes -> bytes[sev] = 'B', "SEV metadata: signature at 0x100: not ASEV");
        refusedSev(bytes -> bytes[sev + 8] = 2, "SEV metadata: version at 0x108: 2 and not 1");
        refusedSev(bytes -> LittleEndian.put32(bytes, sev + 4, 75), "SEV metadata: length at 0x104: 0x4b bytes for 5");
        refusedSev(bytes -> LittleEndian.put32(bytes, sev + 4, 0xffffffffL), "SEV metadata: length at 0x104");
        refusedSev(
                bytes -> LittleEndian.put32(bytes, sev + 12, 0xffffffffL),
                "SEV metadata: number of sections at 0x10c: 4294967295, more than");
        assertThatThrownBy(() -> new TestFirmware(SIZE)
                        .entry(GuidTable.SEV_METADATA, 0x4001)
                        .read()
                        .sevMetadata())
                .hasMessageContaining("SEV metadata: offset at 0x3fb8: 0x4001 before the end of a file of 0x4000");
        assertThatThrownBy(() -> new TestFirmware(SIZE)
                        .entry(GuidTable.SEV_METADATA, 8)
                        .read()
                        .sevMetadata())
                .hasMessageContaining("0x10 bytes do not lie in a file");
    }

    @Test
    void tdxMetadata() {
        int tdx = TestFirmware.TDX;
        int first = tdx + 16;
        refusedTdx(bytes -> bytes[tdx + 3] = 'f', "TDX metadata: signature at 0x400: not TDVF");
        refusedTdx(bytes -> bytes[tdx + 8] = 0, "TDX metadata: version at 0x408: 0 and not 1");
        refusedTdx(
                bytes -> bytes[tdx + 4] = (byte) 0x94,
                "TDX metadata: length at 0x404: 0x94 bytes for 4 sections that take 0x90");
        refusedTdx(bytes -> bytes[tdx + 12] = 5, "for 5 sections");
        refusedTdx(
                bytes -> LittleEndian.put32(bytes, first, 0x1001),
                "TDX metadata: section 0: BFV: data at 0x410: 0x3000 bytes from 0x1001 do not lie in a file of 0x4000");
        refusedTdx(bytes -> LittleEndian.put32(bytes, first + 4, 0xffffffffL), "section 0: BFV: data at 0x410");
        refusedTdx(bytes -> bytes[first + 8] = 1, "section 0: BFV: address at 0x418: 0xffffd001 is not page-aligned");
        refusedTdx(bytes -> bytes[first + 16] = 1, "section 0: BFV: memory size at 0x420: 0x3001");
        refusedTdx(bytes -> bytes[first + 17] = 0x20, "section 0: BFV: memory size at 0x420: 0x2000 is less");
        refusedTdx(bytes -> bytes[first + 23] = (byte) 0xff, "section 0: BFV: memory at 0x418");
        refusedTdx(
                bytes -> {
                    bytes[first + 15] = 0x7f;
                    bytes[first + 23] = 0x7f;
                },
                "wrap around");
    }

    private static void refused(Consumer<byte[]> breaking, String message) {
        byte[] bytes = TestFirmware.snp().bytes();
        breaking.accept(bytes);
        assertThatThrownBy(() -> OvmfFirmware.of(FirmwareFile.of(bytes)))
                .isInstanceOf(MalformedFirmwareException.class)
                .hasMessageContaining(message);
    }

    private static void refusedSev(Consumer<byte[]> breaking, String message) {
        byte[] bytes = TestFirmware.snp().bytes();
        breaking.accept(bytes);
        assertThatThrownBy(() -> OvmfFirmware.of(FirmwareFile.of(bytes)).sevMetadata())
                .isInstanceOf(MalformedFirmwareException.class)
                .hasMessageContaining(message);
    }

    private static void refusedTdx(Consumer<byte[]> breaking, String message) {
        byte[] bytes = TestFirmware.tdx().bytes();
        breaking.accept(bytes);
        assertThatThrownBy(() -> OvmfFirmware.of(FirmwareFile.of(bytes)).tdvf())
                .isInstanceOf(MalformedFirmwareException.class)
                .hasMessageContaining(message);
    }
}
