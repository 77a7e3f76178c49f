package io.guestmem.kvm.populate;

import io.guestmem.abi.Capability;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.kvm.GuestMemfdPopulate;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.linux.ReceiveResult;
import io.guestmem.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.nio.file.Path;

/**
 * What the second process does: {@code populate FIRST PAGES} with content of seed 500 what it is offered, or {@code vm}: asks a VM
 * that it was given for things. Its answers are lines that begin with {@code =}.
 */
public final class OtherProcessMain {
    private OtherProcessMain() {}

    /**
     * Connects, does it, ends.
     *
     * @param arguments the socket's path, the user, the order
     */
    public static void main(String[] arguments) {
        String[] order = arguments[2].split(" ", -1);
        try (UnixSocket socket = UnixSocket.connect(Path.of(arguments[0]))) {
            if (order[0].equals("populate")) {
                GuestRange range = PopulateScene.pages(Long.parseLong(order[1]), Long.parseLong(order[2]));
                populate(MemoryOffer.receive(socket, Integer.parseInt(arguments[1])), range);
            } else {
                askVm(socket);
            }
        }
    }

    private static void populate(MemoryOffer.Receiving receiving, GuestRange range) {
        if (!(receiving instanceof MemoryOffer.Received(OfferedMemory offered))) {
            System.out.println("=" + receiving);
            return;
        }
        try (offered) {
            long pages = range.size() / PopulateScene.PAGE;
            PopulationOutcome outcome = Populator.of(offered.guest())
                    .run(PopulationPlan.of(PopulationStep.of(range, PopulateScene.buffer(pages, 500))));
            for (StepOutcome step : outcome.steps()) {
                System.out.println("=" + step.getClass().getSimpleName() + " " + step.done()
                        + (step instanceof StepOutcome.Done done ? " " + done.shortfalls() : " " + step));
            }
        }
    }

    private static void askVm(UnixSocket socket) {
        try (Arena arena = Arena.ofConfined()) {
            if (!(socket.receive(arena.allocate(1), 1) instanceof ReceiveResult.Received received)) {
                throw new IllegalStateException("no VM came");
            }
            LinuxKernel kernel = new LinuxKernel();
            try (KvmFile vm = kernel.adopt(received.descriptors().getFirst().number(), "VM")) {
                System.out.println("=" + vm.ioctl(KvmIoctl.CHECK_EXTENSION.code(), Capability.USER_MEMORY.number()));
                System.out.println("=" + vm.ioctl(KvmIoctl.CREATE_VCPU.code(), 7));
                System.out.println("=" + new GuestMemfdPopulate(kernel, vm).zero(PopulateScene.pages(0, 1)));
            }
        }
    }
}
