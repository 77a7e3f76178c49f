/** A real KVM on any machine: runs a Java program on a Debian kernel inside QEMU's software CPU. */
module io.guestmem.lab {
    requires static transitive org.jspecify;

    exports io.guestmem.lab;
}
