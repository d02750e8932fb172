/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The exact lines of JSON. With a path as its argument it writes lines of all kinds to
 * that file instead, for tests/native/jsonl_schema.test.sh.
 */
#include "render_kit.h"

#include "annotation.h"

#define SKB 0xffff888000001000
#define NETNS 4026531840u
#define ETH0 3
/* A constant, as htonl is none. */
#define BE32(n) (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap32(n) : (n))
#define IP(last) {0, 0, BE32(0xffff), BE32(0xc0a80000 | (last))}
#define IP6(last) {BE32(0x20010db8), 0, 0, BE32(last)}
#define HEADERS(number) .l3_proto = NT_ETH_IPV4, .l4_proto = (number), .saddr = IP(4), .daddr = IP(5), .ip_id = 9, .len_bytes = 84
#define HEADERS6(number) .l3_proto = NT_ETH_IPV6, .l4_proto = (number), .saddr = IP6(1), .daddr = IP6(2), .len_bytes = 104

#define V4 "\"src\":\"192.168.0.4\",\"dst\":\"192.168.0.5\","
#define V6 "\"src\":\"2001:db8::1\",\"dst\":\"2001:db8::2\","
#define PORTS "\"sport\":443,\"dport\":65535,"
#define NO_ENDS "\"src\":null,\"dst\":null," NO_PORTS
#define NO_PORTS "\"sport\":null,\"dport\":null,"
#define IPV4(number) "\"ethertype\":2048,\"ip_proto\":" number ",\"ip_id\":9,"
#define IPV6(number, id) "\"ethertype\":34525,\"ip_proto\":" number ",\"ip_id\":" id ","
#define REST(len) "\"fragment\":false,\"vlan\":null,\"len_bytes\":" len ",\"mark\":0"

