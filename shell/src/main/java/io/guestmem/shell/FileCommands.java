package io.guestmem.shell;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.RunLayout;
import io.guestmem.abi.Struct;
import io.guestmem.kvm.Registers;
import io.guestmem.vmm.Checksum;
import io.guestmem.vmm.GuestProgram;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What can be done with a file beside requests: {@code vcpu0 program checksum 0 2M}. */
final class FileCommands {
    /** The verbs with their arguments and the files that know them, for help and completion. */
    static final Map<String, KvmFileKind> USAGE = Map.of(
            "program PROGRAM ...", KvmFileKind.VCPU,
            "load PROGRAM ...", KvmFileKind.VCPU,
            "kvm_run [field=value ...]", KvmFileKind.VCPU,
            "fallocate keep_size|punch_hole OFFSET LENGTH", KvmFileKind.GUEST_MEMFD,
            "map OFFSET LENGTH", KvmFileKind.GUEST_MEMFD,
            "read OFFSET LENGTH", KvmFileKind.STATS);

    /** The struct, and not the request KVM_RUN. */
    private static final String SHARED = "kvm_run";

    private static final Duration LIMIT = Duration.ofSeconds(10);
    private static final int KEEP_SIZE = 1;
    private static final int PUNCH_HOLE = 2;
    private static final int MOST_READ = 1 << 16;

    private final Session session;
    private final Requests requests;
    private final Values values;

    FileCommands(Session session, Requests requests, Values values) {
        this.session = session;
        this.requests = requests;
        this.values = values;
    }

    /** {@code NAME VERB ...}, without the name. */
    Answer run(OpenFile file, List<String> words) {
        String verb = words.isEmpty() ? "" : words.getFirst();
        List<String> arguments = words.isEmpty() ? words : words.subList(1, words.size());
        Optional<KvmIoctl> request = verb.equals(SHARED) ? Optional.empty() : Requests.named(verb);
        if (request.isPresent()) {
            return request.get() == KvmIoctl.RUN && file.kind() == KvmFileKind.VCPU
                    ? run(file, limit(arguments))
                    : requests.issue(file, request.get(), arguments);
        }
        return switch (verb + "/" + Math.min(arguments.size(), 3)) {
            case "raw/2" -> raw(file, arguments);
            case "load/1", "load/2", "load/3" -> Answer.of(load(file, Programs.parse(arguments)));
            case "program/1", "program/2", "program/3" -> program(file, Programs.parse(arguments));
            case "kvm_run/0", "kvm_run/1", "kvm_run/2", "kvm_run/3" -> kvmRun(file, arguments);
            case "fallocate/3" -> fallocate(file, arguments);
            case "map/2" -> map(file, arguments);
            case "read/2" -> read(file, arguments);
            default ->
                throw new CommandException("'" + verb + "' with " + arguments.size()
                        + " arguments is not a request or command of " + file.name() + "; see 'help'");
        };
    }

    private static Duration limit(List<String> arguments) {
        if (arguments.isEmpty()) {
            return LIMIT;
        }
        if (arguments.size() > 1 || !arguments.getFirst().matches("limit=[0-9]{1,6}")) {
            throw new CommandException("run [limit=SECONDS]");
        }
        return Duration.ofSeconds(Values.number(arguments.getFirst().substring("limit=".length())));
    }

    private Answer raw(OpenFile file, List<String> arguments) {
        String name = arguments.getFirst();
        int code = Requests.named(name).map(KvmIoctl::code).orElseGet(() -> (int) Values.number(name));
        String argument = arguments.get(1);
        return argument.startsWith("bytes=")
                ? requests.raw(file, code, 0, Bytes.parse(argument.substring("bytes=".length())))
                : requests.raw(file, code, values.parse(argument, Map.of()), null);
    }

    private MemorySegment shared(OpenFile vcpu) {
        vcpu.vm();
        OpenFile system = session.file(Session.SYSTEM).orElseThrow(() -> new CommandException("kvm is closed"));
        return vcpu.runPages(system.file().ioctl(KvmIoctl.GET_VCPU_MMAP_SIZE.code(), 0))
                .segment();
    }

