/* SPDX-License-Identifier: GPL-2.0 */
/* The exact text of --detail, --date, --stack, --basic and of colours. */
#include "render_kit.h"

#define HEADER "*****************  ***************\n"
#define TAIL "outcome: consumed\n\n"
#define ETH0 3
#define NETNS 4026531840u

static struct nt_flow no_flow;

/* A journey of these events, of one sk_buff at the address 0xc133e200 unless they say otherwise. */
static struct journey make(struct journey_event *events, size_t n)
{
	return (struct journey){.outcome = OUTCOME_CONSUMED, .events = events, .n_events = n,
				.flows = &no_flow, .n_flows = 1, .start_ns = events[0].ts_ns,
				.end_ns = events[n - 1].ts_ns};
}

static const char *block(const struct render_env *env, struct journey_event *events, size_t n)
{
	struct journey journey = make(events, n);

	render_text_journey(out, env, &journey);
	return read_back();
}

static const char *lines(const struct render_env *env, const struct journey *journey)
{
	for (size_t i = 0; i < journey->n_events; i++)
		render_text_event(out, env, journey, &journey->events[i]);
	return read_back();
}

static void detail(void **state)
{
	struct nt_anno_TASK ping = {.pid = 230, .tid = 230, .comm = "ping"};
	struct nt_anno_TASK worker = {.pid = 230, .tid = 231, .comm = "a \n\x1b[0m"};
	struct nt_anno_HOOK hook = {.family = 2, .hook = 3};
	struct journey_note hook_note = {.type = NT_ANNO_HOOK, .payload = &hook};
	struct journey_note by_ping = {.type = NT_ANNO_TASK, .payload = &ping, .next = &hook_note};
	struct journey_note by_worker = {.type = NT_ANNO_TASK, .payload = &worker};
	struct journey_event events[] = {
		{.probe = P(nf_hook_slow), .context = NT_CTX_TASK, .netns = NETNS, .notes = &by_ping,
		 .flags = NT_F_START},
		{.probe = P(ip_output), .context = NT_CTX_TASK, .netns = NETNS, .ifindex = ETH0,
		 .notes = &by_worker, .cpu = 1},
		{.probe = P(ip_rcv), .context = NT_CTX_SOFTIRQ, .netns = 4026532177, .ifindex = ETH0,
		 .notes = &by_ping, .cpu = 127},
		{.probe = P(ip_rcv), .context = NT_CTX_KSOFTIRQD, .ifindex = 7},
		{.probe = P(ip_rcv), .context = NT_CTX_NAPI_THREAD, .netns = 4026532177},
		{.probe = P(ip_rcv), .context = NT_CTX_HARDIRQ, .netns = NETNS, .ifindex = 8},
		{.probe = P(ip_rcv), .context = NT_CTX_NMI},
		{.probe = P(ip_rcv), .notes = &by_worker},
	};
	struct render_env env = {.dict = dict, .detail = true};

	(void)state;
	dict_set(dict, DICT_IFNAME, dict_ifname_key(NETNS, ETH0), "eth0");
	dict_set(dict, DICT_IFNAME, dict_ifname_key(NETNS, 8), "\x1b]\xff" "8");
	dict_set(dict, DICT_NETNS, 4026532177, "we\x1b" "b");
	assert_string_equal(
		block(&env, events, 8),
		HEADER
		"[0.000000] [nf_hook_slow        ] [cpu 0 task ping:230 netns 4026531840] no IP header"
		" *ipv4 in chain: OUTPUT*\n"
		"[0.000000] [ip_output           ] [cpu 1 task a \\x0a\\x1b[0m:230/231 eth0] no IP header (+0 ns)\n"
		"[0.000000] [ip_rcv              ] [cpu 127 softirq if 3 netns we\\x1bb:4026532177] no IP header"
		" *ipv4 in chain: OUTPUT* (+0 ns)\n"
		"[0.000000] [ip_rcv              ] [cpu 0 ksoftirqd if 7] no IP header (+0 ns)\n"
		"[0.000000] [ip_rcv              ] [cpu 0 napi_thread] no IP header (+0 ns)\n"
		"[0.000000] [ip_rcv              ] [cpu 0 hardirq \\x1b]\\xff8 netns 4026531840] no IP header (+0 ns)\n"
		"[0.000000] [ip_rcv              ] [cpu 0 nmi] no IP header (+0 ns)\n"
		"[0.000000] [ip_rcv              ] [cpu 0] no IP header (+0 ns)\n"
		"total: 0 ns, slowest: netfilter to ip-out 0 ns, " TAIL);
}