static const struct {
	struct nt_flow flow;
	const char *members;
} packets[] = {
	{{HEADERS(NT_IP_ICMP), .icmp_type = 0x0800, .echo_id = 392, .echo_seq = 677},
	 "\"proto\":\"icmp\"," V4 NO_PORTS "\"icmp\":{\"type\":8,\"code\":0,\"id\":392,\"seq\":677}," IPV4("1") REST("84")},
	{{HEADERS(NT_IP_ICMP), .icmp_type = 0x0303, .mark = UINT32_MAX, .vlan_id = 4095},
	 "\"proto\":\"icmp\"," V4 NO_PORTS "\"icmp\":{\"type\":3,\"code\":3,\"id\":null,\"seq\":null}," IPV4("1")
	 "\"fragment\":false,\"vlan\":4095,\"len_bytes\":84,\"mark\":4294967295"},
	{{HEADERS6(NT_IP_ICMPV6), .icmp_type = 0x8100, .echo_id = 1, .echo_seq = 2},
	 "\"proto\":\"icmp6\"," V6 NO_PORTS "\"icmp\":{\"type\":129,\"code\":0,\"id\":1,\"seq\":2}," IPV6("58", "null") REST("104")},
	{{HEADERS(NT_IP_TCP), .sport = 443, .dport = 65535, .tcp_seq = UINT32_MAX, .tcp_ack = 1, .tcp_flags = 0x12},
	 "\"proto\":\"tcp\"," V4 PORTS "\"tcp\":{\"seq\":4294967295,\"ack\":1,\"flags\":\"SA\",\"payload_bytes\":0}," IPV4("6") REST("84")},
	{{HEADERS6(NT_IP_TCP), .sport = 443, .dport = 65535, .payload_bytes = 44, .tcp_flags = 0xff},
	 "\"proto\":\"tcp\"," V6 PORTS "\"tcp\":{\"seq\":0,\"ack\":0,\"flags\":\"FSRPAUEC\",\"payload_bytes\":44}," IPV6("6", "null") REST("104")},
	{{HEADERS(NT_IP_TCP), .no_transport = NT_TRANSPORT_CUT},
	 "\"proto\":\"tcp\"," V4 NO_PORTS "\"tcp\":null," IPV4("6") REST("84")},
	{{HEADERS(NT_IP_TCP)},
	 "\"proto\":\"tcp\"," V4 "\"sport\":0,\"dport\":0,\"tcp\":{\"seq\":0,\"ack\":0,\"flags\":\"\",\"payload_bytes\":0}," IPV4("6") REST("84")},
	{{HEADERS(NT_IP_UDP), .sport = 443, .dport = 65535, .payload_bytes = 56},
	 "\"proto\":\"udp\"," V4 PORTS "\"udp\":{\"payload_bytes\":56}," IPV4("17") REST("84")},
	{{HEADERS6(NT_IP_UDP), .no_transport = NT_TRANSPORT_LATER_FRAGMENT, .fragment = 1, .ip_id = 9},
	 "\"proto\":\"udp\"," V6 NO_PORTS "\"udp\":null," IPV6("17", "9")
	 "\"fragment\":true,\"vlan\":null,\"len_bytes\":104,\"mark\":0"},
	{{HEADERS(132)}, "\"proto\":\"sctp\"," V4 NO_PORTS IPV4("132") REST("84")},
	{{HEADERS(NT_IP_ICMPV6)}, "\"proto\":\"ip\"," V4 NO_PORTS IPV4("58") REST("84")},
	{{HEADERS6(2)}, "\"proto\":\"ip6\"," V6 NO_PORTS IPV6("2", "null") REST("104")},
	{{.l3_proto = NT_ETH_ARP, .icmp_type = 1, .saddr = IP(4), .daddr = IP(5), .sender_mac = {2, 0, 0, 0, 0xab, 1}},
	 "\"proto\":\"arp\"," V4 NO_PORTS "\"arp\":{\"operation\":1,\"sender_mac\":\"02:00:00:00:ab:01\",\"target_mac\":null},"
	 "\"ethertype\":2054,\"ip_proto\":null,\"ip_id\":null," REST("0")},
	{{.l3_proto = NT_ETH_ARP, .no_transport = NT_TRANSPORT_CUT},
	 "\"proto\":\"arp\"," NO_ENDS "\"arp\":null,\"ethertype\":2054,\"ip_proto\":null,\"ip_id\":null," REST("0")},
	{{.l3_proto = 0x88cc, .len_bytes = 60},
	 "\"proto\":null," NO_ENDS "\"ethertype\":35020,\"ip_proto\":null,\"ip_id\":null," REST("60")},
	{{.l3_proto = 0},
	 "\"proto\":null," NO_ENDS "\"ethertype\":null,\"ip_proto\":null,\"ip_id\":null,"
	 "\"fragment\":false,\"vlan\":null,\"len_bytes\":null,\"mark\":null"},
};

#define N_PACKETS (sizeof(packets) / sizeof(packets[0]))

static struct render renderer(void)
{
	return (struct render){.format = &render_jsonl, .out = out, .env = {.dict = dict}};
}

static struct journey make(struct journey_event *events, size_t n, struct nt_flow *flows, size_t n_flows)
{
	return (struct journey){.id = 7, .outcome = OUTCOME_CONSUMED, .events = events, .n_events = n,
				.flows = flows, .n_flows = n_flows, .start_ns = events[0].ts_ns,
				.end_ns = events[n - 1].ts_ns, .dict = dict};
}

static void write_journey(const struct journey *journey)
{
	struct render render = renderer();

	render_jsonl.journey(&render, journey);
}

static void write_event(const struct journey *journey, const struct journey_event *event)
{
	struct render render = renderer();

	render_jsonl.event(&render, journey, event);
}

static void write_packets(void)
{
	for (size_t i = 0; i < N_PACKETS; i++) {
		struct journey_event event = {.probe = P(ip_rcv), .skb = SKB};
		struct nt_flow flow = packets[i].flow;
		struct journey journey = make(&event, 1, &flow, 1);

		write_event(&journey, &event);
	}
}

static void every_protocol(void **state)
{
	static char want[N_PACKETS * 1024];
	char *at = want;

	(void)state;
	write_packets();
	for (size_t i = 0; i < N_PACKETS; i++)
		at += sprintf(at,
			      "{\"type\":\"event\",\"journey\":7,%s,\"ts_ns\":0,\"probe\":\"ip_rcv\",\"stage\":\"ip-in\",\"cpu\":0,"
			      "\"context\":null,\"skb\":\"0xffff888000001000\",\"ifindex\":null,\"ifname\":null,"
			      "\"netns\":null,\"netns_name\":null,\"span_ns\":null,\"notes\":{},\"origins\":[]}\n",
			      packets[i].members);
	assert_string_equal(read_back(), want);
}

