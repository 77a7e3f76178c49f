package io.guestmem.pager;

import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import io.guestmem.pager.handshake.RegionParser;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/**
 * What a successor must know of a VM: which process it is, where its memory is, and which snapshot it runs on. The states of its
 * pages stand beside it.
 *
 * @param pid of the VMM
 * @param startTime of the VMM's process
 * @param userfaultfd the number that the descriptor which guards the memory has in the VMM, -1 if it is not known. Where to look
 *     first: the number may mean another descriptor by now
 * @param snapshot the files and the length, as one text
 * @param map of its memory
 */
record Journal(int pid, long startTime, int userfaultfd, String snapshot, GuestMap map) {
    private static final JsonFactory FACTORY = new JsonFactory();
    private static final int VERSION = 1;

    /** Writes it so that it is there as a whole or not at all. */
    void write(Path path) throws IOException {
        Path fresh = path.resolveSibling(path.getFileName() + ".new");
        Files.writeString(fresh, text());
        Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** As it is written. */
    String text() {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = FACTORY.createGenerator(ObjectWriteContext.empty(), text)) {
            json.writeStartObject();
            json.writeNumberProperty("version", VERSION);
            json.writeNumberProperty("pid", pid);
            json.writeNumberProperty("start_time", startTime);
            json.writeNumberProperty("userfaultfd", userfaultfd);
            json.writeStringProperty("snapshot", snapshot);
            json.writeStringProperty("regions", regions());
            json.writeEndObject();
        }
        return text.toString();
    }

    /** As the VMM sent them. */
    private String regions() {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = FACTORY.createGenerator(ObjectWriteContext.empty(), text)) {
            json.writeStartArray();
            for (Region region : map.regions()) {
                json.writeStartObject();
                json.writeNumberProperty("base_host_virt_addr", region.hostAddress());
                json.writeNumberProperty("size", region.size());
                json.writeNumberProperty("offset", region.offset());
                json.writeNumberProperty("page_size", region.pageSize());
                json.writeEndObject();
            }
            json.writeEndArray();
        }
        return text.toString();
    }

    /**
     * Reads one.
     *
     * @throws IOException if it is none, or of another version
     */
    static Journal read(Path path) throws IOException {
        return parse(path.toString(), Files.readString(path));
    }

    /** Reads the text of one. */
    static Journal parse(String path, String text) throws IOException {
        long version = 0;
        int pid = 0;
        long startTime = 0;
        int userfaultfd = VmProcess.UNKNOWN;
        String snapshot = "";
        String regions = "";
        try (JsonParser json = FACTORY.createParser(ObjectReadContext.empty(), text)) {
            json.nextToken();
            while (json.nextToken() == JsonToken.PROPERTY_NAME) {
                String name = json.currentName();
                json.nextToken();
                switch (name) {
                    case "version" -> version = json.getLongValue();
                    case "pid" -> pid = json.getIntValue();
                    case "start_time" -> startTime = json.getLongValue();
                    case "userfaultfd" -> userfaultfd = json.getIntValue();
                    case "snapshot" -> snapshot = json.getString();
                    case "regions" -> regions = json.getString();
                    default -> json.skipChildren();
                }
            }
            if (version != VERSION) {
                throw new IOException(path + ": version " + version + ", not " + VERSION);
            }
            GuestMap map = RegionParser.parse(regions.getBytes(StandardCharsets.UTF_8));
            return new Journal(pid, startTime, userfaultfd, snapshot, map);
        } catch (RuntimeException malformed) {
            throw new IOException(path + ": no journal: " + malformed.getMessage(), malformed);
        }
    }
}
