package io.guestmem.cli;

import io.guestmem.image.GuestImage;
import io.guestmem.image.ImageContext;
import io.guestmem.image.ImageOptions;
import io.guestmem.image.RegisterChoice;
import io.guestmem.paging.PhysicalMemory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** Which image, and the registers to walk it with. */
final class ImageRegisterOptions {
    /** Whose reserved bits. */
    enum Vendor {
        AMD,
        INTEL
    }

    private final CommandSpec spec;
    private final Argument<Path> image;
    private final Argument<List<Path>> bases;
    private final Argument<Path> state;
    private final Argument<Boolean> raw;
    private final Argument<ByteSize> lowMemory;
    private final Argument<Integer> cpu;
    private final Argument<Long> cr0;
    private final Argument<Long> cr3;
    private final Argument<Long> cr4;
    private final Argument<Long> efer;
    private final Argument<Integer> maxPhysicalAddressBits;
    private final Argument<Vendor> vendor;

    ImageRegisterOptions(CommandSpec spec) {
        this.spec = spec;
        image = Argument.required(
                spec,
                "--image",
                "FILE",
                Values.PATH,
                "Raw memory, an ELF core, a kdump-compressed dump, LiME, AVML, or Firecracker's memory file.");
        bases = Argument.repeated(
                spec,
                "--base",
                "FILE",
                Values.PATH,
                "What a memory file is a difference to (Firecracker's diff snapshots); repeated, from the oldest to the"
                        + " newest.");
        state = Argument.option(
                spec, "--state", "FILE", Values.PATH, "The state file beside Firecracker's memory file.");
        raw = Argument.flag(spec, "--raw", "The image is raw memory, whatever it begins with.");
        lowMemory = Argument.option(
                spec,
                "--low-memory",
                "SIZE",
                ByteSize::parse,
                "0",
                "Of raw memory: this much is below 4 GiB, what follows begins there (QEMU's q35: 2G).");
        cpu = Argument.option(
                spec, "--cpu", "N", Values.INT, "0", "The processor whose registers the image shall give.");
        cr0 = Argument.option(spec, "--cr0", "X", RawNumber::parse, "Instead of the image's.");
        cr3 = Argument.option(spec, "--cr3", "X", RawNumber::parse, "Instead of the image's.");
        cr4 = Argument.option(spec, "--cr4", "X", RawNumber::parse, "Instead of the image's.");
        efer = Argument.option(spec, "--efer", "X", RawNumber::parse, "Instead of the image's.");
        maxPhysicalAddressBits = Argument.option(
                spec,
                "--maxphyaddr",
                "N",
                Values.INT,
                "Physical address bits of the guest's processor; those above are reserved. Without it: 52.");
        vendor = Argument.option(spec, "--vendor", "amd|intel", Choices.of(Vendor.class), "Of the processor.");
    }

    GuestImage open() throws IOException {
        if (lowMemory.value().bytes() % 4096 != 0 || lowMemory.value().bytes() > 1L << 32) {
            throw new ParameterException(spec.commandLine(), "--low-memory: at most 4G, in pages of 4096 bytes");
        }
        return GuestImage.open(
                image.value(),
                new ImageOptions(raw.value(), lowMemory.value().bytes(), state.optional(), bases.value()));
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
        if (maxPhysicalAddressBits.isPresent()
                && (maxPhysicalAddressBits.value() < 32 || maxPhysicalAddressBits.value() > 52)) {
            throw new ParameterException(spec.commandLine(), "--maxphyaddr: processors have 32 to 52 bits");
        }
        return new RegisterChoice(
                cpu.value(),
                optional(cr0),
                optional(cr3),
                optional(cr4),
                optional(efer),
                maxPhysicalAddressBits.isPresent()
                        ? OptionalInt.of(maxPhysicalAddressBits.value())
                        : OptionalInt.empty(),
                vendor.optional().map(Vendor.AMD::equals));
    }

    private static OptionalLong optional(Argument<Long> register) {
        return register.isPresent() ? OptionalLong.of(register.value()) : OptionalLong.empty();
    }
}
