/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets for Wireshark. With an argument nothing is tested: a sample is written to the
 * file of that name, for tests/native/pcapng.test.sh to open.
 */
#include "pcapng_kit.h"

static void section(void **state)
{
	(void)state;
	start(NT_STAGE_UNKNOWN);
	assert_int_equal(parse(NULL), 1);
	assert_int_equal(blocks[0].type, SHB);
	assert_int_equal(le32(blocks[0].body), 0x1a2b3c4d);
	assert_int_equal(le32(blocks[0].body + 4), 1); /* version 1.0 */
	assert_int_equal(le32(blocks[0].body + 8), 0xffffffff);
	assert_int_equal(le32(blocks[0].body + 12), 0xffffffff);
	assert_comment(&blocks[0], "filter: icmp");
	assert_comment(&blocks[0], "backend: kprobe-multi, 61 probes, 3 skipped");
	assert_comment(&blocks[0], "host: lab");
	assert_true(begins(&blocks[0], "order: "));
	assert_true(has(&blocks[0], 2, "x86_64"));
	assert_true(has(&blocks[0], 3, "Linux 6.12.1"));
	assert_true(has(&blocks[0], 4, "nettrace 0.1.0"));
}

static void format(void **state)
{
	(void)state;
	assert_ptr_equal(render_format_named("pcapng"), &render_pcapng);
	assert_ptr_equal(render_format_of_file("a/b.pcapng"), &render_pcapng);
	assert_true(render_pcapng.binary && render_pcapng.wants_snapshots);
	start(NT_STAGE_UNKNOWN);
	parse(NULL);
}

static void check_without_device(void)
{
	assert_int_equal(blocks[1].type, IDB);
	assert_int_equal(le32(blocks[1].body), 101);
	assert_int_equal(le32(blocks[1].body + 4), 128);
	assert_true(has(&blocks[1], 2, "none"));
	assert_true(has(&blocks[1], 9, "\x09"));
	assert_int_equal(blocks[2].type, EPB);
	assert_int_equal(le32(blocks[2].body), 0);
	assert_int_equal(captured_of(&blocks[2]), sizeof(echo_request));
	assert_int_equal(original_of(&blocks[2]), 84);
	assert_memory_equal(packet_of(&blocks[2]), echo_request, sizeof(echo_request));
	assert_true(has_number(&blocks[2], 2, 2));
	assert_true(has_number(&blocks[2], 5, 7));
	assert_comment(&blocks[2], "probe: __ip_local_out");
	assert_comment(&blocks[2], "stage: ip-out");
	assert_comment(&blocks[2], "journey: 7");
	assert_comment(&blocks[2], "cpu: 0 task");
	assert_comment(&blocks[2], "then: net_dev_start_xmit +1.2 us");
	assert_comment(&blocks[2], "note: by ping[230]");
	assert_false(begins(&blocks[2], "span: "));
}

static void check_on_device(void)
{
	assert_int_equal(le32(blocks[3].body), 1);
	assert_int_equal(le32(blocks[3].body + 4), 132);
	assert_true(has(&blocks[3], 2, "eth0"));
	assert_true(has(&blocks[3], 3, "interface 3 of network namespace 4026531849 (we\\x0ab): Ethernet frames"));
	assert_int_equal(le32(blocks[4].body), 1);
	assert_int_equal(original_of(&blocks[4]), 98);
	assert_true(has_number(&blocks[4], 2, 1));
	assert_comment(&blocks[4], "span: 11.1 us since net_dev_start_xmit");
	assert_comment(&blocks[4], "cpu: 1 softirq");
	assert_comment(&blocks[4], "then: ip_rcv +2.000 ms, icmp_rcv +3.010 s");
	assert_comment(&blocks[4], "total: 3.012 s");
	assert_comment(&blocks[4], "outcome: delivered");
	assert_false(begins(&blocks[4], "note: "));
	assert_false(begins(&blocks[4], "drop: "));
	assert_false(begins(&blocks[4], "incomplete: "));
}

