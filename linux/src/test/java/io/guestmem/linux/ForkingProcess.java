package io.guestmem.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Assumptions;

/**
 * A process that guards a page of its own memory, and whose child touches it.
 *
 * <p>It is another process because a JVM must not fork under its own userfaultfd: {@code fork(2)} waits for its event to be
 * read with the locks of {@code malloc} held, and the reading thread may need them.
 */
final class ForkingProcess implements AutoCloseable {
    private static final String PROGRAM = """
            $| = 1;
            my $uffd = syscall(323, 0x80800);
            my $api = pack("Q3", 0xAA, 2, 0);
            syscall(16, $uffd, 0xC018AA3F, $api) == 0 or die "UFFDIO_API with EVENT_FORK: $!";
            my $page = syscall(9, 0, 4096, 3, 0x22, -1, 0);
            my $register = pack("Q4", $page, 4096, 1, 0);
            syscall(16, $uffd, 0xC020AA00, $register) == 0 or die "UFFDIO_REGISTER: $!";
            print "$uffd\\n$page\\n";
            <STDIN>;
            if (fork == 0) { print ord unpack("P1", pack("Q", $page)), "\\n"; exit 0; }
            wait;
            print "ended\\n";
            <STDIN>;
            """;

    private final Process process;
    private final BufferedReader output;
    final long page;
    final PidFd pidFd;
    final Userfaultfd userfaultfd;

    private ForkingProcess(Process process, BufferedReader output, int number, long page) {
        this.process = process;
        this.output = output;
        this.page = page;
        this.pidFd = PidFd.open((int) process.pid());
        this.userfaultfd = Userfaultfd.adopt(pidFd.duplicate(number));
    }

    static ForkingProcess start() throws IOException {
        Process process;
        try {
            process = new ProcessBuilder("perl", "-e", PROGRAM).start();
        } catch (IOException missing) {
            return Assumptions.abort("needs perl to play the other process: " + missing.getMessage());
        }
        BufferedReader output = process.inputReader(StandardCharsets.UTF_8);
        String number = output.readLine();
        if (number == null) {
            String reason = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
            closeStreams(process);
            return Assumptions.abort("the other process could not guard its memory: " + reason);
        }
        return new ForkingProcess(process, output, Integer.parseInt(number), Long.parseLong(output.readLine()));
    }

    /** Lets it fork. */
    void fork() throws IOException {
        process.getOutputStream().write('\n');
        process.getOutputStream().flush();
    }

    void assertPrints(String line) throws IOException {
        assertThat(output.readLine()).isEqualTo(line);
    }

    void kill() {
        process.destroyForcibly().onExit().join();
    }

    private static void closeStreams(Process process) throws IOException {
        process.getOutputStream().close();
        process.getInputStream().close();
        process.getErrorStream().close();
    }

    @Override
    public void close() throws IOException {
        userfaultfd.close();
        pidFd.close();
        kill();
        closeStreams(process);
    }
}
