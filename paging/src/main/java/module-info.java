/** x86 address translation: page-table formats, the walker, access and fault types. Pure functions over physical memory. */
module io.guestmem.paging {
    requires static transitive org.jspecify;

    exports io.guestmem.paging;
}
