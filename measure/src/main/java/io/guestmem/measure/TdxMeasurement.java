package io.guestmem.measure;

import io.guestmem.measure.layout.Hashes;
import io.guestmem.measure.layout.LittleEndian;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * MRTD: one running SHA-384 over what {@code TDH.MEM.PAGE.ADD} and {@code TDH.MR.EXTEND} feed it (Intel TDX module ABI; module 1.5.01
 * source).
 *
 * <pre>{@code
 *   PAGE.ADD of a page            MR.EXTEND of a chunk of 256 bytes, 16 for a page
 *   0x00 "MEM.PAGE.ADD"           0x00 "MR.EXTEND"
 *   0x10 u64 gpa                  0x10 u64 gpa of the chunk
 *   0x18 zeroes up to 0x80        0x18 zeroes up to 0x80, then the 256 bytes
 * }</pre>
 *
 * Whether a page is extended right after it was added, or all pages of a section after all were added, changes the digest: both
 * orders are in the field, and the steps say which ({@link LaunchStep.TdxPages}, {@link LaunchStep.TdxExtend}).
 */
public final class TdxMeasurement implements Measurement {
    private static final int PAGE = LaunchStep.PAGE;
    private static final int CHUNK = 256;
    private static final int BLOCK = 128;
    private static final int GPA = 16;
    private static final int EXTENDS = PAGE / CHUNK * (BLOCK + CHUNK);

    private final MessageDigest digest;
    /** The input of one page: a block to add it, then 16 times a block and a chunk to extend it. */
    private final byte[] input = new byte[BLOCK + EXTENDS];

    private long steps;
    private @Nullable Consumer<LoggedStep> log;

    /** A measurement that has seen nothing. */
    public TdxMeasurement() {
        this(Hashes.sha384(), 0);
    }

    private TdxMeasurement(MessageDigest digest, long steps) {
        this.digest = digest;
        this.steps = steps;
        byte[] add = "MEM.PAGE.ADD".getBytes(StandardCharsets.US_ASCII);
        byte[] extend = "MR.EXTEND".getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(add, 0, input, 0, add.length);
        for (int at = BLOCK; at < input.length; at += BLOCK + CHUNK) {
            System.arraycopy(extend, 0, input, at, extend.length);
        }
    }

    @Override
    public Technology technology() {
        return Technology.TDX;
    }

    @Override
    public void apply(LaunchStep step) {
        boolean add;
        boolean extend;
        switch (step) {
            case LaunchStep.TdxPages pages -> {
                add = true;
                extend = pages.extend();
            }
            case LaunchStep.TdxExtend _ -> {
                add = false;
                extend = true;
            }
            default -> throw new IllegalArgumentException("TDX has no step " + step);
        }
        MemorySegment contents = step.contents();
        byte[] array = contents.heapBase().orElse(null) instanceof byte[] bytes ? bytes : null;
        boolean zeroes = contents.equals(MemorySegment.NULL);
        if (zeroes) {
            putZeroes();
        }
        for (long done = 0; done < step.size(); done += PAGE) {
            if (extend && array != null) {
                put(array, (int) (contents.address() + done));
            } else if (extend && !zeroes) {
                put(contents, done);
            }
            page(step.gpa() + done, add, extend, step.what());
        }
    }

    /** Adds and extends the page in the input. */
    private void page(long gpa, boolean add, boolean extend, String what) {
        if (add) {
            LittleEndian.put64(input, GPA, gpa);
        }
        if (extend) {
            for (int chunk = 0; chunk < PAGE / CHUNK; chunk++) {
                LittleEndian.put64(input, BLOCK + chunk * (BLOCK + CHUNK) + GPA, gpa + (long) chunk * CHUNK);
            }
        }
        if (log != null) {
            logged(gpa, add, extend, what);
            return;
        }
        int from = add ? 0 : BLOCK;
        int to = extend ? input.length : BLOCK;
        digest.update(input, from, to - from);
        steps += (add ? 1 : 0) + (extend ? 1 : 0);
    }

    private void logged(long gpa, boolean add, boolean extend, String what) {
        if (add) {
            digest.update(input, 0, BLOCK);
            tell("PAGE.ADD", gpa, "", what);
        }
        if (extend) {
            digest.update(input, BLOCK, EXTENDS);
            MessageDigest contents = Hashes.sha384();
            for (int at = BLOCK; at < input.length; at += BLOCK + CHUNK) {
                contents.update(input, at + BLOCK, CHUNK);
            }
            tell("MR.EXTEND", gpa, HexFormat.of().formatHex(contents.digest()), what);
        }
    }

    private void tell(String type, long gpa, String contents, String what) {
        steps++;
        if (log != null) {
            log.accept(new LoggedStep(type, gpa, PAGE, contents, HexFormat.of().formatHex(digest()), what));
        }
    }

    private void put(byte[] array, int from) {
        for (int chunk = 0; chunk < PAGE / CHUNK; chunk++) {
            System.arraycopy(array, from + chunk * CHUNK, input, chunkAt(chunk), CHUNK);
        }
    }

    private void put(MemorySegment memory, long from) {
        for (int chunk = 0; chunk < PAGE / CHUNK; chunk++) {
            MemorySegment.copy(
                    memory, ValueLayout.JAVA_BYTE, from + (long) chunk * CHUNK, input, chunkAt(chunk), CHUNK);
        }
    }

    private void putZeroes() {
        for (int chunk = 0; chunk < PAGE / CHUNK; chunk++) {
            Arrays.fill(input, chunkAt(chunk), chunkAt(chunk) + CHUNK, (byte) 0);
        }
    }

    private static int chunkAt(int chunk) {
        return 2 * BLOCK + chunk * (BLOCK + CHUNK);
    }

    @Override
    public byte[] digest() {
        return Hashes.copy(digest).digest();
    }

    @Override
    public long steps() {
        return steps;
    }

    @Override
    public TdxMeasurement checkpoint() {
        return new TdxMeasurement(Hashes.copy(digest), steps);
    }

    @Override
    public void logTo(@Nullable Consumer<LoggedStep> log) {
        this.log = log;
    }
}
