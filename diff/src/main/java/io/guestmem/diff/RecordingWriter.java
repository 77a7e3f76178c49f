package io.guestmem.diff;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.CRC32C;
import java.util.zip.CheckedOutputStream;

/** Writes a {@link Recording}. For one thread. */
final class RecordingWriter implements Closeable {
    private static final int SEVEN = 7;
    private static final int LOW = 0x7F;
    private static final int MORE = 0x80;

    private final CRC32C checksum = new CRC32C();
    private final DataOutputStream out;
    private final ByteArrayOutputStream frame = new ByteArrayOutputStream();
    private final Map<String, Integer> names = new HashMap<>();

    /**
     * Writes the header.
     *
     * @param to is closed with this
     */
    RecordingWriter(OutputStream to, RecordingHeader header) throws IOException {
        this.out = new DataOutputStream(new CheckedOutputStream(to, checksum));
        out.write(Recording.magic());
        out.writeInt(Recording.VERSION);
        header.write(new DataOutputStream(frame));
        end();
    }

    /** Begins a sequence. */
    void begin(long seed) {
        signed(seed);
    }

    /** The answer to the next call. */
    void add(Outcome outcome) {
        signed(outcome.result());
        unsigned(outcome.values().size());
        for (Outcome.Value each : outcome.values()) {
            name(each.name());
            signed(each.value());
        }
    }

    /** Ends a sequence, or the header. */
    void end() throws IOException {
        byte[] bytes = frame.toByteArray();
        frame.reset();
        unsigned(bytes.length);
        frame.writeTo(out);
        frame.reset();
        out.write(bytes);
    }

    /** Says that this is all: a file without that is refused. */
    void finish() throws IOException {
        out.writeByte(0);
        out.writeInt((int) checksum.getValue());
    }

    @Override
    public void close() throws IOException {
        out.close();
    }

    /** Its number; the first time, the name itself follows. */
    private void name(String name) {
        Integer known = names.get(name);
        if (known != null) {
            unsigned(known);
            return;
        }
        unsigned(names.size());
        names.put(name, names.size());
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        unsigned(bytes.length);
        frame.writeBytes(bytes);
    }

    /** Small numbers of either sign get short. */
    private void signed(long value) {
        unsigned((value << 1) ^ (value >> (Long.SIZE - 1)));
    }

    private void unsigned(long value) {
        long left = value;
        while ((left & ~LOW) != 0) {
            frame.write(((int) left & LOW) | MORE);
            left >>>= SEVEN;
        }
        frame.write((int) left);
    }
}
