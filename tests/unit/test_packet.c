/* SPDX-License-Identifier: GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"

/* Bytes in hex, spaces ignored. */
#define ETHER "020000000002 020000000001 "
#define IPV4 "45000054 1234 4000 4001 0000 c0a80004 c0a80005 "
#define PING "0800 f7ff 0188 02a5 " /* id 392, seq 677 */
#define REPLY "0000 ffff 0188 02a5 "
#define PORTS "01bb d903 00010203 04050607 " /* 443, 55555 */
#define PING6 "8000 0000 0188 02a5 "
#define ADDRESSES6 "40 fe800000000000000000000000000001 20010db8000000000000000000000002 "
#define ENDS6 "fe80::1 -> 2001:db8::2 "

static struct nt_snapshot make(enum nt_link link, u16 protocol, u16 network, const char *hex)
{
	struct nt_snapshot s = {.link = (u16)link,
				.network = network,
				.transport = NT_NO_LAYER,
				.protocol = htons(protocol)};
	char digits[3] = "";

	while (*hex) {
		if (*hex == ' ') {
			hex++;
			continue;
		}
		assert_in_range(s.captured_bytes, 0, NT_SNAPSHOT_BYTES - 1);
		memcpy(digits, hex, 2);
		s.bytes[s.captured_bytes++] = (u8)strtoul(digits, NULL, 16);
		hex += 2;
	}
	s.len_bytes = s.captured_bytes;
	return s;
}

static struct nt_snapshot ipv4(u8 protocol, const char *transport)
{
	char hex[300] = IPV4;
	struct nt_snapshot s;

	strcat(hex, transport);
	s = make(NT_LINK_NONE, 0x0800, 0, hex);
	s.bytes[9] = protocol;
	return s;
}

static struct nt_flow parse(const struct nt_snapshot *s)
{
	struct nt_flow flow;

	memset(&flow, 0xa5, sizeof(flow));
	packet_parse(s, &flow);
	return flow;
}

static void assert_text(struct nt_snapshot s, const char *expected)
{
	struct nt_flow flow = parse(&s);
	char buf[256];

	assert_int_equal(packet_text(&flow, buf, sizeof(buf)), strlen(expected));
	assert_string_equal(buf, expected);
}

static void ping(void **state)
{
	struct nt_snapshot s = ipv4(1, PING);
	struct nt_flow flow = parse(&s);

	(void)state;
	assert_int_equal(flow.l3_proto, 0x0800);
	assert_int_equal(flow.l4_proto, 1);
	assert_int_equal(flow.no_transport, 0);
	assert_int_equal(flow.ip_id, 0x1234);
	assert_int_equal(flow.icmp_type, 0x0800);
	assert_int_equal(flow.icmp_id, 392);
	assert_int_equal(flow.icmp_seq, 677);
	assert_int_equal(flow.saddr[0] | flow.saddr[1], 0);
	assert_int_equal(flow.saddr[2], htonl(0xffff));
	assert_int_equal(flow.saddr[3], htonl(0xc0a80004));
	assert_int_equal(flow.daddr[3], htonl(0xc0a80005));
	assert_true(nt_flow_is_echo(&flow));
	assert_text(s, "ICMP: 192.168.0.4 -> 192.168.0.5 ping request, seq: 677, id: 392");
	assert_text(ipv4(1, REPLY),
		    "ICMP: 192.168.0.4 -> 192.168.0.5 ping reply, seq: 677, id: 392");
	assert_text(ipv4(1, "0800 0000 ffff ffff"),
		    "ICMP: 192.168.0.4 -> 192.168.0.5 ping request, seq: 65535, id: 65535");
}

static void other_icmp(void **state)
{
	static const struct {
		const char *hex, *text;
	} kinds[] = {
		{"0303", "destination unreachable (port unreachable)"},
		{"0300", "destination unreachable (net unreachable)"},
		{"030f", "destination unreachable (precedence cutoff)"},
		{"0310", "destination unreachable (code 16)"},
		{"0400", "source quench"},
		{"0401", "source quench (code 1)"},
		{"0501", "redirect (host)"},
		{"0b00", "time exceeded (TTL exceeded)"},
		{"0b02", "time exceeded (code 2)"},
		{"0c00", "parameter problem"},
		{"2a07", "type 42, code 7"},
		{"ffff", "type 255, code 255"},
		{"8000", "type 128, code 0"}, /* an ICMPv6 ping is none here */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char hex[64], text[128] = "ICMP: 192.168.0.4 -> 192.168.0.5 ";
		struct nt_snapshot s;

		strcat(strcpy(hex, kinds[i].hex), "0000 11112222");
		s = ipv4(1, hex);
		assert_text(s, strcat(text, kinds[i].text));
		assert_int_equal(parse(&s).icmp_id, 0);
		assert_int_equal(parse(&s).icmp_seq, 0);
	}
}

