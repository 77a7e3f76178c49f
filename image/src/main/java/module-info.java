/** Guest-memory images: what is where in a file, the registers that it carries, and page-table roots found by search. */
module io.guestmem.image {
    requires io.guestmem.linux;
    requires transitive io.guestmem.paging;
    requires static transitive org.jspecify;
    requires aircompressor.v3;

    exports io.guestmem.image;
}