    private Answer run(OpenFile vcpu, Duration limit) {
        vcpu.runs();
        return new VcpuRun(session.kernel(), vcpu, shared(vcpu)).run(limit);
    }

    private long load(OpenFile vcpu, Programs program) {
        if (vcpu.hasRun()) {
            finishExit(vcpu);
        }
        return new LongMode(session, vcpu.vm(), vcpu).load(program.program(), program.end());
    }

    /** An access that has exited is finished by the next run, which would change the registers of the new program. */
    private void finishExit(OpenFile vcpu) {
        MemorySegment shared = shared(vcpu);
        shared.set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 1);
        long result = vcpu.file().ioctl(KvmIoctl.RUN.code(), 0);
        shared.set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 0);
        if (result != -ErrorNumber.EINTR.number()) {
            throw new CommandException("the vCPU cannot be stopped: " + Answer.number(result));
        }
    }

    /** Loads and runs; what the guest computed is in its registers. */
    private Answer program(OpenFile vcpu, Programs program) {
        long loaded = load(vcpu, program);
        if (loaded < 0) {
            return Answer.of(loaded);
        }
        Answer ran = run(vcpu, LIMIT);
        if (!ran.text().contains("KVM_EXIT_IO out port=0x" + Integer.toHexString(GuestProgram.DONE_PORT) + " ")) {
            return new Answer(false, ran.text());
        }
        return program.checksums() ? checksum(vcpu) : Answer.of("done");
    }

    private static Answer checksum(OpenFile vcpu) {
        try (Arena arena = Arena.ofConfined()) {
            Struct shape = KvmIoctl.GET_REGS.struct().orElseThrow();
            StructBuffer regs = new StructBuffer(shape, arena.allocate(shape.size(), Long.BYTES));
            long result = Requests.call(vcpu, KvmIoctl.GET_REGS, regs.memory());
            if (result < 0) {
                return Answer.of(result).with("KVM_GET_REGS");
            }
            Registers atTheEnd = Registers.initial()
                    .with(Registers.Register.RAX, regs.get("rax"))
                    .with(Registers.Register.RBX, regs.get("rbx"));
            Checksum checksum = GuestProgram.checksumOf(atTheEnd);
            return Answer.of("done checksum=" + checksum);
        }
    }

    /** Shows the fields that are not the union and the registers, after setting those that are named. */
    private Answer kvmRun(OpenFile vcpu, List<String> arguments) {
        StructBuffer run = new StructBuffer(RunLayout.STRUCT, shared(vcpu));
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            if (equals < 0) {
                throw new CommandException("kvm_run [field=value ...]");
            }
            run.set(argument.substring(0, equals), values.parse(argument.substring(equals + 1), Map.of()));
        }
        return Answer.of(StructText.wrap(StructText.fields(run).stream()
                .filter(word -> !word.startsWith("exit=") && !word.startsWith("s="))
                .toList()));
    }

    private static Answer fallocate(OpenFile file, List<String> arguments) {
        if (arguments.size() != 3) {
            throw new CommandException("fallocate keep_size|punch_hole OFFSET LENGTH");
        }
        int mode = switch (arguments.getFirst()) {
            case "keep_size" -> KEEP_SIZE;
            case "punch_hole" -> KEEP_SIZE | PUNCH_HOLE;
            default -> (int) Values.number(arguments.getFirst());
        };
        return Answer.of(file.file().allocate(mode, Values.number(arguments.get(1)), Values.number(arguments.get(2))));
    }

    private Answer map(OpenFile file, List<String> arguments) {
        HostMemory memory = file.file().map(Values.number(arguments.get(0)), Values.number(arguments.get(1)));
        return Answer.of(session.mapped(memory, "mem"));
    }

    private static Answer read(OpenFile file, List<String> arguments) {
        long length = Values.number(arguments.get(1));
        if (length <= 0 || length > MOST_READ) {
            throw new CommandException("1 to 64K bytes are read at once");
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(length, Long.BYTES);
            long offset = Values.number(arguments.get(0));
            long result = file.file().readAt(offset, bytes);
            return result <= 0
                    ? Answer.of(result)
                    : Answer.of(Bytes.dump(bytes.asSlice(0, result).toArray(ValueLayout.JAVA_BYTE), offset));
        }
    }
}
