/* SPDX-License-Identifier: GPL-2.0 */
/* What packets say of their own delay, or their answers' departure: how long of a blockage each of them waited. */
#include "attribution_kit.h"

/* CPU 1, by a task; all that came since T0 - 50 ms is received after it. */
static void block_until_300(void)
{
	block(NT_CAUSE_IRQS_OFF, 1, T0, T0 + 4 * MS, T0 + 300 * MS);
}

static void make_late(struct packet *p)
{
	make_received(p, T0 + 301 * MS, T0 - 50 * MS, T0 + 300 * MS);
}

/* What ping writes: the time of sending, 64 bits of seconds and of microseconds, by a clock of its own. */
static void make_ping(struct packet *p, u64 arrived_ns, u64 sent_us)
{
	u64 stamp[2] = {1700000000 + sent_us / 1000000, sent_us % 1000000};

	p->flow = (struct nt_flow){.l3_proto = 0x0800, .l4_proto = 1, .icmp_type = 8 << 8, .echo_id = 7};
	p->snapshot.network = 14;
	p->snapshot.captured_bytes = 98;
	p->snapshot.bytes[14] = 0x45;
	memcpy(p->snapshot.bytes + 14 + 20 + 8, stamp, sizeof(stamp));
	p->events[0].snapshot = &p->snapshot;
	assert_true(arrived_ns == p->events[0].ts_ns);
}

/* Between 10.0.0.1, which asks, and 10.0.0.2. */
static void make_echo(struct packet *p, u16 type, u16 seq)
{
	p->flow = (struct nt_flow){.l3_proto = NT_ETH_IPV4, .l4_proto = NT_IP_ICMP, .icmp_type = (u16)(type << 8), .echo_id = 7,
				   .echo_seq = seq};
	p->flow.saddr[0] = type == NT_ECHO_REQUEST ? 0x0a000001 : 0x0a000002;
	p->flow.daddr[0] = type == NT_ECHO_REQUEST ? 0x0a000002 : 0x0a000001;
}

static void calm_pings(unsigned int n)
{
	struct packet p;

	for (unsigned int i = 0; i < n; i++) {
		make_received(&p, T0 - 1000 * MS + i * 50 * MS, ~0ull, 0);
		make_ping(&p, p.events[0].ts_ns, i * 50000 + i % 2 * 100); /* some are 100 us faster */
		judge(&p);
		assert_null(p.journey.before.blocked);
	}
}

static void judge_late_ping(struct packet *p, u64 sent_us)
{
	make_late(p);
	make_ping(p, T0 + 301 * MS, sent_us);
	judge(p);
}

static void what_ping_says(void **state)
{
	struct packet p;

	(void)state;
	calm_pings(19);
	block_until_300();
	judge_late_ping(&p, 1000000 + 101000); /* sent 200 ms before, less the way */
	assert_false(p.journey.before.upper);
	assert_in_range(p.journey.before.delay_ns, 200 * MS, 201 * MS);
	assert_in_range(p.journey.before.low_ns, 199 * MS, p.journey.before.delay_ns - 1);
	assert_in_range(p.journey.before.high_ns, p.journey.before.delay_ns + 1, 201 * MS);
	/* no later than others: it came when all was over */
	judge_late_ping(&p, 1000000 + 301000);
	assert_null(p.journey.before.blocked);
	/* what is beyond the blockage was lost on the way */
	judge_late_ping(&p, 1000000 - 700000);
	assert_int_equal(p.journey.before.delay_ns, 300 * MS);
	assert_false(p.journey.before.upper);
	assert_int_equal(attribution_advance(attribution, ~0ull), 0);
	assert_int_equal(last_told.packets, 2);
	assert_false(last_told.upper);
}

