package io.guestmem.house;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * Runs test classes in the lab's guest and prints a line for each test when it starts and one when it has ended: {@code started
 * NAME}, then {@code passed NAME}, {@code skipped NAME: REASON} or
 * {@code failed NAME: REASON}, the last with its stack trace on standard error.
 */
public final class GuestSuite implements TestExecutionListener {
    private final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    private GuestSuite() {}

    /** Runs the classes that are named. */
    public static void main(String[] classes) {
        LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                .selectors(
                        Stream.of(classes).map(DiscoverySelectors::selectClass).toList())
                .build();
        LauncherFactory.create().execute(request, new GuestSuite());
    }

    @Override
    public void executionStarted(TestIdentifier test) {
        if (test.isTest()) {
            out.println("started " + test.getLegacyReportingName());
        }
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
        print("skipped", test, reason);
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        String reason =
                result.getThrowable().map(Throwable::toString).orElse("").replace('\n', ' ');
        switch (result.getStatus()) {
            case SUCCESSFUL -> {
                if (test.isTest()) {
                    out.println("passed " + test.getLegacyReportingName());
                }
            }
            case ABORTED -> print("skipped", test, reason);
            case FAILED -> {
                print("failed", test, reason);
                result.getThrowable().ifPresent(Throwable::printStackTrace);
            }
        }
    }

    private void print(String what, TestIdentifier test, String reason) {
        out.println(what + " " + test.getLegacyReportingName() + ": " + reason);
    }
}