/* One journey on two interfaces of the same name, and what is told of it. */
static void blocks_of_a_journey(void **state)
{
	struct nt_snapshot raw = packet(NT_ETH_IPV4, NT_LINK_NONE, echo_request, sizeof(echo_request), 84);
	struct nt_snapshot frame = packet(NT_ETH_IPV4, NT_LINK_ETHER, echo_request, sizeof(echo_request), 84);
	struct nt_anno_TASK ping = {.pid = 230, .tid = 230, .comm = "ping"};
	struct journey_note by_ping = {.type = NT_ANNO_TASK, .payload = &ping};
	struct journey_event events[] = {
		{.ts_ns = START_NS, .probe = P(__ip_local_out), .snapshot = &raw, .flags = NT_F_START,
		 .context = NT_CTX_TASK, .notes = &by_ping},
		{.ts_ns = START_NS + 1200, .probe = P(net_dev_start_xmit), .ifindex = 3, .netns = NETNS},
		{.ts_ns = START_NS + 12345, .probe = P(netif_rx), .ifindex = 3, .netns = NETNS + 9, .cpu = 1,
		 .context = NT_CTX_SOFTIRQ, .snapshot = &frame, .notes = &by_ping},
		{.ts_ns = START_NS + 2012345, .probe = P(ip_rcv)},
		{.ts_ns = START_NS + 3012345678, .probe = P(icmp_rcv)},
	};
	struct journey journey = make(7, events, 5);

	(void)state;
	dict_set(dict, DICT_IFNAME, dict_ifname_key(NETNS + 9, 3), "eth0");
	dict_set(dict, DICT_NETNS, NETNS + 9, "we\nb");
	start(NT_STAGE_UNKNOWN);
	render_pcapng.journey(render, &journey);
	assert_int_equal(parse(NULL), 5);
	check_without_device();
	check_on_device();
}

static void outcome(void **state)
{
	struct nt_snapshot raw = packet(NT_ETH_IPV4, NT_LINK_NONE, echo_request, sizeof(echo_request), 84);
	struct nt_anno_HOOK hook = {.family = 2, .hook = 1};
	struct nt_anno_DROP drop = {.location = 0xff, .reason = 8};
	struct journey_note hook_note = {.type = NT_ANNO_HOOK, .payload = &hook};
	struct journey_note note = {.type = NT_ANNO_DROP, .payload = &drop, .next = &hook_note};
	struct journey_event event = {.ts_ns = START_NS, .probe = P(kfree_skb), .snapshot = &raw, .notes = &note};
	struct nt_blocked blocked = {.cause = NT_CAUSE_LONG_SOFTIRQ, .number = 1};
	struct journey_delay delay = {.delay_ns = 20000000, .cause = NT_CAUSE_UNKNOWN, .cpu = 2, .blocked = &blocked};
	struct journey journey = make(1, &event, 1);

	(void)state;
	dict_set(dict, DICT_DROP_REASON, 8, "NETFILTER_DROP");
	dict_set(dict, DICT_SYMBOL, 0xff, "nf_hook_slow+0x96");
	raw.gso_segments = 3;
	raw.vlan_tci = 0x2000 | 42;
	start(NT_STAGE_UNKNOWN);
	render_pcapng.journey(render, &journey); /* this clone's drop is not what became of the packet */
	journey.outcome = OUTCOME_DROPPED;
	journey.drop = &drop;
	journey.incomplete = true;
	journey.merged_into.id = 4;
	journey.part_of.id = 5;
	journey.retransmit_of.id = 6;
	journey.before = delay;
	journey.before.upper = true;
	journey.delays = &delay;
	journey.n_delays = 1;
	render_pcapng.journey(render, &journey);
	assert_int_equal(parse(NULL), 4);
	assert_comment(&blocks[2], "note: reason: NETFILTER_DROP, at: nf_hook_slow+0x96");
	assert_false(begins(&blocks[2], "drop: "));
	assert_comment(&blocks[3], "outcome: dropped");
	assert_comment(&blocks[3], "drop: NETFILTER_DROP at nf_hook_slow+0x96");
	assert_false(begins(&blocks[3], "note: reason"));
	assert_comment(&blocks[3], "note: ipv4 in chain: INPUT");
	assert_comment(&blocks[3], "incomplete: yes");
	assert_comment(&blocks[3], "merged into: journey 4");
	assert_comment(&blocks[3], "part of: journey 5");
	assert_comment(&blocks[3], "retransmission of: journey 6");
	assert_comment(&blocks[3], "before the stack: ≤ 20.000 ms on cpu 2: softirq TIMER");
	assert_true(begins(&blocks[3], "waited in "));
	assert_comment(&blocks[3], "segments: 3");
	assert_comment(&blocks[3], "vlan: 42");
}