static void ports(void **state)
{
	struct nt_snapshot tcp = ipv4(6, PORTS), udp = ipv4(17, PORTS);

	(void)state;
	assert_text(tcp, "TCP: 192.168.0.4:443 -> 192.168.0.5:55555");
	assert_text(udp, "UDP: 192.168.0.4:443 -> 192.168.0.5:55555");
	assert_int_equal(parse(&tcp).tcp_seq, 0x00010203);
	assert_int_equal(parse(&udp).tcp_seq, 0);
	assert_int_equal(parse(&tcp).icmp_type, 0);
}

static void other_protocols(void **state)
{
	(void)state;
	assert_text(ipv4(47, PORTS), "IPv4: 192.168.0.4 -> 192.168.0.5 protocol 47");
	assert_text(ipv4(0, ""), "IPv4: 192.168.0.4 -> 192.168.0.5 protocol 0");
	assert_text(make(NT_LINK_NONE, 0x0806, 0, "0001 0800 06 04 0001"), "ethertype 0x0806");
	assert_text(make(NT_LINK_ETHER, 0x88cc, 14, ETHER "88cc 0207"), "ethertype 0x88cc");
	assert_text(make(NT_LINK_NONE, 0, 0, ""), "no IP header");
	assert_text(make(NT_LINK_NONE, 0, 0, "00000000"), "no IP header");
}

static void fragments(void **state)
{
	struct nt_snapshot s = ipv4(17, PORTS);

	(void)state;
	s.bytes[6] = 0x20; /* the first: more follow */
	assert_text(s, "UDP: 192.168.0.4:443 -> 192.168.0.5:55555");
	s.bytes[7] = 1; /* a later one */
	assert_text(s, "IPv4: 192.168.0.4 -> 192.168.0.5 protocol 17, fragment");
	assert_int_equal(parse(&s).sport, 0);
	s.bytes[6] = 0x1f;
	s.bytes[7] = 0xff; /* the last possible */
	assert_int_equal(parse(&s).no_transport, 1);
	s.bytes[6] = 0x10;
	s.bytes[7] = 0;
	assert_int_equal(parse(&s).no_transport, 1);
	s.bytes[9] = 1; /* its first bytes look like ping's */
	assert_text(s, "IPv4: 192.168.0.4 -> 192.168.0.5 protocol 1, fragment");
	assert_false(nt_flow_is_echo(&(struct nt_flow){.l4_proto = 1, .no_transport = 1}));
}

static void ipv4_options(void **state)
{
	struct nt_snapshot s = ipv4(1, "94040000 00000000" PING);

	(void)state;
	s.bytes[0] = 0x47;
	assert_text(s, "ICMP: 192.168.0.4 -> 192.168.0.5 ping request, seq: 677, id: 392");
	s.bytes[0] = 0x4f; /* longer than what was captured */
	assert_text(s, "IPv4: 192.168.0.4 -> 192.168.0.5 protocol 1, header cut off");
	s.bytes[0] = 0x44; /* shorter than an IPv4 header is */
	assert_text(s, "no IP header");
	s.bytes[0] = 0x55;
	assert_text(s, "no IP header");
}