/* Where fast ones stay in the kernel, those that come were late themselves: how much later than they is the least. */
static void late_ones_alone(void **state)
{
	struct packet p;

	(void)state;
	attribution_of_slow(attribution);
	block_until_300();
	for (unsigned int i = 0; i < 8; i++) {
		judge_late_ping(&p, 1000000 + 151000); /* sent 150 ms before */
		assert_true(p.journey.before.upper);
	}
	judge_late_ping(&p, 1000000 + 101000);
	assert_true(p.journey.before.upper);
	assert_int_equal(p.journey.before.delay_ns, 300 * MS);
	assert_in_range(p.journey.before.low_ns, 49 * MS, 50 * MS);
	/* later than they by more than the CPU is known to have stood still */
	block(NT_CAUSE_IRQS_OFF, 1, T0 + 400 * MS, T0 + 590 * MS, T0 + 600 * MS);
	make_received(&p, T0 + 601 * MS, T0 + 350 * MS, T0 + 600 * MS);
	make_ping(&p, T0 + 601 * MS, 1000000 + 301000);
	judge(&p);
	assert_true(p.journey.before.upper);
	assert_int_equal(p.journey.before.delay_ns, 200 * MS);
	assert_true(journey_took_ns(&p.journey) >= 149 * MS && journey_took_ns(&p.journey) < 151 * MS);
	/* as late as the fastest of them, which is late enough to be told */
	judge_late_ping(&p, 1000000 + 151000);
	assert_true(p.journey.before.upper);
	assert_int_equal(p.journey.before.low_ns, 0);
	assert_true(journey_took_ns(&p.journey) >= 290 * MS);
	/* what is beyond the blockage was lost on the way, here too */
	judge_late_ping(&p, 1000000 - 700000);
	assert_false(p.journey.before.upper);
}

/* What was long ago is no measure, however many there were. */
static void after_a_pause(void **state)
{
	u64 later_ns = T0 + 40000 * MS;
	struct packet p;

	(void)state;
	calm_pings(19);
	block(NT_CAUSE_IRQS_OFF, 1, later_ns, later_ns + 4 * MS, later_ns + 300 * MS);
	make_received(&p, later_ns + 301 * MS, later_ns - 50 * MS, later_ns + 300 * MS);
	make_ping(&p, later_ns + 301 * MS, 41000000 + 101000);
	judge(&p);
	assert_int_equal(p.journey.before.cause, NT_CAUSE_IRQS_OFF);
	assert_true(p.journey.before.upper);
}

/* What TCP writes: the time of sending in its peer's ticks, among other options. */
static void make_segment(struct packet *p, u32 tick)
{
	const u8 options[] = {1, 1, 8, 10, (u8)(tick >> 24), (u8)(tick >> 16), (u8)(tick >> 8), (u8)tick, 0, 0, 0, 0};

	p->flow = (struct nt_flow){.l3_proto = 0x0800, .l4_proto = 6, .sport = 80, .dport = 40000};
	p->snapshot.network = 14;
	p->snapshot.captured_bytes = 14 + 20 + 32;
	p->snapshot.bytes[14] = 0x45;
	p->snapshot.bytes[14 + 20 + 12] = 0x80;
	memcpy(p->snapshot.bytes + 14 + 20 + 20, options, sizeof(options));
	p->events[0].snapshot = &p->snapshot;
}

/* Of two seconds before T0, by a clock that goes round in them and ticks so often in a millisecond, in tenths. */
static u32 tick_of(u64 sent_ns, u32 tenths)
{
	return 0xffffff00u + (u32)((sent_ns - (T0 - 2000 * MS)) / MS * tenths / 10);
}

static void calm_segments(u32 tenths)
{
	struct packet p;

	for (unsigned int i = 0; i < 20; i++) {
		make_received(&p, T0 - 2000 * MS + i * 100 * MS, ~0ull, 0);
		make_segment(&p, tick_of(p.events[0].ts_ns, tenths));
		judge(&p);
		assert_null(p.journey.before.blocked);
	}
}

static struct journey_delay delay_of_segment(u32 tick)
{
	static struct packet p;

	make_late(&p);
	make_segment(&p, tick);
	judge(&p);
	return p.journey.before;
}

static void what_tcp_says(void **state)
{
	struct journey_delay delay;

	(void)state;
	calm_segments(10);
	block_until_300();
	delay = delay_of_segment(tick_of(T0 + 101 * MS, 10));
	assert_false(delay.upper);
	assert_in_range(delay.delay_ns, 199 * MS, 201 * MS);
	assert_in_range(delay.low_ns, 198 * MS, delay.delay_ns - 1);
	assert_in_range(delay.high_ns, delay.delay_ns + 1, 202 * MS);
}

/* Whose ticks are no milliseconds says nothing. */
static void other_ticks(void **state)
{
	static const u32 tenths[] = {1, 100, 12};

	for (size_t i = 0; i < sizeof(tenths) / sizeof(tenths[0]); i++) {
		calm_segments(tenths[i]);
		block_until_300();
		assert_true(delay_of_segment(tick_of(T0 + 101 * MS, tenths[i])).upper);
		teardown(state);
		setup(state);
	}
}