static const struct trace_facts facts = {
	.version = "0.1.0", .kernel = "6.12.1", .host = "a\"b\\c\xff\x7f", .machine = "x86_64", .backend = "kprobe-multi",
	.filter = "icmp", .session = 0xffffffffffffffff, .start_ns = UINT64_MAX, .clock_offset_ns = INT64_MIN,
	.utc_offset_s = -3600, .n_cpus = 4, .n_probes = 61, .n_skipped = 3,
};
static const struct trace_facts no_facts;
static const struct trace_totals totals = {
	.journeys = 1, .incomplete = 2, .events = 3, .malformed = 4, .lost_ring = 5, .lost_map = 6, .lost_id = 7, .recursion = 8,
	.recursion_known = true,
};
static const struct trace_totals no_totals;

static void start_and_end(void **state)
{
	struct render_env env = {.dict = dict};

	(void)state;
	render_free(render_new(&render_jsonl, out, &env, &facts), &totals);
	render_free(render_new(&render_jsonl, out, &env, &no_facts), &no_totals);
	render_free(render_new(&render_jsonl, out, &env, &no_facts), NULL);
#define NO_FACTS "{\"type\":\"start\",\"version\":null,\"kernel\":null,\"host\":null,\"machine\":null,\"backend\":null," \
	"\"filter\":null,\"probes\":0,\"probes_skipped\":0,\"cpus\":null,\"session\":null,\"start_ns\":0," \
	"\"clock_offset_ns\":0,\"utc_offset_s\":0}\n"
	assert_string_equal(
		read_back(),
		"{\"type\":\"start\",\"version\":\"0.1.0\",\"kernel\":\"6.12.1\",\"host\":\"a\\\"b\\\\c\\ufffd\\u007f\","
		"\"machine\":\"x86_64\",\"backend\":\"kprobe-multi\",\"filter\":\"icmp\",\"probes\":61,\"probes_skipped\":3,"
		"\"cpus\":4,\"session\":\"0xffffffffffffffff\",\"start_ns\":18446744073709551615,"
		"\"clock_offset_ns\":-9223372036854775808,\"utc_offset_s\":-3600}\n"
		"{\"type\":\"summary\",\"journeys\":1,\"incomplete\":2,\"events\":3,\"malformed\":4,"
		"\"lost\":{\"ring\":5,\"map\":6,\"id\":7,\"recursion\":8}}\n"
		NO_FACTS
		"{\"type\":\"summary\",\"journeys\":0,\"incomplete\":0,\"events\":0,\"malformed\":0,"
		"\"lost\":{\"ring\":0,\"map\":0,\"id\":0,\"recursion\":null}}\n"
		NO_FACTS);
}

/* Whoever waits for the trace to begin waits for this line. */
static void start_is_flushed(void **state)
{
	struct render_env env = {.dict = dict};
	struct render *render = render_new(&render_jsonl, out, &env, &no_facts);
	struct out *mine = out;

	(void)state;
	assert_int_equal(access(path, R_OK), 0);
	out = NULL; /* is not closed by reading back */
	assert_string_equal(read_back(), NO_FACTS);
	render_free(render, NULL);
	assert_int_equal(out_close(mine), 0);
}

