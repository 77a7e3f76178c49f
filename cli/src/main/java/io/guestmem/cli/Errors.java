package io.guestmem.cli;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KernelUnavailableException;
import io.guestmem.diff.RecordingException;
import io.guestmem.image.ImageException;
import io.guestmem.lab.LabFailedException;
import io.guestmem.lab.LabUnavailableException;
import io.guestmem.linux.Errno;
import io.guestmem.linux.LinuxException;
import io.guestmem.pager.ServerBusyException;
import io.guestmem.pager.source.SnapshotException;
import io.guestmem.pager.workingset.WorkingSetException;
import io.guestmem.vmm.demo.PopulationException;
import io.guestmem.vmm.demo.UnavailableVmTypeException;
import io.guestmem.vmm.demo.UnusableImageException;
import io.guestmem.vmm.trace.MalformedTraceException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** What went wrong, as one line and a remedy, and the exit status for it. */
final class Errors {
    private static final int EACCES = Errno.EACCES.number();
    private static final int ENOENT = ErrorNumber.ENOENT.number();
    private static final int EPERM = ErrorNumber.EPERM.number();

    private Errors() {}

    /**
     * A failure as users see it.
     *
     * @param status of the process
     * @param message one line
     * @param remedy one line: what to do about it
     */
    private record Report(int status, String message, String remedy) {}

    /** Prints what is wrong with the command line. */
    static int usage(ParameterException wrong, String[] arguments) {
        CommandLine command = wrong.getCommandLine();
        PrintWriter err = command.getErr();
        err.println("guestmem: " + wrong.getMessage());
        if (wrong instanceof CommandLine.UnmatchedArgumentException unmatched) {
            List<String> suggestions = unmatched.getSuggestions();
            if (!suggestions.isEmpty()) {
                err.println("guestmem: did you mean " + String.join(" or ", suggestions) + "?");
            }
        }
        err.println("guestmem: see '" + command.getCommandSpec().qualifiedName() + " --help'");
        return ExitStatus.USAGE;
    }

    /** Prints why a command failed. */
    static int failed(Exception failure, CommandLine command, CommandLine.ParseResult parsed) {
        PrintWriter err = command.getErr();
        Report report = report(failure, command);
        err.println("guestmem: " + report.message);
        err.println("guestmem: " + report.remedy);
        if (parsed.expandedArgs().contains("--debug")) {
            failure.printStackTrace(err);
        }
        return report.status;
    }

    private static Report report(Exception failure, CommandLine command) {
        String message = String.valueOf(failure.getMessage());
        return switch (failure) {
            case KernelUnavailableException missing -> kvmMissing(missing, message, command);
            case KernelException refused -> refused(refused.errno(), message);
            case LinuxException refused -> refused(refused.errno().number(), message);
            case HostLacksException lacking -> new Report(ExitStatus.UNAVAILABLE, message, lacking.remedy());
            case LabUnavailableException lacking -> new Report(ExitStatus.UNAVAILABLE, message, lacking.remedy());
            case LabFailedException broken ->
                new Report(ExitStatus.IO, message, "the guest's console said: " + broken.consoleTail());
            case UnavailableVmTypeException lacking ->
                new Report(
                        ExitStatus.UNAVAILABLE,
                        message,
                        "the software kernel makes them: --kernel soft; 'guestmem lab --private' has a kernel with sw_protected");
            case UnusableImageException _ ->
                new Report(ExitStatus.IO, message, "name a regular file with --image that nobody changes meanwhile");
            case MalformedTraceException _ ->
                new Report(ExitStatus.IO, message, "record one: 'guestmem lab --record-first-touch FILE'");
            case SnapshotException _ ->
                new Report(
                        ExitStatus.IO,
                        message,
                        "name the memory file of a snapshot, and what lies below it with --base");
            case WorkingSetException _ ->
                new Report(
                        ExitStatus.IO,
                        message,
                        "record or pack it anew: see 'guestmem workingset --help' and docs/formats.md");
            case ServerBusyException _ ->
                new Report(ExitStatus.IO, message, "take its VMs over with --take-over, or use another --state");
            case ImageException _ ->
                new Report(ExitStatus.IO, message, "see what 'guestmem translate --help' says about images");
            case RecordingException _ ->
                new Report(ExitStatus.IO, message, "record it again: guestmem diff --record FILE");
            case PopulationException _ -> new Report(ExitStatus.IO, message, "see what 'guestmem doctor' says");
            case UncheckedIOException broken ->
                new Report(ExitStatus.IO, message + ": " + broken.getCause(), "check the path and the disk");
            case AccessDeniedException denied ->
                new Report(
                        ExitStatus.PERMISSION,
                        String.valueOf(denied.getMessage()),
                        "run it as somebody who may, or change the permissions");
            case NoSuchFileException missing ->
                new Report(ExitStatus.IO, missing.getFile() + ": no such file", "check the path");
            case FileSystemException broken ->
                new Report(ExitStatus.IO, String.valueOf(broken.getMessage()), "check the path and the disk");
            case IOException broken -> new Report(ExitStatus.IO, String.valueOf(broken), "check the path and the disk");
            default ->
                new Report(
                        ExitStatus.INTERNAL,
                        "internal error: " + failure,
                        "run it again with --debug and report what it prints");
        };
    }

    private static Report kvmMissing(KernelUnavailableException missing, String message, CommandLine command) {
        String soft = AnyKernelOption.isIn(command) ? "; '--kernel soft' needs no KVM" : "";
        if (missing.errno() == EACCES || missing.errno() == EPERM) {
            return new Report(
                    ExitStatus.PERMISSION,
                    message,
                    "add yourself to the group of /dev/kvm: usermod -aG kvm $USER" + soft);
        }
        return new Report(
                ExitStatus.UNAVAILABLE,
                message,
                "there is no KVM here" + soft + "; 'guestmem lab -- " + command.getCommandName()
                        + "' runs it on a kernel that has one");
    }

    private static Report refused(int errno, String message) {
        if (errno == EACCES || errno == EPERM) {
            return new Report(ExitStatus.PERMISSION, message, "run it as somebody who may, or change the permissions");
        }
        String remedy = errno == ENOENT ? "there is no such file: check the path" : "see what 'guestmem doctor' says";
        return new Report(ExitStatus.IO, message, remedy);
    }
}
