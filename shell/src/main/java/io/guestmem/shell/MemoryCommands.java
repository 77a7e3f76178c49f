package io.guestmem.shell;

import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.HostProtection;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/** What can be done with memory of the host: {@code mem0 load 0 64}. Nothing here touches a page except by system call. */
final class MemoryCommands {
    /** The verbs with their arguments, for help. */
    static final List<String> USAGE = List.of(
            "load OFFSET LENGTH",
            "store OFFSET HEXBYTES",
            "fill OFFSET LENGTH BYTE|random",
            "advise ADVICE [OFFSET LENGTH]",
            "protect none|read|read_write [OFFSET LENGTH]",
            "unmap OFFSET LENGTH");

    private static final long PAGE_SIZE = 4096;
    private static final long MOST_SHOWN = 1 << 16;
    private static final int CHUNK = 1 << 16;

    private final Session session;

    MemoryCommands(Session session) {
        this.session = session;
    }

    /** {@code mem alloc SIZE [KIND]}. */
    Answer allocate(List<String> words) {
        if (words.size() < 2 || words.size() > 3 || !words.getFirst().equals("alloc")) {
            throw new CommandException(
                    "mem alloc SIZE [" + String.join("|", Choices.names(HostMemoryKind.class)) + "]");
        }
        long length = Values.number(words.get(1));
        if (length <= 0 || length % PAGE_SIZE != 0) {
            throw new CommandException("the size of memory is a positive multiple of 4096");
        }
        HostMemoryKind kind =
                words.size() == 2 ? HostMemoryKind.PRIVATE_ANONYMOUS : Choices.of(HostMemoryKind.class, words.get(2));
        return Answer.of(session.mapped(session.kernel().allocate(kind, length), "mem"));
    }

    /** {@code NAME VERB ...}, without the name. */
    Answer run(HostMemory memory, List<String> words) {
        String verb = words.isEmpty() ? "" : words.getFirst();
        return switch (verb + "/" + (words.size() - 1)) {
            case "load/2" -> load(memory, range(memory, words, 1));
            case "store/2" -> store(memory, words);
            case "fill/3" -> fill(memory, range(memory, words, 1), words.get(3));
            case "advise/1", "advise/3" -> {
                Range range = range(memory, words, 2);
                yield Answer.of(memory.advise(Choices.of(HostAdvice.class, words.get(1)), range.offset, range.length));
            }
            case "protect/1", "protect/3" -> {
                Range range = range(memory, words, 2);
                yield Answer.of(
                        memory.protect(Choices.of(HostProtection.class, words.get(1)), range.offset, range.length));
            }
            case "unmap/2" -> {
                Range range = range(memory, words, 1);
                yield Answer.of(memory.unmap(range.offset, range.length));
            }
            default -> throw new CommandException("memory can: " + String.join(", ", USAGE));
        };
    }

    private record Range(long offset, long length) {}

    /** The offset and length at a place of the command, all of the memory if they are left out. */
    private static Range range(HostMemory memory, List<String> words, int at) {
        if (words.size() <= at) {
            return new Range(0, memory.length());
        }
        Range range = new Range(Values.number(words.get(at)), Values.number(words.get(at + 1)));
        check(memory, range.offset, range.length);
        return range;
    }

    private static void check(HostMemory memory, long offset, long length) {
        if (offset < 0 || length <= 0 || offset > memory.length() || length > memory.length() - offset) {
            throw new CommandException("the memory has 0x" + Long.toHexString(memory.length()) + " bytes");
        }
    }

    private static Answer load(HostMemory memory, Range range) {
        if (range.length > MOST_SHOWN) {
            throw new CommandException("at most 64K are shown at once");
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(range.length, Long.BYTES);
            long result = memory.load(range.offset, bytes);
            return result < 0
                    ? Answer.of(result)
                    : Answer.of(Bytes.dump(bytes.toArray(ValueLayout.JAVA_BYTE), range.offset));
        }
    }

    private static Answer store(HostMemory memory, List<String> words) {
        byte[] bytes = Bytes.parse(words.get(2));
        long offset = Values.number(words.get(1));
        check(memory, offset, bytes.length);
        try (Arena arena = Arena.ofConfined()) {
            return Answer.of(memory.store(offset, arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes)));
        }
    }

    private Answer fill(HostMemory memory, Range range, String content) {
        byte[] chunk = new byte[CHUNK];
        boolean random = content.equals("random");
        if (!random) {
            Arrays.fill(chunk, (byte) Values.number(content));
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(CHUNK, Long.BYTES);
            for (long done = 0; done < range.length; done += CHUNK) {
                if (random) {
                    session.random().nextBytes(chunk);
                }
                MemorySegment.copy(chunk, 0, bytes, ValueLayout.JAVA_BYTE, 0, CHUNK);
                long result = memory.store(range.offset + done, bytes.asSlice(0, Math.min(CHUNK, range.length - done)));
                if (result < 0) {
                    return Answer.of(result).with("after 0x" + Long.toHexString(done) + " bytes");
                }
            }
            return Answer.of(0);
        }
    }
}
