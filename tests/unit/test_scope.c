/* SPDX-License-Identifier: GPL-2.0 */
/* Which journeys -i, --netns and --pid want. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "annotations.h"
#include "scope.h"

#define NETNS_A 4026532001u
#define NETNS_B 4026532002u
#define PID 1200
#define EVENTS_MAX 4

/* A journey made by hand: events with one note each at most, and up to two sets of headers. */
struct made {
	struct journey journey;
	struct journey_event events[EVENTS_MAX];
	struct journey_note notes[EVENTS_MAX];
	struct nt_anno_TASK tasks[EVENTS_MAX];
	struct nt_flow flows[2];
};

static struct dict *dict;
static struct scope *scope;

static int setup(void **state)
{
	(void)state;
	dict = dict_new();
	scope = NULL;
	return dict ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	dict_free(dict);
	scope_free(scope);
	return 0;
}

static void want(const struct scope_terms *terms)
{
	scope = scope_new(terms);
	assert_non_null(scope);
}

#define want(...) want(&(struct scope_terms){__VA_ARGS__})

static struct nt_flow flow(u8 l4_proto, u32 saddr, u16 sport, u32 daddr, u16 dport)
{
	return (struct nt_flow){.saddr = {0, 0, 0xffff0000, saddr},
				.daddr = {0, 0, 0xffff0000, daddr},
				.l3_proto = NT_ETH_IPV4,
				.l4_proto = l4_proto,
				.sport = sport,
				.dport = dport};
}

static struct nt_flow ping(u32 saddr, u32 daddr, u16 type, u16 id)
{
	struct nt_flow f = flow(NT_IP_ICMP, saddr, 0, daddr, 0);

	f.icmp_type = (u16)(type << 8);
	f.echo_id = id;
	return f;
}

/* One event in one namespace, in softirq. */
static struct made *make(struct nt_flow f)
{
	static struct made made;

	memset(&made, 0, sizeof(made));
	made.flows[0] = f;
	made.events[0] = (struct journey_event){.netns = NETNS_A, .ifindex = 2, .context = NT_CTX_SOFTIRQ};
	made.journey = (struct journey){
		.events = made.events, .n_events = 1, .flows = made.flows, .n_flows = 1};
	return &made;
}

static void note(struct made *made, size_t event, u32 pid, u8 context)
{
	made->tasks[event] = (struct nt_anno_TASK){.pid = pid, .tid = pid + 1, .comm = "curl"};
	made->notes[event] = (struct journey_note){.type = NT_ANNO_TASK, .payload = &made->tasks[event]};
	made->events[event].notes = &made->notes[event];
	made->events[event].context = context;
}

static bool wants(struct made *made)
{
	return scope_wants(scope, dict, &made->journey);
}

/* A journey that the process sends: the one that is learned. */
static bool wants_sent(struct nt_flow f)
{
	struct made *made = make(f);

	note(made, 0, PID, NT_CTX_TASK);
	return wants(made);
}

#define TCP_OUT flow(NT_IP_TCP, 1, 40000, 2, 443)
#define TCP_IN flow(NT_IP_TCP, 2, 443, 1, 40000)

static void nothing_asked(void **state)
{
	(void)state;
	want(.pid = 0);
	assert_true(wants(make(TCP_OUT)));
	scope_free(NULL);
}

static void long_enough(void **state)
{
	struct made *made = make(TCP_OUT);

	(void)state;
	want(.min_latency_ns = 1000);
	made->journey.start_ns = 5000;
	made->journey.end_ns = 5999;
	assert_false(wants(made));
	made->journey.end_ns = 6000;
	assert_true(wants(made));
	/* before it existed it waited, too */
	made->journey.end_ns = 5400;
	made->journey.before.delay_ns = 600;
	assert_true(wants(made));
	made->journey.before.delay_ns = 599;
	assert_false(wants(made));
	/* its end was not seen: nobody knows */
	made->journey.end_ns = 5001;
	made->journey.incomplete = true;
	assert_true(wants(made));
}

static void interface_of_any_event(void **state)
{
	struct made *made = make(TCP_OUT);

	(void)state;
	want(.ifname = "eth0");
	assert_false(wants(made)); /* its name is unknown */
	dict_set(dict, DICT_IFNAME, dict_ifname_key(NETNS_A, 2), "lo");
	dict_set(dict, DICT_IFNAME, dict_ifname_key(NETNS_B, 2), "eth0");
	dict_set(dict, DICT_IFNAME, dict_ifname_key(NETNS_A, 3), "eth0.7");
	dict_set(dict, DICT_IFNAME, dict_ifname_key(NETNS_A, 0), "eth0");
	assert_false(wants(made));
	made->journey.n_events = 4;
	made->events[1] = made->events[0];
	made->events[2] = (struct journey_event){.netns = NETNS_A, .ifindex = 3};
	made->events[3] = (struct journey_event){.netns = NETNS_A};
	assert_false(wants(made));
	made->events[3] = (struct journey_event){.netns = NETNS_B, .ifindex = 2};
	assert_true(wants(made));
}

