package io.guestmem.cli;

import java.math.BigDecimal;
import java.time.Duration;
import picocli.CommandLine.TypeConversionException;

/**
 * A time on the command line, in seconds: {@code 5}, {@code 0.25}.
 *
 * @param duration 0 or more, at most a day
 */
record Seconds(Duration duration) {
    private static final BigDecimal NANOS = BigDecimal.valueOf(1_000_000_000);

    static Seconds parse(String text) {
        if (!text.matches("[0-9]{1,5}(\\.[0-9]{1,9})?")) {
            throw new TypeConversionException("'" + text + "' is not a number of seconds; write 5 or 0.25");
        }
        Duration duration =
                Duration.ofNanos(new BigDecimal(text).multiply(NANOS).longValueExact());
        if (duration.compareTo(Duration.ofDays(1)) > 0) {
            throw new TypeConversionException("'" + text + "' is more than a day");
        }
        return new Seconds(duration);
    }
}