/* Options may be anything. */
static void hostile_options(void **state)
{
	static const u8 options[][4] = {{2, 0, 8, 10}, {2, 1, 8, 10}, {254, 255, 8, 10}, {8, 10, 0, 0}, {1, 1, 1, 8}};
	struct packet p;

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		for (u16 captured = 0; captured < 80; captured++) {
			make_received(&p, T0, ~0ull, 0);
			make_segment(&p, 1);
			memcpy(p.snapshot.bytes + 14 + 20 + 20, options[i], sizeof(options[i]));
			p.snapshot.bytes[14 + 20 + 12] = 0xf0;
			p.snapshot.captured_bytes = captured;
			judge(&p);
			assert_null(p.journey.before.blocked);
		}
	}
}

/* With too few to compare with, nothing is said to be exact. */
static void too_few_pings(void **state)
{
	struct packet p;

	(void)state;
	calm_pings(3);
	block_until_300();
	judge_late_ping(&p, 1000000 + 101000);
	assert_true(p.journey.before.upper);
	assert_int_equal(p.journey.before.delay_ns, 300 * MS);
}

/* When the blockage began is not known, but the packet itself says that it was late: that is an incident, too. */
static void late_by_itself(void **state)
{
	struct packet p;

	(void)state;
	calm_pings(19);
	block(NT_CAUSE_IRQS_OFF, 1, T0, T0 + 39 * MS, T0 + 40 * MS);
	make_received(&p, T0 + 41 * MS, T0 - 50 * MS, T0 + 40 * MS);
	judge(&p);
	assert_true(p.journey.before.upper);
	assert_int_equal(n_begun, 0);
	make_ping(&p, T0 + 41 * MS, 1000000 + 11000);
	judge(&p);
	assert_in_range(p.journey.before.delay_ns, 29 * MS, 31 * MS);
	assert_int_equal(n_begun, 1);
}

/* A request that was given to two drivers, one upon the other, the last of them then. */
static void send_request_of(u64 left_ns, u16 seq, bool incomplete)
{
	struct packet p;

	make_received(&p, left_ns - 10 * MS, ~0ull, 0);
	p.events[0].cpu = 0;
	p.events[0].probe = p.events[1].probe = NT_PROBE_net_dev_start_xmit;
	p.events[1].ts_ns = p.journey.end_ns = left_ns;
	p.journey.incomplete = incomplete;
	make_echo(&p, NT_ECHO_REQUEST, seq);
	judge(&p);
	assert_null(p.journey.before.blocked);
}

static void send_request(u64 left_ns, u16 seq)
{
	send_request_of(left_ns, seq, false);
}

/* Of answers that took 1 ms from the wire; ping lost its CPU for 30 ms before it sent each request. */
static void answer_at(struct packet *p, u64 ts_ns, u64 polled_ns, u16 seq, u64 from_ns)
{
	make_received(p, ts_ns, polled_ns, T0 + 300 * MS);
	make_ping(p, ts_ns, (ts_ns - from_ns + 1000 * MS) / 1000 - (seq % 2 ? 30000 : 1000));
	make_echo(p, NT_ECHO_REPLY, seq);
}

static void answer(struct packet *p, u64 ts_ns, u64 polled_ns, u16 seq)
{
	answer_at(p, ts_ns, polled_ns, seq, T0 - 1000 * MS);
}

static void late_answer(struct packet *p, u16 seq)
{
	answer(p, T0 + 301 * MS, T0 - 50 * MS, seq);
}

static void calm_answers(void)
{
	struct packet p;

	for (u16 seq = 0; seq < 19; seq++) {
		u64 ts_ns = T0 - 1000 * MS + seq * 50 * MS;

		send_request(ts_ns - 1 * MS, seq);
		answer(&p, ts_ns, ~0ull, seq);
		judge(&p);
		assert_null(p.journey.before.blocked);
	}
}

