package io.guestmem.diff;

import static io.guestmem.diff.Argument.ACCESSES;
import static io.guestmem.diff.Argument.ADVICE;
import static io.guestmem.diff.Argument.PROTECTIONS;
import static io.guestmem.diff.Argument.choice;
import static io.guestmem.diff.Argument.number;

import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostProtection;
import java.util.List;
import java.util.stream.Collectors;

/**
 * One call of a sequence: data, without anything that a kernel answered before. Files are named by the number of the call of
 * their kind that made them, counted from 0: where that call failed, nothing is called. Addresses and sizes are in bytes, and
 * nothing is checked: what a kernel refuses can be written down.
 */
public sealed interface Call {
    /** The components, in their order. */
    List<Argument> arguments();

    /**
     * The same call with other arguments.
     *
     * @param values as many as there are {@link #arguments}; choices by their position
     */
    Call with(long... values);

    /** The Java expression that makes the call. */
    default String java() {
        return arguments().stream()
                .map(Argument::java)
                .collect(Collectors.joining(", ", "new Call." + getClass().getSimpleName() + "(", ")"));
    }

    /** {@code KVM_CREATE_VM}: the first call of a sequence. */
    record CreateVm(long type) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(number("type", type));
        }

        @Override
        public Call with(long... values) {
            return new CreateVm(values[0]);
        }
    }

    /** {@code KVM_CREATE_VCPU}, {@code KVM_SET_CPUID2} with what both kernels support, and 64-bit user mode. */
    record CreateVcpu(long id) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(number("id", id));
        }

        @Override
        public Call with(long... values) {
            return new CreateVcpu(values[0]);
        }
    }

    /**
     * {@code KVM_SET_USER_MEMORY_REGION}.
     *
     * @param memory one of {@link Backing}, or −1
     * @param offset in the memory; the hva itself if there is none
     */
    record SetRegion(long slot, long flags, long gpa, long size, long memory, long offset) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(
                    number("slot", slot),
                    number("flags", flags),
                    number("gpa", gpa),
                    number("size", size),
                    number("memory", memory),
                    number("offset", offset));
        }

        @Override
        public Call with(long... values) {
            return new SetRegion(values[0], values[1], values[2], values[3], values[4], values[5]);
        }
    }

    /**
     * {@code KVM_SET_USER_MEMORY_REGION2}.
     *
     * @param region the first fields; the flag of guest_memfds among them
     * @param file a guest_memfd; −1 for no descriptor, −2 for that of the VM
     * @param fileOffset in the guest_memfd
     */
    record SetRegion2(SetRegion region, long file, long fileOffset) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(
                    number("slot", region.slot),
                    number("flags", region.flags),
                    number("gpa", region.gpa),
                    number("size", region.size),
                    number("memory", region.memory),
                    number("offset", region.offset),
                    number("file", file),
                    number("fileOffset", fileOffset));
        }

        @Override
        public Call with(long... values) {
            return new SetRegion2((SetRegion) region.with(values), values[6], values[7]);
        }

        @Override
        public String java() {
            List<Argument> own = arguments().subList(6, 8);
            return "new Call.SetRegion2(" + region.java() + ", " + own.get(0).java() + ", "
                    + own.get(1).java() + ")";
        }
    }

    /** {@code KVM_SET_MEMORY_ATTRIBUTES}. */
    record SetAttributes(long gpa, long size, long attributes, long flags) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(
                    number("gpa", gpa), number("size", size), number("attributes", attributes), number("flags", flags));
        }

        @Override
        public Call with(long... values) {
            return new SetAttributes(values[0], values[1], values[2], values[3]);
        }
    }

    /** {@code KVM_CREATE_GUEST_MEMFD}. */
    record CreateGuestMemfd(long size, long flags) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(number("size", size), number("flags", flags));
        }

        @Override
        public Call with(long... values) {
            return new CreateGuestMemfd(values[0], values[1]);
        }
    }

    /** {@code fallocate(2)} of a guest_memfd. */
    record Allocate(long file, long mode, long offset, long length) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(
                    number("file", file), number("mode", mode), number("offset", offset), number("length", length));
        }

        @Override
        public Call with(long... values) {
            return new Allocate(values[0], values[1], values[2], values[3]);
        }
    }

    /** {@code close(2)} of a guest_memfd. */
    record CloseGuestMemfd(long file) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(number("file", file));
        }

        @Override
        public Call with(long... values) {
            return new CloseGuestMemfd(values[0]);
        }
    }

    /** {@code mmap(2)} of a guest_memfd, a look at 8 bytes (with a value that is not 0: a change of them), {@code munmap(2)}. */
    record MapGuestMemfd(long file, long length, long offset, long value) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(
                    number("file", file), number("length", length), number("offset", offset), number("value", value));
        }

        @Override
        public Call with(long... values) {
            return new MapGuestMemfd(values[0], values[1], values[2], values[3]);
        }
    }

    /** The process reads 8 bytes. */
    record Load(long memory, long offset) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(number("memory", memory), number("offset", offset));
        }

        @Override
        public Call with(long... values) {
            return new Load(values[0], values[1]);
        }
    }

    /** The process writes 8 bytes. */
    record Store(long memory, long offset, long value) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(number("memory", memory), number("offset", offset), number("value", value));
        }

        @Override
        public Call with(long... values) {
            return new Store(values[0], values[1], values[2]);
        }
    }

    /** {@code madvise(2)}. */
    record Advise(HostAdvice advice, long memory, long offset, long length) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(
                    choice("advice", ADVICE, advice),
                    number("memory", memory),
                    number("offset", offset),
                    number("length", length));
        }

        @Override
        public Call with(long... values) {
            return new Advise(ADVICE.get((int) values[0]), values[1], values[2], values[3]);
        }
    }

    /** {@code mprotect(2)}. */
    record Protect(HostProtection protection, long memory, long offset, long length) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(
                    choice("protection", PROTECTIONS, protection),
                    number("memory", memory),
                    number("offset", offset),
                    number("length", length));
        }

        @Override
        public Call with(long... values) {
            return new Protect(PROTECTIONS.get((int) values[0]), values[1], values[2], values[3]);
        }
    }

    /** {@code KVM_PRE_FAULT_MEMORY}. */
    record PreFault(long vcpu, long gpa, long size, long flags) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(number("vcpu", vcpu), number("gpa", gpa), number("size", size), number("flags", flags));
        }

        @Override
        public Call with(long... values) {
            return new PreFault(values[0], values[1], values[2], values[3]);
        }
    }

    /**
     * The guest touches memory, until something ends it.
     *
     * @param stride between the first bytes that are touched
     * @param count how many, from 1
     */
    record Run(GuestAccess access, long vcpu, long gpa, long stride, long count) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(
                    choice("access", ACCESSES, access),
                    number("vcpu", vcpu),
                    number("gpa", gpa),
                    number("stride", stride),
                    number("count", count));
        }

        @Override
        public Call with(long... values) {
            return new Run(ACCESSES.get((int) values[0]), values[1], values[2], values[3], values[4]);
        }
    }

    /** {@code KVM_TRANSLATE}. */
    record Translate(long vcpu, long linear) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(number("vcpu", vcpu), number("linear", linear));
        }

        @Override
        public Call with(long... values) {
            return new Translate(values[0], values[1]);
        }
    }

    /** {@code KVM_GET_SREGS}, a change of one field of 8 bytes, {@code KVM_SET_SREGS}, and what it reads as then. */
    record SetSregs(long vcpu, long field, long value) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(number("vcpu", vcpu), number("field", field), number("value", value));
        }

        @Override
        public Call with(long... values) {
            return new SetSregs(values[0], values[1], values[2]);
        }
    }

    /** {@code KVM_GET_DIRTY_LOG}. */
    record GetDirtyLog(long slot) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(number("slot", slot));
        }

        @Override
        public Call with(long... values) {
            return new GetDirtyLog(values[0]);
        }
    }

    /**
     * {@code KVM_CLEAR_DIRTY_LOG}.
     *
     * @param pattern every word of the bitmap
     */
    record ClearDirtyLog(long slot, long firstPage, long pages, long pattern) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(
                    number("slot", slot),
                    number("firstPage", firstPage),
                    number("pages", pages),
                    number("pattern", pattern));
        }

        @Override
        public Call with(long... values) {
            return new ClearDirtyLog(values[0], values[1], values[2], values[3]);
        }
    }

    /** Takes entries from a vCPU's dirty ring: at most {@code most}. */
    record CollectRing(long vcpu, long most) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(number("vcpu", vcpu), number("most", most));
        }

        @Override
        public Call with(long... values) {
            return new CollectRing(values[0], values[1]);
        }
    }

    /** {@code KVM_RESET_DIRTY_RINGS}. */
    record ResetRings() implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of();
        }

        @Override
        public Call with(long... values) {
            return this;
        }
    }

    /** {@code KVM_ENABLE_CAP} of the VM. */
    record EnableCapability(long capability, long flags, long argument) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(number("capability", capability), number("flags", flags), number("argument", argument));
        }

        @Override
        public Call with(long... values) {
            return new EnableCapability(values[0], values[1], values[2]);
        }
    }

    /** {@code KVM_CHECK_EXTENSION} of the VM. */
    record CheckExtension(long capability) implements Call {
        @Override
        public List<Argument> arguments() {
            return List.of(number("capability", capability));
        }

        @Override
        public Call with(long... values) {
            return new CheckExtension(values[0]);
        }
    }
}
