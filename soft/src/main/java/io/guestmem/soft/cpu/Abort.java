package io.guestmem.soft.cpu;

/**
 * Ends an instruction that cannot go on. It has no stack trace and each vCPU has one, so throwing it allocates nothing.
 */
final class Abort extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** Why the instruction ends. */
    enum Kind {
        /** The guest gets an exception. */
        EXCEPTION,
        /** {@code KVM_RUN} returns. */
        EXIT,
        /** Somebody else was faster with the same memory: the instruction starts again. */
        AGAIN
    }

    /** Why. The other fields belong to some of the kinds. */
    private Kind kind = Kind.AGAIN;

    /** Of an exception: 0 to 31. */
    private int vector;

    /** Of an exception: -1 if its vector has none. */
    private int errorCode;

    /** Of an exit: what {@code KVM_RUN} returns, 0 or a negated errno. */
    private long result;

    Abort() {
        super(null, null, false, false);
    }

    Abort exception(int vector, int errorCode) {
        this.kind = Kind.EXCEPTION;
        this.vector = vector;
        this.errorCode = errorCode;
        return this;
    }

    Abort exit(long result) {
        this.kind = Kind.EXIT;
        this.result = result;
        return this;
    }

    Abort again() {
        this.kind = Kind.AGAIN;
        return this;
    }

    Kind kind() {
        return kind;
    }

    int vector() {
        return vector;
    }

    int errorCode() {
        return errorCode;
    }

    long result() {
        return result;
    }
}
