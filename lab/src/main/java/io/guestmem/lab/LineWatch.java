package io.guestmem.lab;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** Passes bytes on and says once when a text went by. Used by one thread. */
final class LineWatch extends FilterOutputStream {
    private final byte[] wanted;
    private final Runnable seen;
    private int matched;
    private boolean done;

    /**
     * Watches what is written to a stream.
     *
     * @param text ASCII, in which the first character occurs once, so that a mismatch needs no going back
     */
    LineWatch(OutputStream out, String text, Runnable seen) {
        super(out);
        this.wanted = text.getBytes(StandardCharsets.US_ASCII);
        this.seen = seen;
    }

    @Override
    public void write(int value) throws IOException {
        out.write(value);
        look((byte) value);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        out.write(bytes, offset, length);
        for (int i = offset; i < offset + length; i++) {
            look(bytes[i]);
        }
    }

    private void look(byte value) {
        if (value == wanted[matched]) {
            matched++;
        } else {
            matched = value == wanted[0] ? 1 : 0;
        }
        if (matched == wanted.length) {
            matched = 0;
            if (!done) {
                done = true;
                seen.run();
            }
        }
    }
}
