package io.guestmem.shell;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmIoctl;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Understands one command and carries it out. */
final class Interpreter implements AutoCloseable {
    private final Session session;
    private final TraceCommand trace;
    private final Race race;
    private final FileCommands files;
    private final MemoryCommands memories;
    private final Shows shows;

    Interpreter(Session session, PrintWriter out) {
        Values values = new Values(session::value);
        this.session = session;
        this.files = new FileCommands(session, new Requests(session, values), values);
        this.memories = new MemoryCommands(session);
        this.shows = new Shows(session);
        this.trace = new TraceCommand(session.kernel(), out);
        this.race = new Race(session.schedule(), this::execute);
    }

    /**
     * Carries out a command.
     *
     * @param words at least one
     * @throws CommandException if it is not understood
     */
    Answer execute(List<String> words) {
        if (words.getFirst().equals("!")) {
            if (words.size() == 1) {
                throw new CommandException("! COMMAND");
            }
            Answer answer = execute(words.subList(1, words.size()));
            return new Answer(!answer.ok(), answer.text());
        }
        try {
            return command(words.getFirst(), words.subList(1, words.size()));
        } catch (KernelException refused) {
            return Answer.of(-refused.errno()).with(refused.request());
        }
    }

    private Answer command(String first, List<String> rest) {
        Optional<OpenFile> file = session.file(first);
        if (file.isPresent()) {
            return files.run(file.get(), rest);
        }
        Optional<HostMemory> memory = session.memory(first);
        if (memory.isPresent()) {
            return memories.run(memory.get(), rest);
        }
        return switch (first) {
            case "help" -> Help.of(rest);
            case "show" -> shows.run(rest);
            case "mem" -> memories.allocate(rest);
            case "close" -> close(rest);
            case "seed" -> seed(rest);
            case "trace" -> trace.run(rest);
            case "race" -> race.run(rest);
            default -> request(first, rest);
        };
    }

    /** A request without a file: on the newest one that knows it. */
    private Answer request(String name, List<String> arguments) {
        KvmIoctl request = Requests.named(name)
                .orElseThrow(() -> new CommandException(
                        "'" + name + "' is not a command, a request, or the name of anything; see 'help'"));
        OpenFile file = session.newest(request.files())
                .orElseThrow(() -> new CommandException("no file that knows " + request.request() + " is open"));
        List<String> words = new ArrayList<>();
        words.add(name);
        words.addAll(arguments);
        return files.run(file, words);
    }

    private Answer close(List<String> words) {
        if (words.isEmpty()) {
            throw new CommandException("close NAME");
        }
        for (String name : words) {
            if (!session.close(name)) {
                throw new CommandException("nothing has the name '" + name + "'");
            }
        }
        return Answer.NOTHING;
    }

    private Answer seed(List<String> words) {
        if (words.size() != 1) {
            throw new CommandException("seed N");
        }
        session.seed(Values.number(words.getFirst()));
        return Answer.NOTHING;
    }

    /** Nothing is traced any more. */
    @Override
    public void close() {
        trace.close();
    }
}