static void namespace_by_name(void **state)
{
	struct made *made = make(TCP_OUT);

	(void)state;
	want(.netns_name = "web", .netns = NETNS_B);
	assert_false(wants(made)); /* its name is unknown */
	dict_set(dict, DICT_NETNS, NETNS_A, "we");
	assert_false(wants(made));
	dict_set(dict, DICT_NETNS, NETNS_A, "web");
	assert_true(wants(made));
	assert_true(scope_wants_event(scope, dict, &made->events[0]));
	made->events[0].netns = NETNS_B;
	assert_true(wants(made)); /* a number that is an inode, too */
	made->events[0].netns = 0;
	assert_false(wants(made));
}

static void namespace_of_any_event(void **state)
{
	struct made *made = make(TCP_OUT);

	(void)state;
	want(.netns = NETNS_B);
	assert_false(wants(made));
	made->journey.n_events = 2;
	assert_false(wants(made)); /* 0: unknown */
	made->events[1].netns = NETNS_B;
	assert_true(wants(made));
	made->journey.n_events = 0;
	assert_false(wants(made));
}

static void process_that_sends(void **state)
{
	struct made *made = make(TCP_OUT);

	(void)state;
	want(.pid = PID);
	assert_false(wants(made));
	note(made, 0, PID + 1, NT_CTX_TASK); /* its thread has the number, it is another's */
	assert_false(wants(made));
	note(made, 0, PID, NT_CTX_SOFTIRQ); /* interrupted */
	assert_false(wants(made));
	made->notes[0].type = NT_ANNO_ORIGIN;
	made->events[0].context = NT_CTX_TASK;
	assert_false(wants(made));
	assert_false(wants(make(TCP_IN))); /* nothing was learned of that */
	assert_true(wants_sent(TCP_OUT));
}

static void context_unknown(void **state)
{
	struct made *made = make(TCP_OUT);

	(void)state;
	want(.pid = PID);
	note(made, 0, PID, NT_CTX_UNKNOWN);
	assert_true(wants(made));
}

static void second_note_of_an_event(void **state)
{
	struct journey_note drop = {.type = NT_ANNO_DROP};
	struct made *made = make(TCP_OUT);

	(void)state;
	want(.pid = PID);
	note(made, 0, PID, NT_CTX_TASK);
	drop.next = made->events[0].notes;
	made->events[0].notes = &drop;
	assert_true(wants(made));
}

static void flow_is_learned_both_ways(void **state)
{
	(void)state;
	want(.pid = PID);
	assert_true(wants_sent(TCP_OUT));
	assert_true(wants(make(TCP_IN)));
	assert_true(wants(make(TCP_OUT)));
	assert_false(wants(make(flow(NT_IP_UDP, 1, 40000, 2, 443))));
	assert_false(wants(make(flow(NT_IP_TCP, 1, 40001, 2, 443))));
	assert_false(wants(make(flow(NT_IP_TCP, 1, 443, 2, 40000)))); /* ports belong to their ends */
	assert_false(wants(make(flow(NT_IP_TCP, 1, 40000, 3, 443))));
	/* learned from what it reads, too */
	assert_true(wants_sent(flow(NT_IP_UDP, 9, 53, 1, 5353)));
	assert_true(wants(make(flow(NT_IP_UDP, 1, 5353, 9, 53))));
}

static void flow_to_itself(void **state)
{
	(void)state;
	want(.pid = PID);
	assert_true(wants_sent(flow(NT_IP_UDP, 1, 7, 1, 6)));
	assert_true(wants(make(flow(NT_IP_UDP, 1, 6, 1, 7))));
	assert_false(wants(make(flow(NT_IP_UDP, 1, 7, 1, 7))));
}

static void pings_by_identifier(void **state)
{
	(void)state;
	want(.pid = PID);
	assert_true(wants_sent(ping(1, 2, 8, 77)));
	assert_true(wants(make(ping(2, 1, 0, 77))));
	assert_false(wants(make(ping(2, 1, 0, 78))));
	assert_false(wants(make(ping(3, 1, 0, 77))));
	assert_false(wants(make(ping(2, 1, 3, 77)))); /* unreachable: no echo */
}

/* Two containers with the same addresses are two flows. */
static void flows_of_another_namespace(void **state)
{
	struct made *made;

	(void)state;
	want(.pid = PID);
	assert_true(wants_sent(TCP_OUT));
	made = make(TCP_IN);
	made->events[0].netns = NETNS_B;
	assert_false(wants(made));
	made->journey.n_events = 2; /* from there it came into this one */
	made->events[1].netns = NETNS_A;
	assert_true(wants(made));
}

