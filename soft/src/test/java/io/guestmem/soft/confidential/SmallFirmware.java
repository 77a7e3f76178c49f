package io.guestmem.soft.confidential;

import io.guestmem.measure.firmware.FirmwareFile;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.UUID;

/** Firmware of 16 KiB with the tables that SEV and TDX launches need. */
final class SmallFirmware {
    static final int SIZE = 0x4000;
    /** Where vCPUs other than the first start. */
    static final int RESET = 0x80B004;

    private static final int SEV_METADATA = 0x100;
    private static final int TDX_METADATA = 0x400;
    private final ByteBuffer image = ByteBuffer.allocate(SIZE).order(ByteOrder.LITTLE_ENDIAN);
    private int end = SIZE - 32 - 18;

    private SmallFirmware() {}

    static OvmfFirmware read() throws MalformedFirmwareException {
        SmallFirmware firmware = new SmallFirmware();
        firmware.fill();
        return OvmfFirmware.of(FirmwareFile.of(firmware.image.array()));
    }

    private void fill() {
        new Random(42).nextBytes(image.array());
        image.put(SIZE - 0x400, new byte[0x400]);
        sev(0x800000, 0x2000, 1, 0x80D000, 0x1000, 2, 0x80E000, 0x1000, 3, 0x80F000, 0x1000, 4, 0x810000, 0x1000, 0x10);
        tdx(
                new long[] {0x1000, 0x3000, 0xFFFFD000L, 0x3000, 0, 1},
                new long[] {0, 0x1000, 0xFFFFC000L, 0x1000, 1, 0},
                new long[] {0, 0, 0x809000, 0x2000, 2, 0},
                new long[] {0, 0, 0x810000, 0x4000, 3, 0});
        entry("00f771de-1a7e-4fcb-890e-68c77e2fb44e", RESET);
        entry("7255371f-3a3b-4b04-927b-1da6efa8d454", 0x810C00, 0x400);
        entry("dc886566-984a-4798-a75e-5585a7bf67cc", SIZE - SEV_METADATA);
        entry("e47a6535-984a-4798-865e-4685a7bf8ec2", SIZE - TDX_METADATA);
        image.putShort(SIZE - 32 - 18, (short) (SIZE - 32 - end));
        guid("96b582de-1fb2-45f7-baea-a366c55a082d", SIZE - 32 - 16);
    }

    private void sev(int... numbers) {
        header(SEV_METADATA, "ASEV", 16 + 4 * numbers.length, numbers.length / 3);
        for (int i = 0; i < numbers.length; i++) {
            image.putInt(SEV_METADATA + 16 + i * 4, numbers[i]);
        }
    }

    private void tdx(long[]... sections) {
        header(TDX_METADATA, "TDVF", 16 + 32 * sections.length, sections.length);
        for (int i = 0; i < sections.length; i++) {
            int at = TDX_METADATA + 16 + i * 32;
            image.putInt(at, (int) sections[i][0]).putInt(at + 4, (int) sections[i][1]);
            image.putLong(at + 8, sections[i][2]).putLong(at + 16, sections[i][3]);
            image.putInt(at + 24, (int) sections[i][4]).putInt(at + 28, (int) sections[i][5]);
        }
    }

    private void header(int at, String magic, int length, int count) {
        image.put(at, magic.getBytes(StandardCharsets.US_ASCII));
        image.putInt(at + 4, length).putInt(at + 8, 1).putInt(at + 12, count);
    }

    private void entry(String guid, int... numbers) {
        end -= 18 + 4 * numbers.length;
        for (int i = 0; i < numbers.length; i++) {
            image.putInt(end + i * 4, numbers[i]);
        }
        image.putShort(end + numbers.length * 4, (short) (18 + numbers.length * 4));
        guid(guid, end + numbers.length * 4 + 2);
    }

    private void guid(String text, int at) {
        UUID id = UUID.fromString(text);
        long high = id.getMostSignificantBits();
        image.putInt(at, (int) (high >>> 32))
                .putShort(at + 4, (short) (high >>> 16))
                .putShort(at + 6, (short) high);
        image.putLong(at + 8, Long.reverseBytes(id.getLeastSignificantBits()));
    }
}
