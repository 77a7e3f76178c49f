package io.guestmem.measure.rtmr;

import io.guestmem.measure.layout.Guid;
import io.guestmem.measure.layout.Hashes;
import io.guestmem.measure.layout.LittleEndian;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** A run-time register of a TD, starting as zeroes: {@code new = SHA-384(old | digest)} ({@code TDG.MR.RTMR.EXTEND}), with its log. */
public final class Rtmr {
    private static final HexFormat HEX = HexFormat.of();
    /** Between what is measured before the boot option and after it: an EV_SEPARATOR of four zero bytes. */
    private static final byte[] SEPARATOR = new byte[4];

    private final List<MeasuredEvent> log = new ArrayList<>();
    private byte[] value = new byte[Hashes.SHA384_SIZE];

    /** A register of zeroes. */
    public Rtmr() {}

    /**
     * Extends it by something whose digest is known.
     *
     * @param digest 48 bytes
     */
    public Rtmr extendDigest(String name, byte[] digest) {
        if (digest.length != Hashes.SHA384_SIZE) {
            throw new IllegalArgumentException("a digest has 48 bytes, not " + digest.length);
        }
        MessageDigest next = Hashes.sha384();
        next.update(value);
        next.update(digest);
        value = next.digest();
        log.add(new MeasuredEvent(name, HEX.formatHex(digest)));
        return this;
    }

    /** Extends it by the digest of some bytes. */
    public Rtmr extend(String name, byte[] bytes) {
        return extendDigest(name, Hashes.sha384(bytes));
    }

    /** Extends it by a text in ASCII, which is the event's name as well. */
    public Rtmr extendAction(String action) {
        return extend(action, action.getBytes(StandardCharsets.US_ASCII));
    }

    /** Extends it by a separator. */
    public Rtmr extendSeparator() {
        return extend("separator", SEPARATOR);
    }

    /** Extends it by a UEFI variable that has no data. */
    Rtmr extendEmptyVariable(String name, String guid) {
        byte[] text = name.getBytes(StandardCharsets.UTF_16LE);
        byte[] event = new byte[Guid.SIZE + 16 + text.length];
        new Guid(guid).put(event, 0);
        LittleEndian.put64(event, Guid.SIZE, name.length());
        System.arraycopy(text, 0, event, Guid.SIZE + 16, text.length);
        return extend(name, event);
    }

    /** Its value, in lower-case hex. */
    public String value() {
        return HEX.formatHex(value);
    }

    /** What was measured so far. */
    public List<MeasuredEvent> log() {
        return List.copyOf(log);
    }
}
