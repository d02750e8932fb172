/* SPDX-License-Identifier: GPL-2.0 */
/* Waits of packets, joined with blockages of CPUs. */
#include "attribution_kit.h"
#include "cause.h"

static void before_the_stack(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_IRQS_OFF, 1, T0, T0 + 4 * MS, T0 + 300 * MS);
	make_received(&p, T0 + 301 * MS, T0 - 50 * MS, T0 + 300 * MS);
	judge(&p);
	assert_true(p.journey.before.upper);
	assert_int_equal(p.journey.before.delay_ns, 300 * MS);
	assert_int_equal(p.journey.before.high_ns, 300 * MS);
	assert_int_equal(p.journey.before.low_ns, 0);
	assert_int_equal(p.journey.before.cause, NT_CAUSE_IRQS_OFF);
	assert_int_equal(p.journey.before.cpu, 1);
	assert_int_equal(p.journey.before.incident, 1);
	/* it came after a poll in the middle */
	make_received(&p, T0 + 301 * MS, T0 + 200 * MS, T0 + 300 * MS);
	judge(&p);
	assert_int_equal(p.journey.before.high_ns, 100 * MS);
	assert_int_equal(n_begun, 1);
	assert_int_equal(attribution_advance(attribution, T0 + 400 * MS), 0);
	assert_int_equal(n_over, 0);
	assert_int_equal(attribution_advance(attribution, T0 + 900 * MS), 0);
	assert_int_equal(n_over, 1);
	assert_int_equal(last_told.packets, 2);
	assert_int_equal(last_told.longest_ns, 300 * MS);
	assert_true(last_told.upper);
}

static void nothing_to_do_with_it(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_IRQS_OFF, 1, T0, T0 + 4 * MS, T0 + 300 * MS);
	/* the softirq was raised long after */
	make_received(&p, T0 + 321 * MS, T0 - 50 * MS, T0 + 320 * MS);
	judge(&p);
	assert_null(p.journey.before.blocked);
	/* polled since */
	make_received(&p, T0 + 301 * MS, T0 + 300 * MS, T0 + 300 * MS);
	judge(&p);
	assert_null(p.journey.before.blocked);
	/* on another CPU */
	make_received(&p, T0 + 301 * MS, T0 - 50 * MS, T0 + 300 * MS);
	p.events[0].cpu = 0;
	judge(&p);
	assert_null(p.journey.before.blocked);
	/* not received: an answer that was made in the softirq */
	make_received(&p, T0 + 301 * MS, T0 - 50 * MS, T0 + 300 * MS);
	p.events[0].probe = NT_PROBE___ip_local_out;
	judge(&p);
	assert_null(p.journey.before.blocked);
	assert_int_equal(n_begun, 0);
}

/* An interrupt in a softirq: their times are not added, and who took more of it by himself is to blame. */
static void one_in_another(void **state)
{
	struct nt_blocked outer = blocked(NT_CAUSE_LONG_SOFTIRQ, 1, T0, T0, T0 + 300 * MS);
	struct packet p;

	(void)state;
	block(NT_CAUSE_LONG_IRQ, 1, T0 + 50 * MS, T0 + 50 * MS, T0 + 250 * MS);
	outer.own_ns = 100 * MS;
	assert_int_equal(add(&outer), 0);
	make_received(&p, T0 + 301 * MS, T0 - 50 * MS, T0 + 300 * MS);
	judge(&p);
	assert_int_equal(p.journey.before.high_ns, 300 * MS);
	assert_int_equal(p.journey.before.cause, NT_CAUSE_LONG_IRQ);
}

