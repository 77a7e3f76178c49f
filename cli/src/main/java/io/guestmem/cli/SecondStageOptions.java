package io.guestmem.cli;

import io.guestmem.paging.EptPointer;
import io.guestmem.paging.PagingFeatures;
import io.guestmem.paging.PagingState;
import io.guestmem.paging.PdpteRegisters;
import io.guestmem.paging.PhysicalMemory;
import io.guestmem.paging.SecondStage;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The second stage of a guest whose hypervisor's memory the image is. */
final class SecondStageOptions {
    private static final long EPT_ROOT_AND_SETTINGS = 0x000F_FFFF_FFFF_FFFFL;

    /** PG, WP, PE; PAE; LME, LMA, NXE: what runs a guest with nested paging. */
    private static final long HOST_CR0 = 0x8001_0001L;

    private static final long HOST_CR4 = 0x20;
    private static final long HOST_EFER = 0xD00;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec;

    @Option(
            names = "--eptp",
            paramLabel = "X",
            description =
                    "The image is of a hypervisor: its guest's EPT pointer (Intel), with the levels in bits 5 to 3. The"
                            + " registers named are the guest's; without --cr3 the addresses are its physical ones.")
    private @Nullable Long eptp;

    @Option(
            names = "--ncr3",
            paramLabel = "X",
            description = "The same with nested paging (AMD): the root of its four levels.")
    private @Nullable Long ncr3;

    @Option(names = "--mbec", description = "With --eptp: mode-based execute control, bit 10 is for user mode.")
    private boolean modeBased;

    @Option(
            names = "--gmet",
            description = "With --ncr3: guest mode execute trap, the supervisor does not execute user pages.")
    private boolean executeTrap;

    /** The stage, if there is one. */
    Optional<SecondStage> stage(PhysicalMemory memory, int maxPhysicalAddressBits) {
        require(eptp == null || ncr3 == null, "either --eptp or --ncr3");
        require(!modeBased || eptp != null, "--mbec: only with --eptp");
        require(!executeTrap || ncr3 != null, "--gmet: only with --ncr3");
        if (eptp != null) {
            return Optional.of(SecondStage.extended(pointer(eptp, maxPhysicalAddressBits), memory));
        }
        if (ncr3 != null) {
            PagingFeatures features = new PagingFeatures(maxPhysicalAddressBits, true, true, 0);
            PagingState host = new PagingState(HOST_CR0, ncr3, HOST_CR4, HOST_EFER, PdpteRegisters.NONE, 0, features);
            return Optional.of(
                    executeTrap ? SecondStage.nestedWithExecuteTrap(host, memory) : SecondStage.nested(host, memory));
        }
        return Optional.empty();
    }

    private EptPointer pointer(long value, int maxPhysicalAddressBits) {
        require((value & ~EPT_ROOT_AND_SETTINGS) == 0, "--eptp: bits above 51 are set");
        try {
            return new EptPointer(value, maxPhysicalAddressBits, true, true, modeBased);
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
        return eptp != null ? "EPTP " + Hex.of(eptp) : ncr3 != null ? "nCR3 " + Hex.of(ncr3) : "";
    }
}
