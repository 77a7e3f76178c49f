package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code guestmem translate} through two stages: raw memory of a hypervisor, whose extended page tables at 0x1000 map its guest's
 * first four pages to 0x10000, with the guest's page tables, and two more to 0x20000 and 0x21000, the second read-only.
 */
class TranslateStagesTest {
    private static final long RWX = 7;
    private static final long R_X = 5;
    private static final long WRITE_BACK = 6 << 3;
    private static final long PWU = 7;

    @TempDir
    private Path directory;

    private final ByteBuffer memory = ByteBuffer.allocate(0x30000).order(ByteOrder.LITTLE_ENDIAN);

    @BeforeEach
    void write() throws IOException {
        memory.putLong(0x1000, 0x2000 | RWX).putLong(0x2000, 0x3000 | RWX).putLong(0x3000, 0x4000 | RWX);
        for (int i = 0; i < 4; i++) {
            memory.putLong(0x4000 + 8 * i, 0x10000 + 0x1000L * i | RWX | WRITE_BACK);
        }
        memory.putLong(0x4020, 0x20000 | RWX | WRITE_BACK).putLong(0x4028, 0x21000 | R_X | WRITE_BACK);
        memory.putLong(0x10000, 0x1000 | PWU).putLong(0x11000, 0x2000 | PWU).putLong(0x12000, 0x3000 | PWU);
        memory.putLong(0x13200, 0x4000 | PWU | 0x60)
                .putLong(0x13208, 0x5000 | PWU)
                .putLong(0x13210, 0x9000 | PWU);
        Files.write(directory.resolve("host.mem"), memory.array());
    }

    private Command.Outcome run(String line) throws Exception {
        return Guestmem.command(directory, ("translate --image host.mem " + line).split(" ", -1))
                .run();
    }

    @Test
    void theSecondStageAloneIsListed() throws Exception {
        Command.Outcome outcome = run("--eptp 0x101e --map");

        assertThat(outcome.status()).isZero();
        assertThat(outcome.out().lines())
                .containsExactly(
                        "0x000000000000  0x000000010000         16K     4K  rwxu--",
                        "0x000000004000  0x000000020000          4K     4K  rwxu--",
                        "0x000000005000  0x000000021000          4K     4K  r-xu--");
    }

    @Test
    void whatTheGuestMapsIsListedAsFarAsTheSecondStageHasIt() throws Exception {
        Command.Outcome outcome = run("--eptp 0x101e --cr3 0 --map --json");

        assertThat(outcome.status()).isZero();
        assertThat(outcome.err()).isEqualTo("guestmem: 4096 bytes that the guest maps are not in the second stage\n");
        assertThat(outcome.out().lines()).hasSize(2);
        assertThat(Json.object(outcome.out().lines().toList().getLast()))
                .containsEntry("gva", "0x41000")
                .containsEntry("gpa", "0x5000")
                .containsEntry("hpa", "0x21000")
                .containsEntry("size", 4096L)
                .containsEntry("readable", true)
                .containsEntry("writable", false)
                .containsEntry("user", true)
                .containsEntry("executable", true);
    }

    @Test
    void aFaultOfTheSecondStageIsNamed() throws Exception {
        Command.Outcome outcome = run("--eptp 0x101e --cr3 0 --access w --json 0x41000");

        assertThat(outcome.status()).isEqualTo(1);
        assertThat(Json.objects(Json.object(outcome.out()), "results").getFirst())
                .containsEntry("gva", "0x41000")
                .containsEntry("fault", "PRIVILEGE_VIOLATION")
                .containsEntry("detail", "WRITE")
                .containsEntry("stage", 2L)
                .containsEntry("entry", "0x4028")
                .containsEntry("guest_physical", "0x5000");
    }

    @Test
    void withoutACr3TheAddressesAreTheGuestsPhysicalOnes() throws Exception {
        assertThat(run("--eptp 0x101e 0x5008").out().lines())
                .containsExactly(
                        "image raw, addresses are the guest's physical ones, EPTP 0x101e", "0x5008  0x21008  -  r-xu");
    }

    /** The guest's own tables, taken for nested ones: with GMET a user page is not executed by the supervisor. */
    @Test
    void nestedPagingWithExecuteTrap() throws Exception {
        memory.putLong(0x13000, 0x7000 | PWU);
        for (int at = 0; at < 0x4000; at += 0x1000) {
            memory.putLong(0x10000 + at, at + 0x11000 | PWU);
        }
        Files.write(directory.resolve("host.mem"), memory.array());

        assertThat(run("--ncr3 0x10000 --map").out().lines()).first().asString().endsWith("rwxu--");
        assertThat(run("--ncr3 0x10000 --gmet --map").out().lines())
                .first()
                .asString()
                .endsWith("rw-u--");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--eptp 0x101e --ncr3 0x1000 --map | either --eptp or --ncr3",
                "--mbec --ncr3 0x1000 --map        | --mbec: only with --eptp",
                "--gmet --cr3 0x1000 --map         | --gmet: only with --ncr3",
                "--eptp 0x1000 --map               | --eptp: EPTP 0x1000 asks for 1 levels",
                "--eptp 0x801000000000001e --map   | --eptp: bits above 51 are set",
            })
    void whatMakesNoSenseIsRefused(String line, String message) throws Exception {
        Command.Outcome outcome = run(line);

        assertThat(outcome.status()).isEqualTo(2);
        assertThat(outcome.err()).startsWith("guestmem: " + message);
    }
}