static void between_events(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_IRQS_OFF, 1, T0 + 1 * MS, T0 + 4 * MS, T0 + 300 * MS);
	make_received(&p, T0, ~0ull, 0);
	p.events[0].cpu = 0;
	p.events[1].ts_ns = p.journey.end_ns = T0 + 301 * MS;
	judge(&p);
	assert_null(p.journey.before.blocked);
	assert_int_equal(p.journey.n_delays, 1);
	assert_int_equal(p.journey.delays[0].low_ns, 296 * MS);
	assert_int_equal(p.journey.delays[0].high_ns, 299 * MS);
	assert_int_equal(p.journey.delays[0].event, 1);
	assert_false(p.journey.delays[0].upper);
	assert_int_equal(p.journey.delays[0].incident, 1);
}

/* The inner one's length is known, and the outer one's hardly: both bounds say what is known of either. */
static void known_in_unknown(void **state)
{
	struct nt_blocked outer = blocked(NT_CAUSE_SOFTIRQS_OFF, 1, T0, T0 + 309 * MS, T0 + 310 * MS);
	struct packet p;

	(void)state;
	block(NT_CAUSE_IRQS_OFF, 1, T0 + 5 * MS, T0 + 5 * MS, T0 + 305 * MS);
	outer.own_ns = 10 * MS;
	assert_int_equal(add(&outer), 0);
	make_received(&p, T0, ~0ull, 0);
	p.events[1].ts_ns = p.journey.end_ns = T0 + 310 * MS;
	judge(&p);
	assert_int_equal(p.journey.n_delays, 1);
	assert_int_equal(p.journey.delays[0].low_ns, 301 * MS);
	assert_int_equal(p.journey.delays[0].high_ns, 310 * MS);
	assert_int_equal(p.journey.delays[0].cause, NT_CAUSE_IRQS_OFF);
}

/* Told twice, counted once. */
static void equals(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_IRQS_OFF, 1, T0, T0 + 2 * MS, T0 + 60 * MS);
	block(NT_CAUSE_IRQS_OFF, 1, T0, T0 + 2 * MS, T0 + 60 * MS);
	make_received(&p, T0, ~0ull, 0);
	p.events[1].ts_ns = p.journey.end_ns = T0 + 60 * MS;
	judge(&p);
	assert_int_equal(p.journey.delays[0].low_ns, 58 * MS);
	assert_int_equal(p.journey.delays[0].high_ns, 60 * MS);
}

/* A shaper's packet waited 100 ms, and of an idle CPU's late timer it is not known that it was late for more than 2 ms. */
static void shaped(struct packet *p, u64 proven_ns)
{
	struct nt_blocked idle = blocked(NT_CAUSE_IRQS_OFF, 1, T0, T0 + 100 * MS - proven_ns, T0 + 100 * MS);
	static const struct nt_anno_QUEUE queue = {.handle = 0x80000, .kind = "netem"};

	idle.flags |= NT_B_IDLE;
	assert_int_equal(add(&idle), 0);
	make_received(p, T0, ~0ull, 0);
	p->events[0].probe = NT_PROBE_qdisc_enqueue;
	p->note = (struct journey_note){.type = NT_ANNO_QUEUE, .payload = &queue};
	p->events[0].notes = &p->note;
	p->events[1].probe = NT_PROBE_qdisc_dequeue;
	p->events[1].ts_ns = p->journey.end_ns = T0 + 100 * MS;
	judge(p);
}

static void own_cause(void **state)
{
	struct packet p;

	(void)state;
	shaped(&p, 2 * MS);
	assert_int_equal(p.journey.n_delays, 1);
	assert_int_equal(p.journey.delays[0].cause, NT_CAUSE_QDISC_SHAPER);
	assert_int_equal(p.journey.delays[0].low_ns, 100 * MS);
	assert_int_equal(n_begun, 0);
	shaped(&p, 50 * MS);
	assert_int_equal(p.journey.n_delays, 1);
	assert_int_equal(p.journey.delays[0].cause, NT_CAUSE_UNKNOWN);
	assert_int_equal(p.journey.delays[0].low_ns, 50 * MS);
}