static void detail_without_names(void **state)
{
	struct journey_event event = {.probe = P(ip_rcv), .context = NT_CTX_TASK, .ifindex = 1,
				      .flags = NT_F_START};
	struct render_env env = {.detail = true};

	(void)state;
	assert_string_equal(block(&env, &event, 1),
			    HEADER "[0.000000] [ip_rcv              ] [cpu 0 task if 1] no IP header\n"
				   "total: 0 ns, " TAIL);
}

#define SECOND_NS 1000000000ull

static void date(void **state)
{
	static const struct {
		u64 ts_ns;
		s64 offset_s;
		s32 zone_s;
		const char *text;
	} cases[] = {
		{0, 0, 0, "1970-01-01T00:00:00.000000+00:00"},
		{629102999, 1795392944, 0, "2026-11-23T00:15:44.629102+00:00"},
		{629102999, 1795392944, 3600, "2026-11-23T01:15:44.629102+01:00"},
		{629102999, 1795392944, -12600, "2026-11-22T20:45:44.629102-03:30"},
		{59 * SECOND_NS, 1795392944, 20700, "2026-11-23T06:01:43.000000+05:45"},
		{0, 951782399, 0, "2000-02-28T23:59:59.000000+00:00"},
		{SECOND_NS, 951782399, 0, "2000-02-29T00:00:00.000000+00:00"},
		{86400 * SECOND_NS, 951782400, 0, "2000-03-01T00:00:00.000000+00:00"},
		{0, 1709251199, 0, "2024-02-29T23:59:59.000000+00:00"},
		{SECOND_NS, 1709251199, 0, "2024-03-01T00:00:00.000000+00:00"},
		{0, 1767225599, 0, "2025-12-31T23:59:59.000000+00:00"},
		{SECOND_NS, 1767225599, 0, "2026-01-01T00:00:00.000000+00:00"},
		{0, 4107542400, 0, "2100-03-01T00:00:00.000000+00:00"},
		{5000 * SECOND_NS, -2000, 0, "1970-01-01T00:50:00.000000+00:00"},
	};
	char want[4096] = "", *at = want;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct render_env env = {.date = true, .clock_offset_ns = cases[i].offset_s * (s64)SECOND_NS,
					 .utc_offset_s = cases[i].zone_s};
		struct journey_event event = {.ts_ns = cases[i].ts_ns, .probe = P(ip_rcv)};
		struct journey journey = make(&event, 1);

		render_text_event(out, &env, &journey, &event);
		at += sprintf(at, "00000000: [%s] [ip_rcv              ] no IP header\n", cases[i].text);
	}
	assert_string_equal(read_back(), want);
}

/* Spans do not change, and neither do the times of relatives differ in form. */
static void date_in_a_block(void **state)
{
	struct journey_event events[] = {{.ts_ns = 1000, .probe = P(ip_rcv), .flags = NT_F_START},
					 {.ts_ns = 3000, .probe = P(ip_rcv)}};
	struct journey journey = make(events, 2);
	struct render_env env = {.date = true};

	(void)state;
	journey.retransmit_of = (struct journey_link){.id = 3, .skb = 0xc133e200, .ts_ns = 500000};
	render_text_journey(out, &env, &journey);
	assert_string_equal(read_back(),
			    HEADER
			    "[1970-01-01T00:00:00.000001+00:00] [ip_rcv              ] no IP header\n"
			    "[1970-01-01T00:00:00.000003+00:00] [ip_rcv              ] no IP header (+2.0 us)\n"
			    "total: 2.0 us, slowest: within ip-in 2.0 us, outcome: consumed\n"
			    "retransmission of: c133e200 sent at [1970-01-01T00:00:00.000500+00:00]\n\n");
}

