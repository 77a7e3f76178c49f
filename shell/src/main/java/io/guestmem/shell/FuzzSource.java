package io.guestmem.shell;

import io.guestmem.abi.Capability;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostProtection;
import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.Struct;
import io.guestmem.shell.FuzzCall.Pointer;
import io.guestmem.shell.FuzzCall.Verb;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;

/** Makes up calls: most of them sensible, so that they come far, and some of them not. */
final class FuzzSource {
    private static final long PAGE = 4096;
    private static final byte[] NOTHING = {};
    private static final long[] EDGES = {
        0,
        1,
        2,
        7,
        8,
        63,
        64,
        255,
        256,
        4095,
        4096,
        4097,
        8192,
        1 << 16,
        1 << 20,
        2 << 20,
        1L << 30,
        1L << 31,
        1L << 32,
        1L << 39,
        1L << 47,
        1L << 52,
        1L << 62,
        Long.MIN_VALUE,
        Long.MAX_VALUE,
        -1,
        -4096,
        -4095,
        0xffff_ffffL,
        0x1_0000_0001L
    };

    /** Those that a real kernel is not asked: they run guests, or change what the machine's own kernel logs. */
    private static final Set<KvmIoctl> UNSAFE = EnumSet.of(
            KvmIoctl.RUN,
            KvmIoctl.SMI,
            KvmIoctl.ENABLE_CAP,
            KvmIoctl.SET_MSRS,
            KvmIoctl.MEMORY_ENCRYPT_OP,
            KvmIoctl.MEMORY_ENCRYPT_REG_REGION,
            KvmIoctl.MEMORY_ENCRYPT_UNREG_REGION);

    private final SplittableRandom random;
    private final boolean everything;
    private final List<KvmIoctl> requests;

    FuzzSource(SplittableRandom random, FuzzSettings.Scope scope) {
        this.random = random;
        this.everything = scope == FuzzSettings.Scope.EVERYTHING;
        this.requests = Arrays.stream(KvmIoctl.values())
                .filter(request -> everything || !UNSAFE.contains(request))
                .toList();
    }

    FuzzCall next() {
        int dice = random.nextInt(100);
        if (dice < 10) {
            return create();
        }
        if (dice < 20) {
            return struct(KvmIoctl.SET_USER_MEMORY_REGION);
        }
        if (dice < 64) {
            return request(requests.get(random.nextInt(requests.size())));
        }
        if (dice < 78) {
            return memory();
        }
        if (dice < 84) {
            return other();
        }
        if (dice < 88) {
            return plain(Verb.CLOSE, anyKind(), 0, 0, 0);
        }
        if (!everything || dice < 91) {
            return request(requests.get(random.nextInt(requests.size())));
        }
        return dice < 92 ? guest() : nonsense();
    }

    private FuzzCall create() {
        return switch (random.nextInt(4)) {
            case 0 -> value(KvmIoctl.CREATE_VM, random.nextInt(8) == 0 ? edge() : random.nextInt(2));
            case 1 -> value(KvmIoctl.CREATE_VCPU, random.nextInt(8) == 0 ? edge() : random.nextInt(4));
            case 2 -> struct(KvmIoctl.CREATE_GUEST_MEMFD);
            default -> value(KvmIoctl.GET_STATS_FD, 0);
        };
    }

    private FuzzCall request(KvmIoctl request) {
        return StructBuffer.shape(request, 4).isPresent() ? struct(request) : value(request, argument(request));
    }

    private long argument(KvmIoctl request) {
        return switch (request) {
            case CHECK_EXTENSION -> capability();
            case SET_NR_MMU_PAGES -> random.nextInt(1024);
            default -> random.nextInt(4) == 0 ? edge() : 0;
        };
    }

    private FuzzCall value(KvmIoctl request, long value) {
        return plain(Verb.VALUE, kind(request), request.code(), value, 0);
    }

