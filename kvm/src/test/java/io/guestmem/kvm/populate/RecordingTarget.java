package io.guestmem.kvm.populate;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.LongUnaryOperator;

/** A target that writes down what is asked of it, in pages, and answers what it is told. */
final class RecordingTarget implements PopulationTarget {
    private static final long PAGE = PopulateScene.PAGE;

    private final List<String> calls = new CopyOnWriteArrayList<>();
    private final LongUnaryOperator answer;

    /** Everything works. */
    RecordingTarget() {
        this(size -> size);
    }

    /** Writes answer by their size; all else works. */
    RecordingTarget(LongUnaryOperator answer) {
        this.answer = answer;
    }

    List<String> calls() {
        return calls;
    }

    private long record(String call, long offset, long length) {
        calls.add(call + " " + offset / PAGE + " " + length / PAGE);
        return answer.applyAsLong(length);
    }

    @Override
    public String call() {
        return "RECORDING";
    }

    @Override
    public long write(long offset, MemorySegment content) {
        return record("write", offset, content.byteSize());
    }

    @Override
    public long zero(long offset, long length) {
        return record("zero", offset, length);
    }

    @Override
    public long touch(long offset, long length, Access access) {
        return Math.min(record("touch " + access, offset, length), 0);
    }

    @Override
    public long prefer(PageSize size, long offset, long length) {
        return Math.min(record("prefer " + size, offset, length), 0);
    }
}