/* One line, however deep, and behind what is short. */
static void stack(void **state)
{
	static struct nt_anno_STACK frames;
	struct nt_anno_HOOK hook = {.family = 2, .hook = 1};
	struct journey_note hook_note = {.type = NT_ANNO_HOOK, .payload = &hook};
	struct journey_note note = {.type = NT_ANNO_STACK, .payload = &frames, .next = &hook_note};
	struct journey_event event = {.probe = P(ip_rcv), .notes = &note};
	struct journey journey = make(&event, 1);
	struct render_env env = {.dict = dict};
	char name[80], want[4096] = "00000000: [0.000000] [ip_rcv              ] no IP header *ipv4 in chain: INPUT* *stack: ";

	(void)state;
	for (u64 i = 0; i < 24; i++) {
		frames.frames[i] = 0xffffffff81000000 + i;
		sprintf(name, "a_function_with_a_rather_long_name_%02u+0x123 [a_module_with_a_name]", (u32)i);
		if (i < 23)
			dict_set(dict, DICT_SYMBOL, frames.frames[i], name);
		strcat(strcat(want, i ? " <- " : ""), i < 23 ? name : "0xffffffff81000017");
	}
	assert_string_equal(lines(&env, &journey), strcat(want, " <- ...*\n"));
}

static void basic(void **state)
{
	struct nt_anno_ORIGIN built = {.ts_ns = 1000, .probe = P(__ip_local_out)};
	struct nt_anno_ORIGIN later = {.ts_ns = 9000, .probe = NT_PROBE_MAX - 1};
	struct nt_anno_HOOK hook = {.family = 2, .hook = 1};
	struct journey_note hook_note = {.type = NT_ANNO_HOOK, .payload = &hook};
	struct journey_note later_note = {.type = NT_ANNO_ORIGIN, .payload = &later, .next = &hook_note};
	struct journey_note built_note = {.type = NT_ANNO_ORIGIN, .payload = &built, .next = &later_note};
	struct journey_event events[] = {
		{.ts_ns = 1000, .probe = P(__ip_local_out), .flags = NT_F_START, .netns = 5},
		{.ts_ns = 4200, .probe = P(nf_hook_slow), .skb = 0xffff9d66c133e200, .notes = &built_note,
		 .netns = 5},
		{.ts_ns = 5200, .probe = P(consume_skb), .skb = 0xffff9d66c133e300, .netns = 0},
		{.ts_ns = 6200, .probe = NT_PROBE_MAX - 1, .skb = 0xffff9d66c133e200, .netns = 5},
		{.ts_ns = 6200, .probe = P(ip_rcv), .netns = 6},
	};
	struct journey journey = make(events, 5);
	struct render_env env = {.dict = dict};

	(void)state;
	render_text_event(out, &env, &journey, &events[1]);
	render_text_event(out, &env, &journey, &events[2]);
	env.detail = true;
	for (size_t i = 1; i < 5; i++)
		render_text_event(out, &env, &journey, &events[i]);
	assert_string_equal(
		read_back(),
		"c133e200: [0.000004] [nf_hook_slow        ] no IP header *__ip_local_out 3.2 us before*"
		" *probe 511 0 ns before* *ipv4 in chain: INPUT*\n"
		"c133e300: [0.000005] [consume_skb         ] no IP header *packet is freed (normally)*\n"
		"c133e200: [0.000004] [nf_hook_slow        ] [cpu 0 netns 5] no IP header"
		" *__ip_local_out 3.2 us before* *probe 511 0 ns before* *ipv4 in chain: INPUT*\n"
		"c133e300: [0.000005] [consume_skb         ] [cpu 0] no IP header *packet is freed (normally)*\n"
		"c133e200: [0.000006] [probe 511           ] [cpu 0] no IP header\n"
		"00000000: [0.000006] [ip_rcv              ] [cpu 0 netns 6] no IP header\n");
}

