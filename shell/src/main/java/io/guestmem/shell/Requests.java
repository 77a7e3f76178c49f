package io.guestmem.shell;

import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.Struct;
import io.guestmem.abi.UserspaceMemoryRegionLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Issues requests by their names: fields in, result and changed fields out. */
final class Requests {
    /** KVM never looks at more entries of a CPUID or of MSRs. */
    private static final int MOST_ENTRIES = 256;

    private static final Pattern ENTRY = Pattern.compile("entries\\[(\\d+)]\\..*");
    private static final String BITMAP = "dirty_bitmap";
    private static final long PAGE_SIZE = 4096;

    /** Where a request's code has the size of its struct, 14 bits. */
    private static final int SIZE_SHIFT = 16;

    private static final int SIZE_MASK = (1 << 14) - 1;

    private final Session session;
    private final Values values;

    Requests(Session session, Values values) {
        this.session = session;
        this.values = values;
    }

    /** The request of a name in any of its spellings: {@code run}, {@code RUN}, {@code KVM_RUN}. */
    static Optional<KvmIoctl> named(String name) {
        String wanted = name.toUpperCase(Locale.ROOT).replaceFirst("^KVM_", "");
        return Arrays.stream(KvmIoctl.values())
                .filter(each -> each.name().equals(wanted))
                .findFirst();
    }

    /** A request's name as the shell writes it. */
    static String name(KvmIoctl request) {
        return request.name().toLowerCase(Locale.ROOT);
    }

    /**
     * Issues a request.
     *
     * @param arguments of a plain value, the value; of a struct, {@code field=value}, or values for the fields in their order
     */
    Answer issue(OpenFile file, KvmIoctl request, List<String> arguments) {
        Optional<Struct> shape = StructBuffer.shape(request, MOST_ENTRIES);
        if (shape.isEmpty()) {
            return plain(file, request, arguments);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(shape.get().size(), Long.BYTES);
            StructBuffer struct = new StructBuffer(shape.get(), memory);
            defaults(file, request, struct, arguments);
            String pages = fill(request, struct, arguments);
            try (DirtyPages bitmap = bitmap(file, struct, pages, arena)) {
                MemorySegment before =
                        arena.allocate(memory.byteSize(), Long.BYTES).copyFrom(memory);
                long result = call(file, request, memory);
                List<String> changed = isGetter(request) && result >= 0
                        ? StructText.fields(struct)
                        : StructText.changes(struct, before);
                Answer answer = answer(file, request, result).with(StructText.wrap(changed));
                return bitmap == null || request != KvmIoctl.GET_DIRTY_LOG || result < 0
                        ? answer
                        : answer.with("dirty=" + bitmap.text());
            }
        }
    }

    /** Issues a request with its struct; what it changes about memslots is kept. */
    static long call(OpenFile file, KvmIoctl request, MemorySegment struct) {
        long result = file.file().ioctl(request.code(), struct);
        remember(file, request.code(), struct, result);
        return result;
    }

    private Answer plain(OpenFile file, KvmIoctl request, List<String> arguments) {
        if (arguments.size() > 1) {
            throw new CommandException(name(request) + " takes one value");
        }
        long value = arguments.isEmpty() ? 0 : values.parse(arguments.getFirst(), Symbols.ofArgument(request));
        return answer(file, request, file.file().ioctl(request.code(), value));
    }

    /** Requests that only read the vCPU: their answer is the whole struct. */
    private static boolean isGetter(KvmIoctl request) {
        return switch (request) {
            case GET_REGS, GET_SREGS, GET_SREGS2, GET_MP_STATE, GET_MSRS, GET_SUPPORTED_CPUID -> true;
            default -> false;
        };
    }

    /** What stands in the struct before the arguments do: registers as they are, and the counts of flexible arrays. */
    private static void defaults(OpenFile file, KvmIoctl request, StructBuffer struct, List<String> arguments) {
        switch (request) {
            case SET_REGS -> current(file, KvmIoctl.GET_REGS, struct);
            case SET_SREGS -> current(file, KvmIoctl.GET_SREGS, struct);
            case SET_SREGS2 -> current(file, KvmIoctl.GET_SREGS2, struct);
            case GET_SUPPORTED_CPUID -> struct.set("nent", MOST_ENTRIES);
            case SET_CPUID2 -> struct.set("nent", entries(arguments));
            case GET_MSRS, SET_MSRS -> struct.set("nmsrs", entries(arguments));
            case SET_SIGNAL_MASK -> struct.set("len", Long.BYTES);
            default -> {
                // Everything is 0.
            }
        }
    }

    /** Where the kernel does not give the registers, those that are not named stay 0. */
    private static void current(OpenFile file, KvmIoctl getter, StructBuffer struct) {
        if (file.file().ioctl(getter.code(), struct.memory()) < 0) {
            struct.memory().fill((byte) 0);
        }
    }

    private static long entries(List<String> arguments) {
        long most = 0;
        for (String argument : arguments) {
            Matcher entry = ENTRY.matcher(argument);
            if (entry.matches()) {
                most = Math.max(most, Values.number(entry.group(1)) + 1);
            }
        }
        return most;
    }