/* The tag that a NIC took out stands behind the addresses again. */
static void vlan(void **state)
{
	static const u8 tag[] = {0x81, 0, 0x20, 42, 8, 0, 0x45};
	struct nt_snapshot frame = packet(NT_ETH_IPV4, NT_LINK_ETHER, syn_ack, sizeof(syn_ack), 40);
	struct nt_snapshot tiny = frame;
	struct journey_event events[] = {{.probe = P(netif_rx), .snapshot = &frame},
					 {.probe = P(netif_rx), .snapshot = &tiny}};
	struct journey journey = make(1, events, 2);

	(void)state;
	frame.vlan_tci = tiny.vlan_tci = 0x2000 | 42;
	tiny.captured_bytes = 11;
	start(NT_STAGE_UNKNOWN);
	render_pcapng.journey(render, &journey);
	assert_int_equal(parse(NULL), 4);
	assert_int_equal(captured_of(&blocks[2]), 58);
	assert_int_equal(original_of(&blocks[2]), 58);
	assert_memory_equal(packet_of(&blocks[2]), frame.bytes, 12);
	assert_memory_equal(packet_of(&blocks[2]) + 12, tag, sizeof(tag));
	assert_memory_equal(packet_of(&blocks[2]) + 18, syn_ack, sizeof(syn_ack));
	assert_int_equal(captured_of(&blocks[3]), 11);
	assert_int_equal(original_of(&blocks[3]), 54);
}

/* What is no IP gets a header that tells what it is; a header that is not written yet is none. */
static void links(void **state)
{
	static const u8 sll[] = {0, 4, 0xff, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 6};
	static const u8 tagged_bytes[] = {0x40, 42, 8, 0, 0x45};
	struct nt_snapshot arp = packet(NT_ETH_ARP, NT_LINK_NONE, who_has, sizeof(who_has), 28);
	struct nt_snapshot unwritten = packet(NT_ETH_IPV6, NT_LINK_ETHER, udp6, sizeof(udp6), 48);
	struct nt_snapshot tagged = packet(0x8100, NT_LINK_NONE, tagged_bytes, sizeof(tagged_bytes), 88);
	struct journey_event events[] = {{.probe = P(__dev_queue_xmit), .snapshot = &arp},
					 {.probe = P(__dev_queue_xmit), .snapshot = &unwritten},
					 {.probe = P(netif_rx), .snapshot = &tagged}};
	struct journey journey = make(1, events, 3);

	(void)state;
	memset(unwritten.bytes, 0, 14);
	start(NT_STAGE_UNKNOWN);
	render_pcapng.journey(render, &journey);
	assert_int_equal(parse(NULL), 6);
	assert_int_equal(le32(blocks[1].body), 113);
	assert_int_equal(le32(blocks[1].body + 4), 144);
	assert_int_equal(captured_of(&blocks[2]), 16 + sizeof(who_has));
	assert_int_equal(original_of(&blocks[2]), 16 + sizeof(who_has));
	assert_memory_equal(packet_of(&blocks[2]), sll, sizeof(sll));
	assert_memory_equal(packet_of(&blocks[2]) + sizeof(sll), who_has, sizeof(who_has));
	assert_int_equal(le32(blocks[3].body), 101);
	assert_int_equal(captured_of(&blocks[4]), sizeof(udp6));
	assert_memory_equal(packet_of(&blocks[4]), udp6, sizeof(udp6));
	assert_int_equal(le32(blocks[5].body), 0);
	assert_memory_equal(packet_of(&blocks[5]) + 14, "\x81\x00\x40", 3);
	assert_int_equal(packet_of(&blocks[5])[1], 0);
}

