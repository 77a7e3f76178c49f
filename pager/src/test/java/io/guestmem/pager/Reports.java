package io.guestmem.pager;

import java.util.List;

/** What serving says, one line for each. */
record Reports(List<String> lines) implements GuestReport {
    @Override
    public void sourceShrunk() {
        lines.add("shrunk");
    }

    @Override
    public void unexpected(String what) {
        lines.add(what);
    }

    @Override
    public void failed(long offset, String reason, FailurePolicy applied) {
        lines.add(applied + " at " + Long.toHexString(offset) + ": " + reason);
    }
}