/* The address is asked for with a clone, whose free comes in between: its time is a part of the packet's. */
static void parts_of_a_wait(void **state)
{
	struct journey_event events[] = {{.ts_ns = T0, .cpu = 1, .probe = NT_PROBE___neigh_event_send, .skb = 64},
					 {.ts_ns = T0 + 10 * MS, .cpu = 1, .probe = NT_PROBE_consume_skb, .skb = 128},
					 {.ts_ns = T0 + 100 * MS, .cpu = 1, .probe = NT_PROBE___dev_queue_xmit, .skb = 64}};
	struct packet p;

	(void)state;
	block(NT_CAUSE_LONG_IRQ, 1, T0 + 1 * MS, T0 + 1 * MS, T0 + 9 * MS);
	make_received(&p, T0, ~0ull, 0);
	p.journey.events = events;
	p.journey.n_events = 3;
	p.journey.end_ns = T0 + 100 * MS;
	judge(&p);
	assert_int_equal(p.journey.n_delays, 1);
	assert_int_equal(p.journey.delays[0].cause, NT_CAUSE_NEIGHBOUR);
	assert_int_equal(p.journey.delays[0].low_ns, 100 * MS);
	/* and so is what has kept the CPU for most of it */
	block(NT_CAUSE_LONG_IRQ, 1, T0 + 30 * MS, T0 + 30 * MS, T0 + 90 * MS);
	judge(&p);
	assert_int_equal(p.journey.n_delays, 1);
	assert_int_equal(p.journey.delays[0].cause, NT_CAUSE_LONG_IRQ);
	assert_int_equal(p.journey.delays[0].low_ns, 68 * MS);
	assert_int_equal(p.journey.delays[0].from, 0);
}

/* What may have been is no evidence, before the stack or in it. */
static void nothing_proven(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_SOFTIRQS_OFF, 1, T0, T0 + 99 * MS + 1, T0 + 100 * MS);
	make_received(&p, T0, ~0ull, 0);
	p.events[1].ts_ns = p.journey.end_ns = T0 + 100 * MS;
	judge(&p);
	assert_int_equal(p.journey.n_delays, 0);
	make_received(&p, T0 + 100 * MS, T0 - 50 * MS, T0 + 100 * MS);
	judge(&p);
	assert_null(p.journey.before.blocked);
}

/* What is known for 20 ms rather than what may have lasted 90. */
static void proven_one_is_blamed(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_SOFTIRQS_OFF, 1, T0, T0 + 88 * MS, T0 + 90 * MS);
	block(NT_CAUSE_LONG_IRQ, 1, T0 + 91 * MS, T0 + 91 * MS, T0 + 111 * MS);
	make_received(&p, T0 + 112 * MS, T0 - 50 * MS, T0 + 90 * MS);
	assert_waited(&p, NT_CAUSE_LONG_IRQ, 110 * MS, 22 * MS);
	assert_int_equal(journey_took_ns(&p.journey), 22 * MS + 1000);
}

/* The CPU took the timer's interrupt, and stood still again: nobody was served in between. */
static void one_after_another(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_IRQS_OFF, 1, T0, T0 + 2 * MS, T0 + 250 * MS);
	block(NT_CAUSE_LONG_IRQ, 1, T0 + 251 * MS, T0 + 251 * MS, T0 + 257 * MS);
	make_received(&p, T0 + 258 * MS, T0 - 50 * MS, T0 + 257 * MS);
	assert_waited(&p, NT_CAUSE_IRQS_OFF, 256 * MS, 254 * MS);
}

/* What one came upon is noticed after it: a timer that was to expire before the blockage began. */
static void noticed_late(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_LONG_IRQ, 1, T0, T0, T0 + 300 * MS);
	block(NT_CAUSE_LONG_IRQ, 0, T0 - 400 * MS, T0 - 400 * MS, T0 - 390 * MS);
	block(NT_CAUSE_IRQS_OFF, 1, T0 - 60 * MS, T0 - 58 * MS, T0);
	make_received(&p, T0 + 300 * MS, T0 - 100 * MS, T0 + 300 * MS);
	assert_waited(&p, NT_CAUSE_LONG_IRQ, 360 * MS, 358 * MS);
}

