package io.guestmem.soft.cpu;

import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.RunLayout;
import io.guestmem.abi.SregsLayout;
import io.guestmem.abi.Struct;
import io.guestmem.paging.FlatMemory;
import io.guestmem.paging.PageTableBuilder;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.PhysicalMemory;
import io.guestmem.soft.JavaGuest;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.mmu.GuestAccess;
import io.guestmem.soft.vm.UserArgument;
import io.guestmem.soft.vm.VcpuContext;
import io.guestmem.soft.vm.VcpuCounter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A vCPU over flat memory from gpa 0 on, in place of a VM. Everything else is MMIO, unless a test says otherwise of a page.
 */
final class TestMachine implements AutoCloseable, GuestAccess, VcpuContext {
    static final long PAGE = 4096;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory;
    private final MemorySegment run = arena.allocate(PAGE, PAGE);
    private final MemorySegment portData = arena.allocate(PAGE, PAGE);
    private final Map<Long, Long> outcomes = new HashMap<>();
    private final Map<Long, Long> writeOutcomes = new HashMap<>();
    private final Map<VcpuCounter, Integer> counters = new EnumMap<>(VcpuCounter.class);
    private final SoftKernelOptions options;
    final Processor processor;
    private volatile boolean signal;
    private boolean ringFull;
    private int emulated;
    private long signalMaskSeen;
    private int questions;
    private int signalAt = Integer.MAX_VALUE;
    private int fetches;
    private int flushAt = Integer.MAX_VALUE;
    int roleChanges;
    long hypercallExits;

    TestMachine(long size) {
        this(size, CpuOptions.defaults());
    }

    TestMachine(long size, CpuOptions cpuOptions) {
        this(size, cpuOptions, SoftKernelOptions.defaults());
    }

    TestMachine(long size, CpuOptions cpuOptions, SoftKernelOptions options) {
        this.memory = arena.allocate(size, PAGE);
        this.options = options;
        this.processor = (Processor) Processor.factory(cpuOptions).create(this);
        setCpuid(SupportedCpuid.of(cpuOptions, options.maxPhysicalAddressBits()));
    }

    // ---- memory ----

    /** Every access to a page has this outcome; null for ordinary memory again. */
    void outcome(long page, @Nullable Long outcome) {
        put(outcomes, page, outcome);
    }

    /** Writes to a page have this outcome. */
    void writeOutcome(long page, @Nullable Long outcome) {
        put(writeOutcomes, page, outcome);
    }

    private static void put(Map<Long, Long> map, long page, @Nullable Long outcome) {
        if (outcome == null) {
            map.remove(page / PAGE);
        } else {
            map.put(page / PAGE, outcome);
        }
    }