    /** Writes the arguments into the struct; returns the list of pages that a bitmap shall have. */
    private String fill(KvmIoctl request, StructBuffer struct, List<String> arguments) {
        String pages = "";
        int position = 0;
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            if (equals < 0 && position >= struct.shape().fields().size()) {
                throw new CommandException(struct.shape().name() + " has no " + (position + 1) + " fields");
            }
            String field = equals < 0 ? struct.shape().fields().get(position++).name() : argument.substring(0, equals);
            String value = argument.substring(equals + 1);
            if (field.equals(BITMAP) && DirtyPages.isList(value)) {
                pages = value;
            } else {
                assign(request, struct, field, value);
            }
        }
        return pages;
    }

    private void assign(KvmIoctl request, StructBuffer struct, String field, String value) {
        Map<String, Long> symbols = Symbols.ofField(request, field);
        String[] elements = value.split(",", -1);
        for (int i = 0; i < elements.length; i++) {
            struct.set(elements.length == 1 ? field : field + "[" + i + "]", values.parse(elements[i], symbols));
        }
    }

    /** A bitmap as large as the slot that the struct names, where the struct points to nothing yet. */
    private @Nullable DirtyPages bitmap(OpenFile file, StructBuffer struct, String list, Arena arena) {
        boolean wanted =
                struct.shape().fields().stream().anyMatch(field -> field.name().equals(BITMAP));
        if (!wanted || struct.get(BITMAP) != 0) {
            return null;
        }
        OpenFile.Slot slot = file.slots().get((int) struct.get("slot"));
        MemorySegment memory = arena.allocate(DirtyPages.bytes(slot == null ? 1 : slot.pages()), Long.BYTES);
        DirtyPages pages = new DirtyPages(memory, session.kernel().expose(memory));
        struct.set(BITMAP, pages.exposed().address());
        if (!list.isEmpty()) {
            pages.set(list);
        }
        return pages;
    }

    private Answer answer(OpenFile file, KvmIoctl request, long result) {
        KvmFileKind made = switch (request) {
            case CREATE_VM -> KvmFileKind.VM;
            case CREATE_VCPU -> KvmFileKind.VCPU;
            case CREATE_GUEST_MEMFD -> KvmFileKind.GUEST_MEMFD;
            case GET_STATS_FD -> KvmFileKind.STATS;
            default -> null;
        };
        return made == null || result < 0
                ? Answer.of(result)
                : Answer.of(session.opened(made, Math.toIntExact(result), file).name());
    }

    /**
     * Issues a request by its code.
     *
     * @param bytes what the struct holds; null for a plain value
     */
    Answer raw(OpenFile file, int code, long value, byte @Nullable [] bytes) {
        Optional<KvmIoctl> known = Arrays.stream(KvmIoctl.values())
                .filter(each -> each.code() == code)
                .findFirst();
        if (bytes == null) {
            long result = file.file().ioctl(code, value);
            return known.map(request -> answer(file, request, result)).orElseGet(() -> Answer.of(result));
        }
        try (Arena arena = Arena.ofConfined()) {
            // Never smaller than what the code says: the real kernel would read and write behind it.
            int size = Math.max(bytes.length, code >>> SIZE_SHIFT & SIZE_MASK);
            MemorySegment memory = arena.allocate(size, Long.BYTES);
            MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, 0, bytes.length);
            MemorySegment before = arena.allocate(size, Long.BYTES).copyFrom(memory);
            long result = file.file().ioctl(code, memory);
            remember(file, code, memory, result);
            Answer answer = known.map(request -> answer(file, request, result)).orElseGet(() -> Answer.of(result));
            return memory.mismatch(before) < 0
                    ? answer
                    : answer.with("bytes=" + Bytes.hex(memory.toArray(ValueLayout.JAVA_BYTE)));
        }
    }

    /** Keeps the memslots that were set: the size of a bitmap depends on them. */
    private static void remember(OpenFile file, int code, MemorySegment region, long result) {
        boolean sets =
                code == KvmIoctl.SET_USER_MEMORY_REGION.code() || code == KvmIoctl.SET_USER_MEMORY_REGION2.code();
        if (!sets || result != 0) {
            return;
        }
        int slot = region.get(ValueLayout.JAVA_INT, UserspaceMemoryRegionLayout.SLOT);
        long size = region.get(ValueLayout.JAVA_LONG, UserspaceMemoryRegionLayout.MEMORY_SIZE);
        if (size == 0) {
            file.slots().remove(slot);
            return;
        }
        file.slots()
                .put(
                        slot,
                        new OpenFile.Slot(
                                region.get(ValueLayout.JAVA_LONG, UserspaceMemoryRegionLayout.GUEST_PHYS_ADDR),
                                size / PAGE_SIZE,
                                region.get(ValueLayout.JAVA_INT, UserspaceMemoryRegionLayout.FLAGS),
                                region.get(ValueLayout.JAVA_LONG, UserspaceMemoryRegionLayout.USERSPACE_ADDR)));
    }
}
