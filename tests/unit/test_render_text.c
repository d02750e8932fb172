/* SPDX-License-Identifier: GPL-2.0 */
/* The timeline's exact text. */
#include "render_kit.h"

#define REQUEST "ICMP: 192.168.0.4 -> 192.168.0.5 ping request, seq: 677, id: 392"
#define REPLY "ICMP: 192.168.0.5 -> 192.168.0.4 ping reply, seq: 677, id: 392"

#define START_NS 24583464000000000u

static int render(void *user, const struct journey *journey)
{
	struct render_env env = {.dict = dict};

	(void)user;
	render_text_journey(out, &env, journey);
	return 0;
}

/* One event, as a line of a table: microseconds after START_NS, probe, skb, flags, annotation. */
struct step {
	u32 us;
	u16 probe;
	u64 skb;
	u8 flags;
	u8 annotation; /* enum nt_annotation_type + 1, 0: none */
	u8 hook;
};

/* An echo request from .4 to .5, or the reply, as in the reference. */
static struct nt_snapshot echo(struct nt_event ev, bool reply)
{
	static const u8 packet[] = {0x45, 0, 0,	  28, 0, 1, 0, 0, 64, 1,    0,	  0,	192, 168,
				    0,	  4, 192, 168, 0, 5, 8, 0, 0,  0, 0x01, 0x88, 0x02, 0xa5};
	struct nt_snapshot s = {.ev = ev, .captured_bytes = sizeof(packet), .transport = 20};

	s.protocol = 8; /* 0x0800 in network byte order on little-endian machines */
	memcpy(s.bytes, packet, sizeof(packet));
	s.bytes[15] = reply ? 5 : 4;
	s.bytes[19] = reply ? 4 : 5;
	s.bytes[20] = reply ? 0 : 8;
	s.ev.kind |= NT_SNAPSHOT;
	return s;
}

static void add_annotation(struct journey_set *set, struct nt_event ev, const struct step *step)
{
	static const char *const chains[] = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT"};
	struct {
		struct nt_annotation annotation;
		union {
			struct nt_anno_HOOK hook;
			struct nt_anno_TABLE table;
			struct nt_anno_DROP drop;
		};
	} record = {.annotation = {.ev = ev, .type = step->annotation - 1u}};

	record.annotation.ev.kind |= NT_ANNOTATION;
	if (record.annotation.type == NT_ANNO_HOOK) {
		record.annotation.size_bytes = sizeof(record.hook);
		record.hook = (struct nt_anno_HOOK){.family = 2, .hook = step->hook};
	} else if (record.annotation.type == NT_ANNO_TABLE) {
		record.annotation.size_bytes = sizeof(record.table);
		strcpy(record.table.table, "filter");
		strcpy(record.table.chain, chains[step->hook]);
	} else {
		record.annotation.size_bytes = sizeof(record.drop);
		record.drop.location = 0xffffffff81000096;
		record.drop.reason = step->hook;
	}
	assert_int_equal(journey_set_add(set, &record.annotation.ev, sizeof(record), 0), 0);
}

static void add_step(struct journey_set *set, const struct step *step, bool reply)
{
	struct nt_event ev = {.ts_ns = START_NS + step->us * 1000ul,
			      .skb = step->skb,
			      .skb_id = 7,
			      .probe = step->probe,
			      .context = NT_CTX_SOFTIRQ,
			      .kind = step->flags};

	if (step->annotation) {
		add_annotation(set, ev, step);
	} else if (step->flags & NT_F_START) {
		struct nt_snapshot s = echo(ev, reply);

		assert_int_equal(journey_set_add(set, &s.ev, sizeof(s), 0), 0);
	} else {
		assert_int_equal(journey_set_add(set, &ev, sizeof(ev), 0), 0);
	}
}

static const char *render_steps(const struct step *steps, size_t n, bool reply)
{
	struct journey_set *set = journey_set_new(NULL, NULL, render, NULL);

	assert_non_null(set);
	for (size_t i = 0; i < n; i++)
		add_step(set, &steps[i], reply);
	assert_int_equal(journey_set_finish(set), 0);
	journey_set_free(set);
	return read_back();
}

#define RENDER(steps, reply) render_steps(steps, sizeof(steps) / sizeof((steps)[0]), reply)

#define HOOK(n) (NT_ANNO_HOOK + 1), (n)
#define TABLE(n) (NT_ANNO_TABLE + 1), (n)
#define DROP(n) (NT_ANNO_DROP + 1), (n)

