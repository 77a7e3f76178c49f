package io.guestmem.diff.translate;

import io.guestmem.vmm.GuestProgram;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The program of the guest: takes one {@link AccessRecord} after the other, makes the access as the record says, and writes down
 * what happened. In 64-bit and in 32-bit code; most instructions have the same bytes in both.
 *
 * <p>ebx is the current record, ebp the end of them. Whatever way an access ends, the stack starts anew, so nothing returns from
 * an exception. Source: Intel SDM volume 2, volume 3 chapter 6.
 */
final class AccessProgram {
    private static final int VECTORS = 0x20;

    /** #BP: how user code says that it is done. */
    static final int USER_VECTOR = 3;

    private static final long WITH_ERROR_CODE = 1L << 8 | 0b1_1111L << 10 | 1L << 17 | 1L << 21 | 1L << 29 | 1L << 30;

    private final boolean wide;
    private final boolean keys;
    private final ByteArrayOutputStream code = new ByteArrayOutputStream();
    private final Map<String, Integer> labels = new HashMap<>();
    private final List<Jump> jumps = new ArrayList<>();
    private final byte[] supervisor;
    private final byte[] user = HexFormat.of().parseHex(USER);

    /** {@code read: mov eax, [rdi]; int3. write: mov [rdi], edx; int3. load: mov es, edx; int3. fetch: jmp rdi. back: int3}. */
    private static final String USER = "8b07cc" + "8917cc" + "8ec2cc" + "ffe7" + "cc";

    private static final int USER_READ = 0;
    private static final int USER_WRITE = 3;
    private static final int USER_LOAD = 6;
    private static final int USER_FETCH = 9;
    private static final int USER_BACK = 11;

    private record Jump(int at, String label) {}

    /**
     * The program.
     *
     * @param wide in 64-bit code
     * @param keys whether PKRU is there to be written
     */
    AccessProgram(boolean wide, boolean keys) {
        this.wide = wide;
        this.keys = keys;
        emit("b828000000" + "0f00d8"); // mov eax, 0x28; ltr ax
        loop();
        ways();
        accesses();
        handlers();
        this.supervisor = code.toByteArray();
        for (Jump jump : jumps) {
            int distance = at(jump.label) - (jump.at + Integer.BYTES);
            for (int i = 0; i < Integer.BYTES; i++) {
                supervisor[jump.at + i] = (byte) (distance >> (8 * i));
            }
        }
    }

    private void loop() {
        label("loop");
        emit("39eb"); // cmp ebx, ebp
        jump("0f83", "finished"); // jae
        emit(wide ? "488b3b" : "8b3b"); // mov rdi, [rbx]
        emit("0f013f"); // invlpg [rdi]
        if (keys) {
            emit("8b4328" + "31c9" + "31d2" + "0f01ef"); // mov eax, [rbx + 40]; xor ecx, ecx; xor edx, edx; wrpkru
        }
        emit("8b5308"); // mov edx, [rbx + 8]
        emit("8b7320"); // mov esi, [rbx + 32]
        emit("8b432c"); // mov eax, [rbx + 44]
        emit("ffe0"); // jmp rax
        label("finished");
        emit("e6" + HexFormat.of().toHexDigits((byte) GuestProgram.DONE_PORT) + "ebfc"); // out, al; jmp back to it
    }

    private void ways() {
        label("table, supervisor");
        localTable();
        label("supervisor");
        emit("8b4b18"); // mov ecx, [rbx + 24]
        emit("31c0"); // xor eax, eax
        emit("ff7310" + "9d"); // push [rbx + 16]; popf
        emit("ffe1"); // jmp rcx
        label("table, user");
        localTable();
        label("user");
        emit("8b4b18"); // mov ecx, [rbx + 24]
        emit("31c0"); // xor eax, eax
        emit("6a23" + "6a00" + "ff7310" + "6a1b" + "51"); // push ss, rsp, flags, cs, rip
        emit(wide ? "48cf" : "cf"); // iret
    }

