package io.guestmem.diff;

import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * What a kernel answered to sequences, call by call, as it lies in a file.
 *
 * <pre>
 *   "guestmem recording\n"
 *   version        int, big-endian
 *   header         frame of a {@link RecordingHeader}
 *   sequence *     frame: seed, then for each call an outcome; then one of the memory at the end, if that is compared
 *   0              byte
 *   checksum       int, big-endian: CRC-32C of all before it
 *
 *   frame          length of what follows, in bytes, and that
 *   outcome        result, number of values, values
 *   value          name, value
 *   name           its number in the order of appearance; behind a number that is new, the length of the name and its UTF-8
 * </pre>
 *
 * <p>Numbers without a word are 7 bits a byte, the lowest first, with the eighth bit set in all but the last (as LEB128); seed,
 * result and value are signed, with the sign in the lowest bit. About 20 bytes a call.
 *
 * <p>For one thread.
 */
public final class Recording {
    /** Raised whenever the format changes, or what a {@link Call} does. */
    static final int VERSION = 1;

    private static final String MAGIC = "guestmem recording\n";
    private static final int SEVEN = 7;
    private static final int LOW = 0x7F;
    private static final int SHORTEST_OUTCOME = 2;

    private final Path file;
    private final ByteBuffer bytes;
    private final RecordingHeader header;
    private final List<String> names = new ArrayList<>();

    /**
     * The answers to one sequence.
     *
     * @param seed of the sequence
     * @param outcomes of its calls in their order
     * @param offset where it begins in the file, in bytes
     */
    record Recorded(long seed, List<Outcome> outcomes, long offset) {
        /** Copies the list. */
        Recorded {
            outcomes = List.copyOf(outcomes);
        }
    }

    private Recording(Path file, ByteBuffer bytes) throws RecordingException {
        this.file = file;
        this.bytes = bytes;
        this.header = begin();
        int start = bytes.position();
        requireEnd();
        bytes.position(start);
    }

    static byte[] magic() {
        return MAGIC.getBytes(StandardCharsets.US_ASCII);
    }

    /**
     * Reads a whole recording.
     *
     * @throws RecordingException if it is none, one of another version, cut off or damaged
     * @throws IOException if the file cannot be read
     */
    public static Recording read(Path file) throws IOException {
        if (Files.size(file) > Integer.MAX_VALUE - Long.BYTES) {
            throw new RecordingException(file, "more than 2 GiB; record fewer calls");
        }
        return new Recording(file, ByteBuffer.wrap(Files.readAllBytes(file)));
    }

    /** What it is of. */
    public RecordingHeader header() {
        return header;
    }

    Path file() {
        return file;
    }

    /**
     * The next sequence.
     *
     * @return empty at the end
     */
    Optional<Recorded> next() throws RecordingException {
        int offset = bytes.position();
        try {
            ByteBuffer frame = frame();
            if (!frame.hasRemaining()) {
                bytes.position(offset);
                return Optional.empty();
            }
            long seed = signed(frame);
            List<Outcome> outcomes = new ArrayList<>();
            while (frame.hasRemaining()) {
                outcomes.add(outcome(frame));
            }
            return Optional.of(new Recorded(seed, outcomes, offset));
        } catch (BufferUnderflowException | IndexOutOfBoundsException _) {
            throw new RecordingException(file, "the sequence at byte " + offset + " makes no sense");
        }
    }

    private RecordingHeader begin() throws RecordingException {
        byte[] magic = magic();
        if (bytes.remaining() < magic.length || bytes.slice(0, magic.length).mismatch(ByteBuffer.wrap(magic)) >= 0) {
            throw new RecordingException(file, "not a recording of guestmem diff");
        }
        bytes.position(magic.length);
        try {
            int version = bytes.getInt();
            if (version != VERSION) {
                throw new RecordingException(file, "version " + version + " of the format, not " + VERSION);
            }
            byte[] content = new byte[frame().remaining()];
            bytes.get(bytes.position() - content.length, content);
            return RecordingHeader.read(new DataInputStream(new ByteArrayInputStream(content)));
        } catch (BufferUnderflowException _) {
            throw new RecordingException(file, "cut off in the header: it ends at byte " + bytes.limit());
        } catch (RecordingException known) {
            throw known;
        } catch (IOException | IllegalArgumentException broken) {
            throw new RecordingException(file, "its header makes no sense: " + broken.getMessage());
        }
    }

    /** Walks over all sequences: what is cut off is told before anything of it is compared. */
    private void requireEnd() throws RecordingException {
        int start = bytes.position();
        long count = 0;
        try {
            while (frame().hasRemaining()) {
                start = bytes.position();
                count++;
            }
            CRC32C checksum = new CRC32C();
            checksum.update(bytes.slice(0, bytes.position()));
            if (bytes.getInt() != (int) checksum.getValue()) {
                throw new RecordingException(file, "damaged: its checksum is another one");
            }
        } catch (BufferUnderflowException _) {
            throw new RecordingException(
                    file,
                    "cut off: it ends at byte " + bytes.limit() + ", after " + count
                            + " whole sequences that end at byte " + start);
        }
        if (bytes.hasRemaining()) {
            throw new RecordingException(file, "damaged: it goes on behind its end at byte " + bytes.position());
        }
    }

    private ByteBuffer frame() {
        long length = unsigned(bytes);
        if (length < 0 || length > bytes.remaining()) {
            throw new BufferUnderflowException();
        }
        ByteBuffer frame = bytes.slice(bytes.position(), (int) length);
        bytes.position(bytes.position() + (int) length);
        return frame;
    }

    private Outcome outcome(ByteBuffer frame) {
        long result = signed(frame);
        long count = unsigned(frame);
        if (count < 0 || count > frame.remaining() / SHORTEST_OUTCOME) {
            throw new BufferUnderflowException();
        }
        List<Outcome.Value> values = new ArrayList<>((int) count);
        for (int i = 0; i < count; i++) {
            values.add(new Outcome.Value(name(frame), signed(frame)));
        }
        return new Outcome(result, values);
    }

    private String name(ByteBuffer frame) {
        long number = unsigned(frame);
        if (number == names.size()) {
            long length = unsigned(frame);
            if (length < 0 || length > frame.remaining()) {
                throw new BufferUnderflowException();
            }
            byte[] name = new byte[(int) length];
            frame.get(name);
            names.add(new String(name, StandardCharsets.UTF_8));
        }
        return names.get((int) Math.min(number, Integer.MAX_VALUE));
    }

    private static long signed(ByteBuffer from) {
        long value = unsigned(from);
        return (value >>> 1) ^ -(value & 1);
    }

    private static long unsigned(ByteBuffer from) {
        long value = 0;
        int shift = 0;
        byte next;
        do {
            next = from.get();
            value |= (long) (next & LOW) << shift;
            shift += SEVEN;
        } while (next < 0 && shift < Long.SIZE);
        return value;
    }
}