/* An interrupt of long before, since when the CPU idled until its timer was 2 ms late. */
static void over_by_then(void **state)
{
	struct nt_blocked idle = blocked(NT_CAUSE_IRQS_OFF, 1, T0, T0 + 98 * MS, T0 + 100 * MS);
	struct packet p;

	(void)state;
	idle.flags |= NT_B_IDLE;
	block(NT_CAUSE_LONG_IRQ, 1, T0 + 10 * MS, T0 + 10 * MS, T0 + 40 * MS);
	assert_int_equal(add(&idle), 0);
	make_received(&p, T0 + 100 * MS, T0 - 50 * MS, T0 + 100 * MS);
	judge(&p);
	assert_int_equal(p.journey.before.cause, NT_CAUSE_UNKNOWN);
	assert_int_equal(p.journey.before.proven_ns, 2 * MS);
}

/* Neither is in the other: what both cover counts once. */
static void one_over_another(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_IRQS_OFF, 1, T0 + 10 * MS, T0 + 12 * MS, T0 + 60 * MS);
	block(NT_CAUSE_SOFTIRQS_OFF, 1, T0 + 40 * MS, T0 + 45 * MS, T0 + 90 * MS);
	make_received(&p, T0, ~0ull, 0);
	p.events[1].ts_ns = p.journey.end_ns = T0 + 91 * MS;
	judge(&p);
	assert_int_equal(p.journey.n_delays, 1);
	assert_int_equal(p.journey.delays[0].high_ns, 80 * MS);
	assert_int_equal(p.journey.delays[0].low_ns, 78 * MS);
}

/* A packet which waited for CPU 1 while that was blocked for the last 300 ms by all that is known of it alone. */
static void judge_blocked(struct packet *p)
{
	block(NT_CAUSE_IRQS_OFF, 1, T0, T0 + 1 * MS, T0 + 301 * MS);
	make_received(p, T0 + 302 * MS, T0 - 1 * MS, T0 + 301 * MS);
	judge(p);
}

static void idle_until(unsigned int cpu, u64 start_ns, u64 end_ns)
{
	struct nt_blocked idle = blocked(NT_CAUSE_IRQS_OFF, cpu, start_ns, start_ns + 1 * MS, end_ns);

	idle.flags |= NT_B_IDLE;
	assert_int_equal(add(&idle), 0);
}

/* The CPUs stood still at the same time, and one of them ran nothing that could have kept it. */
static void host_pause(void **state)
{
	struct packet p;

	(void)state;
	idle_until(0, T0, T0 + 300 * MS);
	judge_blocked(&p);
	assert_int_equal(p.journey.before.cause, NT_CAUSE_HOST_PAUSE);
	assert_int_equal(first_told.blocked->cause, NT_CAUSE_HOST_PAUSE);
}

/* Its host let this one go on before the other. */
static void host_pause_ends_apart(void **state)
{
	struct packet p;

	(void)state;
	idle_until(0, T0, T0 + 290 * MS);
	judge_blocked(&p);
	assert_int_equal(p.journey.before.cause, NT_CAUSE_HOST_PAUSE);
}

/* An idle CPU's timers are far apart: it may have stood still since the last one. */
static void host_pause_of_unknown_start(void **state)
{
	struct nt_blocked idle = blocked(NT_CAUSE_IRQS_OFF, 0, T0 - 500 * MS, T0 + 100 * MS, T0 + 300 * MS);
	struct packet p;

	(void)state;
	idle.flags |= NT_B_IDLE;
	assert_int_equal(add(&idle), 0);
	judge_blocked(&p);
	assert_int_equal(p.journey.before.cause, NT_CAUSE_HOST_PAUSE);
}