    /** Puts the base of the local descriptor table where the access is to be made. */
    private void localTable() {
        emit("b938000000"); // mov ecx, 0x38
        emit("66897902"); // mov [rcx + 2], di
        emit(wide ? "4889f8" : "89f8"); // mov rax, rdi
        emit(wide ? "48c1e810" : "c1e810"); // shr rax, 16
        emit("884104"); // mov [rcx + 4], al
        emit(wide ? "48c1e808" : "c1e808"); // shr rax, 8
        emit("884107"); // mov [rcx + 7], al
        if (wide) {
            emit("48c1e808" + "894108"); // shr rax, 8; mov [rcx + 8], eax
        }
        emit("89c8" + "0f00d0"); // mov eax, ecx; lldt ax
    }

    private void accesses() {
        label("read");
        emit("8b07"); // mov eax, [rdi]
        jump("e9", "back");
        label("write");
        emit("8917"); // mov [rdi], edx
        jump("e9", "back");
        label("load");
        emit("8ec2"); // mov es, edx
        jump("e9", "back");
        label("fetch");
        emit("ffe7"); // jmp rdi
        label("back");
        emit("c74330ffffffff"); // mov dword [rbx + 48], -1
        emit("894338"); // mov [rbx + 56], eax
        label("next");
        emit("83c340"); // add ebx, 64
        emit("bc00400000"); // mov esp, 0x4000
        jump("e9", "loop");
    }

    private void handlers() {
        for (int vector = 0; vector < VECTORS; vector++) {
            label("vector " + vector);
            if ((WITH_ERROR_CODE >>> vector & 1) == 0) {
                emit("6a00"); // push 0
            }
            emit("6a" + HexFormat.of().toHexDigits((byte) vector)); // push vector
            jump("e9", "exception");
        }
        label("exception");
        emit("58" + "894330"); // pop rax; mov [rbx + 48], eax
        emit("58" + "894334"); // pop rax; mov [rbx + 52], eax
        emit("0f20d0"); // mov rax, cr2
        emit(wide ? "48894338" : "894338"); // mov [rbx + 56], rax
        jump("e9", "next");
    }

    private void label(String name) {
        labels.put(name, code.size());
    }

    private int at(String label) {
        return Objects.requireNonNull(labels.get(label), label);
    }

    private void emit(String hex) {
        code.writeBytes(HexFormat.of().parseHex(hex));
    }

    private void jump(String opcode, String label) {
        emit(opcode);
        jumps.add(new Jump(code.size(), label));
        emit("00000000");
    }

    byte[] supervisorCode() {
        return supervisor.clone();
    }

    byte[] userCode() {
        return user.clone();
    }

    /** Where the handler of a vector is, from the start of the supervisor's code. */
    int handler(int vector) {
        return vector == USER_VECTOR ? at("back") : at("vector " + vector);
    }

    /** The linear address at which the guest begins. */
    long entry() {
        return Monitor.CODE;
    }

    /** The linear address of the instruction that makes an access. */
    int instruction(AccessKind kind, boolean user) {
        return user ? (int) Monitor.USER_CODE + userInstruction(kind) : linear(label(kind));
    }

    private static int userInstruction(AccessKind kind) {
        return switch (kind) {
            case READ -> USER_READ;
            case WRITE -> USER_WRITE;
            case FETCH -> USER_FETCH;
            case SEGMENT_LOAD -> USER_LOAD;
        };
    }

    private static String label(AccessKind kind) {
        return switch (kind) {
            case READ -> "read";
            case WRITE -> "write";
            case FETCH -> "fetch";
            case SEGMENT_LOAD -> "load";
        };
    }

    /** Where a fetched word jumps to. */
    int back(boolean user) {
        return user ? (int) Monitor.USER_CODE + USER_BACK : linear("back");
    }

    /** How to get to the instruction. */
    int way(AccessKind kind, boolean user) {
        String mode = user ? "user" : "supervisor";
        return linear(kind == AccessKind.SEGMENT_LOAD ? "table, " + mode : mode);
    }

    private int linear(String label) {
        return (int) Monitor.CODE + at(label);
    }
}
