package io.guestmem.pager;

import io.guestmem.linux.Advice;
import io.guestmem.linux.RemoteRange;
import io.guestmem.pager.ServerEvent.Kind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * What is done with a VM beside serving it, on the running thread, with its events.
 *
 * @param vm that is served
 * @param events get what was done
 */
record VmRequests(ServedVm vm, Consumer<ServerEvent> events) {
    /** Writes what differs from the snapshot, or from the last diff, as {@link Diffs#write}. */
    DiffSnapshot writeDiff(Path file) throws IOException {
        DiffSnapshot diff = vm.diffs().write(file, pages -> tell(Kind.CUT, file.toString(), Map.of("pages", pages)));
        tell(
                Kind.DIFF_WRITTEN,
                file.toString(),
                Map.of("pages", diff.pages(), "zero_pages", diff.zeroPages(), "cut_micros", diff.cutMicros()));
        return diff;
    }

    /** Makes huge pages of what is there, as {@link Collapser#run}. */
    CollapseReport collapse() throws IOException {
        CollapseReport report = new Collapser(
                        vm.guest(),
                        address -> vm.process()
                                .descriptor()
                                .advise(Advice.COLLAPSE, List.of(new RemoteRange(address, Collapser.PIECE))),
                        vm::isEnding)
                .run();
        long refused =
                report.refused().values().stream().mapToLong(Long::longValue).sum();
        tell(
                Kind.COLLAPSED,
                report.toString(),
                Map.of(
                        "huge",
                        report.huge(),
                        "not_whole",
                        report.notWhole(),
                        "busy",
                        report.busy(),
                        "refused",
                        refused));
        return report;
    }

    /** The same where nobody asked for it just now. */
    void collapseNow() {
        try {
            collapse();
        } catch (IOException refused) {
            events.accept(ServerEvent.of(Kind.WARNING, vm.number(), "no huge pages: " + refused.getMessage()));
        }
    }

    private void tell(Kind kind, String text, Map<String, Long> numbers) {
        events.accept(new ServerEvent(kind, vm.number(), text, numbers));
    }
}