/* --pcap-at: there, once, with the bytes last seen; not at all if it never was there. */
static void one_per_packet(void **state)
{
	struct nt_snapshot first = packet(NT_ETH_IPV4, NT_LINK_NONE, echo_request, sizeof(echo_request), 84);
	struct nt_snapshot later = packet(NT_ETH_IPV4, NT_LINK_NONE, syn_ack, sizeof(syn_ack), 40);
	struct journey_event events[] = {
		{.ts_ns = START_NS, .probe = P(ip_rcv), .skb = 1},
		{.ts_ns = START_NS + 10, .probe = P(netif_rx), .skb = 1, .snapshot = &first},
		{.ts_ns = START_NS + 20, .probe = P(skb_clone), .skb = 2, .snapshot = &later},
		{.ts_ns = START_NS + 30, .probe = P(ip_rcv), .skb = 1, .ifindex = 5, .netns = NETNS},
		{.ts_ns = START_NS + 40, .probe = P(ip_rcv), .skb = 1, .snapshot = &later},
		{.ts_ns = START_NS + 50, .probe = P(icmp_rcv), .skb = 3},
	};
	struct journey journey = make(1, events, 6), without = make(2, events, 1);

	(void)state;
	start(NT_STAGE_IP_IN);
	render_pcapng.journey(render, &journey);
	render_pcapng.journey(render, &without);
	for (size_t i = 0; i < 6; i++) {
		journey.n_events = i + 1;
		render_pcapng.event(render, &journey, &events[i]);
	}
	assert_int_equal(parse(NULL), 4);
	for (size_t i = 2; i < 4; i++) {
		assert_int_equal(captured_of(&blocks[i]), sizeof(echo_request));
		assert_comment(&blocks[i], "bytes: as they were at netif_rx");
		assert_comment(&blocks[i], "span: 10 ns since skb_clone");
	}
	assert_true(has(&blocks[1], 2, "if 5"));
	assert_comment(&blocks[2], "then: ip_rcv +10 ns, icmp_rcv +10 ns");
	assert_comment(&blocks[2], "outcome: delivered");
	assert_false(begins(&blocks[3], "then: "));
	assert_false(begins(&blocks[3], "outcome: "));
	assert_false(begins(&blocks[3], "total: "));
}

static void one_of_another_clone(void **state)
{
	struct nt_snapshot first = packet(NT_ETH_IPV4, NT_LINK_NONE, echo_request, sizeof(echo_request), 84);
	struct nt_snapshot later = packet(NT_ETH_IPV4, NT_LINK_NONE, syn_ack, sizeof(syn_ack), 40);
	struct journey_event events[] = {
		{.probe = P(netif_rx), .skb = 1, .snapshot = &first},
		{.probe = P(netif_rx), .skb = 2, .snapshot = &later},
		{.probe = P(icmp_rcv), .skb = 3},
	};
	struct journey journey = make(1, events, 3);

	(void)state;
	start(NT_STAGE_TRANSPORT_IN);
	render_pcapng.journey(render, &journey);
	assert_int_equal(parse(NULL), 3);
	assert_int_equal(captured_of(&blocks[2]), sizeof(syn_ack));
}

static void events_one_by_one(void **state)
{
	struct nt_snapshot raw = packet(NT_ETH_IPV4, NT_LINK_NONE, echo_request, sizeof(echo_request), 84);
	struct journey_event events[] = {{.probe = P(nf_hook_slow), .snapshot = &raw}, {.probe = P(ip_rcv)}};
	struct journey journey = make(1, events, 2);

	(void)state;
	start(NT_STAGE_UNKNOWN);
	render_pcapng.event(render, &journey, &events[0]);
	render_pcapng.event(render, &journey, &events[1]);
	assert_int_equal(parse(NULL), 3);
	assert_comment(&blocks[2], "probe: nf_hook_slow");
	assert_true(has_number(&blocks[2], 2, 0));
	assert_false(begins(&blocks[2], "outcome: "));
}

