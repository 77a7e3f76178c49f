package io.guestmem.pager.handshake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The JSON of the handshake, of every version of Firecracker, and what is none. */
class RegionParserTest {
    private static final String GOOD = "'base_host_virt_addr':139998753980416,'size':8388608,'offset':0";

    private static GuestMap parse(String json) {
        return RegionParser.parse(json.replace('\'', '"').getBytes(StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "1.1                          |                                            | 4096",
                "1.7: bytes, despite its name | ,'page_size_kib':2097152                   | 2097152",
                "1.12                         | ,'page_size':2097152,'page_size_kib':4096  | 2097152",
                "2.0                          | ,'page_size':4096                          | 4096",
                "main                         | ,'page_size':4096,'new':{'a':[1,{}]}       | 4096",
                "secret freedom's fields      | ,'gpa_start':0,'is_guest_memfd':false      | 4096"
            })
    void everyVersionIsUnderstood(String version, String more, long pageSize) {
        GuestMap map = parse("[{" + GOOD + (more == null ? "" : more) + "}]");

        assertThat(map.pageSize()).as(version).isEqualTo(pageSize);
        assertThat(map.bytes()).isEqualTo(8388608);
    }

    @Test
    void regionsAreFoundByAddressWithGapsBetweenThem() {
        GuestMap map = parse("[{'base_host_virt_addr':1048576,'size':8192,'offset':0},"
                + "{'base_host_virt_addr':65536,'size':4096,'offset':16384}]");

        assertThat(map.pages()).isEqualTo(3);
        assertThat(map.pageAt(65536 + 4095)).isZero();
        assertThat(map.offset(0)).isEqualTo(16384);
        assertThat(map.pageAt(1048576 + 4096)).isEqualTo(2);
        assertThat(map.offset(2)).isEqualTo(4096);
        assertThat(map.address(2)).isEqualTo(1048576 + 4096);
        assertThat(map.regionEnd(0)).isEqualTo(1);
        assertThat(map.pageAt(65536 + 4096)).isEqualTo(-1);
        assertThat(map.fileEnd()).isEqualTo(20480);
    }

    static Stream<String> refused() {
        String deep = "[".repeat(100_000);
        return Stream.of(
                "[] 0 regions",
                "{} no JSON array",
                "[1] no JSON object",
                "[{}] without base_host_virt_addr",
                "[{'size':4096,'offset':0}] without base_host_virt_addr",
                "[{'base_host_virt_addr':4096,'offset':0,'size':0}] positive number of pages",
                "[{'base_host_virt_addr':4096,'offset':0,'size':100}] positive number of pages",
                "[{'base_host_virt_addr':4097,'offset':0,'size':4096}] no address of a page",
                "[{'base_host_virt_addr':4096,'offset':1,'size':4096}] which is not a page's",
                "[{'base_host_virt_addr':4096,'offset':0,'size':4096,'page_size':4095}] page size of 4095",
                "[{'base_host_virt_addr':4096,'offset':0,'size':4096,'page_size':0}] page size of 0",
                "[{'base_host_virt_addr':4096,'offset':0,'size':4096,'size':8192}] Duplicate",
                "[{'base_host_virt_addr':-4096,'offset':0,'size':4096}] below 0",
                "[{'base_host_virt_addr':1e3,'offset':0,'size':4096}] no integer",
                "[{'base_host_virt_addr':'4096','offset':0,'size':4096}] no integer",
                "[{'base_host_virt_addr':18446744073709547520,'offset':0,'size':4096}] cannot be read",
                "[{'base_host_virt_addr':9223372036854771712,'offset':0,'size':8192}] too high",
                "[{'base_host_virt_addr':4096,'offset':9223372036854771712,'size':8192}] not a page's",
                "[{'base_host_virt_addr':4096,'offset':0,'size':8192},{'base_host_virt_addr':8192,'offset':8192,'size':4096}]"
                        + " overlap: 0x1000+0x2000 and 0x2000+0x1000",
                "[{'base_host_virt_addr':4096,'offset':0,'size':8192},{'base_host_virt_addr':65536,'offset':4096,'size':4096}]"
                        + " overlap in the file",
                "[{" + GOOD + ",'is_guest_memfd':true}] guest_memfd",
                "[{" + GOOD + "}]] cannot be read",
                "[{" + GOOD + ",'x':" + deep + " cannot be read",
                "[{" + GOOD + ",'x':" + "1".repeat(1000) + "}] cannot be read");
    }

    @ParameterizedTest
    @MethodSource("refused")
    void whatIsNoHandshakeIsRefusedWithTheReason(String both) {
        int end = Math.max(both.lastIndexOf("] "), both.lastIndexOf("} "));
        if (end < 0) {
            end = both.indexOf(" cannot") - 1;
        }
        String json = both.substring(0, end + 1);
        String reason = both.substring(end + 1).strip();

        assertThatThrownBy(() -> parse(json))
                .isInstanceOf(HandshakeException.class)
                .hasMessageContaining(reason);
    }
}