/* What becomes of other clones is not known yet. */
static void basic_drops(void **state)
{
	struct nt_anno_DROP drop = {.location = 0xff, .reason = 3};
	struct journey_note note = {.type = NT_ANNO_DROP, .payload = &drop};
	struct journey_event event = {.probe = P(kfree_skb), .skb = 0x1000, .notes = &note};
	struct journey_member members[] = {
		{.skb = 0x1000, .stage = NT_STAGE_TRANSPORT_IN, .alive = true},
		{.skb = 0x2000, .stage = NT_STAGE_TRANSPORT_IN, .alive = true},
	};
	struct journey journey = make(&event, 1);
	struct render_env env = {.dict = dict};
#define LINE(who) "00001000: [0.000000] [kfree_skb           ] no IP header *" who \
		  " is dropped by the kernel, reason: NO_SOCKET, at: 0xff*\n"

	(void)state;
	dict_set(dict, DICT_DROP_REASON, 3, "NO_SOCKET");
	journey.outcome = OUTCOME_INCOMPLETE;
	journey.members = members;
	journey.n_members = 1;
	render_text_event(out, &env, &journey, &event);
	journey.n_members = 2;
	render_text_event(out, &env, &journey, &event);
	members[0].alive = members[1].alive = false;
	members[0].outcome = OUTCOME_DROPPED;
	members[1].outcome = OUTCOME_DELIVERED;
	render_text_event(out, &env, &journey, &event);
	members[1].tap = true;
	render_text_event(out, &env, &journey, &event);
	event.flags = NT_F_SHARED; /* whoever holds it was not seen yet */
	render_text_event(out, &env, &journey, &event);
	members[1].alive = true; /* or is the onlooker */
	render_text_event(out, &env, &journey, &event);
	event.flags = 0;
	members[1] = (struct journey_member){.stage = NT_STAGE_TAP, .outcome = OUTCOME_DROPPED};
	assert_string_equal(lines(&env, &journey),
			    LINE("packet") LINE("this clone") LINE("this clone") LINE("packet")
			    LINE("this clone") LINE("packet") LINE("packet"));
}

static void colors(void **state)
{
	struct nt_anno_DROP drop = {.location = 0xff, .reason = 3};
	struct nt_anno_HOOK hook = {.family = 2, .hook = 1};
	struct journey_note hook_note = {.type = NT_ANNO_HOOK, .payload = &hook};
	struct journey_note note = {.type = NT_ANNO_DROP, .payload = &drop};
	struct journey_event events[] = {{.ts_ns = 0, .probe = P(ip_rcv)},
					 {.ts_ns = 1000, .probe = P(ip_rcv), .notes = &hook_note},
					 {.ts_ns = 3000, .probe = P(ip_rcv)},
					 {.ts_ns = 4000, .probe = P(kfree_skb), .notes = &note}};
	struct journey journey = make(events, 4);
	struct render_env env = {.color = true};

	(void)state;
	journey.outcome = OUTCOME_DROPPED;
	journey.drop = &drop;
	journey.incomplete = true;
	render_text_journey(out, &env, &journey);
	journey.n_events = 1;
	assert_string_equal(
		lines(&env, &journey),
		"\033[2m*****************  ***************\033[0m\n"
		"[0.000000] [ip_rcv              ] no IP header\n"
		"[0.000001] [ip_rcv              ] no IP header *ipv4 in chain: INPUT* (+1.0 us)\n"
		"[0.000003] [ip_rcv              ] no IP header \033[1;33m(+2.0 us)\033[0m\n"
		"[0.000004] [kfree_skb           ] no IP header "
		"\033[31m*packet is dropped by the kernel, reason: 3, at: 0xff*\033[0m (+1.0 us)\n"
		"total: 4.0 us, slowest: within ip-in 2.0 us, outcome: dropped\n"
		"\033[31mdropped: 3\033[0m\n"
		"\033[31mincomplete: the start was not seen\033[0m\n\n"
		"\033[2m00000000: \033[0m[0.000000] [ip_rcv              ] no IP header\n");
}

/* Where all spans are equal to nothing, none is slow. */
static void colors_without_spans(void **state)
{
	struct journey_event events[] = {{.probe = P(ip_rcv), .flags = NT_F_START}, {.probe = P(ip_rcv)}};
	struct render_env env = {.color = true};

	(void)state;
	assert_null(strstr(block(&env, events, 2), "\033[1;33m"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(detail), test(detail_without_names), test(date), test(date_in_a_block), test(stack),
		test(basic),  test(basic_drops),	  test(colors), test(colors_without_spans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
