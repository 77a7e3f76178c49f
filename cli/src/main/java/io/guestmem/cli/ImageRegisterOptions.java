package io.guestmem.cli;

import io.guestmem.image.GuestImage;
import io.guestmem.image.ImageContext;
import io.guestmem.image.ImageOptions;
import io.guestmem.image.RegisterChoice;
import io.guestmem.paging.PhysicalMemory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which image, and the registers to walk it with. */
final class ImageRegisterOptions {
    /** Whose reserved bits. */
    enum Vendor {
        AMD,
        INTEL
    }

    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec;

    @Option(
            names = "--image",
            paramLabel = "FILE",
            required = true,
            description = "Raw memory, an ELF core, a kdump-compressed dump, LiME, AVML, or Firecracker's memory file.")
    private Path image;

    @Option(
            names = "--base",
            paramLabel = "FILE",
            description =
                    "What a memory file is a difference to (Firecracker's diff snapshots); repeated, from the oldest to the"
                            + " newest.")
    private List<Path> bases = List.of();

    @Option(names = "--state", paramLabel = "FILE", description = "The state file beside Firecracker's memory file.")
    private @Nullable Path state;

    @Option(names = "--raw", description = "The image is raw memory, whatever it begins with.")
    private boolean raw;

    @Option(
            names = "--low-memory",
            paramLabel = "SIZE",
            description = "Of raw memory: this much is below 4 GiB, what follows begins there (QEMU's q35: 2G).")
    private ByteSize lowMemory = new ByteSize(0);

    @Option(names = "--cpu", paramLabel = "N", description = "The processor whose registers the image shall give.")
    private int cpu;

    @Option(names = "--cr0", paramLabel = "X", description = "Instead of the image's.")
    private @Nullable Long cr0;

    @Option(names = "--cr3", paramLabel = "X", description = "Instead of the image's.")
    private @Nullable Long cr3;

    @Option(names = "--cr4", paramLabel = "X", description = "Instead of the image's.")
    private @Nullable Long cr4;

    @Option(names = "--efer", paramLabel = "X", description = "Instead of the image's.")
    private @Nullable Long efer;

    @Option(
            names = "--maxphyaddr",
            paramLabel = "N",
            description = "Physical address bits of the guest's processor; those above are reserved. Without it: 52.")
    private @Nullable Integer maxPhysicalAddressBits;

    @Option(
            names = "--vendor",
            paramLabel = "amd|intel",
            converter = VendorNames.class,
            description = "Of the processor.")
    private @Nullable Vendor vendor;

    private static final class VendorNames implements ITypeConverter<Vendor> {
        @Override
        public Vendor convert(String text) {
            return Choices.of(Vendor.class).convert(text);
        }
    }

    GuestImage open() throws IOException {
        if (lowMemory.bytes() % 4096 != 0 || lowMemory.bytes() > 1L << 32) {
            throw new ParameterException(spec.commandLine(), "--low-memory: at most 4G, in pages of 4096 bytes");
        }
        return GuestImage.open(image, new ImageOptions(raw, lowMemory.bytes(), Optional.ofNullable(state), bases));
    }

    /** Of the image's own processors. */
    ImageContext context(GuestImage opened) throws IOException {
        return ImageContext.of(opened, choice());
    }

    /** Of a guest of the image's. */
    ImageContext contextOfGuest(PhysicalMemory memory) {
        return ImageContext.ofGuest(memory, choice());
    }

    /** What is named of MAXPHYADDR, otherwise so many that none is reserved. */
    int maxPhysicalAddressBits() {
        return choice().maxPhysicalAddressBits().orElse(52);
    }

    private RegisterChoice choice() {
        if (maxPhysicalAddressBits != null && (maxPhysicalAddressBits < 32 || maxPhysicalAddressBits > 52)) {
            throw new ParameterException(spec.commandLine(), "--maxphyaddr: processors have 32 to 52 bits");
        }
        return new RegisterChoice(
                cpu,
                optional(cr0),
                optional(cr3),
                optional(cr4),
                optional(efer),
                maxPhysicalAddressBits == null ? OptionalInt.empty() : OptionalInt.of(maxPhysicalAddressBits),
                Optional.ofNullable(vendor).map(Vendor.AMD::equals));
    }

    private static OptionalLong optional(@Nullable Long value) {
        return value == null ? OptionalLong.empty() : OptionalLong.of(value);
    }
}