static void ethernet(void **state)
{
	static const char text[] =
		"ICMP: 192.168.0.4 -> 192.168.0.5 ping request, seq: 677, id: 392";
	static const char *const tagged = ETHER "8100 0064 0800" IPV4 PING;

	(void)state;
	assert_text(make(NT_LINK_ETHER, 0x0800, 14, ETHER "0800" IPV4 PING), text);
	assert_text(make(NT_LINK_ETHER, 0, 14, ETHER "0800" IPV4 PING), text);
	/* received: the network header "is" the tag, which looks like an IPv4 header or not */
	assert_text(make(NT_LINK_ETHER, 0x8100, 14, tagged), text);
	assert_text(make(NT_LINK_ETHER, 0x8100, 14, ETHER "8100 4564 0800" IPV4 PING), text);
	assert_text(make(NT_LINK_ETHER, 0x88a8, 14, ETHER "88a8 0064 8100 0065 0800" IPV4 PING),
		    text);
	assert_text(make(NT_LINK_NONE, 0x8100, 0, "0064 0800" IPV4 PING), text);
	assert_text(make(NT_LINK_NONE, 0x8100, 0, "4564 0800" IPV4 PING), text);
	assert_text(make(NT_LINK_NONE, 0x88a8, 0, "0064 8100 0065 0800" IPV4 PING), text);
	/* the tag is in front of the network header */
	assert_text(make(NT_LINK_ETHER, 0x8100, 18, tagged), text);
	assert_text(make(NT_LINK_ETHER, 0x0800, 18, tagged), text);
	assert_text(make(NT_LINK_NONE, 0x8100, 0, IPV4 PING), text);
	/* three tags are one too many */
	assert_text(
		make(NT_LINK_ETHER, 0x8100, 14, ETHER "8100 0064 8100 0065 8100 0066 0800" IPV4),
		"ethertype 0x8100");
	/* a length follows the tag, whose first byte is an IPv4 header's */
	assert_text(make(NT_LINK_ETHER, 0x8100, 14, ETHER "8100 4564 0040" IPV4 PING),
		    "ethertype 0x8100");
	/* cut inside the tag */
	assert_text(make(NT_LINK_ETHER, 0x8100, 14, ETHER "8100 0064"), "ethertype 0x8100");
}

static void the_kernels_offset_wins(void **state)
{
	static const char text[] =
		"ICMP: 192.168.0.4 -> 192.168.0.5 ping request, seq: 677, id: 392";

	(void)state;
	/* PPPoE, MPLS */
	assert_text(make(NT_LINK_ETHER, 0x0800, 22, ETHER "8864 1100 0001 0054 0021" IPV4 PING),
		    text);
	assert_text(make(NT_LINK_ETHER, 0x8847, 18, ETHER "8847 000641ff" IPV4 PING), text);
	/* an Ethernet header left over from before decapsulation */
	assert_text(make(NT_LINK_ETHER, 0x0800, 14, ETHER "86dd" IPV4 PING), text);
	assert_text(make(NT_LINK_NONE, 0x0800, 4, "60000000" IPV4 PING), text);
	/* not set yet before __ip_local_out */
	assert_text(make(NT_LINK_NONE, 0, 0, IPV4 PING), text);
	/* nothing is there */
	assert_text(make(NT_LINK_NONE, 0x0800, 200, IPV4 PING), "no IP header");
	assert_text(make(NT_LINK_NONE, 0x0800, NT_NO_LAYER, IPV4 PING), "no IP header");
	assert_text(make(NT_LINK_ETHER, 0x0800, 60, ETHER "0800" IPV4 PING), "no IP header");
	/* the version contradicts the Ethertype */
	assert_text(make(NT_LINK_NONE, 0x86dd, 0, IPV4 PING), "no IP header");
}

static struct nt_snapshot ipv6(const char *rest)
{
	char hex[400] = "60000000 0040 ";

	strcat(hex, rest);
	return make(NT_LINK_NONE, 0x86dd, 0, hex);
}