    /** Mostly a file that knows the request. */
    private KvmFileKind kind(KvmIoctl request) {
        if (random.nextInt(20) == 0) {
            return anyKind();
        }
        List<KvmFileKind> kinds = List.copyOf(new TreeSet<>(request.files()));
        return kinds.get(random.nextInt(kinds.size()));
    }

    private KvmFileKind anyKind() {
        KvmFileKind[] all = KvmFileKind.values();
        return all[random.nextInt(all.length)];
    }

    private FuzzCall plain(Verb verb, KvmFileKind kind, int code, long first, long second) {
        return new FuzzCall(verb, kind, random.nextInt(64), code, first, second, NOTHING, List.of());
    }

    private FuzzCall struct(KvmIoctl request) {
        Struct shape = StructBuffer.shape(request, 4).orElseThrow();
        byte[] bytes = new byte[shape.size()];
        MemorySegment memory = MemorySegment.ofArray(bytes);
        List<Pointer> pointers = new ArrayList<>();
        for (Struct.Field field : shape.fields()) {
            for (int i = 0; i < field.count(); i++) {
                int at = field.offset() + i * field.width();
                if (field.width() <= Long.BYTES) {
                    fill(memory, at, field, pointers);
                } else if (random.nextInt(4) == 0) {
                    random.nextBytes(bytes); // nested structs: all or nothing
                    pointers.clear();
                }
            }
        }
        return new FuzzCall(Verb.STRUCT, kind(request), random.nextInt(64), request.code(), 0, 0, bytes, pointers);
    }

    private void fill(MemorySegment memory, int at, Struct.Field field, List<Pointer> pointers) {
        switch (field.name()) {
            case "userspace_addr", "source", "from", "addr" ->
                pointer(memory, at, Pointer.To.MEMORY, page(512), pointers);
            case "dirty_bitmap", "data" -> pointer(memory, at, Pointer.To.EXPOSED, 0, pointers);
            case "guest_memfd" ->
                pointers.add(new Pointer(at, Integer.BYTES, Pointer.To.GUEST_MEMFD, random.nextInt(8), 0));
            default -> put(memory, at, field.width(), scalar(field));
        }
    }

    /** A real kernel writes wherever a pointer points to: only the other one gets wild ones. */
    private void pointer(MemorySegment memory, int at, Pointer.To to, long delta, List<Pointer> pointers) {
        if (everything && random.nextInt(8) == 0) {
            put(memory, at, Long.BYTES, edge());
        } else if (random.nextInt(8) != 0) {
            pointers.add(new Pointer(at, Long.BYTES, to, random.nextInt(8), delta));
        }
    }

    private long scalar(Struct.Field field) {
        boolean sane = random.nextInt(10) != 0;
        return switch (field.name()) {
            case "slot" -> sane ? random.nextInt(4) : random.nextInt(4) | (long) random.nextInt(3) << 16;
            case "guest_phys_addr", "gpa", "address", "base_address", "linear_address" -> sane ? page(4096) : edge();
            case "base_gfn" -> sane ? random.nextInt(4096) : edge();
            case "memory_size" -> sane || !everything ? page(513) : edge();
            case "size", "guest_memfd_offset" -> sane ? page(513) : edge();
            case "nr_pages", "num_pages" -> sane ? random.nextInt(513) : edge();
            case "first_page" -> sane ? random.nextInt(8) * 64L : edge();
            case "cap" -> sane ? capability() : edge();
            case "nent", "nmsrs" -> sane ? random.nextInt(5) : everything ? edge() : random.nextInt(256);
            case "len" -> sane ? Long.BYTES : edge();
            case "attributes" -> sane ? random.nextInt(2) * 8L : edge();
            case "flags" -> sane ? random.nextInt(8) == 0 ? random.nextInt(8) : random.nextInt(2) : edge();
            case "rip" -> sane ? random.nextInt(1 << 20) : edge();
            default -> random.nextInt(3) == 0 ? edge() : 0;
        };
    }