static void totals(void **state)
{
	struct trace_totals sums = {.journeys = 12, .incomplete = 1, .events = 300, .lost_ring = 1, .lost_map = 2,
				    .lost_id = 3, .malformed = 4};

	(void)state;
	start(NT_STAGE_UNKNOWN);
	assert_int_equal(parse(&sums), 3);
	assert_int_equal(blocks[2].type, ISB);
	assert_true(has(&blocks[1], 2, "none"));
	assert_comment(&blocks[2], "12 journeys, 1 incomplete, 300 events");
	assert_comment(&blocks[2], "lost: ring 1, map 2, id 3, recursion unknown, malformed 4");
	assert_true(has_number(&blocks[2], 7, 5));
}

static void known_recursion(void **state)
{
	struct trace_totals sums = {.recursion_known = true, .recursion = UINT64_MAX};

	(void)state;
	start(NT_STAGE_UNKNOWN);
	assert_int_equal(parse(&sums), 3);
	assert_comment(&blocks[2], "lost: ring 0, map 0, id 0, recursion 18446744073709551615, malformed 0");
}

/* The whole of a small file. */
static void exact(void **state)
{
	static const char want[] =
		"\x0a\x0d\x0d\x0a\xdc\x00\x00\x00" /* section header */
		"\x4d\x3c\x2b\x1a" /* byte order */
		"\x01\x00\x00\x00" /* version 1.0 */
		"\xff\xff\xff\xff\xff\xff\xff\xff" /* length unknown */
		"\x01\x00\x0c\x00" "filter: icmp"
		"\x01\x00\x2b\x00" "backend: kprobe-multi, 61 probes, 3 skipped" "\x00"
		"\x01\x00\x09\x00" "host: lab" "\x00\x00\x00"
		"\x01\x00\x37\x00" "order: by the end of each packet's journey, not by time" "\x00"
		"\x02\x00\x06\x00" "x86_64" "\x00\x00"
		"\x03\x00\x0c\x00" "Linux 6.12.1"
		"\x04\x00\x0e\x00" "nettrace 0.1.0" "\x00\x00"
		"\x00\x00\x00\x00\xdc\x00\x00\x00"
		"\x01\x00\x00\x00\x6c\x00\x00\x00" /* interface description */
		"\x71\x00\x00\x00" /* link type 113 */
		"\x90\x00\x00\x00" /* snaplen */
		"\x02\x00\x04\x00" "none"
		"\x03\x00\x3d\x00" "no device, or none known: other packets without a link header" "\x00\x00\x00"
		"\x09\x00\x01\x00" "\x09" "\x00\x00\x00"
		"\x00\x00\x00\x00\x6c\x00\x00\x00"
		"\x06\x00\x00\x00\x90\x00\x00\x00" /* enhanced packet */
		"\x00\x00\x00\x00" /* interface 0 */
		"\x5f\x84\xea\x18\x01\xd2\x62\xed" /* time, the high half first */
		"\x11\x00\x00\x00\x3a\x00\x00\x00" /* captured, original */
		"\x00\x04\xff\xfe\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x12\x34" /* cooked header */
		"\xee\x00\x00\x00" /* its byte, padded */
		"\x02\x00\x04\x00" "\x02\x00\x00\x00"
		"\x05\x00\x08\x00" "\x09\x00\x00\x00\x00\x00\x00\x00"
		"\x01\x00\x10\x00" "probe: ip_output"
		"\x01\x00\x0d\x00" "stage: ip-out" "\x00\x00\x00"
		"\x01\x00\x0a\x00" "journey: 9" "\x00\x00"
		"\x01\x00\x06\x00" "cpu: 0" "\x00\x00"
		"\x00\x00\x00\x00\x90\x00\x00\x00";
	u8 byte = 0xee;
	struct nt_snapshot snapshot = packet(0x1234, NT_LINK_NONE, &byte, 1, 42);
	struct journey_event event = {.ts_ns = START_NS + 1, .probe = P(ip_output), .snapshot = &snapshot};
	struct journey journey = make(9, &event, 1);

	(void)state;
	start(NT_STAGE_UNKNOWN);
	render_pcapng.event(render, &journey, &event);
	parse(NULL);
	assert_int_equal(file_bytes, sizeof(want) - 1);
	assert_memory_equal(file, want, file_bytes);
}

/* --- the sample */

