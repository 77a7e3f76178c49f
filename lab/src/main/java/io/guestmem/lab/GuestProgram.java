package io.guestmem.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/** The shell script that the guest runs: the environment and one command, with every word quoted. */
final class GuestProgram {
    private GuestProgram() {}

    /** The script of a request. */
    static String script(LabRequest request) {
        StringBuilder script = new StringBuilder();
        for (Map.Entry<String, String> variable : new TreeMap<>(request.environment()).entrySet()) {
            script.append("export ").append(variable.getKey()).append('=').append(quote(variable.getValue()));
            script.append('\n');
        }
        List<String> command = new ArrayList<>(List.of(
                "/java/bin/java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-XX:-UsePerfData"));
        if (!request.nativeAccess().isEmpty()) {
            command.add("--enable-native-access=" + String.join(",", new TreeSet<>(request.nativeAccess())));
        }
        command.addAll(List.of("-p", "/guestmem/lib", "-m", request.mainModule()));
        command.addAll(request.arguments());
        script.append("exec ");
        script.append(String.join(" ", command.stream().map(GuestProgram::quote).toList()));
        return script.append('\n').toString();
    }

    /** A word of a POSIX shell that stands for exactly this text, whatever it holds but NUL. */
    static String quote(String text) {
        return "'" + text.replace("'", "'\\''") + "'";
    }
}
