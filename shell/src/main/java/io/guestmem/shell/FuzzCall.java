package io.guestmem.shell;

import io.guestmem.abi.KvmFileKind;
import java.util.List;

/**
 * One call of the fuzzer, complete: performed again in the same surroundings, it does the same. Pointers are kept as what they
 * point to, for addresses differ between runs. Immutable.
 */
final class FuzzCall {
    final Verb verb;
    final KvmFileKind kind;
    final int target;
    final int code;
    final long first;
    final long second;
    final List<Pointer> pointers;
    private final byte[] bytes;

    /** What is done. */
    enum Verb {
        /** {@code ioctl(2)} with a struct. */
        STRUCT,
        /** {@code ioctl(2)} with a value, {@code first}. */
        VALUE,
        /** {@code close(2)}. */
        CLOSE,
        /** {@code pread(2)} at {@code first} of {@code second} bytes. */
        READ,
        /** {@code fallocate(2)} with mode {@code code}, of {@code second} bytes at {@code first}. */
        ALLOCATE,
        /** {@code mmap(2)} and {@code munmap(2)} of {@code second} bytes at {@code first}. */
        MAP,
        /** {@code KVM_RUN} after its pages were mapped; {@code first} is {@code immediate_exit}. */
        RUN,
        /** The vCPU goes to real mode at address {@code first}. */
        REAL_MODE,
        /** Host memory is read. */
        LOAD,
        /** Host memory is written, with {@code bytes}. */
        STORE,
        /** {@code madvise(2)}, the advice of number {@code code}. */
        ADVISE,
        /** {@code mprotect(2)}, the protection of number {@code code}. */
        PROTECT,
        /** {@code munmap(2)}. */
        UNMAP
    }

    /**
     * A field whose value is known only when the call is made.
     *
     * @param offset of the field in the struct
     * @param width 4 or 8 bytes
     * @param to what
     * @param index which of them, counted around
     * @param delta added to the address
     */
    record Pointer(int offset, int width, To to, int index, long delta) {
        /** What is pointed to. */
        enum To {
            /** Memory of the host: its hva. */
            MEMORY,
            /** Memory that is shown to the kernel. */
            EXPOSED,
            /** A guest_memfd: its descriptor. */
            GUEST_MEMFD
        }
    }

    FuzzCall(
            Verb verb,
            KvmFileKind kind,
            int target,
            int code,
            long first,
            long second,
            byte[] bytes,
            List<Pointer> pointers) {
        this.verb = verb;
        this.kind = kind;
        this.target = target;
        this.code = code;
        this.first = first;
        this.second = second;
        this.bytes = bytes.clone();
        this.pointers = List.copyOf(pointers);
    }

    byte[] bytes() {
        return bytes.clone();
    }

    int length() {
        return bytes.length;
    }
}
