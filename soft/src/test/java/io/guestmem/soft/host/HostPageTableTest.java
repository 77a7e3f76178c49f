package io.guestmem.soft.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Locale;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What each operation does to a page of each kind of memory: state before, operation, answer, state after, what notifiers heard.
 *
 * <p>Each mapping has 1024 pages, and each row is about page 5 of it; for hugetlb about the huge page around it. Ranges that
 * notifiers heard are in pages from the start.
 */
class HostPageTableTest {
    private static final long LENGTH = 2 * HostMachine.HUGE;

    @ParameterizedTest(name = "{0}, {1}: {2} -> {3}, {4}, {5}")
    @CsvSource(delimiter = '|', textBlock = """
                    # kind     | before     | operation      | answer       | after          | told
                    private    | untouched  | fault read     | zero ro 4K   | 4K ZERO_PAGE   |
                    private    | untouched  | fault write    | rw 4K        | 4K WRITABLE    |
                    private    | untouched  | populate read  | 0            | 4K ZERO_PAGE   |
                    private    | untouched  | populate write | 0            | 4K WRITABLE    |
                    private    | untouched  | dontneed       | 0            | 4K ABSENT      | [5,6)
                    private    | untouched  | protect none   | 0            | 4K ABSENT      | [0,512)
                    private    | untouched  | unmap          | 0            | none           | [0,512) [5,6)
                    private    | untouched  | fork           | 0            | 4K ABSENT      |
                    private    | untouched  | poison         | EBUSY        | 4K ZERO_PAGE   |
                    private    | untouched  | pageout        | 0            | 4K ABSENT      |
                    private    | untouched  | collapse       | EINVAL       | 4K ABSENT      |
                    private    | read       | fault read     | zero ro 4K   | 4K ZERO_PAGE   |
                    private    | read       | fault write    | rw 4K        | 4K WRITABLE    | [5,6)
                    private    | read       | dontneed       | 0            | 4K ABSENT      | [5,6)
                    private    | read       | pageout        | 0            | 4K ZERO_PAGE   |
                    private    | read       | protect none   | 0            | 4K HIDDEN           | [0,512) [5,6)
                    private    | read       | fork           | 0            | 4K ZERO_PAGE   |
                    private    | read       | collapse       | EINVAL       | 4K ZERO_PAGE   |
                    private    | written    | fault read     | rw 4K        | 4K WRITABLE    |
                    private    | written    | fault write    | rw 4K        | 4K WRITABLE    |
                    private    | written    | dontneed       | 0            | 4K ABSENT      | [5,6)
                    private    | written    | free           | 0            | 4K WRITABLE    | [5,6)
                    private    | written    | remove         | EINVAL       | 4K WRITABLE    |
                    private    | written    | willneed       | 0            | 4K WRITABLE    |
                    private    | written    | cold           | 0            | 4K WRITABLE    |
                    private    | written    | pageout        | 0            | 4K SWAPPED     | [5,6)
                    private    | written    | protect none   | 0            | 4K HIDDEN      | [0,512) [5,6)
                    private    | written    | protect read   | 0            | 4K READ_ONLY   | [0,512) [5,6)
                    private    | written    | protect write  | 0            | 4K WRITABLE    |
                    private    | written    | unmap          | 0            | none           | [0,512) [5,6)
                    private    | written    | fork           | 0            | 4K COW_SHARED  | [0,1024)
                    private    | written    | poison         | 0            | 4K POISONED    | [5,6)
                    private    | written    | collapse       | 0            | 2M WRITABLE    | [0,512)
                    private    | hidden     | fault read     | EFAULT       | 4K HIDDEN      |
                    private    | hidden     | fault write    | EFAULT       | 4K HIDDEN      |
                    private    | hidden     | populate read  | EINVAL       | 4K HIDDEN      |
                    private    | hidden     | protect read   | 0            | 4K READ_ONLY   | [5,6)
                    private    | hidden     | protect write  | 0            | 4K WRITABLE    | [5,6)
                    private    | hidden     | collapse       | 0            | 4K HIDDEN      |
                    private    | hidden     | dontneed       | 0            | 4K ABSENT      | [5,6)
                    private    | hidden     | fork           | 0            | 4K HIDDEN      | [5,6)
                    private    | read-only  | fault read     | ro 4K        | 4K READ_ONLY   |
                    private    | read-only  | fault write    | EFAULT       | 4K READ_ONLY   |
                    private    | read-only  | populate write | EINVAL       | 4K READ_ONLY   |
                    private    | read-only  | protect write  | 0            | 4K WRITABLE    | [5,6)
                    private    | forked     | fault read     | ro 4K        | 4K COW_SHARED  |
                    private    | forked     | fault write    | rw 4K        | 4K WRITABLE    | [5,6)
                    private    | forked     | dontneed       | 0            | 4K ABSENT      | [5,6)
                    private    | forked     | pageout        | 0            | 4K COW_SHARED  |
                    private    | forked     | protect none   | 0            | 4K HIDDEN      | [0,512) [5,6)
                    private    | forked     | poison         | 0            | 4K POISONED    | [5,6)
                    private    | orphaned   | fault read     | ro 4K        | 4K READ_ONLY   |
                    private    | orphaned   | fault write    | rw 4K        | 4K WRITABLE    |
                    private    | swapped    | fault read     | rw 4K        | 4K WRITABLE    |
                    private    | swapped    | fault write    | rw 4K        | 4K WRITABLE    |
                    private    | swapped    | dontneed       | 0            | 4K ABSENT      | [5,6)
                    private    | swapped    | free           | 0            | 4K ABSENT      | [5,6)
                    private    | swapped    | fork           | 0            | 4K SWAPPED     | [0,1024)
                    private    | swapped    | unmap          | 0            | none           | [0,512) [5,6)
                    private    | swapped    | collapse       | 0            | 2M WRITABLE    | [0,512)
                    private    | poisoned   | fault read     | EHWPOISON    | 4K POISONED    |
                    private    | poisoned   | fault write    | EHWPOISON    | 4K POISONED    |
                    private    | poisoned   | populate write | EHWPOISON    | 4K POISONED    |
                    private    | poisoned   | dontneed       | 0            | 4K ABSENT      | [5,6)
                    private    | poisoned   | poison         | EHWPOISON    | 4K POISONED    |
                    private    | poisoned   | fork           | 0            | 4K POISONED    | [0,1024)
                    private    | poisoned   | collapse       | EINVAL       | 4K POISONED    |
                    private    | unmapped   | fault read     | EFAULT       | none           |
                    private    | unmapped   | dontneed       | ENOMEM       | none           |
                    private    | unmapped   | populate read  | ENOMEM       | none           |
                    private    | unmapped   | protect none   | ENOMEM       | none           |
                    private    | unmapped   | unmap          | 0            | none           |
                    private    | unmapped   | poison         | EFAULT       | none           |
                    thp        | untouched  | fault read     | huge-zero ro 2M | 2M ZERO_PAGE |
                    thp        | untouched  | fault write    | rw 2M        | 2M WRITABLE    |
                    thp        | untouched  | collapse       | EINVAL       | 4K ABSENT      |
                    thp        | read       | fault write    | rw 2M        | 2M WRITABLE    | [0,512)
                    thp        | read       | dontneed       | 0            | 4K ABSENT      | start [5,6) [0,512) end [5,6)
                    thp        | read       | protect read   | 0            | 4K ZERO_PAGE   | [0,512) [5,6)
                    thp        | written    | fault read     | rw 2M        | 2M WRITABLE    |
                    thp        | written    | dontneed       | 0            | 4K ABSENT      | start [5,6) [0,512) end [5,6)
                    thp        | written    | free           | 0            | 4K WRITABLE    | start [5,6) [0,512) end [5,6)
                    thp        | written    | cold           | 0            | 4K WRITABLE    | [0,512)
                    thp        | written    | pageout        | 0            | 4K SWAPPED     | [0,512) [5,6)
                    thp        | written    | protect read   | 0            | 4K READ_ONLY   | [0,512) [5,6)
                    thp        | written    | unmap          | 0            | none           | [0,512) [5,6)
                    thp        | written    | hugepage       | 0            | 4K WRITABLE    | [0,512)
                    thp        | written    | fork           | 0            | 2M COW_SHARED  | [0,1024)
                    thp        | written    | poison         | 0            | 4K POISONED    | [0,512) [5,6)
                    thp        | written    | collapse       | 0            | 2M WRITABLE    |
                    thp        | forked     | fault read     | ro 2M        | 2M COW_SHARED  |
                    thp        | forked     | fault write    | rw 4K        | 4K WRITABLE    | [0,512) [5,6)
                    thp        | orphaned   | fault write    | rw 2M        | 2M WRITABLE    |
                    shared     | untouched  | fault read     | rw 4K        | 4K WRITABLE    |
                    shared     | untouched  | fault write    | rw 4K        | 4K WRITABLE    |
                    shared     | untouched  | remove         | 0            | 4K ABSENT      | [5,6)
                    shared     | written    | fork           | 0            | 4K WRITABLE    |
                    shared     | written    | dontneed       | 0            | 4K ABSENT      | [5,6)
                    shared     | written    | remove         | 0            | 4K ABSENT      | [5,6)
                    shared     | written    | free           | EINVAL       | 4K WRITABLE    |
                    shared     | written    | pageout        | 0            | 4K ABSENT      | [5,6)
                    shared     | written    | protect none   | 0            | 4K HIDDEN      | [0,512) [5,6)
                    shared     | written    | protect read   | 0            | 4K READ_ONLY   | [0,512) [5,6)
                    shared     | written    | unmap          | 0            | none           | [0,512) [5,6)
                    shared     | written    | poison         | 0            | 4K POISONED    | [5,6)
                    shared     | written    | collapse       | EINVAL       | 4K WRITABLE    |
                    shared     | hidden     | protect write  | 0            | 4K WRITABLE    | [5,6)
                    shared     | read-only  | remove         | 0            | 4K ABSENT      | [5,6)
                    shared     | poisoned   | fault read     | EHWPOISON    | 4K POISONED    |
                    shared     | poisoned   | dontneed       | 0            | 4K ABSENT      | [5,6)
                    file       | untouched  | fault read     | ro 4K        | 4K READ_ONLY   |
                    file       | untouched  | fault write    | rw 4K        | 4K WRITABLE    |
                    file       | untouched  | willneed       | 0            | 4K ABSENT      |
                    file       | read       | fault write    | rw 4K        | 4K WRITABLE    | [5,6)
                    file       | read       | fork           | 0            | 4K READ_ONLY   |
                    file       | read       | pageout        | 0            | 4K ABSENT      | [5,6)
                    file       | read       | protect none   | 0            | 4K HIDDEN      | [0,512) [5,6)
                    file       | read       | poison         | 0            | 4K ABSENT      | [5,6)
                    file       | read       | remove         | EACCES       | 4K READ_ONLY   |
                    file       | written    | fork           | 0            | 4K COW_SHARED  | [0,1024)
                    file       | written    | dontneed       | 0            | 4K ABSENT      | [5,6)
                    file       | written    | pageout        | 0            | 4K SWAPPED     | [5,6)
                    file       | written    | free           | EINVAL       | 4K WRITABLE    |
                    file       | written    | poison         | 0            | 4K POISONED    | [5,6)
                    file       | forked     | fault write    | rw 4K        | 4K WRITABLE    | [5,6)
                    hugetlb    | untouched  | fault read     | ro 2M        | 2M READ_ONLY   |
                    hugetlb    | untouched  | fault write    | rw 2M        | 2M WRITABLE    |
                    hugetlb    | read       | fault write    | rw 2M        | 2M WRITABLE    |
                    hugetlb    | written    | dontneed       | 0            | 4K ABSENT      | [0,512)
                    hugetlb    | written    | free           | EINVAL       | 2M WRITABLE    |
                    hugetlb    | written    | pageout        | EINVAL       | 2M WRITABLE    |
                    hugetlb    | written    | protect none   | 0            | 2M HIDDEN      | [0,512)
                    hugetlb    | written    | unmap          | 0            | none           | [0,512)
                    hugetlb    | written    | fork           | 0            | 2M COW_SHARED  | [0,1024)
                    hugetlb    | written    | poison         | 0            | 2M POISONED    | [0,512)
                    hugetlb    | forked     | fault write    | rw 2M        | 2M WRITABLE    | [0,512)
                    hugetlb    | orphaned   | fault write    | rw 2M        | 2M WRITABLE    |
                    hugetlb    | poisoned   | fault read     | EHWPOISON    | 2M POISONED    |
                    hugeshared | untouched  | fault read     | rw 2M        | 2M WRITABLE    |
                    hugeshared | written    | remove         | 0            | 4K ABSENT      | [0,512)
                    hugeshared | written    | dontneed       | 0            | 4K ABSENT      | [0,512)
                    hugeshared | written    | protect read   | 0            | 2M READ_ONLY   | [0,512)
                    hugeshared | written    | fork           | 0            | 2M WRITABLE    |
                    hugeshared | written    | poison         | 0            | 2M POISONED    | [0,512)
                    """)
    void row(String kind, String before, String operation, String answer, String after, String told) {
        try (HostMachine machine = new HostMachine()) {
            long base = machine.map(request(machine, kind));
            boolean hugetlb = kind.startsWith("huge");
            long page = hugetlb ? base : base + 5 * HostMachine.PAGE;
            long length = hugetlb ? HostMachine.HUGE : HostMachine.PAGE;
            bring(machine, page, length, before);
            Told notifier = new Told(base);
            machine.space.register(notifier);
            String answered = run(machine, page, length, operation);
            machine.space.unregister(notifier);
            assertThat(answered).isEqualTo(answer);
            assertThat(String.join(" ", notifier.take())).isEqualTo(told == null ? "" : told);
            assertThat(state(machine, page)).isEqualTo(after);
        }
    }