/* The request of the incident that the reference log shows. */
static void reference_request(void **state)
{
	static const u64 a = 0xffff9d66d8061b00;
	static const struct step steps[] = {
		{629102, P(napi_gro_receive_entry), a, NT_F_START, 0, 0},
		{629114, P(dev_gro_receive), a, 0, 0, 0},
		{629248, P(__netif_receive_skb_core), a, 0, 0, 0},
		{629253, P(packet_rcv), a, 0, 0, 0},
		{629256, P(tcf_classify), a, 0, 0, 0},
		{629262, P(__netif_receive_skb_core), a, 0, 0, 0},
		{629268, P(ip_rcv), a, 0, 0, 0},
		{629271, P(ip_rcv_core), a, 0, 0, 0},
		{629276, P(nf_hook_slow), a, 0, HOOK(0)},
		{629284, P(ip_route_input_slow), a, 0, 0, 0},
		{629293, P(fib_validate_source), a, 0, 0, 0},
		{629299, P(ip_local_deliver), a, 0, 0, 0},
		{629301, P(nf_hook_slow), a, 0, HOOK(1)},
		{629304, P(nft_do_chain), a, 0, TABLE(1)},
		{629311, P(ip_local_deliver_finish), a, 0, 0, 0},
		{629316, P(icmp_rcv), a, 0, 0, 0},
		{629321, P(icmp_echo), a, 0, 0, 0},
		{629325, P(icmp_reply), a, 0, 0, 0},
		{629413, P(consume_skb), a, NT_F_END, 0, 0},
	};

	(void)state;
	assert_string_equal(
		RENDER(steps, false),
		"***************** d8061b00 ***************\n"
		"[24583464.629102] [napi_gro_receive_entry] " REQUEST "\n"
		"[24583464.629114] [dev_gro_receive     ] " REQUEST " (+12.0 us)\n"
		"[24583464.629248] [__netif_receive_skb_core] " REQUEST " (+134.0 us)\n"
		"[24583464.629253] [packet_rcv          ] " REQUEST " (+5.0 us)\n"
		"[24583464.629256] [tcf_classify        ] " REQUEST " (+3.0 us)\n"
		"[24583464.629262] [__netif_receive_skb_core] " REQUEST " (+6.0 us)\n"
		"[24583464.629268] [ip_rcv              ] " REQUEST " (+6.0 us)\n"
		"[24583464.629271] [ip_rcv_core         ] " REQUEST " (+3.0 us)\n"
		"[24583464.629276] [nf_hook_slow        ] " REQUEST
			" *ipv4 in chain: PRE_ROUTING* (+5.0 us)\n"
		"[24583464.629284] [ip_route_input_slow ] " REQUEST " (+8.0 us)\n"
		"[24583464.629293] [fib_validate_source ] " REQUEST " (+9.0 us)\n"
		"[24583464.629299] [ip_local_deliver    ] " REQUEST " (+6.0 us)\n"
		"[24583464.629301] [nf_hook_slow        ] " REQUEST
			" *ipv4 in chain: INPUT* (+2.0 us)\n"
		"[24583464.629304] [nft_do_chain        ] " REQUEST
			" *iptables table:filter, chain:INPUT* (+3.0 us)\n"
		"[24583464.629311] [ip_local_deliver_finish] " REQUEST " (+7.0 us)\n"
		"[24583464.629316] [icmp_rcv            ] " REQUEST " (+5.0 us)\n"
		"[24583464.629321] [icmp_echo           ] " REQUEST " (+5.0 us)\n"
		"[24583464.629325] [icmp_reply          ] " REQUEST " (+4.0 us)\n"
		"[24583464.629413] [consume_skb         ] " REQUEST
			" *packet is freed (normally)* (+88.0 us)\n"
		"total: 311.0 us, slowest: gro to link-in 134.0 us, outcome: consumed\n"
		"\n");
}

/*
 * Its reply: sent, cloned for a mirror and for a packet socket. Only the note
 * "skb is successfully sent to the NIC driver" is missing: a probe at the
 * function's entry cannot know.
 */
