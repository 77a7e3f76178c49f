package io.guestmem.measure;

import io.guestmem.measure.layout.Hashes;
import io.guestmem.measure.layout.LittleEndian;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The launch digest of SEV-SNP: a chain of SHA-384 over one {@code PAGE_INFO} for each page (AMD SEV-SNP firmware ABI, 8.17.2, table
 * "Layout of the PAGE_INFO structure").
 *
 * <pre>{@code
 *  struct page_info {           // little-endian, 0x70 bytes
 *      u8  digest_cur[48];      // 0x00  the digest before this page; zeroes at first
 *      u8  contents[48];        // 0x30  SHA-384 of a NORMAL or VMSA page, zeroes for the others
 *      u16 length;              // 0x60  0x70
 *      u8  page_type;           // 0x62
 *      u8  imi_page;            // 0x63  0 under KVM
 *      u8  vmpl3, vmpl2, vmpl1; // 0x64  permissions; 0 under KVM
 *      u8  reserved;            // 0x67
 *      u64 gpa;                 // 0x68
 *  };
 * }</pre>
 *
 * The pages' own digests do not depend on each other: large regions are hashed by several threads, and then chained.
 */
public final class SnpMeasurement implements Measurement {
    /** Where the firmware places every VMSA under KVM: the last page of 48 bits. */
    public static final long VMSA_GPA = 0xffff_ffff_f000L;

    private static final int CONTENTS = 0x30;
    private static final int LENGTH = 0x60;
    private static final int PAGE_TYPE = 0x62;
    private static final int GPA = 0x68;
    private static final int SIZE = 0x70;
    private static final int PAGE = LaunchStep.PAGE;
    private static final int DIGEST = Hashes.SHA384_SIZE;

    /** From here on more than one thread pays. */
    private static final long PARALLEL_SIZE = 2 << 20;
    /** What is hashed by several threads before it is chained. */
    private static final long WINDOW = 1L << 30;

    private static final byte[] ZERO_PAGE = Hashes.sha384(new byte[PAGE]);

    private final MessageDigest chain = Hashes.sha384();
    private final byte[] info = new byte[SIZE];
    private final int threads;
    private long steps;
    private @Nullable Consumer<LoggedStep> log;

    /** A measurement that has seen nothing; as many threads as processors. */
    public SnpMeasurement() {
        this(new byte[DIGEST]);
    }

    /**
     * A measurement that goes on from a digest that is known: that of the firmware, for instance.
     *
     * @param digest 48 bytes
     */
    public SnpMeasurement(byte[] digest) {
        this(digest, 0, Runtime.getRuntime().availableProcessors());
    }

    private SnpMeasurement(byte[] digest, long steps, int threads) {
        if (digest.length != DIGEST) {
            throw new IllegalArgumentException("a digest has 48 bytes, not " + digest.length);
        }
        if (threads < 1) {
            throw new IllegalArgumentException("threads: " + threads);
        }
        System.arraycopy(digest, 0, info, 0, DIGEST);
        LittleEndian.put16(info, LENGTH, SIZE);
        this.steps = steps;
        this.threads = threads;
    }

    /** The same state, with another number of threads for large regions; the digest does not depend on it. */
    public SnpMeasurement withThreads(int number) {
        return new SnpMeasurement(digest(), steps, number);
    }

    @Override
    public Technology technology() {
        return Technology.SNP;
    }

    @Override
    public void apply(LaunchStep step) {
        if (!(step instanceof LaunchStep.SnpPages pages)) {
            throw new IllegalArgumentException("SNP has no step " + step);
        }
        MemorySegment contents = pages.contents();
        boolean zeroes = contents.equals(MemorySegment.NULL);
        if (!pages.type().measuresContents() || zeroes) {
            same(pages, zeroes && pages.type().measuresContents() ? ZERO_PAGE : new byte[DIGEST]);
        } else if (threads > 1 && pages.size() >= PARALLEL_SIZE && sharable(contents)) {
            for (long done = 0; done < pages.size(); done += WINDOW) {
                MemorySegment window = contents.asSlice(done, Math.min(WINDOW, pages.size() - done));
                chainAll(pages, done, PageDigests.of(window, threads));
            }
        } else {
            PageDigests digests = new PageDigests(contents);
            for (long done = 0; done < pages.size(); done += PAGE) {
                digests.put(done, info, CONTENTS);
                chain(pages.type(), pages.gpa() + done, pages.what());
            }
        }
    }

    /**
     * Measures one page whose contents are known by their digest.
     *
     * @param gpa page-aligned
     * @param contents 48 bytes: the SHA-384 of the page, or zeroes if the type does not measure contents
     */
    public void update(SnpPageType type, long gpa, byte[] contents) {
        if (contents.length != DIGEST) {
            throw new IllegalArgumentException("a digest has 48 bytes, not " + contents.length);
        }
        System.arraycopy(contents, 0, info, CONTENTS, DIGEST);
        chain(type, gpa, "");
    }

    private static boolean sharable(MemorySegment contents) {
        return contents.isAccessibleBy(Thread.ofPlatform().unstarted(() -> {}));
    }

    private void same(LaunchStep.SnpPages pages, byte[] contents) {
        System.arraycopy(contents, 0, info, CONTENTS, DIGEST);
        for (long done = 0; done < pages.size(); done += PAGE) {
            chain(pages.type(), pages.gpa() + done, pages.what());
        }
    }

    private void chainAll(LaunchStep.SnpPages pages, long from, byte[] digests) {
        for (int i = 0; i < digests.length / DIGEST; i++) {
            System.arraycopy(digests, i * DIGEST, info, CONTENTS, DIGEST);
            chain(pages.type(), pages.gpa() + from + (long) i * PAGE, pages.what());
        }
    }

    private void chain(SnpPageType type, long gpa, String what) {
        info[PAGE_TYPE] = (byte) type.code();
        LittleEndian.put64(info, GPA, gpa);
        chain.update(info, 0, SIZE);
        Hashes.finish(chain, info, 0);
        steps++;
        if (log != null) {
            HexFormat hex = HexFormat.of();
            String contents = type.measuresContents() ? hex.formatHex(info, CONTENTS, CONTENTS + DIGEST) : "";
            log.accept(new LoggedStep(type.name(), gpa, PAGE, contents, hex.formatHex(info, 0, DIGEST), what));
        }
    }

    @Override
    public byte[] digest() {
        return Arrays.copyOf(info, DIGEST);
    }

    @Override
    public long steps() {
        return steps;
    }

    @Override
    public SnpMeasurement checkpoint() {
        return new SnpMeasurement(digest(), steps, threads);
    }

    @Override
    public void logTo(@Nullable Consumer<LoggedStep> log) {
        this.log = log;
    }
}
