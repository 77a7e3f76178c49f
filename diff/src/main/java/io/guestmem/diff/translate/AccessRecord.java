package io.guestmem.diff.translate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A case as the guest reads it, and what it answers:
 *
 * <pre>{@code
 *   u64 linear;    //  0  what to access
 *   u32 value;     //  8  what to write
 *   u64 flags;     // 16  rflags during the access
 *   u32 code;      // 24  the instruction that makes the access
 *   u32 back;      // 32  where a fetched word jumps to
 *   u32 pkru;      // 40
 *   u32 way;       // 44  how to get to the instruction: as the supervisor or as the user
 *   u32 vector;    // 48  out: of the exception, -1 if there was none
 *   u32 error;     // 52  out: its error code
 *   u64 result;    // 56  out: CR2, or what was read; eax after a fetch
 * }</pre>
 */
final class AccessRecord {
    static final int SIZE = 64;
    static final int VALUE = 8;
    static final int FLAGS = 16;
    static final int INSTRUCTION = 24;
    static final int BACK = 32;
    static final int PKRU = 40;
    static final int WAY = 44;
    static final int VECTOR = 48;
    static final int ERROR = 52;
    static final int RESULT = 56;

    private static final int FIXED_FLAGS = 2;
    private static final int ALIGNMENT_CHECK = 1 << 18;

    private AccessRecord() {}

    static void write(MemorySegment real, long at, AccessCase question, AccessProgram program) {
        AccessKind kind = question.kind();
        boolean user = question.user();
        real.set(ValueLayout.JAVA_LONG, at, question.linear());
        real.set(ValueLayout.JAVA_INT, at + VALUE, question.value());
        real.set(ValueLayout.JAVA_LONG, at + FLAGS, FIXED_FLAGS | (question.alignmentCheck() ? ALIGNMENT_CHECK : 0));
        real.set(ValueLayout.JAVA_INT, at + INSTRUCTION, program.instruction(kind, user));
        real.set(ValueLayout.JAVA_INT, at + BACK, program.back(user));
        real.set(ValueLayout.JAVA_INT, at + PKRU, question.pkru());
        real.set(ValueLayout.JAVA_INT, at + WAY, program.way(kind, user));
        real.set(ValueLayout.JAVA_INT, at + VECTOR, AccessAnswer.NOT_REACHED);
        real.set(ValueLayout.JAVA_LONG, at + RESULT, 0);
    }

    static AccessAnswer read(MemorySegment real, long at) {
        return new AccessAnswer(
                real.get(ValueLayout.JAVA_INT, at + VECTOR),
                real.get(ValueLayout.JAVA_INT, at + ERROR),
                real.get(ValueLayout.JAVA_LONG, at + RESULT));
    }
}