    private static MapRequest request(HostMachine machine, String kind) {
        return switch (kind) {
            case "private" -> MapRequest.anonymous(LENGTH);
            case "thp" -> MapRequest.anonymous(LENGTH).thp(ThpPolicy.ALWAYS);
            case "shared" -> MapRequest.shared(machine.memfd(LENGTH), 0, LENGTH);
            case "file" -> MapRequest.privateFile(machine.file(LENGTH), 0, LENGTH);
            case "hugetlb" -> MapRequest.hugetlb(2, LENGTH);
            case "hugeshared" ->
                MapRequest.shared(machine.open(new SharedFile(machine.frames, LENGTH, 2, null)), 0, LENGTH);
            default -> throw new IllegalArgumentException(kind);
        };
    }

    private static void bring(HostMachine machine, long page, long length, String before) {
        AddressSpace space = machine.space;
        if (before.equals("read")) {
            machine.load(page);
        } else if (!before.equals("untouched")) {
            machine.store(page, 1);
        }
        switch (before) {
            case "untouched", "read", "written" -> {}
            case "hidden" ->
                assertThat(space.protect(page, length, Protection.NONE)).isZero();
            case "read-only" ->
                assertThat(space.protect(page, length, Protection.READ)).isZero();
            case "forked" -> machine.open(space.fork());
            case "orphaned" -> space.fork().close();
            case "swapped" ->
                assertThat(space.advise(Advice.PAGEOUT, page, length)).isZero();
            case "poisoned" -> assertThat(space.hwpoison(page)).isZero();
            case "unmapped" -> assertThat(space.unmap(page, length)).isZero();
            default -> throw new IllegalArgumentException(before);
        }
    }