/* It was stopped in a handler, which is not to blame for it; what was merely raised late may have been anybody's. */
static void host_pause_in_handler(void **state)
{
	struct nt_blocked pending = blocked(NT_CAUSE_UNKNOWN, 1, T0, T0 + 1 * MS, T0 + 300 * MS);
	struct packet p;

	(void)state;
	pending.flags |= NT_B_PENDING;
	assert_int_equal(add(&pending), 0);
	block(NT_CAUSE_LONG_IRQ, 0, T0 + 1 * MS, T0 + 1 * MS, T0 + 299 * MS);
	make_received(&p, T0 + 302 * MS, T0 - 1 * MS, T0 + 299 * MS);
	p.events[0].cpu = 0;
	judge(&p);
	assert_int_equal(p.journey.before.cause, NT_CAUSE_LONG_IRQ);
	idle_until(1, T0, T0 + 300 * MS);
	judge(&p);
	assert_int_equal(p.journey.before.cause, NT_CAUSE_HOST_PAUSE);
}

/* One waited for what the other held; or it was another time. */
static void no_host_pause(void **state)
{
	struct packet p;

	(void)state;
	idle_until(0, T0, T0 + 270 * MS);
	idle_until(3, T0 + 100 * MS, T0 + 301 * MS);
	block(NT_CAUSE_IRQS_OFF, 2, T0, T0 + 1 * MS, T0 + 301 * MS);
	judge_blocked(&p);
	assert_int_equal(p.journey.before.cause, NT_CAUSE_IRQS_OFF);
}

/* Shorter ones delay, too, but are no incidents. */
static void short_ones(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_LONG_TIMER, 1, T0, T0, T0 + 9 * MS);
	make_received(&p, T0 + 9 * MS, T0 - 50 * MS, T0 + 9 * MS);
	judge(&p);
	assert_int_equal(p.journey.before.high_ns, 9 * MS);
	assert_int_equal(p.journey.before.incident, 0);
	assert_int_equal(n_begun, 0);
}

/* NET_RX that leaves packets behind again and again is one incident, also where others are noticed in between. */
static void one_flood(void **state)
{
	struct packet p;

	(void)state;
	for (u64 i = 0; i < 5; i++) {
		u64 from = T0 + i * 8 * MS;
		struct nt_blocked b = blocked(NT_CAUSE_NAPI_BUDGET, 1, from, from, from + 8 * MS);

		b.number = 2;
		assert_int_equal(add(&b), 0);
		/* the last of them wait for the first of the next NET_RX, too */
		make_received(&p, from + 9 * MS, T0 - 50 * MS, from + 7 * MS);
		judge(&p);
		assert_int_equal(p.journey.before.cause, NT_CAUSE_NAPI_BUDGET);
		assert_int_equal(p.journey.before.delay_ns, (i + 1) * 8 * MS + MS);
		if (i == 2)
			block(NT_CAUSE_LONG_IRQ, 0, from, from, from + 8 * MS);
	}
	assert_int_equal(n_begun, 1);
	assert_int_equal(p.journey.before.blocked->number, 10);
	assert_int_equal(attribution_advance(attribution, ~0ull), 0);
	assert_int_equal(n_over, 1);
	/* another one, and another CPU's */
	block(NT_CAUSE_NAPI_BUDGET, 2, T0 + 40 * MS, T0 + 40 * MS, T0 + 60 * MS);
	make_received(&p, T0 + 61 * MS, T0 - 50 * MS, T0 + 60 * MS);
	judge(&p);
	assert_int_equal(n_begun, 1);
}

