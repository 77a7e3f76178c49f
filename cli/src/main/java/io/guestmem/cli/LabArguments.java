package io.guestmem.cli;

import io.guestmem.lab.LabFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * The arguments of a command in the lab: files that it reads are carried in, the file that it writes is carried out.
 *
 * @param arguments with the guest's paths
 * @param files to carry in
 * @param outputDirectory where the files go that the command writes
 */
record LabArguments(List<String> arguments, List<LabFile> files, Optional<Path> outputDirectory) {
    private static final Set<String> INPUTS = Set.of("--image", "--recorded", "--trace");
    private static final Set<String> OUTPUTS = Set.of("--report", "--record");
    private static final String GUEST_INPUT = "/in/";

    static LabArguments of(List<String> arguments) {
        List<String> rewritten = new ArrayList<>();
        List<LabFile> files = new ArrayList<>();
        Optional<Path> outputDirectory = Optional.empty();
        String option = "";
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            boolean joined = argument.startsWith("--") && equals > 0;
            String name = joined ? argument.substring(0, equals) : option;
            String value = joined ? argument.substring(equals + 1) : argument;
            if (INPUTS.contains(name)) {
                Path host = Path.of(value).toAbsolutePath().normalize();
                String guest = GUEST_INPUT + files.size() + "/" + host.getFileName();
                files.add(new LabFile(host, guest));
                value = guest;
            } else if (OUTPUTS.contains(name)) {
                Path host = Path.of(value).toAbsolutePath().normalize();
                outputDirectory = Optional.ofNullable(host.getParent());
                value = Objects.toString(host.getFileName());
            }
            rewritten.add(joined ? name + "=" + value : value);
            option = joined ? "" : argument;
        }
        return new LabArguments(List.copyOf(rewritten), List.copyOf(files), outputDirectory);
    }
}
