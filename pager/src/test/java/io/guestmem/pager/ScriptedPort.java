package io.guestmem.pager;

import io.guestmem.linux.InstallMode;
import io.guestmem.linux.InstallResult;
import io.guestmem.linux.UserfaultfdEvents;
import io.guestmem.linux.WriteProtectMode;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Queue;

/** A kernel that answers what it was told to, and writes down what it was asked; by default everything succeeds. */
final class ScriptedPort implements FaultPort {
    /** One message. */
    private record Message(int kind, long first, long second) {}

    private final Queue<List<Message>> batches = new ArrayDeque<>();
    private final Deque<InstallResult> answers = new ArrayDeque<>();
    private final List<String> calls = new ArrayList<>();
    private List<Message> current = List.of();
    private boolean logging = true;
    private long spareMappings;
    private boolean present = true;
    private Runnable behindRead = () -> {};
    private Runnable beforeInstall = () -> {};

    /** Messages that one read returns together, in the kernel's order. */
    final class Batch {
        private final List<Message> messages = new ArrayList<>();

        Batch fault(long address) {
            return fault(address, 0);
        }

        Batch fault(long address, long flags) {
            messages.add(new Message(UserfaultfdEvents.PAGE_FAULT, address, flags));
            return this;
        }

        Batch write(long address) {
            messages.add(new Message(UserfaultfdEvents.PAGE_FAULT, address, 1));
            return this;
        }

        Batch remove(long start, long end) {
            messages.add(new Message(UserfaultfdEvents.REMOVE, start, end));
            return this;
        }

        Batch unmap(long start, long end) {
            messages.add(new Message(UserfaultfdEvents.UNMAP, start, end));
            return this;
        }

        Batch event(int kind) {
            messages.add(new Message(kind, 0, 0));
            return this;
        }

        void pending() {
            batches.add(messages);
        }

        /** As if an earlier server had read it. */
        void left() {
            current = messages;
        }
    }

    Batch batch() {
        return new Batch();
    }

    /** What the next installing calls answer. */
    void answer(InstallResult... results) {
        answers.addAll(List.of(results));
    }

    /** What was asked since the last call of this method. */
    List<String> calls() {
        List<String> copy = List.copyOf(calls);
        calls.clear();
        return copy;
    }

    void stopLogging() {
        logging = false;
    }

    /** What happens between a read and whatever is done with the messages. */
    void behindRead(Runnable what) {
        behindRead = what;
    }

    /** What happens before each answer. */
    void beforeInstall(Runnable what) {
        beforeInstall = what;
    }

    @Override
    public int read() {
        List<Message> next = batches.poll();
        current = next == null ? List.of() : next;
        behindRead.run();
        return current.size();
    }

    @Override
    public int reread() {
        return current.size();
    }

    @Override
    public int kind(int index) {
        return current.get(index).kind;
    }

    @Override
    public long address(int index) {
        return current.get(index).first;
    }

    @Override
    public long flags(int index) {
        return current.get(index).second;
    }

    @Override
    public long start(int index) {
        return current.get(index).first;
    }

    @Override
    public long end(int index) {
        return current.get(index).second;
    }

    @Override
    public void clear() {
        current = List.of();
    }

    @Override
    public InstallResult copy(long destination, long source, long length, InstallMode mode) {
        return called("copy" + how(mode), destination, length);
    }

    @Override
    public InstallResult zeropage(long address, long length, InstallMode mode) {
        return called("zero" + how(mode), address, length);
    }

    @Override
    public InstallResult poison(long address, long length, InstallMode mode) {
        return called("poison", address, length);
    }

    @Override
    public InstallResult writeProtect(long address, long length, WriteProtectMode mode) {
        return called(mode == WriteProtectMode.PROTECT ? "protect" : "allow", address, length);
    }

    @Override
    public void wake(long address, long length) {
        log("wake", address, length);
    }

    @Override
    public boolean unregister(long address, long length) {
        return called("unregister", address, length) instanceof InstallResult.Complete;
    }

    @Override
    public boolean isPresent(long address) {
        return present;
    }

    /** What there is by another way than EEXIST. */
    void present(boolean pages) {
        present = pages;
    }

    @Override
    public long spareMappings() {
        return spareMappings;
    }

    void spareMappings(long mappings) {
        spareMappings = mappings;
    }

    private static String how(InstallMode mode) {
        return switch (mode) {
            case WAKE -> "";
            case NO_WAKE -> " asleep";
            case WRITE_PROTECTED -> " protected";
            case WRITE_PROTECTED_NO_WAKE -> " protected asleep";
        };
    }

    private InstallResult called(String call, long address, long length) {
        beforeInstall.run();
        log(call, address, length);
        InstallResult answer = answers.poll();
        return answer == null ? new InstallResult.Complete(length) : answer;
    }

    private void log(String call, long address, long length) {
        if (logging) {
            calls.add(call + " " + Long.toHexString(address) + "+" + Long.toHexString(length));
        }
    }
}