static void sample_ping(u32 id, u64 at_ns, u8 seq)
{
	struct nt_snapshot raw = packet(NT_ETH_IPV4, NT_LINK_NONE, echo_request, sizeof(echo_request), 84);
	struct nt_snapshot frame = packet(NT_ETH_IPV4, NT_LINK_ETHER, echo_request, sizeof(echo_request), 84);
	struct journey_event events[] = {
		{.ts_ns = at_ns, .probe = P(__ip_local_out), .snapshot = &raw, .context = NT_CTX_TASK},
		{.ts_ns = at_ns + 1000, .probe = P(net_dev_start_xmit), .ifindex = 2, .netns = NETNS,
		 .snapshot = &frame},
		{.ts_ns = at_ns + 13300, .probe = P(netif_rx), .ifindex = 2, .netns = NETNS + 9,
		 .snapshot = &frame},
		{.ts_ns = at_ns + 15300, .probe = P(icmp_rcv), .ifindex = 2, .netns = NETNS + 9},
	};
	struct journey journey = make(id, events, 4);

	raw.bytes[27] = frame.bytes[14 + 27] = seq;
	render_pcapng.journey(render, &journey);
}

static void sample_drop(u32 id, u64 at_ns)
{
	struct nt_snapshot frame = packet(NT_ETH_IPV4, NT_LINK_ETHER, syn_ack, sizeof(syn_ack), 40);
	struct nt_anno_DROP drop = {.location = 0xff, .reason = 8};
	struct journey_event events[] = {
		{.ts_ns = at_ns, .probe = P(netif_rx), .ifindex = 3, .netns = NETNS, .snapshot = &frame},
		{.ts_ns = at_ns + 5000, .probe = P(kfree_skb), .ifindex = 3, .netns = NETNS},
	};
	struct journey journey = make(id, events, 2);

	frame.vlan_tci = 42;
	journey.outcome = OUTCOME_DROPPED;
	journey.drop = &drop;
	render_pcapng.journey(render, &journey);
}

static void sample_other(u32 id, u64 at_ns, u16 protocol, const u8 *bytes, size_t size)
{
	struct nt_snapshot raw = packet(protocol, NT_LINK_NONE, bytes, size, (u32)size);
	struct journey_event event = {.ts_ns = at_ns, .probe = P(__dev_queue_xmit), .ifindex = 4, .netns = NETNS,
				      .snapshot = &raw};
	struct journey journey = make(id, &event, 1);

	render_pcapng.journey(render, &journey);
}

/* Two pings, the later one first, a segment that is dropped, a datagram and an ARP request. */
static int write_sample(const char *to)
{
	struct trace_totals sums = {.journeys = 5, .events = 12, .recursion_known = true};

	dict = dict_new();
	if (!dict || out_open(to, &out))
		return 1;
	dict_set(dict, DICT_IFNAME, dict_ifname_key(NETNS, 2), "va");
	dict_set(dict, DICT_IFNAME, dict_ifname_key(NETNS + 9, 2), "vb");
	dict_set(dict, DICT_IFNAME, dict_ifname_key(NETNS, 3), "eth0");
	dict_set(dict, DICT_IFNAME, dict_ifname_key(NETNS, 4), "tun\xff");
	dict_set(dict, DICT_DROP_REASON, 8, "NETFILTER_DROP");
	dict_set(dict, DICT_SYMBOL, 0xff, "nf_hook_slow+0x96");
	start(NT_STAGE_UNKNOWN);
	sample_ping(7, START_NS + 1000000, 2);
	sample_ping(6, START_NS, 1);
	sample_drop(8, START_NS + 2000000);
	sample_other(9, START_NS + 3000000, NT_ETH_IPV6, udp6, sizeof(udp6));
	sample_other(10, START_NS + 4000000, NT_ETH_ARP, who_has, sizeof(who_has));
	render_free(render, &sums);
	dict_free(dict);
	return out_close(out) ? 1 : 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		test(section), test(format), test(exact), test(blocks_of_a_journey), test(outcome), test(vlan),
		test(links), test(one_per_packet), test(one_of_another_clone), test(events_one_by_one),
		test(totals), test(known_recursion),
	};

	if (argc > 1)
		return write_sample(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
