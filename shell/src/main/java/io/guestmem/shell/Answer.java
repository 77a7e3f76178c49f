package io.guestmem.shell;

import io.guestmem.abi.ErrorNumber;

/**
 * What a command answers.
 *
 * @param ok whether the kernel did it: false for an errno, or for a guest that did not end as it should
 * @param text to print; may have several lines, and may be empty
 */
record Answer(boolean ok, String text) {
    static final Answer NOTHING = new Answer(true, "");

    /** An answer that cannot be a failure. */
    static Answer of(String text) {
        return new Answer(true, text);
    }

    /** A result of the seam: 0 or more as a number, anything else as an errno. */
    static Answer of(long result) {
        return new Answer(result >= 0, number(result));
    }

    /** A result of the seam as text: {@code 0}, {@code ENOENT (2)}. */
    static String number(long result) {
        return result >= 0 ? Long.toString(result) : ErrorNumber.symbol(Math.toIntExact(-result));
    }

    /** The same answer with more words behind it. */
    Answer with(String words) {
        return words.isEmpty() ? this : new Answer(ok, text.isEmpty() ? words : text + " " + words);
    }
}
