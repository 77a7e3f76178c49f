package io.guestmem.pager.handshake;

import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;

/**
 * The JSON of the message: an array with one object for each region.
 *
 * <pre>{@code
 * base_host_virt_addr   1.1    address in the VMM
 * size                  1.1    bytes
 * offset                1.1    in the memory file
 * page_size_kib         1.7    bytes, despite its name
 * page_size             1.12   bytes
 * }</pre>
 *
 * <p>{@code page_size} counts, else {@code page_size_kib}, else 4096. Fields that are not known are skipped. A region of
 * guest_memfd ({@code is_guest_memfd}) is refused: its pages do not come through the userfaultfd alone.
 */
public final class RegionParser {
    private static final int DEEPEST = 8;
    private static final int LONGEST_NUMBER = 32;
    private static final int LONGEST_TEXT = 4096;
    private static final long UNSAID = -1;

    private static final JsonFactory FACTORY = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(DEEPEST)
                    .maxNumberLength(LONGEST_NUMBER)
                    .maxStringLength(LONGEST_TEXT)
                    .maxNameLength(LONGEST_TEXT)
                    .build())
            .build();

    private long address = UNSAID;
    private long size = UNSAID;
    private long offset = UNSAID;
    private long pageSize = UNSAID;
    private long oldPageSize = UNSAID;

    private RegionParser() {}

    /**
     * Reads the array.
     *
     * @param json all of it
     * @throws HandshakeException if it is no such array, or if the regions are none that can be served
     */
    public static GuestMap parse(byte[] json) {
        try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), json)) {
            if (parser.nextToken() != JsonToken.START_ARRAY) {
                throw new HandshakeException("no JSON array");
            }
            List<Region> regions = new ArrayList<>();
            while (parser.nextToken() == JsonToken.START_OBJECT) {
                regions.add(new RegionParser().region(parser));
            }
            if (parser.currentToken() != JsonToken.END_ARRAY) {
                throw new HandshakeException("a region that is no JSON object");
            }
            if (parser.nextToken() != null) {
                throw new HandshakeException("more than one JSON array");
            }
            return new GuestMap(regions);
        } catch (JacksonException malformed) {
            throw new HandshakeException("JSON that cannot be read: " + oneLine(malformed.getOriginalMessage()));
        }
    }

    private static String oneLine(String text) {
        return text.lines().findFirst().orElse("").replaceAll("\\P{Print}", "?");
    }

    private Region region(JsonParser parser) {
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String name = parser.currentName();
            JsonToken token = parser.nextToken();
            switch (name) {
                case "base_host_virt_addr" -> address = number(name, parser);
                case "size" -> size = number(name, parser);
                case "offset" -> offset = number(name, parser);
                case "page_size" -> pageSize = number(name, parser);
                case "page_size_kib" -> oldPageSize = number(name, parser);
                case "is_guest_memfd" -> {
                    if (token == JsonToken.VALUE_TRUE) {
                        throw new HandshakeException("a region of guest_memfd, which this release does not serve");
                    }
                }
                default -> parser.skipChildren();
            }
        }
        long page = pageSize != UNSAID ? pageSize : oldPageSize != UNSAID ? oldPageSize : 4096;
        return new Region(said("base_host_virt_addr", address), said("size", size), said("offset", offset), page);
    }

    private static long number(String name, JsonParser parser) {
        if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT) {
            throw new HandshakeException(name + " that is no integer");
        }
        long value = parser.getLongValue();
        if (value < 0) {
            throw new HandshakeException(name + " below 0");
        }
        return value;
    }

    private static long said(String name, long value) {
        if (value == UNSAID) {
            throw new HandshakeException("a region without " + name);
        }
        return value;
    }
}
