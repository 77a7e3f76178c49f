package io.guestmem.cli;

import io.guestmem.paging.EptPointer;
import io.guestmem.paging.PagingFeatures;
import io.guestmem.paging.PagingState;
import io.guestmem.paging.PdpteRegisters;
import io.guestmem.paging.PhysicalMemory;
import io.guestmem.paging.SecondStage;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** The second stage of a guest whose hypervisor's memory the image is. */
final class SecondStageOptions {
    private static final long EPT_ROOT_AND_SETTINGS = 0x000F_FFFF_FFFF_FFFFL;

    /** PG, WP, PE; PAE; LME, LMA, NXE: what runs a guest with nested paging. */
    private static final long HOST_CR0 = 0x8001_0001L;

    private static final long HOST_CR4 = 0x20;
    private static final long HOST_EFER = 0xD00;

    private final CommandSpec spec;
    private final Argument<Long> eptp;
    private final Argument<Long> ncr3;
    private final Argument<Boolean> modeBased;
    private final Argument<Boolean> executeTrap;

    SecondStageOptions(CommandSpec spec) {
        this.spec = spec;
        eptp = Argument.option(
                spec,
                "--eptp",
                "X",
                RawNumber::parse,
                "The image is of a hypervisor: its guest's EPT pointer (Intel), with the levels in bits 5 to 3. The"
                        + " registers named are the guest's; without --cr3 the addresses are its physical ones.");
        ncr3 = Argument.option(
                spec,
                "--ncr3",
                "X",
                RawNumber::parse,
                "The same with nested paging (AMD): the root of its four levels.");
        modeBased = Argument.flag(spec, "--mbec", "With --eptp: mode-based execute control, bit 10 is for user mode.");
        executeTrap = Argument.flag(
                spec, "--gmet", "With --ncr3: guest mode execute trap, the supervisor does not execute user pages.");
    }

    /** The stage, if there is one. */
    Optional<SecondStage> stage(PhysicalMemory memory, int maxPhysicalAddressBits) {
        require(!eptp.isPresent() || !ncr3.isPresent(), "either --eptp or --ncr3");
        require(!modeBased.value() || eptp.isPresent(), "--mbec: only with --eptp");
        require(!executeTrap.value() || ncr3.isPresent(), "--gmet: only with --ncr3");
        if (eptp.isPresent()) {
            return Optional.of(SecondStage.extended(pointer(eptp.value(), maxPhysicalAddressBits), memory));
        }
        if (ncr3.isPresent()) {
            PagingFeatures features = new PagingFeatures(maxPhysicalAddressBits, true, true, 0);
            PagingState host =
                    new PagingState(HOST_CR0, ncr3.value(), HOST_CR4, HOST_EFER, PdpteRegisters.NONE, 0, features);
            return Optional.of(
                    executeTrap.value()
                            ? SecondStage.nestedWithExecuteTrap(host, memory)
                            : SecondStage.nested(host, memory));
        }
        return Optional.empty();
    }

    private EptPointer pointer(long value, int maxPhysicalAddressBits) {
        require((value & ~EPT_ROOT_AND_SETTINGS) == 0, "--eptp: bits above 51 are set");
        try {
            return new EptPointer(value, maxPhysicalAddressBits, true, true, modeBased.value());
        } catch (IllegalArgumentException wrong) {
            throw new ParameterException(spec.commandLine(), "--eptp: " + wrong.getMessage(), wrong);
        }
    }

    private void require(boolean valid, String message) {
        if (!valid) {
            throw new ParameterException(spec.commandLine(), message);
        }
    }

    /** As in {@code EPTP 0x101e}. */
    String description() {
        return eptp.isPresent()
                ? "EPTP " + Hex.of(eptp.value())
                : ncr3.isPresent() ? "nCR3 " + Hex.of(ncr3.value()) : "";
    }
}
