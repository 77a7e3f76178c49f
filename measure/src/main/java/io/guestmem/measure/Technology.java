package io.guestmem.measure;

import io.guestmem.measure.layout.Hashes;

/** A technology that measures what a guest starts with. */
public enum Technology {
    /** SEV: memory is encrypted. The launch digest is a SHA-256. */
    SEV("sev", Hashes.SHA256_SIZE),
    /** SEV-ES: register state too. The launch digest is a SHA-256. */
    SEV_ES("sev-es", Hashes.SHA256_SIZE),
    /** SEV-SNP: integrity too. The launch digest is a chain of SHA-384. */
    SNP("snp", Hashes.SHA384_SIZE),
    /** Intel TDX. MRTD is a SHA-384. */
    TDX("tdx", Hashes.SHA384_SIZE);

    private final String label;
    private final int digestSize;

    Technology(String label, int digestSize) {
        this.label = label;
        this.digestSize = digestSize;
    }

    /** The name on the command line: {@code sev-es}. */
    public String label() {
        return label;
    }

    /** Bytes of its digest. */
    public int digestSize() {
        return digestSize;
    }
}