static void namespace_of_a_neighbour(void **state)
{
	struct made *made = make(TCP_OUT);

	(void)state;
	want(.pid = PID);
	made->journey.n_events = 2;
	note(made, 0, PID, NT_CTX_TASK);
	made->events[0].netns = 0; /* not routed yet */
	made->events[1].netns = NETNS_B;
	assert_true(wants(made));
	assert_false(wants(make(TCP_IN)));
	made = make(TCP_IN);
	made->events[0].netns = NETNS_B;
	assert_true(wants(made));
}

/* The headers where the process was count, not those of a tunnel or of NAT. */
static void headers_at_the_process(void **state)
{
	struct made *made = make(flow(NT_IP_UDP, 8, 4789, 9, 4789));

	(void)state;
	want(.pid = PID);
	made->journey.n_events = 2;
	made->journey.n_flows = 2;
	made->flows[1] = TCP_IN;
	made->events[1] = made->events[0];
	made->events[1].flow = 1;
	note(made, 1, PID, NT_CTX_TASK);
	assert_true(wants(made));
	assert_false(wants(make(flow(NT_IP_UDP, 8, 4789, 9, 4789))));
	assert_true(wants(make(TCP_OUT)));
	made = make(flow(NT_IP_UDP, 8, 4789, 9, 4789)); /* the answer goes through it, too */
	made->journey.n_events = 2;
	made->journey.n_flows = 2;
	made->flows[1] = TCP_OUT;
	made->events[1] = made->events[0];
	made->events[1].flow = 1;
	assert_true(wants(made));
}

static void headers_built_later(void **state)
{
	struct made *made = make((struct nt_flow){0});

	(void)state;
	want(.pid = PID);
	made->journey.n_flows = 2;
	made->flows[1] = TCP_OUT;
	note(made, 0, PID, NT_CTX_TASK);
	assert_true(wants(made));
	assert_true(wants(make(TCP_IN)));
}

static void packets_without_a_flow(void **state)
{
	struct nt_flow fragment = TCP_OUT;

	(void)state;
	want(.pid = PID);
	fragment.no_transport = NT_TRANSPORT_LATER_FRAGMENT;
	fragment.sport = fragment.dport = 0;
	assert_true(wants_sent(fragment));
	assert_false(wants(make(fragment)));
	assert_true(wants_sent(flow(89, 1, 0, 2, 0)));
	assert_false(wants(make(flow(89, 1, 0, 2, 0))));
	assert_true(wants_sent((struct nt_flow){0}));
	assert_false(wants(make((struct nt_flow){0})));
}

static void all_terms_together(void **state)
{
	struct made *made;

	(void)state;
	want(.pid = PID, .netns = NETNS_A, .ifname = "eth0");
	assert_false(wants_sent(TCP_OUT)); /* of the process, but its interface has no name */
	dict_set(dict, DICT_IFNAME, dict_ifname_key(NETNS_A, 2), "eth0");
	assert_true(wants(make(TCP_IN))); /* learned all the same */
	made = make(TCP_IN);
	made->events[0].ifindex = 3;
	assert_false(wants(made));
	assert_false(wants(make(flow(NT_IP_TCP, 5, 5, 6, 6))));
}

static struct nt_flow numbered(u32 n)
{
	return flow(NT_IP_UDP, 1, (u16)n, 2 + (n >> 16), (u16)(n * 7));
}

static void oldest_is_forgotten(void **state)
{
	(void)state;
	want(.pid = PID);
	for (u32 n = 0; n < SCOPE_FLOWS_MAX; n++)
		assert_true(wants_sent(numbered(n)));
	assert_true(wants_sent(numbered(SCOPE_FLOWS_MAX)));
	assert_false(wants(make(numbered(0))));
	for (u32 n = 1; n <= SCOPE_FLOWS_MAX; n++)
		assert_true(wants(make(numbered(n))));
}

/* A connection that is in use stays, however many short ones come and go. */
static void flow_in_use_stays(void **state)
{
	(void)state;
	want(.pid = PID);
	assert_true(wants_sent(TCP_OUT));
	for (u32 n = 0; n < 50 * SCOPE_FLOWS_MAX; n++) {
		assert_true(wants_sent(numbered(n)));
		if (n % (SCOPE_FLOWS_MAX / 2) == 0)
			assert_true(wants(make(TCP_IN)));
	}
	for (u32 n = 49 * SCOPE_FLOWS_MAX + 1; n < 50 * SCOPE_FLOWS_MAX; n++)
		assert_true(wants(make(numbered(n))));
	assert_false(wants(make(numbered(49 * SCOPE_FLOWS_MAX - 1))));
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(nothing_asked),
		test(long_enough),
		test(interface_of_any_event),
		test(namespace_of_any_event), test(namespace_by_name),
		test(process_that_sends),
		test(context_unknown),
		test(second_note_of_an_event),
		test(flow_is_learned_both_ways),
		test(flow_to_itself),
		test(pings_by_identifier),
		test(flows_of_another_namespace),
		test(namespace_of_a_neighbour),
		test(headers_at_the_process),
		test(headers_built_later),
		test(packets_without_a_flow),
		test(all_terms_together),
		test(oldest_is_forgotten),
		test(flow_in_use_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