static void reference_reply(void **state)
{
	static const u64 a = 0xffff9d66a3faf500, b = 0xffff9d66a3faec00, c = 0xffff9d66a3faf800;
	static const struct step steps[] = {
		{629343, P(__ip_local_out), a, NT_F_START, 0, 0},
		{629347, P(nf_hook_slow), a, 0, HOOK(3)},
		{629350, P(nft_do_chain), a, 0, TABLE(3)},
		{629354, P(ip_output), a, 0, 0, 0},
		{629358, P(nf_hook_slow), a, 0, HOOK(4)},
		{629361, P(ip_finish_output), a, 0, 0, 0},
		{629365, P(ip_finish_output2), a, 0, 0, 0},
		{629368, P(__dev_queue_xmit), a, 0, 0, 0},
		{629372, P(tcf_classify), a, 0, 0, 0},
		{629376, P(skb_clone), a, 0, 0, 0},
		{629381, P(__dev_queue_xmit), b, 0, 0, 0},
		{629385, P(dev_hard_start_xmit), b, 0, 0, 0},
		{629389, P(bond_dev_queue_xmit), a, 0, 0, 0},
		{629393, P(__dev_queue_xmit), a, 0, 0, 0},
		{629396, P(dev_hard_start_xmit), a, 0, 0, 0},
		{629398, P(skb_clone), a, 0, 0, 0},
		{629401, P(packet_rcv), c, 0, 0, 0},
		{629404, P(consume_skb), c, NT_F_END | NT_F_SHARED, 0, 0},
		{629409, P(consume_skb), b, NT_F_END | NT_F_SHARED, 0, 0},
		{630375, P(consume_skb), a, NT_F_END, 0, 0},
	};

	(void)state;
	assert_string_equal(
		RENDER(steps, true),
		"***************** a3faf500,a3faec00,a3faf800 ***************\n"
		"[24583464.629343] [__ip_local_out      ] " REPLY "\n"
		"[24583464.629347] [nf_hook_slow        ] " REPLY
			" *ipv4 in chain: OUTPUT* (+4.0 us)\n"
		"[24583464.629350] [nft_do_chain        ] " REPLY
			" *iptables table:filter, chain:OUTPUT* (+3.0 us)\n"
		"[24583464.629354] [ip_output           ] " REPLY " (+4.0 us)\n"
		"[24583464.629358] [nf_hook_slow        ] " REPLY
			" *ipv4 in chain: POST_ROUTING* (+4.0 us)\n"
		"[24583464.629361] [ip_finish_output    ] " REPLY " (+3.0 us)\n"
		"[24583464.629365] [ip_finish_output2   ] " REPLY " (+4.0 us)\n"
		"[24583464.629368] [__dev_queue_xmit    ] " REPLY " (+3.0 us)\n"
		"[24583464.629372] [tcf_classify        ] " REPLY " (+4.0 us)\n"
		"[24583464.629376] [skb_clone           ] " REPLY " (+4.0 us)\n"
		"[24583464.629381] [__dev_queue_xmit    ] " REPLY " (+5.0 us)\n"
		"[24583464.629385] [dev_hard_start_xmit ] " REPLY " (+4.0 us)\n"
		"[24583464.629389] [bond_dev_queue_xmit ] " REPLY " (+4.0 us)\n"
		"[24583464.629393] [__dev_queue_xmit    ] " REPLY " (+4.0 us)\n"
		"[24583464.629396] [dev_hard_start_xmit ] " REPLY " (+3.0 us)\n"
		"[24583464.629398] [skb_clone           ] " REPLY " (+2.0 us)\n"
		"[24583464.629401] [packet_rcv          ] " REPLY " (+3.0 us)\n"
		"[24583464.629404] [consume_skb         ] " REPLY
			" *packet is freed (normally)* (+3.0 us)\n"
		"[24583464.629409] [consume_skb         ] " REPLY
			" *packet is freed (normally)* (+5.0 us)\n"
		"[24583464.630375] [consume_skb         ] " REPLY
			" *packet is freed (normally)* (+966.0 us)\n"
		"total: 1.032 ms, slowest: within driver 966.0 us, outcome: transmitted\n"
		"\n");
}

static void dropped(void **state)
{
	static const struct step steps[] = {
		{5, P(napi_gro_receive_entry), 0x1000, NT_F_START, 0, 0},
		{2005, P(nf_hook_slow), 0x1000, 0, HOOK(1)},
		{2006, P(kfree_skb), 0x1000, NT_F_END, DROP(8)},
	};

	(void)state;
	dict_set(dict, DICT_SYMBOL, 0xffffffff81000096, "nf_hook_slow+0x96");
	dict_set(dict, DICT_DROP_REASON, 8, "NETFILTER_DROP");
	assert_string_equal(
		RENDER(steps, false),
		"***************** 00001000 ***************\n"
		"[24583464.000005] [napi_gro_receive_entry] " REQUEST "\n"
		"[24583464.002005] [nf_hook_slow        ] " REQUEST
			" *ipv4 in chain: INPUT* (+2.000 ms)\n"
		"[24583464.002006] [kfree_skb           ] " REQUEST
			" *packet is dropped by the kernel, reason: NETFILTER_DROP, at: nf_hook_slow+0x96* (+1.0 us)\n"
		"total: 2.001 ms, slowest: gro to netfilter 2.000 ms, outcome: dropped\n"
		"dropped: NETFILTER_DROP\n"
		"\n");
}

