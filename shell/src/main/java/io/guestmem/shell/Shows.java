package io.guestmem.shell;

import io.guestmem.abi.Capability;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.UserspaceMemoryRegionLayout;
import io.guestmem.soft.MemoryUse;
import io.guestmem.soft.SoftKernel;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** {@code show ...}: what is open, and what the kernel tells about it. */
final class Shows {
    /** What can be shown, for help and completion. */
    static final List<String> USAGE =
            List.of("names", "slots [VM]", "stats [NAME [STATISTIC ...]]", "caps [NAME]", "kernel", "memory");

    private static final long PAGE_SIZE = 4096;

    private final Session session;

    Shows(Session session) {
        this.session = session;
    }

    Answer run(List<String> words) {
        String topic = words.isEmpty() ? "names" : words.getFirst();
        List<String> arguments = words.isEmpty() ? words : words.subList(1, words.size());
        return switch (topic) {
            case "names" -> names();
            case "slots" -> slots(file(arguments, Set.of(KvmFileKind.VM)));
            case "stats" ->
                statistics(
                        file(arguments, Set.of(KvmFileKind.VM, KvmFileKind.VCPU)),
                        arguments.isEmpty() ? arguments : arguments.subList(1, arguments.size()));
            case "caps" -> capabilities(file(arguments, Set.of(KvmFileKind.SYSTEM, KvmFileKind.VM)));
            case "kernel" -> Answer.of(soft().inspect().describe().stripTrailing());
            case "memory" -> memory(soft().memoryUse());
            default -> throw new CommandException("show " + String.join(", ", USAGE));
        };
    }

    /** The file that is named, or the newest of the kinds. */
    private OpenFile file(List<String> arguments, Set<KvmFileKind> kinds) {
        return arguments.isEmpty()
                ? session.newest(kinds).orElseThrow(() -> new CommandException("no file to show is open"))
                : session.file(arguments.getFirst())
                        .orElseThrow(() -> new CommandException("no file has the name '" + arguments.getFirst() + "'"));
    }

    private Answer names() {
        List<String> lines = new ArrayList<>();
        for (String name : session.names()) {
            session.file(name)
                    .ifPresent(file -> lines.add(name + " "
                            + file.kind().name().toLowerCase(Locale.ROOT) + " descriptor="
                            + file.file().descriptor()));
            session.memory(name)
                    .ifPresent(memory -> lines.add(name + " memory hva=0x" + Long.toHexString(memory.hva())
                            + " length=0x" + Long.toHexString(memory.length())));
        }
        return Answer.of(String.join("\n", lines));
    }

    private Answer slots(OpenFile vm) {
        if (vm.slots().isEmpty()) {
            return Answer.of("no memslot was set");
        }
        List<String> lines = new ArrayList<>();
        for (Map.Entry<Integer, OpenFile.Slot> each : vm.slots().entrySet()) {
            OpenFile.Slot slot = each.getValue();
            int space = each.getKey() >>> 16;
            lines.add("slot " + (each.getKey() & 0xffff) + (space == 0 ? "" : " space " + space)
                    + " gpa 0x" + Long.toHexString(slot.gpa())
                    + "-0x" + Long.toHexString(slot.gpa() + slot.pages() * PAGE_SIZE - 1)
                    + " hva " + session.symbolic(slot.hva()) + flags(slot.flags()));
        }
        return Answer.of(String.join("\n", lines));
    }

    private static String flags(int flags) {
        return ((flags & UserspaceMemoryRegionLayout.LOG_DIRTY_PAGES) != 0 ? " log_dirty_pages" : "")
                + ((flags & UserspaceMemoryRegionLayout.READONLY) != 0 ? " readonly" : "")
                + ((flags & UserspaceMemoryRegionLayout.GUEST_MEMFD) != 0 ? " guest_memfd" : "");
    }

    private Answer statistics(OpenFile of, List<String> names) {
        if (of.kind() == KvmFileKind.STATS) {
            return StatisticsText.of(of.file(), names);
        }
        long descriptor = of.file().ioctl(KvmIoctl.GET_STATS_FD.code(), 0);
        if (descriptor < 0) {
            return Answer.of(descriptor);
        }
        try (KvmFile file = session.kernel().adopt(Math.toIntExact(descriptor), "statistics of " + of.name())) {
            return StatisticsText.of(file, names);
        }
    }

    /** Host pages, memslots, attributes, stage-2 tables: only the software kernel can be looked into. */
    private SoftKernel soft() {
        if (session.kernel() instanceof SoftKernel soft) {
            return soft;
        }
        throw new CommandException("only the software kernel can be looked into");
    }

    private static Answer memory(MemoryUse use) {
        return Answer.of("frames " + use.frames() + "\npoisoned_frames " + use.poisonedFrames() + "\nframe_bytes "
                + use.frameBytes() + "\nkernel_bytes " + use.kernelBytes());
    }

    private static Answer capabilities(OpenFile of) {
        List<String> lines = new ArrayList<>();
        for (Capability each : Capability.values()) {
            long value = of.file().ioctl(KvmIoctl.CHECK_EXTENSION.code(), each.number());
            lines.add(each.name().toLowerCase(Locale.ROOT) + " " + Answer.number(value));
        }
        return Answer.of(String.join("\n", lines));
    }
}