/* What comes while NET_RX is at others waits for its turn, whatever interrupts that. */
static void behind_others(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_NAPI_BUDGET, 1, T0, T0, T0 + 9 * MS);
	block(NT_CAUSE_LONG_IRQ, 1, T0 + 30 * MS, T0 + 30 * MS, T0 + 35 * MS);
	block(NT_CAUSE_NAPI_BUDGET, 1, T0 + 9 * MS, T0 + 9 * MS, T0 + 59 * MS + MS / 2);
	make_received(&p, T0 + 60 * MS, T0 + 20 * MS, T0 + 8 * MS);
	assert_waited(&p, NT_CAUSE_NAPI_BUDGET, 40 * MS, 40 * MS);
	assert_int_equal(n_begun, 1);
}

/* NET_RX was at work for long, and this one came at the end of that; the other before. */
static void for_a_moment_behind_others(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_NAPI_BUDGET, 1, T0, T0, T0 + 15 * MS);
	make_received(&p, T0 + 15 * MS, T0 + 12 * MS, T0);
	assert_waited(&p, NT_CAUSE_NAPI_BUDGET, 3 * MS, 3 * MS);
	assert_int_equal(n_begun, 0);
	make_received(&p, T0 + 15 * MS, T0 + 5 * MS, T0);
	assert_waited(&p, NT_CAUSE_NAPI_BUDGET, 10 * MS, 10 * MS);
	assert_int_equal(n_begun, 1);
	make_received(&p, T0 + 15 * MS, T0 + 12 * MS, T0);
	judge(&p);
	assert_int_equal(p.journey.before.incident, 1);
}

/* An interrupt that came when they had waited for a moment is to blame for what it took. */
static void interrupted_behind_others(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_NAPI_BUDGET, 1, T0, T0, T0 + 2 * MS);
	block(NT_CAUSE_LONG_IRQ, 1, T0 + 2 * MS, T0 + 2 * MS, T0 + 202 * MS);
	make_received(&p, T0 + 202 * MS + MS / 2, T0 - 20 * MS, T0);
	assert_waited(&p, NT_CAUSE_LONG_IRQ, 202 * MS + MS / 2, 202 * MS + MS / 2);
	assert_int_equal(n_begun, 1);
}

/* One that came afterwards took the rest, and less. */
static void interrupted_after_others(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_NAPI_BUDGET, 1, T0, T0, T0 + 20 * MS);
	block(NT_CAUSE_LONG_IRQ, 1, T0 + 20 * MS, T0 + 20 * MS, T0 + 31 * MS);
	make_received(&p, T0 + 31 * MS + MS / 2, T0, T0 + 20 * MS);
	assert_waited(&p, NT_CAUSE_NAPI_BUDGET, 31 * MS + MS / 2, 31 * MS + MS / 2);
}

/* One packet, also where it has met the blockage twice; and what waited for a little of it is one, too. */
static void packets_are_counted(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_LONG_IRQ, 1, T0, T0, T0 + 100 * MS);
	make_received(&p, T0 + 50 * MS, T0, T0 + 20 * MS);
	p.events[1].ts_ns = p.journey.end_ns = T0 + 110 * MS;
	judge(&p);
	assert_int_equal(p.journey.before.incident, 1);
	assert_int_equal(p.journey.delays[0].incident, 1);
	make_received(&p, T0 + 100 * MS, T0 + 95 * MS, T0 + 95 * MS);
	judge(&p);
	assert_int_equal(p.journey.before.incident, 1);
	assert_int_equal(attribution_advance(attribution, ~0ull), 0);
	assert_int_equal(last_told.packets, 2);
}