/* icmp_rcv finds no socket for a reply that a raw socket has: nothing is lost. */
static void unwanted_clone(void **state)
{
	static const struct step steps[] = {
		{1, P(netif_rx), 0x1000, NT_F_START, 0, 0},
		{2, P(raw_rcv), 0x2000, 0, 0, 0},
		{3, P(kfree_skb), 0x1000, NT_F_END | NT_F_SHARED, DROP(3)},
		{4, P(skb_copy_datagram_iovec), 0x2000, 0, 0, 0},
		{5, P(consume_skb), 0x2000, NT_F_END, 0, 0},
	};
	const char *text;

	(void)state;
	text = RENDER(steps, true);
	assert_non_null(strstr(text, REPLY " *nobody wanted this clone, reason: 3, at: 0x"));
	assert_non_null(strstr(text, ", outcome: delivered\n\n"));
	assert_null(strstr(text, "dropped"));
}

/* The rest is rendered from journeys made by hand. */
static const char *render_one(struct journey *journey)
{
	static struct nt_flow none;

	journey->flows = &none;
	journey->n_flows = 1;
	journey->start_ns = journey->events[0].ts_ns;
	journey->end_ns = journey->events[journey->n_events - 1].ts_ns;
	render(NULL, journey);
	return read_back();
}

static void why_incomplete(void **state)
{
	struct journey_event event = {.ts_ns = 1, .probe = P(ip_rcv), .flags = NT_F_START};
	struct journey_member member = {.outcome = OUTCOME_CONSUMED};
	struct journey journey = {.outcome = OUTCOME_CONSUMED, .incomplete = true,
				  .events = &event, .n_events = 1,
				  .members = &member, .n_members = 1};
	static const char head[] = "***************** 00000000 ***************\n"
				   "[0.000000] [ip_rcv              ] no IP header\n";
	char want[1024];

	(void)state;
	render(NULL, &(struct journey){.id = 1}); /* prints nothing */
	journey.flows = &(struct nt_flow){0};
	render(NULL, &journey);
	event.flags = NT_F_LOST;
	render(NULL, &journey);
	member.outcome = journey.outcome = OUTCOME_EVICTED;
	event.flags = NT_F_START;
	render(NULL, &journey);
	journey.outcome = OUTCOME_INCOMPLETE;
	event.flags = NT_F_LOST;
	snprintf(want, sizeof(want),
		 "%stotal: 0 ns, outcome: consumed\nincomplete: events are missing\n\n"
		 "%stotal: 0 ns, outcome: consumed\n"
		 "incomplete: the start was not seen, records were lost\n\n"
		 "%stotal: 0 ns, outcome: evicted\nincomplete: the end was not seen\n\n"
		 "%stotal: 0 ns, outcome: incomplete\n"
		 "incomplete: the start was not seen, records were lost, the end was not seen\n\n",
		 head, head, head, head);
	assert_string_equal(render_one(&journey), want);
}

static void headers_as_last_seen(void **state)
{
	struct nt_flow flows[3] = {[1] = {.l3_proto = 0x88cc}};
	struct journey_event events[] = {
		{.flags = NT_F_START}, {.flow = 1}, {.flow = 1}, {.flow = 2}
	};
	struct journey journey = {.outcome = OUTCOME_CONSUMED, .events = events, .n_events = 4,
				  .flows = flows, .n_flows = 3};
	const char *text;

	(void)state;
	render(NULL, &journey);
	text = read_back();
	for (const char *words[] = {"] no IP", "] ethertype 0x88cc", "] ethertype 0x88cc", "] no IP"},
			**word = words;
	     word < words + 4; word++) {
		text = strstr(text, *word);
		assert_non_null(text++);
	}
}

