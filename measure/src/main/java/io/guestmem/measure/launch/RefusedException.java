package io.guestmem.measure.launch;

/** A launch that never happens; becomes {@link LaunchPlan.Refused} where a plan is made. */
final class RefusedException extends Exception {
    private static final long serialVersionUID = 1;

    RefusedException(String reason) {
        super(reason);
    }
}