    void load(long gpa, byte... bytes) {
        MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, gpa, bytes.length);
    }

    void load(long gpa, String hexBytes) {
        load(gpa, bytes(hexBytes));
    }

    static byte[] bytes(String hexBytes) {
        String digits = hexBytes.replace(" ", "");
        byte[] bytes = new byte[digits.length() / 2];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) Integer.parseInt(digits.substring(2 * i, 2 * i + 2), 16);
        }
        return bytes;
    }

    long peek(long gpa) {
        return memory.get(ValueLayout.JAVA_LONG_UNALIGNED, gpa);
    }

    void poke(long gpa, long value) {
        memory.set(ValueLayout.JAVA_LONG_UNALIGNED, gpa, value);
    }

    MemorySegment memory() {
        return memory;
    }

    private long address(Map<Long, Long> special, long gpa) {
        Long outcome = special.isEmpty() ? null : special.get(gpa / PAGE);
        if (outcome == null && !outcomes.isEmpty()) {
            outcome = outcomes.get(gpa / PAGE);
        }
        if (outcome != null) {
            return outcome;
        }
        return gpa >= 0 && gpa < memory.byteSize() ? memory.address() + gpa : MMIO;
    }

    @Override
    public long read(long gpa) {
        return address(outcomes, gpa);
    }

    @Override
    public long write(long gpa) {
        return address(writeOutcomes, gpa);
    }

    /** As the memory is, whatever outcomes were set: the emulator goes by the memslots. */
    @Override
    public boolean emulatedRead(long gpa, int size, long[] value) {
        if (gpa + size > memory.byteSize()) {
            return false;
        }
        emulated++;
        value[0] = 0;
        for (int i = 0; i < size; i++) {
            value[0] |= (memory.get(ValueLayout.JAVA_BYTE, gpa + i) & 0xFFL) << (8 * i);
        }
        return true;
    }

    /** Pages with an outcome for writes are read-only. */
    @Override
    public boolean emulatedWrite(long gpa, int size, long value) {
        if (gpa + size > memory.byteSize() || writeOutcomes.containsKey(gpa / PAGE)) {
            return false;
        }
        emulated++;
        for (int i = 0; i < size; i++) {
            memory.set(ValueLayout.JAVA_BYTE, gpa + i, (byte) (value >>> (8 * i)));
        }
        return true;
    }

    /** How often the emulator could access memory. */
    int emulated() {
        return emulated;
    }

    @Override
    public long fetch(long gpa) {
        fetches++;
        return address(outcomes, gpa);
    }

    /** The TLB is flushed from outside once so many instructions have been fetched. */
    void flushAfter(int count) {
        flushAt = fetches + count;
    }

    @Override
    public long flushes() {
        return fetches >= flushAt ? 1 : 0;
    }

    @Override
    public PhysicalMemory tables() {
        return new FlatMemory(memory);
    }

    /** Tables in memory, as the guest has them. */
    PageTableBuilder tables(PagingMode mode, long root) {
        return new PageTableBuilder(tables(), mode, root, 64);
    }

    // ---- the VM's side ----

    @Override
    public int id() {
        return 0;
    }

    @Override
    public SoftKernelOptions options() {
        return options;
    }

    @Override
    public MemorySegment run() {
        return run;
    }

    @Override
    public MemorySegment portData() {
        return portData;
    }

    @Override
    public boolean signalPending(long mask) {
        signalMaskSeen = mask;
        return signal || ++questions >= signalAt;
    }

    void ringFull(boolean full) {
        ringFull = full;
    }

    @Override
    public boolean ringIsFull() {
        return ringFull;
    }

    @Override
    public long threadSignalMask() {
        return 0x1234;
    }

    @Override
    public long hypercallExits() {
        return hypercallExits;
    }

    @Override
    public void roleChanged() {
        roleChanges++;
    }

    @Override
    public void count(VcpuCounter counter) {
        counters.merge(counter, 1, Integer::sum);
    }

    int counted(VcpuCounter counter) {
        return counters.getOrDefault(counter, 0);
    }

    void signal(boolean pending) {
        signal = pending;
    }

    /** A signal is pending once the vCPU has asked so many times. */
    void signalAfter(int times) {
        signalAt = questions + times;
    }

    long signalMaskSeen() {
        return signalMaskSeen;
    }

    void setGuest(@Nullable JavaGuest guest) {
        processor.setGuest(guest);
    }

    // ---- requests ----

    /** A request with a struct of ours. */
    long request(KvmIoctl request, MemorySegment struct) {
        return processor.request(request.code(), new Argument(struct));
    }

    /** A request with an address that leads nowhere. */
    long requestNowhere(KvmIoctl request) {
        return processor.request(request.code(), new Nowhere(1));
    }

    long requestCode(int code) {
        return processor.request(code, new Nowhere(1));
    }

    /** A request with a null pointer. */
    long requestNull(KvmIoctl request) {
        return processor.request(request.code(), new Nowhere(0));
    }

    long supportedCpuid(MemorySegment struct, SoftKernelOptions host) {
        return Processor.factory(CpuOptions.defaults()).supportedCpuid(host, new Argument(struct));
    }

    MemorySegment struct(Struct struct) {
        return arena.allocate(struct.size(), Long.BYTES);
    }

    MemorySegment allocate(long size) {
        return arena.allocate(size, Long.BYTES);
    }

    private void setCpuid(Cpuid cpuid) {
        if (request(KvmIoctl.SET_CPUID2, Structs.cpuid(arena, cpuid)) != 0) {
            throw new AssertionError("SET_CPUID2");
        }
    }

    Registers registers() {
        MemorySegment regs = struct(RegsLayout.STRUCT);
        if (request(KvmIoctl.GET_REGS, regs) != 0) {
            throw new AssertionError("GET_REGS");
        }
        Registers registers = new Registers();
        registers.readFrom(regs);
        return registers;
    }

    void setRegisters(Registers registers) {
        MemorySegment regs = struct(RegsLayout.STRUCT);
        registers.writeTo(regs);
        if (request(KvmIoctl.SET_REGS, regs) != 0) {
            throw new AssertionError("SET_REGS");
        }
    }

    SystemRegisters system() {
        MemorySegment sregs = struct(SregsLayout.STRUCT);
        if (request(KvmIoctl.GET_SREGS, sregs) != 0) {
            throw new AssertionError("GET_SREGS");
        }
        SystemRegisters system = new SystemRegisters(0);
        system.readCommon(sregs);
        return system;
    }

    long setSystem(SystemRegisters system) {
        MemorySegment sregs = struct(SregsLayout.STRUCT);
        system.writeCommon(sregs);
        return request(KvmIoctl.SET_SREGS, sregs);
    }

    long run(int times) {
        long result = 0;
        for (int i = 0; i < times && result == 0; i++) {
            result = processor.run(this);
        }
        return result;
    }

    int exitReason() {
        return run.get(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON);
    }

    @Override
    public void close() {
        arena.close();
    }

    private record Argument(MemorySegment struct) implements UserArgument {
        @Override
        public long value() {
            return struct.address();
        }

        @Override
        public @Nullable MemorySegment copyIn(long offset, long size) {
            if (offset + size > struct.byteSize()) {
                return null;
            }
            MemorySegment copy = Arena.ofAuto().allocate(Math.max(size, 1), Long.BYTES);
            return copy.copyFrom(struct.asSlice(offset, size)).asSlice(0, size);
        }

        @Override
        public boolean copyOut(long offset, MemorySegment from) {
            if (struct.isReadOnly() || offset + from.byteSize() > struct.byteSize()) {
                return false;
            }
            MemorySegment.copy(from, 0, struct, offset, from.byteSize());
            return true;
        }
    }

    private record Nowhere(long value) implements UserArgument {
        @Override
        public @Nullable MemorySegment copyIn(long offset, long size) {
            return null;
        }

        @Override
        public boolean copyOut(long offset, MemorySegment from) {
            return false;
        }
    }
}
