package io.guestmem.cli;

import io.guestmem.image.GuestImage;
import io.guestmem.image.ImageContext;
import io.guestmem.paging.Access;
import io.guestmem.paging.CheckOrder;
import io.guestmem.paging.MappingTotals;
import io.guestmem.paging.Mappings;
import io.guestmem.paging.NestedMappings;
import io.guestmem.paging.NestedTotals;
import io.guestmem.paging.OverlayMemory;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.PhysicalMemory;
import io.guestmem.paging.SecondStage;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.StageMappings;
import io.guestmem.paging.Translate2;
import io.guestmem.paging.WalkPlan;
import io.guestmem.paging.Walker;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.LongConsumer;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;

/** {@code guestmem translate}: KVM_TRANSLATE2 on a memory image. */
final class TranslateCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(
            this,
            "translate",
            "Translate a guest's addresses in an image of its memory, as KVM_TRANSLATE2 would.",
            "",
            "Registers come from the image where it carries them (QEMU's ELF cores and kdumps, Firecracker's state file), from the"
                    + " options otherwise; without both, the page tables of a Linux kernel are searched for. The first line says"
                    + " which. A refused access is explained: each level's entry with its bits (P present, W writable, U user, A"
                    + " accessed, D dirty, S page size, X no-execute), and the rule. The exit status is 1 if any address has no"
                    + " translation. --set changes nothing in the file.",
            "",
            "Examples:",
            "  guestmem translate --image guest.elf --access u 0x401000",
            "  guestmem translate --image vm.mem --state vm.state --set accessed,dirty --access w 0xffffffff81000000",
            "  guestmem translate --image vm.diff --base vm.mem --state vm.state --map",
            "  guestmem translate --image guest.lime --cr3 0x1858000 --map --json",
            "  guestmem translate --image host.mem --eptp 0x10205e --cr3 0x8000 --map",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final ImageRegisterOptions image = new ImageRegisterOptions(spec);

    private final SecondStageOptions second = new SecondStageOptions(spec);

    private final Argument<Integer> access = Argument.option(
            spec,
            "--access",
            "rwxu",
            TranslateCommand::access,
            "r",
            "What is done: read, write, execute; u: in user mode. Without it: a read by the supervisor.");

    private final Argument<Integer> setBits = Argument.option(
            spec, "--set", "BITS", TranslateCommand::bits, "What the walk sets: accessed, dirty, force.");

    private final Argument<CheckOrder> order = Argument.option(
            spec,
            "--order",
            "ORDER",
            Choices.of(CheckOrder.class),
            "per_level",
            "per_level: the first level that does not permit the access is at fault. architectural: an entry that is"
                    + " not present or reserved comes first, as on a processor. Without it: per_level.");

    private final Argument<Boolean> map =
            Argument.flag(spec, "--map", "Everything that is mapped, instead: ascending, in runs.");

    private final Argument<List<String>> addresses =
            Argument.parameters(spec, "0..*", "GVA", Values.TEXT, "Addresses; '-' reads them from standard input.");

    private static int access(String text) {
        int access = Access.READ;
        for (int i = 0; i < text.length(); i++) {
            access |= switch (text.charAt(i)) {
                case 'r' -> Access.READ;
                case 'w' -> Access.WRITE;
                case 'x' -> Access.EXECUTE;
                case 'u' -> Access.USER;
                default -> throw new TypeConversionException("'" + text + "' is not made of r, w, x, u");
            };
        }
        return access;
    }

    private static int bits(String text) {
        int bits = SetBits.NONE;
        for (String name : text.split(",", -1)) {
            bits |= switch (name) {
                case "accessed" -> SetBits.ACCESSED;
                case "dirty" -> SetBits.DIRTY;
                case "force" -> SetBits.FORCE_ACCESSED;
                default -> throw new TypeConversionException("'" + name + "' is not one of accessed, dirty, force");
            };
        }
        return bits;
    }

    @Override
    public Integer call() throws IOException {
        if (map.value() == !addresses.value().isEmpty()) {
            throw new ParameterException(spec.commandLine(), "either addresses or --map");
        }
        if (!Translate2.isValid(setBits.or(SetBits.NONE), access.value())) {
            throw new ParameterException(
                    spec.commandLine(), "--set: dirty and force need accessed, and dirty needs --access w");
        }
        GuestImage opened = image.open();
        PhysicalMemory memory =
                setBits.or(SetBits.NONE) == SetBits.NONE ? opened.memory() : new OverlayMemory(opened.memory());
        Optional<SecondStage> stage = second.stage(memory, image.maxPhysicalAddressBits());
        ImageContext context =
                stage.isPresent() ? image.contextOfGuest(stage.get().guestTables()) : image.context(opened);
        WalkPlan plan = WalkPlan.of(context.state());
        boolean answer = map.value()
                ? map(memory, plan, stage)
                : translate(
                        opened,
                        context,
                        stage.map(second -> Walker.nested(plan, memory, second))
                                .orElseGet(() -> new Walker(plan, memory)));
        opened.damage().ifPresent(damage -> warn("the image is damaged: " + damage.getMessage()));
        return answer ? ExitStatus.DONE : ExitStatus.NO;
    }

    private boolean translate(GuestImage opened, ImageContext context, Walker walker) throws IOException {
        TranslationPrinter printer = new TranslationPrinter(
                spec.commandLine().getOut(),
                output.json(),
                walker,
                context,
                access.value(),
                setBits.or(SetBits.NONE),
                order.value());
        printer.begin(opened, second.description());
        forEachAddress(printer::print);
        printer.end();
        return printer.allAreValid();
    }

    private void forEachAddress(LongConsumer consumer) throws IOException {
        for (String address : addresses.value()) {
            if (!address.equals("-")) {
                consumer.accept(address(address, address));
                continue;
            }
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            String line = in.readLine();
            for (long number = 1; line != null; number++) {
                if (!line.isBlank()) {
                    consumer.accept(address(line.strip(), "standard input, line " + number));
                }
                line = in.readLine();
            }
        }
    }

    private long address(String text, String where) {
        try {
            return RawNumber.parse(text);
        } catch (TypeConversionException wrong) {
            String message = where.equals(text) ? wrong.getMessage() : where + ": " + wrong.getMessage();
            throw new ParameterException(spec.commandLine(), message, wrong);
        }
    }

    private boolean map(PhysicalMemory memory, WalkPlan plan, Optional<SecondStage> stage) {
        boolean paging = plan.mode() != PagingMode.NONE;
        if (!paging && stage.isEmpty()) {
            throw new ParameterException(spec.commandLine(), "--map: paging is off (CR0.PG is clear)");
        }
        PrintWriter out = spec.commandLine().getOut();
        MappingPrinter printer = new MappingPrinter(out, output.json());
        boolean complete;
        if (stage.isEmpty()) {
            complete = tell("", Mappings.of(plan, memory).forEachMapping(printer::print));
        } else if (paging) {
            complete = tell(NestedMappings.of(plan, stage.get()).forEach(printer::print));
        } else {
            complete = tell("", StageMappings.of(stage.get()).forEach(printer::print));
        }
        out.flush();
        return complete;
    }

    /** Whether the whole range was looked at. */
    private boolean tell(NestedTotals totals) {
        if (totals.missing() != 0) {
            warn(totals.missing() + " bytes that the guest maps are not in the second stage");
        }
        if (totals.stoppedAt() != -1) {
            warn("stopped at " + Hex.of(totals.stoppedAt()) + ": too many entries of the second stage");
        }
        tell("second stage: ", totals.stage());
        return tell("", totals.guest()) && totals.isComplete();
    }

    private boolean tell(String where, MappingTotals totals) {
        if (totals.reserved() != 0) {
            warn(where + totals.reserved() + " entries have reserved bits and map nothing");
        }
        if (totals.unreadable() != 0) {
            warn(where + totals.unreadable() + " tables cannot be read: outside of memory, or left out of the dump");
        }
        if (totals.repeated() != 0 && where.isEmpty()) {
            warn(totals.repeated() + " times a table was met again");
        }
        if (!totals.isComplete() && where.isEmpty()) {
            warn("stopped at " + Hex.of(totals.stoppedAt()) + ": there are more than " + Mappings.MOST_TABLES
                    + " tables");
        }
        return totals.isComplete();
    }

    private void warn(String message) {
        spec.commandLine().getErr().println("guestmem: " + message);
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
