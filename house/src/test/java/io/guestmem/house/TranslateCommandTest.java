package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code guestmem translate}: the packaged command on the page tables of a Debian guest. */
class TranslateCommandTest {
    private static final String IMAGE = "image/src/test/resources/io/guestmem/image/pagetables.lime.gz";

    @TempDir
    private Path directory;

    @BeforeEach
    void unpack() throws IOException {
        try (InputStream packed = new GZIPInputStream(Files.newInputStream(Checkout.ROOT.resolve(IMAGE)))) {
            Files.copy(packed, directory.resolve("tables.lime"));
        }
    }

    private Command.Outcome run(String line) throws Exception {
        return Guestmem.command(directory, ("translate --image tables.lime " + line).split(" ", -1))
                .run();
    }

    @Test
    void anAddressHasItsPageInTheFieldsThatScriptsRelyOn() throws Exception {
        Command.Outcome outcome = run("--cr3 0x1858000 --access xu --json 0x401abc");

        assertThat(outcome.status()).isZero();
        assertThat(Json.objects(Json.object(outcome.out()), "results").getFirst())
                .containsEntry("gva", "0x401abc")
                .containsEntry("valid", true)
                .containsEntry("gpa", "0x3fe02abc")
                .containsEntry("level", 1L)
                .containsEntry("page_size", 4096L)
                .containsEntry("writable", false)
                .containsEntry("user", true)
                .containsEntry("executable", true);
    }

    @Test
    void aFaultNamesItsEntry() throws Exception {
        Command.Outcome outcome = run("--cr3 0x1858000 --access wu --set accessed --json 0x401000");

        assertThat(outcome.status()).isEqualTo(1);
        assertThat(Json.objects(Json.object(outcome.out()), "results").getFirst())
                .containsEntry("gva", "0x401000")
                .containsEntry("valid", false)
                .containsEntry("fault", "PRIVILEGE_VIOLATION")
                .containsEntry("entry", "0x35bcb008")
                .containsEntry("level", 1L)
                .containsEntry("set_bits_succeeded", false);
    }

    @Test
    void aFaultIsExplainedInWords() throws Exception {
        assertThat(run("--cr3 0x1858000 --access u 0xffffffff9f200000").out().lines())
                .containsExactly(
                        "image lime, paging level_4, CR3 0x1858000 from the command line",
                        "0xffffffff9f200000  PRIVILEGE_VIOLATION",
                        "    PML4E at 0x1858ff8 = 0x0000000035c27067  PWUAD--",
                        "    PDPTE at 0x35c27ff0 = 0x0000000035c28063  PW-AD--  <- here",
                        "    PDPTE does not permit user mode (U is clear)");
    }

    @Test
    void withoutRegistersTheKernelsTablesAreSearchedForAndItSaysSo() throws Exception {
        assertThat(run("0xffffffff9f200000").out().lines())
                .containsExactly(
                        "image lime, paging level_4, CR3 0x35c22000 from a search of memory: 1 of 15 roots that share a kernel",
                        "0xffffffff9f200000  0x34000000  2M  r-x-  no memory there");
    }

    @Test
    void theMapIsALineForEachRun() throws Exception {
        List<String> lines = run("--cr3 0x1858000 --map --json").out().lines().toList();

        assertThat(lines).hasSize(339);
        assertThat(Json.object(lines.getFirst()))
                .containsEntry("gva", "0x400000")
                .containsEntry("gpa", "0x3fe01000")
                .containsEntry("size", 4096L)
                .containsEntry("page_size", 4096L)
                .containsEntry("writable", false)
                .containsEntry("user", true)
                .containsEntry("executable", false)
                .containsEntry("accessed", true)
                .containsEntry("dirty", false);
    }

    /** The root of 0x401000's tables is in the base; the difference has nothing but another root. */
    @Test
    void aDifferenceLiesOverItsBase() throws Exception {
        ByteBuffer base = ByteBuffer.allocate(0x8000).order(ByteOrder.LITTLE_ENDIAN);
        base.putLong(0x1000, 0x2007)
                .putLong(0x2000, 0x3007)
                .putLong(0x3000, 0x4007)
                .putLong(0x4000, 0x5007);
        Files.write(directory.resolve("vm.mem"), base.array());
        try (FileChannel diff = FileChannel.open(
                directory.resolve("vm.diff"),
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.SPARSE,
                StandardOpenOption.WRITE)) {
            ByteBuffer table = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
            diff.write(table.putLong(0, 0x6007), 0x4000);
            diff.write(ByteBuffer.allocate(1), 0x8000);
            diff.truncate(0x8000);
        }
        String line = "translate --image vm.diff --base vm.mem --cr3 0x1000 0x123";

        Command.Outcome outcome =
                Guestmem.command(directory, line.split(" ", -1)).run();

        assertThat(outcome.out().lines())
                .containsExactly(
                        "image raw, paging level_4, CR3 0x1000 from the command line", "0x123  0x6123  4K  rwxu");
        Files.write(directory.resolve("vm.diff"), new byte[0x7000]);
        assertThat(Guestmem.command(directory, line.split(" ", -1)).run().err())
                .startsWith("guestmem: vm.diff has 28672 bytes and vm.mem has 32768: they are not of one guest, at"
                        + " offset 0x7000\n");
    }

    @Test
    void aFileThatIsCutOffIsRefusedWithTheOffset() throws Exception {
        byte[] bytes = Files.readAllBytes(directory.resolve("tables.lime"));
        Files.write(directory.resolve("tables.lime"), Arrays.copyOf(bytes, 100_000));

        Command.Outcome outcome = run("--cr3 0x1858000 0x401000");

        assertThat(outcome.status()).isEqualTo(74);
        assertThat(outcome.err().lines().toList())
                .hasSize(2)
                .first()
                .asString()
                .startsWith("guestmem: the header promises more than there is: memory of ")
                .endsWith("at offset 0x1020");
    }
}
