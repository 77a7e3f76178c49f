package io.guestmem.pager.mock;

import io.guestmem.linux.Advice;
import io.guestmem.linux.AdviceResult;
import io.guestmem.linux.FaultScope;
import io.guestmem.linux.GuardedMapping;
import io.guestmem.linux.HandshakeResult;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.ProcessMemory;
import io.guestmem.linux.RegisterMode;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.linux.UserfaultfdFeature;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.LongPredicate;

/** Guarded memory, and what each of its pages must contain. A page belongs to one thread at a time. */
final class MockMemory implements AutoCloseable {
    private static final long PAGE = MappedMemory.PAGE_SIZE;
    private static final ThreadLocal<MemorySegment> BUFFER =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(PAGE, Long.BYTES));

    private final long pageSize;
    private final GuardedMapping mapping;
    private final Userfaultfd userfaultfd;
    private final int[] versions;
    private final int pid = (int) ProcessHandle.current().pid();

    private MockMemory(long pageSize, GuardedMapping mapping, Userfaultfd userfaultfd, int[] versions) {
        this.pageSize = pageSize;
        this.mapping = mapping;
        this.userfaultfd = userfaultfd;
        this.versions = versions;
    }

    /**
     * Memory as a VMM has it before it connects.
     *
     * @param pages of 4096 bytes
     * @param pageSize of the mapping: 4096, or 2 MiB for hugetlbfs
     */
    static MockMemory create(int pages, long pageSize, LongPredicate hasContent) {
        GuardedMapping mapping = pageSize == PAGE
                ? GuardedMapping.anonymous(pages * PAGE, Sharing.PRIVATE)
                : GuardedMapping.hugePages(pages * PAGE);
        Userfaultfd userfaultfd = Userfaultfd.open(FaultScope.USER_AND_KERNEL);
        if (userfaultfd.handshake(EnumSet.of(UserfaultfdFeature.EVENT_REMOVE))
                instanceof HandshakeResult.Refused refused) {
            throw new LinuxException("UFFDIO_API", refused.errno(), userfaultfd);
        }
        userfaultfd.register(mapping, Set.of(RegisterMode.MISSING));
        int[] versions = new int[pages];
        Arrays.setAll(versions, page -> hasContent.test(page) ? Pattern.SNAPSHOT : Pattern.ZERO);
        return new MockMemory(pageSize, mapping, userfaultfd, versions);
    }

    long pageSize() {
        return pageSize;
    }

    GuardedMapping mapping() {
        return mapping;
    }

    Userfaultfd userfaultfd() {
        return userfaultfd;
    }

    int pages() {
        return versions.length;
    }

    /** Reads a page as a vCPU would; returns what is wrong with it, or an empty text. */
    String read(int page) {
        MemorySegment buffer = BUFFER.get();
        long result = ProcessMemory.read(pid, mapping.address() + page * PAGE, buffer);
        if (result != PAGE) {
            return "page " + page + ": read " + result;
        }
        if (Pattern.matches(buffer, page, versions[page])) {
            return "";
        }
        for (int version = 0; version <= versions[page] + 1; version++) {
            if (Pattern.matches(buffer, page, version)) {
                return "page " + page + ": version " + version + ", not " + versions[page];
            }
        }
        return "page " + page + ": not of this page";
    }

    /** Writes a page as a vCPU would: a new version of it. */
    String write(int page) {
        MemorySegment buffer = BUFFER.get();
        int version = Math.max(Pattern.SNAPSHOT, versions[page]) + 1;
        Pattern.fill(buffer, page, version);
        long result = ProcessMemory.write(pid, mapping.address() + page * PAGE, buffer);
        if (result != PAGE) {
            return "page " + page + ": write " + result;
        }
        versions[page] = version;
        return "";
    }

    /** Pages that were not touched yet will have this content. */
    String expect(int page, int count, int version) {
        Arrays.fill(versions, page, page + count, version);
        return "ok";
    }

    /** Gives pages back, as a balloon does. */
    String remove(int page, int count) {
        AdviceResult result = mapping.advise(Advice.DONT_NEED, page * PAGE, count * PAGE);
        Arrays.fill(versions, page, page + count, Pattern.ZERO);
        return result instanceof AdviceResult.Done ? "" : "page " + page + ": madvise " + result;
    }

    /** Gives pages back, and what lies with them in larger ones. */
    String removeWhole(int page, int count) {
        int unit = (int) (pageSize / PAGE);
        int first = page / unit * unit;
        return remove(first, Math.ceilDiv(page + count - first, unit) * unit);
    }

    @Override
    public void close() {
        userfaultfd.close();
        mapping.close();
    }
}
