package io.guestmem.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.guestmem.paging.CheckOrder;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.Translation.Translated;
import io.guestmem.paging.WalkPlan;
import io.guestmem.paging.Walker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** QEMU's dumps of the whole guest whose page tables {@link TruthTest} has: {@code mem.elf} and {@code mem.kdump-zlib-flattened}. */
class LargeImagesTest {
    private static GuestImage open(String name) throws IOException {
        String directory = System.getenv("GUESTMEM_TEST_IMAGES");
        assumeTrue(directory != null, "GUESTMEM_TEST_IMAGES does not name a directory with " + name);
        Path file = Path.of(directory, name);
        assumeTrue(Files.exists(file), "there is no " + name + " in GUESTMEM_TEST_IMAGES");
        return GuestImage.open(file, ImageOptions.NONE);
    }

    @ParameterizedTest
    @CsvSource({"mem.elf", "mem.kdump-zlib-flattened"})
    void registersAndPagesAreThoseOfTheGuest(String name) throws IOException {
        GuestImage image = open(name);
        RegisterChoice second = new RegisterChoice(
                1,
                OptionalLong.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                OptionalInt.of(40),
                Optional.of(true));
        ImageContext context = ImageContext.of(image, second);
        Walker walker = new Walker(WalkPlan.of(context.state()), image.memory());

        assertThat(image.cpus()).extracting(CpuState::cr3).containsExactly(0x185_0000L, 0x185_8000L);
        assertThat(context.state().cr4()).isEqualTo(0x75_0EF0);
        assertThat(walker.translate(0xFFFF_FFFF_9F20_0000L, 0, SetBits.NONE, CheckOrder.PER_LEVEL))
                .isInstanceOfSatisfying(Translated.class, page -> {
                    assertThat(page.address()).isEqualTo(0x3400_0000);
                    assertThat(page.backed()).isTrue();
                });
    }

    @ParameterizedTest
    @CsvSource({"mem.elf", "mem.kdump-zlib-flattened"})
    void theKernelSaysInItsMemoryWhereItsTablesAre(String name) throws IOException {
        RootSearch search = new RootSearch(open(name).memory(), List.of(new Extent(0, 1 << 30)));

        assertThat(search.byVmcoreinfo())
                .hasValueSatisfying(root -> assertThat(root.address()).isEqualTo(0x35C2_2000));
        assertThat(search.blind())
                .hasValueSatisfying(root -> assertThat(root.address()).isEqualTo(0x35C2_2000));
    }
}