/* A dropped packet with a clone and relatives, rewritten on its way. */
static void write_full(void)
{
	struct nt_anno_HOOK hook = {.family = 2, .hook = 1}, nameless = {.family = 99, .hook = 98};
	struct nt_anno_DROP drop = {.location = 0xffffffff81000096, .reason = 8};
	struct nt_anno_TASK task = {.pid = 230, .tid = 231, .comm = "a \n\x9b"};
	struct nt_anno_STACK stack = {.frames = {1, 0xffffffff81000096, 0xffffffff82000000}};
	struct nt_anno_ORIGIN origin = {.ts_ns = 5, .probe = P(ip_output)};
	struct journey_note hook_note = {.type = NT_ANNO_HOOK, .payload = &hook};
	struct journey_note again = {.type = NT_ANNO_HOOK, .payload = &hook};
	struct journey_note nameless_note = {.type = NT_ANNO_HOOK, .payload = &nameless, .next = &again};
	struct journey_note origin_note = {.type = NT_ANNO_ORIGIN, .payload = &origin, .next = &nameless_note};
	struct journey_note stack_note = {.type = NT_ANNO_STACK, .payload = &stack};
	struct journey_note task_note = {.type = NT_ANNO_TASK, .payload = &task, .next = &stack_note};
	struct journey_note drop_note = {.type = NT_ANNO_DROP, .payload = &drop, .next = &task_note};
	struct nt_flow flows[] = {packets[3].flow, packets[7].flow};
	struct journey_event events[] = {
		{.ts_ns = 1000, .probe = P(ip_rcv), .skb = SKB, .cpu = 3, .context = NT_CTX_SOFTIRQ, .ifindex = ETH0,
		 .netns = NETNS, .notes = &hook_note, .flags = NT_F_START},
		{.ts_ns = 4000, .probe = P(nf_nat_manip_pkt), .skb = SKB, .context = NT_CTX_KSOFTIRQD, .notes = &origin_note},
		{.ts_ns = 4500, .probe = P(ip_output), .skb = SKB, .flow = 1, .ifindex = 4, .netns = NETNS, .flags = NT_F_LOST},
		{.ts_ns = 4600, .probe = P(kfree_skb), .skb = SKB + 0x100, .flow = 1, .context = NT_CTX_TASK, .notes = &drop_note},
		{.ts_ns = 4600, .probe = NT_PROBE_MAX - 1, .flow = 1},
	};
	struct journey_member members[] = {{.skb = SKB, .outcome = OUTCOME_EVICTED}, {.skb = SKB + 0x100}};
	struct journey journey = make(events, 5, flows, 2);

	dict_set(dict, DICT_IFNAME, dict_ifname_key(NETNS, ETH0), "eth\x80\"");
	dict_set(dict, DICT_NETNS, NETNS, "w\xff" "b");
	dict_set(dict, DICT_SYMBOL, drop.location, "nf_hook_slow+0x96");
	dict_set(dict, DICT_SYMBOL, 1, "bpf_prog_0123+0x1"); /* the tracer's own */
	dict_set(dict, DICT_DROP_REASON, 8, "NETFILTER_DROP");
	journey.members = members;
	journey.n_members = 2;
	journey.outcome = OUTCOME_DROPPED;
	journey.incomplete = true;
	journey.drop = &drop;
	journey.part_of = (struct journey_link){.id = 4};
	journey.merged_into = (struct journey_link){.id = 5, .skb = SKB};
	journey.retransmit_of = (struct journey_link){.id = 6, .skb = SKB + 0x200, .ts_ns = 1};
	write_journey(&journey);
	write_event(&journey, &events[1]);
}

#define NOWHERE "\"ifindex\":null,\"ifname\":null,\"netns\":null,\"netns_name\":null,"
#define EVENT_1 "\"ts_ns\":4000,\"probe\":\"nf_nat_manip_pkt\",\"stage\":\"netfilter\",\"cpu\":0,\"context\":\"ksoftirqd\"," \
	"\"skb\":\"0xffff888000001000\"," NOWHERE "\"span_ns\":3000,\"notes\":{\"hook\":{\"family\":99,\"hook\":98}}"

