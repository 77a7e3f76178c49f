package io.guestmem.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.SplittableRandom;

/**
 * Runs what the launcher's AOT cache shall know: the short commands, of whose time most is the start of the JVM. A cache is
 * made from one run, so all of them are in this one.
 */
final class StartTraining {
    /** As large as real ones, for which several threads work. */
    private static final int FIRMWARE_SIZE = 4 << 20;

    private static final int RESET_VECTOR = 0x20;

    /**
     * The end of an OVMF image before its reset vector: SEV metadata (memory, secrets, CPUID), and the GUID table with where
     * they stand, the reset block of processors, the footer.
     */
    private static final byte[] TABLES = HexFormat.of().parseHex("""
            4153455634000000010000000300000000008000001000000100000000d08000001000000200000000e08000
            0010000003000000920000001600666588dc4a989847a75e5585a7bf67cc04b080001600de71f7007e1acb4f
            890e68c77e2fb44e3e00de82b596b21ff745baeaa366c55a082d""".replace("\n", ""));

    private StartTraining() {}

    /** Runs them all; the last as a process does, with its end. */
    public static void main(String[] arguments) throws IOException {
        Path firmware = Files.createTempFile("guestmem-training", ".fd");
        firmware.toFile().deleteOnExit();
        Files.write(firmware, firmware());
        PrintWriter nobody = new PrintWriter(Writer.nullWriter());
        System.out.println("doctor: exit status " + Main.run(nobody, nobody, "doctor", "--json"));
        Main.main(new String[] {
            "measure", "snp", "--firmware", firmware.toString(), "--vcpus", "2", "--vcpu-type", "EPYC-v4"
        });
    }

    /** No two pages of it are alike. */
    private static byte[] firmware() {
        byte[] image = new byte[FIRMWARE_SIZE];
        new SplittableRandom(0).nextBytes(image);
        int end = image.length - RESET_VECTOR;
        System.arraycopy(TABLES, 0, image, end - TABLES.length, TABLES.length);
        return image;
    }
}