/* Not since ping began with it, but since it left this machine can the answer to a request have waited. */
static void answer_waits_since_departure(void **state)
{
	struct packet p;

	(void)state;
	calm_answers();
	block_until_300();
	send_request(T0 + 100 * MS, 101);
	late_answer(&p, 101);
	judge(&p);
	assert_false(p.journey.before.upper);
	assert_in_range(p.journey.before.delay_ns, 199 * MS, 200 * MS);
	assert_true(p.journey.before.high_ns == 200 * MS);
	assert_in_range(p.journey.before.low_ns, 199 * MS, p.journey.before.delay_ns);
	/* it came at the end of the blockage, when its request had just left */
	send_request(T0 + 299 * MS + MS / 2, 103);
	late_answer(&p, 103);
	judge(&p);
	assert_null(p.journey.before.blocked);
}

/* With none to compare with but such of which only the stamp is known, by another clock: it waited no longer than its way took. */
static void first_departure(void **state)
{
	struct packet p;

	(void)state;
	for (u16 seq = 0; seq < 19; seq++) {
		answer(&p, T0 - 1000 * MS + seq * 50 * MS, ~0ull, seq);
		judge(&p);
	}
	block_until_300();
	send_request(T0 + 100 * MS, 101);
	late_answer(&p, 101);
	judge(&p);
	assert_true(p.journey.before.upper);
	assert_int_equal(p.journey.before.high_ns, 200 * MS);
}

static void assert_departed(u64 departed_ns, u16 seq)
{
	struct packet p;

	late_answer(&p, seq);
	p.events[0].snapshot = NULL;
	judge(&p);
	assert_int_equal(p.journey.before.high_ns, T0 + 300 * MS - departed_ns);
}

/* Who always asks by the same name may get the answer to an earlier request. */
static void same_name_again(void **state)
{
	(void)state;
	block_until_300();
	send_request(T0 + 100 * MS, 7);
	assert_departed(T0 + 100 * MS, 7);
	send_request(T0 + 200 * MS, 7); /* the other was answered */
	assert_departed(T0 + 200 * MS, 7);
	send_request(T0 + 250 * MS, 8);
	send_request(T0 + 260 * MS, 8);
	assert_departed(T0, 8);
	send_request(T0 + 270 * MS, 8);
	assert_departed(T0 + 270 * MS, 8);
}

/* A copy of it went to another device, perhaps later; and what is a ping again at its end may have left as something else. */
static void copies_and_tunnels(void **state)
{
	struct nt_flow flows[2];
	struct packet p;

	(void)state;
	block_until_300();
	make_received(&p, T0 + 90 * MS, ~0ull, 0);
	p.events[0].probe = p.events[1].probe = NT_PROBE_net_dev_start_xmit;
	p.events[1].ts_ns = p.journey.end_ns = T0 + 200 * MS;
	make_echo(&p, NT_ECHO_REQUEST, 7);
	p.events[1].skb = 64;
	judge(&p);
	assert_departed(T0, 7);
	p.events[1].skb = 0;
	flows[0] = flows[1] = p.flow;
	flows[1].l4_proto = 47;
	p.journey.flows = flows;
	p.journey.n_flows = 2;
	p.events[1].flow = 1;
	judge(&p);
	assert_departed(T0, 7);
	p.events[1].flow = 0;
	judge(&p);
	assert_departed(T0 + 200 * MS, 7);
}

/* The other family's types. */
static void departures_of_icmpv6(void **state)
{
	struct packet p;

	(void)state;
	block_until_300();
	make_received(&p, T0 + 100 * MS, ~0ull, 0);
	p.events[0].probe = NT_PROBE_net_dev_start_xmit;
	p.flow = (struct nt_flow){.l3_proto = NT_ETH_IPV6, .l4_proto = NT_IP_ICMPV6, .icmp_type = NT_ECHO_REQUEST_V6 << 8,
				  .saddr = {1, 2, 3, 4}, .daddr = {5, 6, 7, 8}, .echo_id = 7, .echo_seq = 9};
	judge(&p);
	make_late(&p);
	p.flow = (struct nt_flow){.l3_proto = NT_ETH_IPV6, .l4_proto = NT_IP_ICMPV6, .icmp_type = NT_ECHO_REPLY_V6 << 8,
				  .saddr = {5, 6, 7, 8}, .daddr = {1, 2, 3, 4}, .echo_id = 7, .echo_seq = 9};
	judge(&p);
	assert_int_equal(p.journey.before.high_ns, 200 * MS);
	p.flow.fragment = 1;
	judge(&p);
	assert_int_equal(p.journey.before.high_ns, 300 * MS);
}