    private static String run(HostMachine machine, long page, long length, String operation) {
        AddressSpace space = machine.space;
        return switch (operation) {
            case "fault read" -> HostMachine.text(space.faultIn(page, false));
            case "fault write" -> HostMachine.text(space.faultIn(page, true));
            case "protect none" -> HostMachine.answer(space.protect(page, length, Protection.NONE));
            case "protect read" -> HostMachine.answer(space.protect(page, length, Protection.READ));
            case "protect write" -> HostMachine.answer(space.protect(page, length, Protection.READ_WRITE));
            case "unmap" -> HostMachine.answer(space.unmap(page, length));
            case "poison" -> HostMachine.answer(space.hwpoison(page));
            case "fork" -> {
                machine.open(space.fork());
                yield "0";
            }
            case "collapse" -> {
                long block = page & -HostMachine.HUGE;
                yield HostMachine.answer(space.advise(Advice.COLLAPSE, block, HostMachine.HUGE));
            }
            default -> {
                Advice advice =
                        Advice.valueOf(operation.toUpperCase(Locale.ROOT).replace(' ', '_'));
                yield HostMachine.answer(space.advise(advice, page, length));
            }
        };
    }

    private static String state(HostMachine machine, long page) {
        var runs = machine.space.describe(page, HostMachine.PAGE);
        if (runs.isEmpty()) {
            return "none";
        }
        HostRun run = runs.getFirst();
        return (run.level() == 2 ? "2M " : "4K ") + run.state();
    }
}
