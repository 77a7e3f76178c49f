package io.guestmem.pager;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The control groups that limit the memory of a process: its own and those above it, of version 1 or 2.
 *
 * <pre>{@code
 * version   limits                       used                      of that the kernel takes back first
 *    2      memory.max, memory.high      memory.current            inactive_file       in memory.stat
 *    1      memory.limit_in_bytes        memory.usage_in_bytes     total_inactive_file in memory.stat
 * }</pre>
 *
 * <p>Source: Linux 6.18 {@code Documentation/admin-guide/cgroup-v2.rst} and {@code cgroup-v1/memory.rst}. Immutable.
 */
final class MemoryGroups {
    /** Version 1 says so where there is no limit: the highest multiple of the page size. */
    private static final long UNLIMITED = Long.MAX_VALUE - 4095;

    private static final int ROOT = 3;
    private static final int MOUNT_POINT = 4;

    private final List<Group> groups;

    private MemoryGroups(List<Group> groups) {
        this.groups = groups;
    }

    /**
     * A group.
     *
     * @param directory of its files
     * @param isSecond whether they are those of version 2
     */
    private record Group(Path directory, boolean isSecond) {
        long limit() {
            return isSecond
                    ? Math.min(number(directory.resolve("memory.max")), number(directory.resolve("memory.high")))
                    : number(directory.resolve("memory.limit_in_bytes"));
        }

        long used() {
            long used = number(directory.resolve(isSecond ? "memory.current" : "memory.usage_in_bytes"));
            return used - inactive(isSecond ? "inactive_file " : "total_inactive_file ");
        }

        private long inactive(String name) {
            try {
                for (String line : Files.readAllLines(directory.resolve("memory.stat"))) {
                    if (line.startsWith(name)) {
                        return Long.parseLong(line.substring(name.length()));
                    }
                }
            } catch (IOException | NumberFormatException _) {
                // Then all of it counts.
            }
            return 0;
        }
    }

    /**
     * How full a group is.
     *
     * @param group its directory
     * @param used bytes, without those of files that the kernel takes back first
     * @param limit in bytes
     */
    record Use(Path group, long used, long limit) {
        private double share() {
            return (double) used / Math.max(1, limit);
        }

        @Override
        public String toString() {
            return used + " of " + limit + " bytes of memory are used in " + group;
        }
    }

    /**
     * Those of a process.
     *
     * @param proc where {@code /proc} is
     */
    static MemoryGroups of(Path proc, int pid) {
        List<Group> groups = new ArrayList<>();
        try {
            List<String> mounts = Files.readAllLines(proc.resolve("self/mountinfo"));
            mounts.removeIf(mount -> !mount.contains(" - cgroup"));
            for (String line : Files.readAllLines(proc.resolve(pid + "/cgroup"))) {
                String[] fields = line.split(":", 3);
                boolean isSecond = fields[1].isEmpty();
                if (isSecond || Set.of(fields[1].split(",", -1)).contains("memory")) {
                    add(groups, mounts, isSecond, fields[2]);
                }
            }
        } catch (IOException _) {
            // No control groups here, or the process has ended.
        }
        return new MemoryGroups(List.copyOf(groups));
    }

    /** Adds the directory of a group, and those of the groups above it, as far as they are mounted. */
    private static void add(List<Group> groups, List<String> mounts, boolean isSecond, String group) {
        for (String mount : mounts) {
            int dash = mount.indexOf(" - ");
            String[] file = mount.substring(dash + 3).split(" ", -1);
            String[] fields = mount.split(" ", -1);
            boolean fits = isSecond
                    ? file[0].equals("cgroup2")
                    : file[0].equals("cgroup") && Set.of(file[2].split(",", -1)).contains("memory");
            Path within = Path.of(group);
            if (fits && within.startsWith(fields[ROOT])) {
                Path top = Path.of(fields[MOUNT_POINT]);
                Path directory = top.resolve(Path.of(fields[ROOT]).relativize(within));
                for (Path at = directory; at != null && at.startsWith(top); at = at.getParent()) {
                    groups.add(new Group(at, isSecond));
                }
                return;
            }
        }
    }

    /** The group that is fullest, if any has a limit. */
    Optional<Use> fullest() {
        Use fullest = null;
        for (Group group : groups) {
            long limit = group.limit();
            if (limit < UNLIMITED) {
                Use use = new Use(group.directory, group.used(), limit);
                if (fullest == null || use.share() > fullest.share()) {
                    fullest = use;
                }
            }
        }
        return Optional.ofNullable(fullest);
    }

    /** {@link Long#MAX_VALUE} if the file is not there, as in a root, or says {@code max}. */
    private static long number(Path file) {
        if (!Files.exists(file)) {
            return Long.MAX_VALUE;
        }
        try {
            String text = Files.readString(file).strip();
            return text.equals("max") ? Long.MAX_VALUE : Long.parseLong(text);
        } catch (IOException | NumberFormatException _) {
            return Long.MAX_VALUE;
        }
    }
}
