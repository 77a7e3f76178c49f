package io.guestmem.bench;

/**
 * What the project promises of a benchmark.
 *
 * @param quantity what is bounded
 * @param direction from which side
 * @param limit still allowed
 */
public record Bound(Quantity quantity, Direction direction, double limit) {
    /** What is bounded. */
    public enum Quantity {
        /** Our figure, in the benchmark's unit. */
        VALUE,
        /** Our figure divided by the baseline's. */
        RATIO
    }

    /** From which side. */
    public enum Direction {
        /** Less is better. */
        AT_MOST,
        /** More is better. */
        AT_LEAST
    }

    static Bound valueAtMost(double limit) {
        return new Bound(Quantity.VALUE, Direction.AT_MOST, limit);
    }

    static Bound valueAtLeast(double limit) {
        return new Bound(Quantity.VALUE, Direction.AT_LEAST, limit);
    }

    static Bound ratioAtMost(double limit) {
        return new Bound(Quantity.RATIO, Direction.AT_MOST, limit);
    }

    static Bound ratioAtLeast(double limit) {
        return new Bound(Quantity.RATIO, Direction.AT_LEAST, limit);
    }

    boolean met(double value, double ratio) {
        double figure = quantity == Quantity.VALUE ? value : ratio;
        return direction == Direction.AT_MOST ? figure <= limit : figure >= limit;
    }

    /** As in {@code ratio <= 1.15}. */
    @Override
    public String toString() {
        return (quantity == Quantity.VALUE ? "value " : "ratio ")
                + (direction == Direction.AT_MOST ? "<= " : ">= ")
                + limit;
    }
}
