/* SPDX-License-Identifier: GPL-2.0 */
/* Packets that are cut anywhere, or made to harm. */
#include "packet_kit.h"

/* Every field before the cut is read, none after it, and no byte past it is touched. */
static void cut_at_every_length(void **state)
{
	struct nt_snapshot whole = ipv4(1, REPLY), tcp = ipv4(6, TCP);

	(void)state;
	for (u16 size = 0; size <= tcp.captured_bytes; size++) {
		tcp.captured_bytes = size;
		assert_int_equal(parse(&tcp).no_transport,
				 size >= 20 && size < 34 ? NT_TRANSPORT_CUT : 0);
		assert_int_equal(parse(&tcp).sport, size >= 34 ? 443 : 0);
		assert_int_equal(parse(&tcp).payload_bytes, 0);
		tcp.captured_bytes = 40;
	}
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
		assert_int_equal(flow.echo_seq, size >= 28 ? 677 : 0);
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
		assert_int_equal(flow.echo_seq, size >= 86 ? 677 : 0);
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
		assert_in_range(packet_text(&flow, buf, sizeof(buf)), 1, 180);
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
	assert_string_equal((packet_text(&flow, buf, sizeof(buf)), buf),
			    "ethertype 0xffff vlan:65535");
	flow.l3_proto = 0x0806;
	assert_string_equal((packet_text(&flow, buf, sizeof(buf)), buf),
			    "ARP: header cut off vlan:65535");
	flow.l3_proto = 0x86dd;
	flow.no_transport = 0;
	flow.l4_proto = 6;
	packet_text(&flow, buf, sizeof(buf));
	assert_string_equal(buf, "TCP: [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 -> "
				 "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 "
				 "seq:4294967295, ack:4294967295, flags:FSRPAUEC, len:4294967295 vlan:65535");
	flow.l3_proto = 0x0800;
	flow.l4_proto = 17;
	flow.vlan_id = 0;
	packet_text(&flow, buf, sizeof(buf));
	assert_string_equal(buf, "UDP: 255.255.255.255:65535 -> 255.255.255.255:65535");
	memset(&flow, 0, sizeof(flow));
	assert_string_equal((packet_text(&flow, buf, sizeof(buf)), buf), "no IP header");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_at_every_length),
		cmocka_unit_test(ethernet_cut_at_every_length),
		cmocka_unit_test(hostile),
		cmocka_unit_test(text_is_cut_to_the_buffer),
		cmocka_unit_test(any_flow_has_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