/* Too far apart to be compared with each other by two clocks, but not by one; one a day is compared with none. */
static void seldom(void **state)
{
	static const struct { u64 apart_ns; bool departs, upper; } rows[] = {
		{30000 * MS, false, true}, {30000 * MS, true, false}, {2000000 * MS, true, true}, {15000 * MS, false, true},
	};
	struct packet p;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		u64 from_ns = T0 - 20 * rows[i].apart_ns;

		for (u16 seq = 0; seq < 20; seq++) {
			make_received(&p, from_ns + seq * rows[i].apart_ns, ~0ull, 0);
			if (rows[i].departs)
				send_request(p.events[0].ts_ns - 1 * MS, seq);
			answer_at(&p, p.events[0].ts_ns, ~0ull, seq, from_ns);
			judge(&p);
		}
		block_until_300();
		if (rows[i].departs)
			send_request(T0 + 100 * MS, 101);
		answer_at(&p, T0 + 301 * MS, T0 - 50 * MS, 101, from_ns);
		judge(&p);
		assert_int_equal(p.journey.before.cause, NT_CAUSE_IRQS_OFF);
		assert_int_equal(p.journey.before.upper, rows[i].upper);
		assert_int_equal(p.journey.before.high_ns, rows[i].departs ? 200 * MS : 300 * MS);
		teardown(state);
		setup(state);
	}
}

/* Whatever ping writes into them, or not. */
static void answers_without_stamps(void **state)
{
	struct packet p;

	(void)state;
	calm_answers();
	block_until_300();
	send_request(T0 + 100 * MS, 101);
	late_answer(&p, 101);
	p.events[0].snapshot = NULL;
	judge(&p);
	assert_false(p.journey.before.upper);
	assert_in_range(p.journey.before.delay_ns, 199 * MS, 200 * MS);
}

static void assert_unanswered(const struct packet *answer_to_other)
{
	struct packet p = *answer_to_other;

	p.events[0].notes = &p.note;
	p.note.payload = &p.arrival;
	p.events[0].snapshot = NULL;
	p.journey.events = p.events;
	p.journey.flows = &p.flow;
	judge(&p);
	assert_true(p.journey.before.upper);
	assert_int_equal(p.journey.before.high_ns, 300 * MS);
}

/* Of others' answers, or of requests that may have left earlier, nothing is known but the most. */
static void not_its_departure(void **state)
{
	struct packet p;

	(void)state;
	calm_answers();
	block_until_300();
	send_request(T0 + 100 * MS, 101);
	late_answer(&p, 102);
	assert_unanswered(&p);
	late_answer(&p, 101);
	p.flow.echo_id++;
	assert_unanswered(&p);
	late_answer(&p, 101);
	p.flow.saddr[0]++;
	assert_unanswered(&p);
	late_answer(&p, 101);
	p.flow.daddr[0]++;
	assert_unanswered(&p);
	late_answer(&p, 101);
	p.events[0].netns++;
	assert_unanswered(&p);
	late_answer(&p, 101);
	p.flow.icmp_type = NT_ECHO_REQUEST << 8;
	assert_unanswered(&p);
	/* of whatever place */
	for (u32 seq = 102; seq < 0x10000; seq++) {
		late_answer(&p, (u16)seq);
		assert_unanswered(&p);
	}
	for (u32 id = 8; id < 0x10000; id++) {
		late_answer(&p, 101);
		p.flow.echo_id = (u16)id;
		assert_unanswered(&p);
	}
	/* numbers come again */
	send_request(T0 - 9700 * MS, 105);
	late_answer(&p, 105);
	assert_unanswered(&p);
	send_request(T0 + 302 * MS, 107);
	late_answer(&p, 107);
	assert_unanswered(&p);
	/* of the last driver it was given to nothing may have come */
	send_request_of(T0 + 100 * MS, 109, true);
	late_answer(&p, 109);
	assert_unanswered(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_ping_says), TEST(late_ones_alone), TEST(too_few_pings), TEST(after_a_pause), TEST(late_by_itself),
		TEST(what_tcp_says), TEST(other_ticks),
		TEST(hostile_options), TEST(answer_waits_since_departure), TEST(answers_without_stamps),
		TEST(first_departure), TEST(same_name_again), TEST(copies_and_tunnels), TEST(departures_of_icmpv6), TEST(seldom),
		TEST(not_its_departure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
