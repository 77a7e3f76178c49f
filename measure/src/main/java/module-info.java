/** Launch measurement of confidential guests: SEV, SEV-ES, SEV-SNP and TDX. Steps go in, a digest comes out; only the JDK below it. */
module io.guestmem.measure {
    requires static transitive org.jspecify;

    exports io.guestmem.measure;
    exports io.guestmem.measure.explain;
    exports io.guestmem.measure.firmware;
    exports io.guestmem.measure.launch;
    exports io.guestmem.measure.rtmr;
}