static void ipv6_transport(void **state)
{
	struct nt_snapshot s = ipv6("3a" ADDRESSES6 PING6);
	struct nt_flow flow = parse(&s);

	(void)state;
	assert_int_equal(flow.l3_proto, 0x86dd);
	assert_int_equal(flow.l4_proto, 58);
	assert_int_equal(flow.ip_id, 0);
	assert_int_equal(flow.icmp_type, 0x8000);
	assert_int_equal(flow.saddr[0], htonl(0xfe800000));
	assert_int_equal(flow.daddr[3], htonl(2));
	assert_false(nt_flow_is_echo(&flow)); /* -p icmp is not ICMPv6 */
	assert_text(s, "ICMPv6: " ENDS6 "ping request, seq: 677, id: 392");
	assert_text(ipv6("3a" ADDRESSES6 "8100 0000 00010002"),
		    "ICMPv6: " ENDS6 "ping reply, seq: 2, id: 1");
	assert_text(ipv6("3a" ADDRESSES6 "8700 0000 00010002"),
		    "ICMPv6: " ENDS6 "neighbour solicitation");
	assert_text(ipv6("3a" ADDRESSES6 "0104 0000 00010002"),
		    "ICMPv6: " ENDS6 "destination unreachable (port unreachable)");
	assert_text(ipv6("3a" ADDRESSES6 "0800 0000 00010002"), "ICMPv6: " ENDS6 "type 8, code 0");
	assert_text(ipv6("06" ADDRESSES6 PORTS), "TCP: fe80::1:443 -> 2001:db8::2:55555");
	assert_text(ipv6("3b" ADDRESSES6), "IPv6: " ENDS6 "protocol 59");
	assert_text(ipv6("84" ADDRESSES6), "IPv6: " ENDS6 "protocol 132");
}

static void ipv6_extensions(void **state)
{
	static const char text[] = "ICMPv6: " ENDS6 "ping request, seq: 677, id: 392";

	(void)state;
	/* hop-by-hop of 8, routing of 16, destination options of 8, fragment at offset 0 */
	assert_text(ipv6("00" ADDRESSES6 "2b00000000000000 3c01000000000000 0000000000000000 "
			 "2c00000000000000 3a00000100000001" PING6),
		    text);
	/* authentication: its length counts words, less two */
	assert_text(
		ipv6("33" ADDRESSES6 "3a04000000000000 0000000000000000 0000000000000000" PING6),
		text);
	/* a later fragment */
	assert_text(ipv6("2c" ADDRESSES6 "3a00000900000001" PING6),
		    "IPv6: " ENDS6 "protocol 58, fragment");
	/* longer than captured */
	assert_text(ipv6("00" ADDRESSES6 "3aff000000000000" PING6),
		    "IPv6: " ENDS6 "protocol 58, header cut off");
	assert_text(ipv6("00" ADDRESSES6 "3a0000"), "IPv6: " ENDS6 "protocol 0, header cut off");
}

static void ipv6_extensions_are_bounded(void **state)
{
	struct nt_snapshot s = ipv6("00" ADDRESSES6);

	(void)state;
	/* eight headers of eight bytes, the next being ping: accepted */
	for (size_t i = 0; i < 8; i++)
		s.bytes[40 + 8 * i] = i < 7 ? 0 : 58;
	memcpy(s.bytes + 104, "\x80\0\0\0\0\1\0\2", 8);
	s.captured_bytes = 112;
	assert_text(s, "ICMPv6: " ENDS6 "ping request, seq: 2, id: 1");
	s.bytes[40 + 8 * 7] = 0;
	s.bytes[40 + 8 * 8] = 58;
	s.captured_bytes = 128;
	assert_text(s, "IPv6: " ENDS6 "protocol 0, header cut off");
}

/* Every field before the cut is read, none after it, and no byte past it is touched. */
static void cut_at_every_length(void **state)
{
	struct nt_snapshot whole = ipv4(1, REPLY);

	(void)state;
	for (u16 size = 0; size <= whole.captured_bytes; size++) {
		/* the record ends with the captured bytes, so that ASan sees a read past them */
		size_t record_size = offsetof(struct nt_snapshot, bytes) + size;
		struct nt_snapshot *s = malloc(record_size);
		struct nt_flow flow;

		memcpy(s, &whole, record_size);
		s->captured_bytes = size;
		flow = parse(s);
		free(s);
		assert_int_equal(flow.l3_proto, size >= 20 ? 0x0800 : 0);
		assert_int_equal(flow.l4_proto, size >= 20 ? 1 : 0);
		assert_int_equal(flow.ip_id, size >= 20 ? 0x1234 : 0);
		assert_int_equal(flow.icmp_seq, size >= 28 ? 677 : 0);
		/* zeros would be a ping reply with seq 0 */
		assert_int_equal(!!nt_flow_is_echo(&flow), size >= 28);
	}
}

