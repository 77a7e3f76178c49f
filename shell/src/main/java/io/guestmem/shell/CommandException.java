package io.guestmem.shell;

/** A command that the shell does not understand; the message is one line for the person who typed it. */
final class CommandException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    CommandException(String message) {
        super(message);
    }
}