/* What NET_RX left behind waits for ksoftirqd, whose CPU others have: they are to blame for that, and NET_RX for the rest. */
static void left_to_ksoftirqd(void **state)
{
	struct nt_blocked next = blocked(NT_CAUSE_NAPI_BUDGET, 1, T0 + 9 * MS, T0 + 9 * MS, T0 + 28 * MS);
	struct packet p;

	(void)state;
	block(NT_CAUSE_NAPI_BUDGET, 1, T0 - 60 * MS, T0 - 60 * MS, T0 + 9 * MS);
	block(NT_CAUSE_KSOFTIRQD_STARVED, 1, T0 + 9 * MS, T0 + 9 * MS, T0 + 26 * MS);
	next.own_ns = 2 * MS;
	assert_int_equal(add(&next), 0);
	make_received(&p, T0 + 28 * MS, T0, T0 + 26 * MS);
	assert_waited(&p, NT_CAUSE_KSOFTIRQD_STARVED, 28 * MS, 28 * MS);
	make_received(&p, T0 + 28 * MS, T0 + 25 * MS, T0 + 26 * MS);
	assert_waited(&p, NT_CAUSE_NAPI_BUDGET, 3 * MS, 3 * MS);
	assert_int_equal(blocked_least_ns(p.journey.before.blocked), 71 * MS);
	assert_int_equal(blocked_most_ns(p.journey.before.blocked), 88 * MS);
}

/* In the stack it is not the NIC's queue that a packet waits in. */
static void in_the_stack_meanwhile(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_NAPI_BUDGET, 1, T0, T0, T0 + 100 * MS);
	make_received(&p, T0, ~0ull, 0);
	p.events[1].ts_ns = p.journey.end_ns = T0 + 100 * MS;
	judge(&p);
	assert_int_equal(p.journey.n_delays, 0);
	assert_int_equal(n_begun, 0);
}

/* As many pieces as anybody likes, among others: nothing is told twice, nothing grows without end. */
static void long_flood(void **state)
{
	struct packet p;

	(void)state;
	for (u64 i = 0; i < 4000; i++) {
		u64 from = T0 + i * 20 * MS;

		block(NT_CAUSE_NAPI_BUDGET, 1, from, from, from + 20 * MS);
		make_received(&p, from + 21 * MS, T0 - 50 * MS, from + 20 * MS);
		judge(&p);
		if (i % 3 == 0)
			block(NT_CAUSE_LONG_IRQ, 0, from, from, from + 15 * MS);
		assert_true(p.journey.before.blocked->end_ns - p.journey.before.blocked->start_lo_ns <= 10020 * MS);
	}
	assert_int_equal(n_begun, 8);
	assert_int_equal(attribution_advance(attribution, ~0ull), 0);
	assert_int_equal(n_over, 8);
}

/* A flood that goes on leaves no place behind at which the search for others would end. */
static void others_before_flood(void **state)
{
	struct packet p;

	(void)state;
	block(NT_CAUSE_LONG_IRQ, 0, T0, T0, T0 + 300 * MS);
	block(NT_CAUSE_NAPI_BUDGET, 1, T0 + 290 * MS, T0 + 290 * MS, T0 + 305 * MS);
	block(NT_CAUSE_LONG_TIMER, 2, T0 + 300 * MS, T0 + 300 * MS, T0 + 310 * MS);
	block(NT_CAUSE_NAPI_BUDGET, 1, T0 + 305 * MS, T0 + 305 * MS, T0 + 320 * MS);
	make_received(&p, T0 + 301 * MS, T0 - 1 * MS, T0 + 300 * MS);
	p.events[0].cpu = 0;
	assert_waited(&p, NT_CAUSE_LONG_IRQ, 300 * MS, 300 * MS);
}

static unsigned int n_blockages;
static u64 last_end_ns;

static void on_blockage(void *user, const struct nt_blocked *told)
{
	(void)user;
	n_blockages++;
	last_end_ns = told->end_ns;
}