static void ethernet_cut_at_every_length(void **state)
{
	struct nt_snapshot whole = make(NT_LINK_ETHER, 0x88a8, 14,
					ETHER "88a8 0064 8100 0065 86dd 60000000 0040 00" ADDRESSES6
					      "2c00000000000000 3a00000100000001" PING6);

	(void)state;
	for (u16 size = 0; size <= whole.captured_bytes; size++) {
		size_t record_size = offsetof(struct nt_snapshot, bytes) + size;
		struct nt_snapshot *s = malloc(record_size);
		struct nt_flow flow;

		memcpy(s, &whole, record_size);
		s->captured_bytes = size;
		flow = parse(s);
		free(s);
		assert_int_equal(flow.icmp_seq, size >= 86 ? 677 : 0);
		if (size >= 62)
			assert_int_equal(flow.l3_proto, 0x86dd);
	}
}

/* Random bytes, offsets and lengths, also lengths that lie: ASan and UBSan watch. */
static void hostile(void **state)
{
	static const u16 protocols[] = {0, 0x0800, 0x86dd, 0x8100, 0x88a8, 0x0806, 0xffff};
	static const u8 first[] = {0x45, 0x46, 0x4f, 0x60, 0x00, 0xff};
	u64 seed = 1;

	(void)state;
	for (unsigned int i = 0; i < 300000; i++) {
		struct nt_snapshot s;
		struct nt_flow flow;
		char buf[256];

		for (size_t b = 0; b < sizeof(s); b++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			/* many small values, which are the interesting ones in headers */
			((u8 *)&s)[b] = (u8)(seed >> (seed >> 61 & 1 ? 56 : 62));
		}
		s.protocol = htons(protocols[i % 7]);
		s.network = i % 11 ? s.network % 64 : s.network;
		s.captured_bytes = i % 13 ? s.captured_bytes % 129 : s.captured_bytes;
		if (s.network < NT_SNAPSHOT_BYTES)
			s.bytes[s.network] = first[i % 6];
		flow = parse(&s);
		assert_in_range(packet_text(&flow, buf, sizeof(buf)), 1, 160);
	}
}

static void text_is_cut_to_the_buffer(void **state)
{
	static const char text[] =
		"ICMP: 192.168.0.4 -> 192.168.0.5 ping request, seq: 677, id: 392";
	struct nt_snapshot s = ipv4(1, PING);
	struct nt_flow flow = parse(&s);

	(void)state;
	for (size_t size = 0; size < sizeof(text) + 4; size++) {
		size_t expected = size < sizeof(text) ? (size ? size - 1 : 0) : sizeof(text) - 1;
		char *buf = malloc(size);

		assert_int_equal(packet_text(&flow, buf, size), expected);
		if (size) {
			assert_int_equal(buf[expected], '\0');
			assert_memory_equal(buf, text, expected);
		}
		free(buf);
	}
}

static void any_flow_has_text(void **state)
{
	struct nt_flow flow;
	char buf[256];

	(void)state;
	memset(&flow, 0xff, sizeof(flow));
	assert_string_equal((packet_text(&flow, buf, sizeof(buf)), buf), "ethertype 0xffff");
	flow.l3_proto = 0x86dd;
	flow.no_transport = 0;
	flow.l4_proto = 6;
	packet_text(&flow, buf, sizeof(buf));
	assert_string_equal(buf, "TCP: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:65535 -> "
				 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:65535");
	flow.l3_proto = 0x0800;
	packet_text(&flow, buf, sizeof(buf));
	assert_string_equal(buf, "TCP: 255.255.255.255:65535 -> 255.255.255.255:65535");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ping),
		cmocka_unit_test(other_icmp),
		cmocka_unit_test(ports),
		cmocka_unit_test(other_protocols),
		cmocka_unit_test(fragments),
		cmocka_unit_test(ipv4_options),
		cmocka_unit_test(ethernet),
		cmocka_unit_test(the_kernels_offset_wins),
		cmocka_unit_test(ipv6_transport),
		cmocka_unit_test(ipv6_extensions),
		cmocka_unit_test(ipv6_extensions_are_bounded),
		cmocka_unit_test(cut_at_every_length),
		cmocka_unit_test(ethernet_cut_at_every_length),
		cmocka_unit_test(hostile),
		cmocka_unit_test(text_is_cut_to_the_buffer),
		cmocka_unit_test(any_flow_has_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