/* Clones that only LIFE events show are in the stage where the packet was. */
static void stages_and_spans(void **state)
{
	struct journey_event events[] = {
		{.ts_ns = 999999999, .probe = P(ip_rcv), .flags = NT_F_START},
		{.ts_ns = 1000000998, .probe = P(ip_rcv)},
		{.ts_ns = 1000001998, .probe = P(icmp_rcv)},
		{.ts_ns = 1001001997, .probe = P(skb_clone)},
		{.ts_ns = 2001001996, .probe = P(icmp_echo)},
		{.ts_ns = 63001003230, .probe = P(consume_skb), .skb = 1},
		{.ts_ns = 63001003230, .probe = NT_PROBE_MAX - 1, .skb = 1},
	};
	struct journey journey = {.outcome = OUTCOME_CONSUMED, .events = events, .n_events = 7};

	(void)state;
	assert_string_equal(
		render_one(&journey),
		"*****************  ***************\n"
		"[0.999999] [ip_rcv              ] no IP header\n"
		"[1.000000] [ip_rcv              ] no IP header (+999 ns)\n"
		"[1.000001] [icmp_rcv            ] no IP header (+1.0 us)\n"
		"[1.001001] [skb_clone           ] no IP header (+999.9 us)\n"
		"[2.001001] [icmp_echo           ] no IP header (+999.999 ms)\n"
		"[63.001003] [consume_skb         ] no IP header *packet is freed (normally)* (+61.000 s)\n"
		"[63.001003] [probe 511           ] no IP header (+0 ns)\n"
		"total: 62.001 s, slowest: within transport-in 61.000 s, outcome: consumed\n\n");
}

/* More than any buffer holds, and the largest times: nothing is cut. */
static void long_journey(void **state)
{
	static struct journey_event events[4096];
	static struct journey_member members[4096];
	struct journey journey = {.outcome = OUTCOME_CONSUMED, .events = events, .n_events = 4096,
				  .members = members, .n_members = 4096};
	const char *text;
	size_t lines = 0;

	(void)state;
	for (size_t i = 0; i < 4096; i++)
		events[i] = (struct journey_event){.ts_ns = i < 4095 ? i * i * i : UINT64_MAX,
						   .probe = (u16)(i % NT_PROBE_COUNT)};
	events[0].flags = NT_F_START;
	text = render_one(&journey);
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, 1 + 4096 + 1 + 1);
	assert_int_equal(strcspn(text, "\n"), strlen("*****************  ***************") +
						      4096 * 9 - 1);
	assert_non_null(strstr(text, "[18446744073.709551] "));
	assert_non_null(strstr(text, "\ntotal: 18446744073.709 s, "));
}

/* What users grep for is found on event lines only. */
static void footers_name_no_functions(void **state)
{
	static const struct step steps[] = {
		{1, P(__ip_local_out), 0x1000, NT_F_START, 0, 0},
		{2, P(consume_skb), 0x1000, NT_F_END, 0, 0},
	};
	const char *text, *last;

	(void)state;
	text = RENDER(steps, false);
	last = strstr(text, "__ip_local_out");
	assert_non_null(last);
	assert_null(strstr(last + 1, "__ip_local_out"));
	assert_non_null(strstr(text, "total: 1.0 us, slowest: within ip-out 1.0 us"));
}

static void render_late(u64 before_ns, bool upper)
{
	static const struct nt_blocked blocked = {.cause = NT_CAUSE_LONG_SOFTIRQ, .number = 1};
	struct probe_table *probes = probe_table_new();
	struct journey_event events[] = {{.ts_ns = 1000, .probe = P(napi_gro_receive_entry), .skb = 0x1000},
					 {.ts_ns = 401000, .probe = P(ip_rcv), .skb = 0x1000}};
	struct journey_member member = {.skb = 0x1000};
	struct nt_flow flow = {0};
	struct journey journey = {.probes = probes, .start_ns = 1000, .end_ns = 401000, .events = events, .n_events = 2,
				  .members = &member, .n_members = 1, .flows = &flow, .n_flows = 1};

	journey.before = (struct journey_delay){.delay_ns = before_ns, .low_ns = upper ? 0 : before_ns, .high_ns = before_ns,
						.upper = upper, .cause = NT_CAUSE_LONG_SOFTIRQ, .blocked = &blocked};
	assert_int_equal(render(NULL, &journey), 0);
	probe_table_free(probes);
}

/* Most of its time may have been before the first line. */
static void slowest_before(void **state)
{
	const char *text;

	(void)state;
	render_late(400000000, false);
	render_late(400000000, true);
	render_late(300000, true);
	text = read_back();
	assert_non_null(strstr(text, "total: 400.0 us, slowest: before the stack 400.000 ms, outcome"));
	assert_non_null(strstr(text, "total: 400.0 us, slowest: gro to ip-in 400.0 us, or before the stack ≤ 400.000 ms, outcome"));
	assert_non_null(strstr(text, "total: 400.0 us, slowest: gro to ip-in 400.0 us, outcome"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(reference_request),
		test(reference_reply),
		test(dropped),
		test(unwanted_clone),
		test(why_incomplete),
		test(headers_as_last_seen),
		test(stages_and_spans),
		test(long_journey),
		test(footers_name_no_functions),
		test(slowest_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
