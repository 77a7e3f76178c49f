package io.guestmem.shell;

import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostProtection;
import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.Struct;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** A call of the fuzzer as people read it, mostly as the shell takes it. */
final class FuzzCallText {
    private FuzzCallText() {}

    /**
     * The call.
     *
     * @param world that it is about to be performed on: it has the names of the files
     */
    static String of(FuzzCall call, FuzzWorld world) {
        String memory = FuzzWorld.memoryName(call.target);
        String range = " 0x" + Long.toHexString(call.first) + " 0x" + Long.toHexString(call.second);
        String file =
                world.file(call.kind, call.target).map(held -> held.name).orElse("no " + Session.prefix(call.kind));
        return switch (call.verb) {
            case STRUCT -> file + " " + struct(call, world);
            case VALUE -> file + " " + plain(call);
            case CLOSE -> "close " + file;
            case READ -> file + " read" + range;
            case ALLOCATE -> file + " fallocate " + call.code + range;
            case MAP -> file + " map" + range;
            case RUN -> file + " run" + (call.first == 0 ? "" : " # with immediate_exit");
            case REAL_MODE -> file + " set_sregs cs.base=0x" + Long.toHexString(call.first & -16) + " cr0=0x10 efer=0";
            case LOAD -> memory + " load" + range;
            case STORE -> memory + " store 0x" + Long.toHexString(call.first) + " " + Bytes.hex(call.bytes());
            case ADVISE -> memory + " advise " + Choices.names(HostAdvice.class).get(call.code) + range;
            case PROTECT ->
                memory + " protect " + Choices.names(HostProtection.class).get(call.code) + range;
            case UNMAP -> memory + " unmap" + range;
        };
    }

    private static Optional<KvmIoctl> request(int code) {
        return Arrays.stream(KvmIoctl.values())
                .filter(each -> each.code() == code)
                .findFirst();
    }

    /** The name under which a call is counted. */
    static String counted(FuzzCall call) {
        return switch (call.verb) {
            case STRUCT, VALUE -> request(call.code).map(Requests::name).orElse("unknown request");
            default -> call.verb.name().toLowerCase(Locale.ROOT);
        };
    }

    private static String plain(FuzzCall call) {
        return request(call.code)
                .filter(request -> StructBuffer.shape(request, 4).isEmpty())
                .map(request -> Requests.name(request) + " 0x" + Long.toHexString(call.first))
                .orElseGet(() -> "raw 0x" + Integer.toHexString(call.code) + " 0x" + Long.toHexString(call.first));
    }

    private static String struct(FuzzCall call, FuzzWorld world) {
        Optional<KvmIoctl> request = request(call.code);
        Optional<Struct> shape =
                request.flatMap(known -> StructBuffer.shape(known, 4)).filter(known -> known.size() == call.length());
        if (shape.isEmpty()) {
            return "raw 0x" + Integer.toHexString(call.code) + " bytes=" + Bytes.hex(call.bytes());
        }
        List<String> words = new ArrayList<>();
        words.add(Requests.name(request.orElseThrow()));
        StructBuffer struct = new StructBuffer(shape.get(), MemorySegment.ofArray(call.bytes()));
        for (String word : StructText.changes(struct, MemorySegment.ofArray(new byte[call.length()]))) {
            words.add(word);
        }
        for (FuzzCall.Pointer pointer : call.pointers) {
            words.add(field(shape.get(), pointer.offset()) + "=" + target(pointer, world));
        }
        return String.join(" ", words);
    }

    private static String field(Struct struct, int offset) {
        return struct.fields().stream()
                .filter(field -> field.offset() == offset)
                .map(Struct.Field::name)
                .findFirst()
                .orElse("offset " + offset);
    }

    private static String target(FuzzCall.Pointer pointer, FuzzWorld world) {
        return switch (pointer.to()) {
            case MEMORY -> FuzzWorld.memoryName(pointer.index()) + "+0x" + Long.toHexString(pointer.delta());
            case EXPOSED -> "all";
            case GUEST_MEMFD ->
                world.file(KvmFileKind.GUEST_MEMFD, pointer.index())
                        .map(held -> held.name)
                        .orElse("-1");
        };
    }
}
