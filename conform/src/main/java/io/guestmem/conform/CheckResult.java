package io.guestmem.conform;

/**
 * How a check went on one kernel.
 *
 * @param id of the check
 * @param outcome of it
 * @param expected what had to be seen: all of it if the check passed, the first thing that was not seen if it failed
 * @param actual what was seen instead; the same as expected if the check passed
 * @param reason why the check was skipped, or what it was doing when it failed
 */
public record CheckResult(String id, Outcome outcome, String expected, String actual, String reason) {
    /** The three ways a check can go. */
    public enum Outcome {
        /** The kernel does as expected. */
        PASS,
        /** It does not. */
        FAIL,
        /** This kernel cannot show it. */
        SKIP;

        /** As results spell it: {@code pass}, {@code fail}, {@code skip}. */
        public String text() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }
    }

    static CheckResult passed(String id, String seen) {
        return new CheckResult(id, Outcome.PASS, seen, seen, "");
    }

    static CheckResult failed(String id, String expected, String actual, String reason) {
        return new CheckResult(id, Outcome.FAIL, expected, actual, reason);
    }

    static CheckResult skipped(String id, String reason) {
        return new CheckResult(id, Outcome.SKIP, "", "", reason);
    }

    /** One line: {@code pass SLOT-14 …}. */
    @Override
    public String toString() {
        String line = outcome.text() + " " + id;
        return switch (outcome) {
            case PASS -> line + ": " + expected;
            case FAIL -> line + ": " + reason + ": expected " + expected + ", saw " + actual;
            case SKIP -> line + ": " + reason;
        };
    }
}
