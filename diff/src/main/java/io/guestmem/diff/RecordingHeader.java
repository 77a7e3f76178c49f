package io.guestmem.diff;

import io.guestmem.abi.VmType;
import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.SoftKernelOptions;
import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;

/**
 * What a recording is of.
 *
 * <pre>
 *   release         UTF     of the kernel, for people
 *   version         UTF     the rest of the twin: KernelVersion.release()
 *   booleans        byte    bit 0 accessed and dirty bits, 1 page modification logging, 2 NX huge pages, 3 transparent huge
 *                           pages, 4 eager page split, 5 MMIO caching
 *   physical bits   byte
 *   huge level      byte
 *   address spaces  byte
 *   VM types        int     bit n is type n
 *   booleans        byte    the scope: bit 0 tdp, 1 guestMemfd, 2 staleRootsHang
 *   flags           long    of guest_memfds
 *   VM types        long
 *   physical bits   byte
 *   seed            long
 *   regressions     int
 *   fingerprint     int
 * </pre>
 *
 * <p>As {@link DataOutput} writes them.
 *
 * @param release of the kernel, for people
 * @param twin the software kernel that is most like it
 * @param scope that the sequences were made for
 * @param seed of the first sequence after the regressions; the next ones count up
 * @param regressions how many of the oldest regressions come first
 * @param fingerprint of the {@link Generator} that made the sequences
 */
public record RecordingHeader(
        String release, SoftKernelOptions twin, Scope scope, long seed, int regressions, int fingerprint) {
    /** Checks the number of regressions. */
    public RecordingHeader {
        if (regressions < 0) {
            throw new IllegalArgumentException(regressions + " regressions");
        }
    }

    void write(DataOutput out) throws IOException {
        out.writeUTF(release);
        out.writeUTF(twin.kernelVersion().release());
        out.writeByte(bits(
                twin.accessedDirtyBits(),
                twin.pageModificationLogging(),
                twin.nxHugePages(),
                twin.transparentHugePages(),
                twin.eagerPageSplit(),
                twin.mmioCaching()));
        out.writeByte(twin.maxPhysicalAddressBits());
        out.writeByte(twin.maxHugeLevel());
        out.writeByte(twin.addressSpaces());
        out.writeInt(twin.vmTypes().stream().mapToInt(type -> 1 << type.value()).reduce(0, (mask, bit) -> mask | bit));
        out.writeByte(bits(scope.tdp(), scope.guestMemfd(), scope.staleRootsHang()));
        out.writeLong(scope.guestMemfdFlags());
        out.writeLong(scope.vmTypes());
        out.writeByte(scope.physicalBits());
        out.writeLong(seed);
        out.writeInt(regressions);
        out.writeInt(fingerprint);
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws IllegalArgumentException if a value cannot be
     */
    static RecordingHeader read(DataInput in) throws IOException {
        String release = in.readUTF();
        SoftKernelOptions twin = readTwin(in);
        int booleans = in.readUnsignedByte();
        long flags = in.readLong();
        long types = in.readLong();
        int bits = in.readUnsignedByte();
        Scope scope = new Scope(isSet(booleans, 0), isSet(booleans, 1), flags, types, bits, isSet(booleans, 2));
        return new RecordingHeader(release, twin, scope, in.readLong(), in.readInt(), in.readInt());
    }

    private static SoftKernelOptions readTwin(DataInput in) throws IOException {
        String release = in.readUTF();
        KernelVersion version = Arrays.stream(KernelVersion.values())
                .filter(each -> each.release().equals(release))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no version of the software kernel: " + release));
        int booleans = in.readUnsignedByte();
        return SoftKernelOptions.defaults()
                .with()
                .kernelVersion(version)
                .accessedDirtyBits(isSet(booleans, 0))
                .pageModificationLogging(isSet(booleans, 1))
                .nxHugePages(isSet(booleans, 2))
                .transparentHugePages(isSet(booleans, 3))
                .eagerPageSplit(isSet(booleans, 4))
                .mmioCaching(isSet(booleans, 5))
                .maxPhysicalAddressBits(in.readUnsignedByte())
                .maxHugeLevel(in.readUnsignedByte())
                .addressSpaces(in.readUnsignedByte())
                .vmTypes(vmTypes(in.readInt()))
                .build();
    }

    private static Set<VmType> vmTypes(int mask) {
        Set<VmType> types = EnumSet.noneOf(VmType.class);
        Arrays.stream(VmType.values()).filter(type -> isSet(mask, type.value())).forEach(types::add);
        return types;
    }

    private static int bits(boolean... values) {
        int bits = 0;
        for (int i = 0; i < values.length; i++) {
            bits |= values[i] ? 1 << i : 0;
        }
        return bits;
    }

    private static boolean isSet(int bits, int number) {
        return ((bits >> number) & 1) != 0;
    }
}
