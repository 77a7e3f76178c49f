package io.guestmem.kvm.populate;

/** The two flavours of a guest-physical page. In a VM that has private memory, a step first gives its range its flavour. */
public enum Flavour {
    /** The host's memory behind the memslot, or the guest_memfd of a slot that serves everything from it. */
    SHARED,
    /** The guest_memfd behind the memslot. */
    PRIVATE
}