/* Each blockage is told once, half a second after its end or when its place is needed, whether or not it held packets. */
static void all_blockages(void **state)
{
	struct packet p;

	(void)state;
	n_blockages = 0;
	attribution_on_blockage(attribution, on_blockage);
	block(NT_CAUSE_LONG_IRQ, 1, T0, T0, T0 + 2 * MS);
	block(NT_CAUSE_LONG_IRQ, 1, T0 + 100 * MS, T0 + 100 * MS, T0 + 120 * MS);
	assert_int_equal(attribution_advance(attribution, T0 + 400 * MS), 0);
	assert_int_equal(n_blockages, 0);
	assert_int_equal(attribution_advance(attribution, T0 + 503 * MS), 0);
	assert_int_equal(n_blockages, 1);
	assert_int_equal(last_end_ns, T0 + 2 * MS);
	assert_int_equal(attribution_advance(attribution, T0 + 700 * MS), 0);
	assert_int_equal(n_blockages, 2);
	/* a packet that ends late makes an incident of one that is told: that is told, and the blockage not again */
	make_received(&p, T0 + 121 * MS, T0 + 99 * MS, T0 + 120 * MS);
	judge(&p);
	assert_int_equal(n_begun, 1);
	assert_int_equal(attribution_advance(attribution, T0 + 701 * MS), 0);
	assert_int_equal(n_over, 1);
	assert_int_equal(n_blockages, 2);
	for (u64 i = 0; i < 600; i++)
		block(NT_CAUSE_LONG_IRQ, 1, T0 + (1000 + i * 3) * MS, T0 + (1000 + i * 3) * MS, T0 + (1002 + i * 3) * MS);
	assert_int_equal(n_blockages, 2 + 600 - 512);
	assert_int_equal(attribution_advance(attribution, ~0ull), 0);
	assert_int_equal(n_blockages, 602);
}

static void hostile(void **state)
{
	struct nt_blocked b = blocked(NT_CAUSE_IRQS_OFF, 1, 5, 4, 9);
	struct packet p;

	(void)state;
	assert_int_equal(add(&b), -EINVAL);
	b = blocked(NT_CAUSE_IRQS_OFF, 1, 1, 9, 8);
	assert_int_equal(add(&b), -EINVAL);
	b = blocked(NT_CAUSE_IRQS_OFF, 1, 1, 2, 3);
	assert_int_equal(attribution_add(attribution, &b.ev, sizeof(b) - 1), -EINVAL);
	/* more than are remembered, each an incident */
	for (u64 i = 0; i < 2000; i++) {
		block(NT_CAUSE_LONG_IRQ, 1, T0 + i * 20 * MS, T0 + i * 20 * MS, T0 + i * 20 * MS + 15 * MS);
		make_received(&p, T0 + i * 20 * MS + 16 * MS, T0 + i * 20 * MS - MS, T0 + i * 20 * MS + 15 * MS);
		judge(&p);
	}
	assert_int_equal(n_begun, 2000);
	assert_int_equal(attribution_advance(attribution, ~0ull), 0);
	assert_int_equal(n_over, 2000);
	block(NT_CAUSE_UNKNOWN, 1, 0, 0, ~0ull);
	make_received(&p, ~0ull - 5, 0, ~0ull - 5);
	judge(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(before_the_stack), TEST(nothing_to_do_with_it), TEST(one_in_another), TEST(between_events),
		TEST(one_over_another), TEST(host_pause), TEST(host_pause_ends_apart), TEST(host_pause_of_unknown_start),
		TEST(host_pause_in_handler), TEST(noticed_late), TEST(no_host_pause), TEST(short_ones), TEST(hostile),
		TEST(one_flood), TEST(behind_others), TEST(for_a_moment_behind_others),
		TEST(in_the_stack_meanwhile),
		TEST(interrupted_behind_others),
		TEST(left_to_ksoftirqd),
		TEST(interrupted_after_others),
		TEST(packets_are_counted),
		TEST(long_flood), TEST(known_in_unknown), TEST(equals), TEST(own_cause),
		TEST(nothing_proven), TEST(proven_one_is_blamed), TEST(all_blockages), TEST(over_by_then),
		TEST(one_after_another), TEST(parts_of_a_wait), TEST(others_before_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