    private static void put(MemorySegment memory, int at, int width, long value) {
        for (int i = 0; i < width; i++) {
            memory.set(ValueLayout.JAVA_BYTE, at + i, (byte) (value >>> (i * Byte.SIZE)));
        }
    }

    private long page(int pages) {
        return random.nextInt(pages) * PAGE;
    }

    private long capability() {
        Capability[] all = Capability.values();
        return all[random.nextInt(all.length)].number();
    }

    private long edge() {
        return random.nextInt(4) == 0 ? random.nextLong() : EDGES[random.nextInt(EDGES.length)];
    }

    /** What the process does with its memory. The real kernel's is the JVM's own: nothing is unmapped or written there. */
    private FuzzCall memory() {
        long offset = page(512);
        long length = Math.min(page(64) + PAGE, FuzzWorld.MEMORY_SIZE - offset);
        int target = random.nextInt(64);
        return switch (random.nextInt(everything ? 10 : 7)) {
            case 0, 1, 2, 3 -> {
                int advice = random.nextInt(HostAdvice.values().length);
                yield new FuzzCall(Verb.ADVISE, KvmFileKind.SYSTEM, target, advice, offset, length, NOTHING, List.of());
            }
            case 4, 5 -> {
                int protection = random.nextInt(HostProtection.values().length);
                yield new FuzzCall(
                        Verb.PROTECT, KvmFileKind.SYSTEM, target, protection, offset, length, NOTHING, List.of());
            }
            case 6 -> new FuzzCall(Verb.LOAD, KvmFileKind.SYSTEM, target, 0, offset, length, NOTHING, List.of());
            case 7, 8 -> {
                byte[] content = new byte[(int) Math.min(length, 64)];
                random.nextBytes(content);
                yield new FuzzCall(
                        Verb.STORE, KvmFileKind.SYSTEM, target, 0, offset, content.length, content, List.of());
            }
            default -> new FuzzCall(Verb.UNMAP, KvmFileKind.SYSTEM, target, 0, offset, PAGE, NOTHING, List.of());
        };
    }

    private FuzzCall other() {
        return switch (random.nextInt(3)) {
            case 0 ->
                plain(
                        Verb.READ,
                        random.nextInt(4) == 0 ? anyKind() : KvmFileKind.STATS,
                        0,
                        random.nextInt(8192),
                        random.nextInt(8192));
            case 1 ->
                plain(
                        Verb.ALLOCATE,
                        random.nextInt(4) == 0 ? anyKind() : KvmFileKind.GUEST_MEMFD,
                        random.nextInt(4) == 0 ? random.nextInt() : random.nextInt(4),
                        random.nextInt(4) == 0 ? edge() : page(512),
                        random.nextInt(4) == 0 ? edge() : page(64));
            default ->
                plain(
                        Verb.MAP,
                        random.nextInt(4) == 0 ? anyKind() : KvmFileKind.GUEST_MEMFD,
                        0,
                        page(512),
                        page(16) + PAGE);
        };
    }

    private FuzzCall guest() {
        return random.nextInt(3) == 0
                ? plain(Verb.REAL_MODE, KvmFileKind.VCPU, 0, random.nextInt(1 << 20), 0)
                : plain(Verb.RUN, KvmFileKind.VCPU, 0, random.nextInt(2), 0);
    }

    private FuzzCall nonsense() {
        int code = random.nextInt(3) == 0
                ? random.nextInt()
                : requests.get(random.nextInt(requests.size())).code() ^ 1 << random.nextInt(Integer.SIZE);
        if (random.nextInt(3) == 0) {
            return plain(Verb.VALUE, anyKind(), code, edge(), 0);
        }
        KvmIoctl request = requests.get(random.nextInt(requests.size()));
        byte[] bytes = new byte[random.nextInt(400)];
        random.nextBytes(bytes);
        int used = random.nextBoolean() ? request.code() : code;
        return new FuzzCall(Verb.STRUCT, anyKind(), random.nextInt(64), used, 0, 0, bytes, List.of());
    }
}
