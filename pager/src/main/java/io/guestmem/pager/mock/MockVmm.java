package io.guestmem.pager.mock;

import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.SendResult;
import io.guestmem.linux.UnixSocket;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.IntFunction;
import java.util.function.LongPredicate;

/**
 * The mock VMM: {@code MockVmm SOCKET PAGES HOLE_EVERY [PAGE_SIZE]}. Every {@code HOLE_EVERY}th page of its snapshot is a hole,
 * none if that is 0; pages are counted in 4096 bytes, also where those of its memory are of 2 MiB. It connects, then takes orders from standard input and answers each with one line: {@code ok}, or what is wrong.
 *
 * <pre>{@code
 * read PAGE COUNT [THREADS]     vCPUs read pages and check every byte
 * write PAGE COUNT [THREADS]    vCPUs write pages
 * remove PAGE COUNT             MADV_DONTNEED: the pages are zero from now on
 * expect PAGE COUNT VERSION     its snapshot has this version of the pages; 0 is zeroes
 * run SEED THREADS OPERATIONS   vCPUs do all of that at random
 * block                         makes its userfaultfd, which is the server's too, one that blocks
 * exit                          ends at once
 * }</pre>
 */
public final class MockVmm {
    private static final int MOST_WRONG = 5;

    private final MockMemory memory;
    private final PrintStream out;

    private MockVmm(MockMemory memory, PrintStream out) {
        this.memory = memory;
        this.out = out;
    }

    /** Which pages of its snapshot have content. */
    public static LongPredicate content(int holeEvery) {
        return page -> holeEvery == 0 || page % holeEvery != 0;
    }

    /**
     * Runs one.
     *
     * @param arguments socket, pages, every how many pages a hole is, and the size of its pages in bytes, 4096 if it is left out
     */
    public static void main(String[] arguments) throws Exception {
        int pages = Integer.parseInt(arguments[1]);
        LongPredicate content = content(Integer.parseInt(arguments[2]));
        long pageSize = arguments.length > 3 ? Long.parseLong(arguments[3]) : MappedMemory.PAGE_SIZE;
        try (MockMemory memory = MockMemory.create(pages, pageSize, content);
                UnixSocket socket = UnixSocket.connect(Path.of(arguments[0]));
                Arena arena = Arena.ofConfined();
                BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            byte[] message = handshake(memory).getBytes(StandardCharsets.UTF_8);
            SendResult sent = socket.send(
                    arena.allocateFrom(ValueLayout.JAVA_BYTE, message),
                    memory.userfaultfd().descriptor());
            System.out.println(sent instanceof SendResult.Complete ? "connected" : sent.toString());
            new MockVmm(memory, System.out).obey(orders);
        }
    }

    /** As Firecracker 1.12 sends it. */
    private static String handshake(MockMemory memory) {
        return "[{\"base_host_virt_addr\":" + memory.mapping().address() + ",\"size\":"
                + memory.mapping().length() + ",\"offset\":0,\"page_size\":" + memory.pageSize() + ",\"page_size_kib\":"
                + memory.pageSize() + "}]";
    }

    private void obey(BufferedReader orders) throws IOException, InterruptedException {
        for (String line = orders.readLine(); line != null && !line.equals("exit"); line = orders.readLine()) {
            String[] words = line.split(" ", -1);
            int[] numbers = new int[3];
            for (int i = 1; i < words.length; i++) {
                numbers[i - 1] = Integer.parseInt(words[i]);
            }
            out.println(obey(words[0], numbers));
        }
    }

    private String obey(String order, int[] numbers) throws InterruptedException {
        int first = numbers[0];
        int count = numbers[1];
        int threads = Math.max(1, numbers[2]);
        return switch (order) {
            case "read" -> vcpus(threads, vcpu -> pages(first, count, threads, vcpu, memory::read));
            case "write" -> vcpus(threads, vcpu -> pages(first, count, threads, vcpu, memory::write));
            case "remove" -> vcpus(1, _ -> memory.remove(first, count));
            case "expect" -> memory.expect(first, count, numbers[2]);
            case "block" -> {
                memory.userfaultfd().descriptor().blocking();
                yield "ok";
            }
            case "run" -> {
                int operations = numbers[2];
                yield vcpus(count, vcpu -> random(first, count, vcpu, operations));
            }
            default -> "unknown order " + order;
        };
    }

    private String vcpus(int count, IntFunction<String> work) throws InterruptedException {
        ConcurrentLinkedQueue<String> wrong = new ConcurrentLinkedQueue<>();
        List<Thread> vcpus = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int vcpu = i;
            vcpus.add(Thread.ofPlatform().name("vCPU " + i).daemon().start(() -> {
                String result = work.apply(vcpu);
                if (!result.isEmpty()) {
                    wrong.add(result);
                }
            }));
        }
        for (Thread vcpu : vcpus) {
            vcpu.join();
        }
        return wrong.isEmpty() ? "ok" : String.join("; ", wrong);
    }

    /** Every {@code threads}th page is this vCPU's. */
    private static String pages(int first, int count, int threads, int vcpu, IntFunction<String> touch) {
        List<String> wrong = new ArrayList<>();
        for (int page = first + vcpu; page < first + count && wrong.size() < MOST_WRONG; page += threads) {
            String result = touch.apply(page);
            if (!result.isEmpty()) {
                wrong.add(result);
            }
        }
        return String.join("; ", wrong);
    }

    /** Each vCPU has a part of the memory of its own, so that it knows what is there. */
    private String random(int seed, int threads, int vcpu, int operations) {
        SplittableRandom random = new SplittableRandom(seed * 1000L + vcpu);
        int part = memory.pages() / threads;
        int base = vcpu * part;
        for (int i = 0; i < operations; i++) {
            int page = base + random.nextInt(part);
            String result = switch (random.nextInt(8)) {
                case 0 -> memory.removeWhole(page, 1 + random.nextInt(Math.min(16, base + part - page)));
                case 1, 2 -> memory.write(page);
                default -> memory.read(page);
            };
            if (!result.isEmpty()) {
                return "seed " + seed + ", vCPU " + vcpu + ", operation " + i + ": " + result;
            }
        }
        return "";
    }
}