static void full_journey(void **state)
{
	(void)state;
	write_full();
	assert_string_equal(
		read_back(),
		"{\"type\":\"journey\",\"id\":7,\"start_ns\":1000,\"end_ns\":4600,\"total_ns\":3600,"
		"\"proto\":\"tcp\"," V4 PORTS "\"tcp\":{\"seq\":4294967295,\"ack\":1,\"flags\":\"SA\",\"payload_bytes\":0},"
		IPV4("6") REST("84") ",\"skb\":\"0xffff888000001000\",\"clones\":[\"0xffff888000001100\"],"
		"\"outcome\":\"dropped\",\"incomplete\":true,\"incomplete_because\":[\"records_lost\",\"end_unseen\"],"
		"\"drop\":{\"reason\":\"NETFILTER_DROP\",\"location\":\"nf_hook_slow+0x96\"},"
		"\"parent\":{\"id\":4,\"skb\":null,\"ts_ns\":null},"
		"\"merged_into\":{\"id\":5,\"skb\":\"0xffff888000001000\",\"ts_ns\":null},"
		"\"retransmit_of\":{\"id\":6,\"skb\":\"0xffff888000001200\",\"ts_ns\":1},"
		"\"before\":null,\"delays\":[],\"slowest\":{\"from\":\"ip-in\",\"to\":\"netfilter\",\"span_ns\":3000},"
		"\"events\":[{\"ts_ns\":1000,\"probe\":\"ip_rcv\",\"stage\":\"ip-in\",\"cpu\":3,\"context\":\"softirq\","
		"\"skb\":\"0xffff888000001000\",\"ifindex\":3,\"ifname\":\"eth\\ufffd\\\"\",\"netns\":4026531840,\"netns_name\":\"w\\ufffdb\","
		"\"span_ns\":null,\"notes\":{\"hook\":{\"family\":\"ipv4\",\"hook\":\"INPUT\"}}},"
		"{" EVENT_1 "},"
		"{\"ts_ns\":4500,\"probe\":\"ip_output\",\"stage\":\"ip-out\",\"cpu\":0,\"context\":null,"
		"\"skb\":\"0xffff888000001000\",\"ifindex\":4,\"ifname\":null,\"netns\":4026531840,\"netns_name\":\"w\\ufffdb\",\"span_ns\":500,\"notes\":{},"
		"\"packet\":{\"proto\":\"udp\"," V4 PORTS "\"udp\":{\"payload_bytes\":56}," IPV4("17") REST("84") "}},"
		"{\"ts_ns\":4600,\"probe\":\"kfree_skb\",\"stage\":\"ip-out\",\"cpu\":0,\"context\":\"task\","
		"\"skb\":\"0xffff888000001100\"," NOWHERE "\"span_ns\":100,\"notes\":{"
		"\"drop\":{\"location\":\"nf_hook_slow+0x96\",\"reason\":\"NETFILTER_DROP\",\"in_xmit\":0},"
		"\"task\":{\"pid\":230,\"tid\":231,\"comm\":\"a \\u000a\\ufffd\"},"
		"\"stack\":[\"nf_hook_slow+0x96\",\"0xffffffff82000000\"]}},"
		"{\"ts_ns\":4600,\"probe\":511,\"stage\":\"ip-out\",\"cpu\":0,\"context\":null,\"skb\":null," NOWHERE
		"\"span_ns\":0,\"notes\":{}}]}\n"
		"{\"type\":\"event\",\"journey\":7,\"proto\":\"tcp\"," V4 PORTS
		"\"tcp\":{\"seq\":4294967295,\"ack\":1,\"flags\":\"SA\",\"payload_bytes\":0}," IPV4("6") REST("84") "," EVENT_1
		",\"origins\":[{\"ts_ns\":5,\"probe\":\"ip_output\"}]}\n");
}

/* One event of a stage that is not known, and nothing else. */
static void write_bare(void)
{
	struct nt_flow flow = {0};
	struct journey_event event = {.ts_ns = UINT64_MAX, .probe = P(skb_clone), .cpu = UINT32_MAX};
	struct journey journey = make(&event, 1, &flow, 1);

	journey.id = UINT32_MAX;
	write_journey(&journey);
}

static void bare_journey(void **state)
{
	(void)state;
	write_bare();
	assert_string_equal(
		read_back(),
		"{\"type\":\"journey\",\"id\":4294967295,\"start_ns\":18446744073709551615,\"end_ns\":18446744073709551615,"
		"\"total_ns\":0,\"proto\":null," NO_ENDS "\"ethertype\":null,\"ip_proto\":null,\"ip_id\":null,"
		"\"fragment\":false,\"vlan\":null,\"len_bytes\":null,\"mark\":null,\"skb\":null,\"clones\":[],"
		"\"outcome\":\"consumed\",\"incomplete\":false,\"incomplete_because\":[],\"drop\":null,\"parent\":null,"
		"\"merged_into\":null,\"retransmit_of\":null,\"before\":null,\"delays\":[],\"slowest\":null,"
		"\"events\":[{\"ts_ns\":18446744073709551615,\"probe\":\"skb_clone\",\"stage\":null,\"cpu\":4294967295,"
		"\"context\":null,\"skb\":null," NOWHERE "\"span_ns\":null,\"notes\":{}}]}\n");
}

