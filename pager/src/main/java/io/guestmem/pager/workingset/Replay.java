package io.guestmem.pager.workingset;

import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.Sharing;
import io.guestmem.pager.handshake.GuestMap;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What is installed ahead in one VM, and what came of it.
 *
 * <p>{@link #demanded} is for the event thread, {@link #installed} for the installer; neither allocates or waits. The report may
 * be asked for by anybody at any time.
 */
public final class Replay implements AutoCloseable {
    private static final byte PLANNED = 1;
    private static final byte HELD_BACK = 2;
    private static final byte DEMANDED = 4;

    /**
     * Pages that are installed together.
     *
     * @param page the first, of the VM's map
     * @param end the first behind them
     * @param address of their content in this process; 0 if the snapshot has it
     */
    public record Piece(long page, long end, long address) {}

    private final GuestMap map;
    private final Mapping mapping;

    /** A byte for each page of the VM. */
    private final MemorySegment roles;

    private final List<Piece> pieces;
    private final long planned;
    private final long heldBack;
    private final AtomicLong installed = new AtomicLong();
    private final AtomicLong late = new AtomicLong();
    private final AtomicLong heldBackDemanded = new AtomicLong();
    private final AtomicLong missed = new AtomicLong();

    private Replay(GuestMap map, List<Piece> all, int sample, long seed) {
        this.map = map;
        this.mapping = Mapping.anonymous(
                Math.ceilDiv(map.pages(), MappedMemory.PAGE_SIZE) * MappedMemory.PAGE_SIZE, Sharing.PRIVATE);
        this.roles = mapping.segment();
        SplittableRandom random = new SplittableRandom(seed);
        List<Piece> some = new ArrayList<>();
        long number = 0;
        long held = 0;
        long holdAt = -1;
        for (Piece piece : all) {
            long from = piece.page;
            for (long page = piece.page; page < piece.end; page++, number++) {
                if (sample > 0 && number % sample == 0) {
                    holdAt = number + random.nextInt(sample);
                }
                boolean hold = number == holdAt;
                roles.set(ValueLayout.JAVA_BYTE, page, hold ? HELD_BACK : PLANNED);
                if (hold) {
                    held++;
                    add(some, part(piece, from, page));
                    from = page + 1;
                }
            }
            add(some, part(piece, from, piece.end));
        }
        this.pieces = List.copyOf(some);
        this.planned = number;
        this.heldBack = held;
    }

    private Piece part(Piece piece, long from, long end) {
        long address = piece.address == 0 ? 0 : piece.address + (from - piece.page) * map.pageSize();
        return new Piece(from, end, address);
    }

    private static void add(List<Piece> pieces, Piece piece) {
        if (piece.page < piece.end) {
            pieces.add(piece);
        }
    }

    /**
     * Plans to install a set.
     *
     * @param set must be of this layout, see {@link MemoryRegions#difference}
     * @param order what {@link ReplayOrder} says of it; given as it is the same for all VMs
     * @param contents of its pages; null if the snapshot has them
     * @param map of the VM
     * @param sample of so many pages one is held back; 0 for none
     * @param seed decides which
     * @throws IllegalArgumentException if the VM's pages are larger than the regions of the set allow
     */
    public static Replay of(
            WorkingSet set,
            List<ReplayOrder.Span> order,
            @Nullable PackedContents contents,
            GuestMap map,
            int sample,
            long seed) {
        List<Piece> pieces = new ArrayList<>();
        boolean samePages = set.memory().pageSize() == map.pageSize();
        if (contents != null && samePages) {
            for (Contents.Piece piece : contents.pieces()) {
                pieces.add(piece(map, piece.page(), piece.pages(), contents.address(piece)));
            }
        } else {
            for (ReplayOrder.Span span : samePages ? order : ReplayOrder.of(set.withPageSize(map.pageSize()))) {
                pieces.add(piece(map, span.page(), span.pages(), 0));
            }
        }
        return new Replay(map, pieces, sample, seed);
    }

    private static Piece piece(GuestMap map, long filePage, long pages, long address) {
        long first = map.pageAtOffset(filePage * map.pageSize());
        return new Piece(first, first + pages, address);
    }

    /** What is to be installed, in order. */
    public List<Piece> pieces() {
        return pieces;
    }

    /** Somebody waits for a page of the VM's map. */
    public void demanded(long page) {
        byte role = roles.get(ValueLayout.JAVA_BYTE, page);
        if ((role & DEMANDED) != 0) {
            return;
        }
        roles.set(ValueLayout.JAVA_BYTE, page, (byte) (role | DEMANDED));
        increment(role == PLANNED ? late : role == HELD_BACK ? heldBackDemanded : missed);
    }

    /** A page is no longer the snapshot's: from now on nothing is counted for it. For the event thread. */
    public void forget(long page) {
        roles.set(ValueLayout.JAVA_BYTE, page, (byte) (roles.get(ValueLayout.JAVA_BYTE, page) | DEMANDED));
    }

    /** One thread writes each. */
    private static void increment(AtomicLong counter) {
        counter.setRelease(counter.getPlain() + 1);
    }

    /** So many pages more were installed ahead. */
    public void installed(long pages) {
        installed.setRelease(installed.getPlain() + pages);
    }

    /** Whether a page is one that is installed ahead, and nobody has waited for it. */
    public boolean isAhead(long page) {
        return roles.get(ValueLayout.JAVA_BYTE, page) == PLANNED;
    }

    /** What came of it until now. */
    public ReplayReport report() {
        return new ReplayReport(planned, installed.get(), late.get(), heldBack, heldBackDemanded.get(), missed.get());
    }

    @Override
    public void close() {
        mapping.close();
    }
}