static void drops_without_names(void **state)
{
	static const struct {
		struct nt_anno_DROP drop;
		const char *want;
	} cases[] = {
		{{.reason = NT_DROP_REASON_UNKNOWN}, "\"drop\":{\"reason\":null,\"location\":null}"},
		{{.reason = 3, .location = 0xff}, "\"drop\":{\"reason\":3,\"location\":\"0xff\"}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nt_flow flow = {0};
		struct journey_event event = {.probe = P(kfree_skb), .skb = SKB};
		struct journey journey = make(&event, 1, &flow, 1);

		journey.drop = &cases[i].drop;
		write_journey(&journey);
		assert_non_null(strstr(read_back(), cases[i].want));
		assert_int_equal(out_open(path, &out), 0);
	}
	out_close(out);
}

/* Each annotation that there is, with nothing in it, so that the schema cannot forget one. */
static void write_annotations(void)
{
	static const u64 nothing[64];
	struct journey_note notes[NT_ANNO_COUNT] = {0};
	struct nt_flow flow = packets[0].flow;
	struct journey_event event = {.probe = P(ip_rcv), .skb = SKB, .notes = notes};
	struct journey journey = make(&event, 1, &flow, 1);

	for (u16 type = 0; type < NT_ANNO_COUNT; type++) {
		assert_true(annotation_type(type)->size_bytes <= sizeof(nothing));
		notes[type].type = type;
		notes[type].payload = nothing;
		notes[type].next = type + 1 < NT_ANNO_COUNT ? &notes[type + 1] : NULL;
	}
	write_journey(&journey);
	write_event(&journey, &event);
}

static void every_annotation(void **state)
{
	const char *line;

	(void)state;
	write_annotations();
	line = strstr(read_back(), "\"notes\":{");
	assert_non_null(line);
	for (u16 type = 0; type < NT_ANNO_COUNT; type++) {
		char key[64];

		sprintf(key, "\"%s\":", annotation_type(type)->name);
		assert_true(!strstr(line, key) == (type == NT_ANNO_ORIGIN));
	}
}

/* A row of every stage, in one journey, and journeys of every outcome. */
static void write_enumerations(void)
{
	static struct journey_event events[NT_PROBE_COUNT];
	struct nt_flow flow = packets[3].flow;
	struct journey journey = make(events, 1, &flow, 1);

	for (u16 probe = 0; probe < NT_PROBE_COUNT; probe++)
		events[probe] = (struct journey_event){.ts_ns = 1000 + probe * probe, .probe = probe, .skb = SKB,
						       .context = probe % NT_CTX_COUNT, .netns = NETNS, .ifindex = ETH0};
	journey.n_events = NT_PROBE_COUNT;
	journey.start_ns = events[0].ts_ns;
	journey.end_ns = events[NT_PROBE_COUNT - 1].ts_ns;
	journey.retransmit_of = (struct journey_link){.id = 1, .skb = SKB, .ts_ns = 10};
	for (unsigned int outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
		journey.id = 100 + outcome;
		journey.outcome = outcome;
		journey.incomplete = outcome % 2 == 0;
		write_journey(&journey);
	}
}

static const struct nt_blocked blocked = {
	.start_lo_ns = 1000, .start_hi_ns = 2000, .end_ns = 400002000, .own_ns = 300000000, .cpu = 1, .pid = 120, .cause = NT_CAUSE_IRQS_OFF,
	.flags = NT_B_REGS | NT_B_ENABLED, .comm = "ba\"sh\n", .frames = {0xffffffff81000010, 0xffffffff81000020},
};

/* Who was held, and by whom: before the stack, and on the way without anybody who is known. */
static void write_delays(struct render *render)
{
	struct journey_event events[] = {{.ts_ns = 1000, .probe = NT_PROBE_ip_rcv, .skb = SKB},
					 {.ts_ns = 90001000, .probe = NT_PROBE_nf_hook_slow, .skb = SKB}};
	const struct journey_delay delay = {.delay_ns = 90000000, .low_ns = 90000000, .high_ns = 90000000, .event = 1};
	struct nt_flow flow = packets[3].flow;
	struct journey journey = make(events, 2, &flow, 1);
	const struct incident incident = {.id = 7, .packets = 2, .longest_ns = 300000000, .delays_ns = {300000000, 5}, .upper = true,
					  .blocked = &blocked};

	journey.before = (struct journey_delay){.delay_ns = 300000000, .high_ns = 300000000, .upper = true, .cpu = 1,
						.cause = NT_CAUSE_IRQS_OFF, .incident = 7, .blocked = &blocked};
	journey.delays = &delay;
	journey.n_delays = 1;
	write_journey(&journey);
	render->format->incident(render, &incident);
}

static struct latency latency;
static struct counters counters;

static void write_latency(struct render *render)
{
	const struct latency_report live = {.latency = &latency, .counters = &counters}, read = {.latency = &latency};

	memset(&latency, 0, sizeof(latency));
	for (u32 row = 0; row < NT_LATENCY_ROWS; row++)
		histogram_add(&latency.histograms[row % NT_WAYS][row], 1000 * row);
	histogram_add(&latency.histograms[NT_WAY_SENT][NT_LATENCY_WHOLE], 1ull << 40);
	latency.begun = 5;
	counters.n_cpus = counters.n_nics = 1;
	counters.cpus[0] = (struct cpu_counters){.net_rx = 1, .net_tx = 2, .dropped = 3, .squeezed = 4};
	counters.nics[0] = (struct nic_counters){.name = "e\"th", .missed = 5, .fifo = 6};
	render->format->latency(render, &live);
	render->format->latency(render, &read);
}

static void latency_report(void **state)
{
	struct render_env env = {.dict = dict};
	struct render *render = render_new(&render_jsonl, out, &env, &facts);
	const char *line;

	(void)state;
	write_latency(render);
	render_free(render, NULL);
	line = strstr(read_back(), "{\"type\":\"latency\",\"packets\":5,\"not_over\":3,");
	assert_non_null(line);
	assert_non_null(strstr(line, "{\"stage\":\"whole\",\"packets\":1,\"p50_ns\":24000,\"p90_ns\":24000,\"p99_ns\":24000,"
				     "\"p999_ns\":24000,\"max_ns\":24000,\"over\":0,\"buckets\":[[24576,1]]}"));
	assert_non_null(strstr(line, "\"cpus\":[{\"cpu\":0,\"net_rx\":1,\"net_tx\":2,\"dropped\":3,\"time_squeeze\":4}],"
				     "\"nics\":[{\"ifname\":\"e\\\"th\",\"rx_missed\":5,\"rx_fifo\":6}]}"));
	assert_non_null(strstr(line, "\"cpus\":[],\"nics\":[]}"));
}

static int write_corpus(void)
{
	struct render_env env = {.dict = dict};
	struct render *render = render_new(&render_jsonl, out, &env, &facts);

	write_packets();
	write_full();
	write_bare();
	write_annotations();
	write_enumerations();
	write_delays(render);
	write_latency(render);
	render_free(render, &totals);
	render_free(render_new(&render_jsonl, out, &env, &no_facts), &no_totals);
	return out_close(out) ? 1 : 0;
}

static void formats(void **state)
{
	(void)state;
	assert_ptr_equal(render_format_named("jsonl"), &render_jsonl);
	assert_ptr_equal(render_format_of_file("a/b.jsonl"), &render_jsonl);
	assert_null(render_format_of_file("a/jsonl"));
	out_close(out);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		test(every_protocol), test(start_and_end),	 test(start_is_flushed), test(full_journey),
		test(bare_journey),   test(drops_without_names), test(every_annotation), test(formats),
		test(latency_report),
	};

	if (argc > 1) {
		dict = dict_new();
		return dict && !out_open(argv[1], &out) ? write_corpus() : 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
