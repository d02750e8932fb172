/* SPDX-License-Identifier: GPL-2.0 */
/* Retransmissions by sequence number, straight against the table of segments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "segments.h"

#define SYN NT_TCP_SYN
#define FIN NT_TCP_FIN
#define RST 0x04
#define ACK 0x10

#define RING 65536u /* segments that are remembered */

static struct segments *segments;
static u64 now_ns;

static int setup(void **state)
{
	(void)state;
	now_ns = 1000;
	segments = segments_new();
	return segments ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	segments_free(segments);
	return 0;
}

static struct nt_flow tcp(u32 seq, u32 payload_bytes, u8 flags)
{
	return (struct nt_flow){
		.saddr = {0, 0, 0xffff0000, 0x0100000a},
		.daddr = {0, 0, 0xffff0000, 0x0200000a},
		.l3_proto = NT_ETH_IPV4,
		.l4_proto = NT_IP_TCP,
		.sport = 40000,
		.dport = 443,
		.tcp_flags = flags,
		.tcp_seq = seq,
		.payload_bytes = payload_bytes,
	};
}

static struct nt_flow answer(u32 seq, u32 payload_bytes, u8 flags)
{
	struct nt_flow flow = tcp(seq, payload_bytes, flags), back = flow;

	memcpy(flow.saddr, back.daddr, sizeof(flow.saddr));
	memcpy(flow.daddr, back.saddr, sizeof(flow.daddr));
	flow.sport = back.dport;
	flow.dport = back.sport;
	return flow;
}

/* The id of what a journey that begins now repeats, as journeys ask: noted first, and itself no answer. */
static u32 sent_piece(u32 id, struct nt_flow flow, u32 parent)
{
	struct journey_link self = {.id = id, .skb = 0xffff888000000000 + id, .ts_ns = ++now_ns};
	struct journey_link earlier = {0};
	bool found;

	segments_note(segments, &flow, &self);
	found = segments_find(segments, &flow, &self, parent, &earlier);
	assert_int_equal(found, earlier.id != 0);
	if (found) {
		assert_true(earlier.skb == 0xffff888000000000 + earlier.id);
		assert_true(earlier.ts_ns < self.ts_ns);
	}
	return earlier.id;
}

static u32 sent(u32 id, struct nt_flow flow)
{
	return sent_piece(id, flow, 0);
}

#define new(id, ...) assert_int_equal(sent(id, __VA_ARGS__), 0)
#define repeats(earlier, id, ...) assert_int_equal(sent(id, __VA_ARGS__), earlier)

static void same_start(void **state)
{
	(void)state;
	new (1, tcp(1000, 100, ACK));
	new (2, tcp(1100, 100, ACK));
	repeats(1, 3, tcp(1000, 100, ACK));
	repeats(2, 4, tcp(1100, 50, ACK));
	repeats(2, 5, tcp(1150, 50, ACK));
	new (6, tcp(1200, 100, ACK));
}

/* The last one that carried the byte is the one that was lost. */
static void the_last_of_several(void **state)
{
	(void)state;
	new (1, tcp(1000, 100, ACK));
	repeats(1, 2, tcp(1000, 100, ACK));
	repeats(2, 3, tcp(1000, 100, ACK));
	repeats(3, 4, tcp(1000, 10, ACK));
	repeats(3, 5, tcp(1050, 10, ACK));
	repeats(4, 6, tcp(1005, 10, ACK));
}

static void inside_a_larger_one(void **state)
{
	(void)state;
	new (1, tcp(1000, 64000, ACK));
	new (2, tcp(65000, 64000, ACK));
	repeats(1, 3, tcp(2448, 1448, ACK));
	repeats(1, 4, tcp(64999, 1, ACK));
	repeats(2, 5, tcp(65000, 1448, ACK));
	repeats(2, 6, tcp(128999, 1, ACK));
}

/* Bytes decide by the first: of what overlaps, the rest may be new. */
static void partial_overlaps(void **state)
{
	(void)state;
	new (1, tcp(1000, 100, ACK));
	repeats(1, 2, tcp(1050, 100, ACK)); /* its second half is new */
	repeats(2, 3, tcp(1100, 100, ACK));
	new (4, tcp(950, 100, ACK)); /* begins before everything: a late one, its beginning never sent */
	repeats(4, 5, tcp(999, 1000, ACK));
	repeats(5, 6, tcp(1998, 1, ACK));
	new (7, tcp(1999, 1, ACK));
}

/* What was lost ahead of a router comes late: a gap that is filled repeats nothing. */
static void gap_is_filled(void **state)
{
	(void)state;
	new (1, tcp(1000, 100, ACK));
	new (2, tcp(1200, 100, ACK));
	new (3, tcp(1100, 100, ACK));
	repeats(3, 4, tcp(1100, 100, ACK));
}

static void sequence_numbers_wrap(void **state)
{
	(void)state;
	new (1, tcp(0xffffff00, 0x100, ACK));
	new (2, tcp(0, 0x100, ACK));
	repeats(1, 3, tcp(0xffffffff, 1, ACK));
	repeats(2, 4, tcp(0, 0x10, ACK));
	new (5, tcp(0x100, 0x10, ACK));

	new (6, answer(0xffffff80, 0x100, ACK));
	repeats(6, 7, answer(0, 0x10, ACK));
	repeats(6, 8, answer(0x7f, 1, ACK));
	new (9, answer(0x80, 1, ACK));
	new (10, answer(0xffffff7f, 1, ACK));
}

static void directions_are_apart(void **state)
{
	(void)state;
	new (1, tcp(1000, 100, ACK));
	new (2, answer(1000, 100, ACK));
	repeats(1, 3, tcp(1000, 100, ACK));
	repeats(2, 4, answer(1000, 100, ACK));
}

/* Over loopback, only the ports tell the directions. */
static void directions_of_one_address(void **state)
{
	struct nt_flow there = tcp(1000, 100, ACK), back = answer(1000, 100, ACK);

	(void)state;
	memcpy(there.daddr, there.saddr, sizeof(there.daddr));
	memcpy(back.saddr, back.daddr, sizeof(back.saddr));
	new (1, there);
	new (2, back);
	repeats(1, 3, there);
	repeats(2, 4, back);
}

/* Every part of the four that make a connection. */
static void connections_are_apart(void **state)
{
	struct nt_flow flows[11];

	(void)state;
	for (size_t i = 0; i < 11; i++)
		flows[i] = tcp(1000, 100, ACK);
	for (size_t i = 0; i < 4; i++) {
		flows[1 + i].saddr[i]++;
		flows[5 + i].daddr[i]++;
	}
	flows[9].sport++;
	flows[10].dport++;
	for (u32 i = 0; i < 11; i++)
		new (1 + i, flows[i]);
}

/* Either takes a number of the sequence, as a byte does. */
static void syn_and_fin_count(void **state)
{
	(void)state;
	new (1, tcp(999, 0, SYN));
	repeats(1, 2, tcp(999, 0, SYN));
	new (3, tcp(1000, 10, ACK));
	new (4, tcp(1010, 0, FIN | ACK));
	repeats(4, 5, tcp(1010, 0, FIN | ACK));
	repeats(3, 6, tcp(1000, 10, FIN | ACK)); /* both in one */
	repeats(6, 7, tcp(1010, 0, FIN | ACK));
	new (8, tcp(1011, 1, ACK));
}

static void answers_to_a_syn(void **state)
{
	(void)state;
	new (1, tcp(999, 0, SYN));
	new (2, answer(4999, 0, SYN | ACK));
	repeats(2, 3, answer(4999, 0, SYN | ACK));
	repeats(1, 4, tcp(999, 0, SYN));
	repeats(3, 5, answer(4999, 0, SYN | ACK));
}

/* Acknowledgements, probes of a closed window and keep-alives, which sit on bytes sent long ago. */
static void nothing_to_repeat(void **state)
{
	(void)state;
	new (1, tcp(1000, 100, ACK));
	new (2, tcp(1100, 0, ACK));
	new (3, tcp(1100, 0, ACK));
	new (4, tcp(1099, 0, ACK));
	new (5, tcp(1000, 0, ACK));
	new (6, tcp(1050, 0, RST));
	repeats(1, 7, tcp(1099, 1, ACK));
}

static void what_is_not_tcp(void **state)
{
	struct nt_flow udp = tcp(1000, 100, 0), late = tcp(1000, 100, ACK), none = {0};

	(void)state;
	udp.l4_proto = NT_IP_UDP;
	late.no_transport = NT_TRANSPORT_LATER_FRAGMENT;
	for (u32 id = 1; id < 10; id += 3) {
		new (id, udp);
		new (id + 1, late);
		new (id + 2, none);
	}
	new (10, tcp(1000, 100, ACK));
	new (11, udp);
	new (12, late);
}

static void same_ports_again(void **state)
{
	(void)state;
	new (1, tcp(999, 0, SYN));
	new (2, answer(4999, 0, SYN | ACK));
	new (3, tcp(1000, 5000, ACK));
	new (4, answer(5000, 5000, ACK));
	/* the second connection's numbers begin among those of the first */
	new (5, tcp(2999, 0, SYN));
	new (6, answer(6999, 0, SYN | ACK));
	new (7, tcp(3000, 100, ACK));
	new (8, answer(7000, 100, ACK));
	repeats(5, 9, tcp(2999, 0, SYN)); /* a copy that comes late is no third one */
	repeats(7, 10, tcp(3000, 100, ACK));
	repeats(8, 11, answer(7099, 1, ACK));
	/* and nothing of the first is left */
	new (12, tcp(1000, 100, ACK));
	new (13, answer(5000, 100, ACK));
}

/* A packet is noted before it is cut, and its pieces begin with its bytes. */
static void pieces(void **state)
{
	(void)state;
	new (1, tcp(1000, 3000, ACK));
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(sent_piece(2 + i, tcp(1000 + 1000 * i, 1000, ACK), 1), 0);
	/* the middle one was lost; then all of them, sent as one and cut again */
	repeats(3, 5, tcp(2000, 1000, ACK));
	repeats(2, 6, tcp(1000, 3000, ACK));
	assert_int_equal(sent_piece(7, tcp(1000, 1000, ACK), 6), 2);
	assert_int_equal(sent_piece(8, tcp(2000, 1000, ACK), 6), 5);
	assert_int_equal(sent_piece(9, tcp(3000, 1000, ACK), 6), 4);
}

/* Before it is known that it is a piece, it seems to repeat the whole. */
static void asked_again(void **state)
{
	struct nt_flow whole = tcp(1000, 3000, ACK), piece = tcp(2000, 1000, ACK);
	struct journey_link self = {.id = 3, .ts_ns = 3000}, earlier;

	(void)state;
	segments_note(segments, &whole, &(struct journey_link){.id = 1, .ts_ns = 1000});
	segments_note(segments, &whole, &(struct journey_link){.id = 2, .ts_ns = 2000});
	segments_note(segments, &piece, &self);
	assert_true(segments_find(segments, &piece, &self, 0, &earlier));
	assert_int_equal(earlier.id, 2);
	assert_true(segments_find(segments, &piece, &self, 2, &earlier));
	assert_int_equal(earlier.id, 1);
}

/* Only what began before; an id that is used again is another journey, but not told from itself. */
static void order_of_time(void **state)
{
	struct nt_flow flow = tcp(1000, 100, ACK);
	struct journey_link early = {.id = 9, .ts_ns = 500}, earlier = {0};

	(void)state;
	segments_note(segments, &flow, &(struct journey_link){.id = 1, .ts_ns = 1000});
	segments_note(segments, &flow, &(struct journey_link){.id = 2, .ts_ns = 2000});
	assert_false(segments_find(segments, &flow, &early, 0, &earlier));
	early.ts_ns = 1500;
	assert_true(segments_find(segments, &flow, &early, 0, &earlier));
	assert_int_equal(earlier.id, 1);
	early.ts_ns = 1000;
	assert_true(segments_find(segments, &flow, &early, 0, &earlier));
	assert_int_equal(earlier.id, 1);
	early = (struct journey_link){.id = 2, .ts_ns = 3000};
	assert_true(segments_find(segments, &flow, &early, 0, &earlier));
	assert_int_equal(earlier.id, 1);
	assert_int_equal(earlier.ts_ns, 1000);
}

/* A connection of more segments than are remembered: the oldest are forgotten one by one. */
static void ring_of_one_connection(void **state)
{
	u32 n = 3 * RING + 17;

	(void)state;
	for (u32 i = 0; i < n; i++)
		new (1 + i, tcp(1000 + 10 * i, 10, ACK));
	repeats(n, n + 1, tcp(1000 + 10 * (n - 1), 10, ACK));
	/* that took a place, and so does each of these */
	repeats(n + 1 - RING + 2, n + 2, tcp(1000 + 10 * (n + 1 - RING + 1), 10, ACK));
	new (n + 3, tcp(1000 + 10 * (n + 1 - RING), 10, ACK));
	new (n + 4, tcp(1000, 10, ACK));
}

/* Another connection takes all places: what the first had in them is not there any more. */
static void ring_of_others(void **state)
{
	struct nt_flow other = tcp(0, 10, ACK);

	(void)state;
	new (1, tcp(1000, 100, ACK));
	new (2, tcp(1100, 100, ACK));
	other.sport++;
	for (u32 i = 0; i < RING - 1; i++) {
		other.tcp_seq = 10 * i;
		new (100 + i, other);
	}
	new (3, tcp(1000, 100, ACK));
	new (4, tcp(1150, 100, ACK)); /* the place of 2 was 4's */
	repeats(3, 5, tcp(1000, 100, ACK));
}

/*
 * Two connections by turns, each answered from memory of its own: whatever is found is the
 * last that carried the byte, and is missing only if it is old.
 */
static void ring_against_a_model(void **state)
{
	enum { CONNECTIONS = 5, BYTES = 40 };
	static u32 last[CONNECTIONS][BYTES]; /* the number of the segment that carried it, from 1 */
	u32 random = 12345, n_found = 0;

	(void)state;
	memset(last, 0, sizeof(last));
	for (u32 id = 1; id < 4 * RING; id++) {
		u32 c = (random >> 8) % CONNECTIONS, start = (random >> 12) % BYTES, length, want, got;
		struct nt_flow flow;

		length = 1 + (random >> 20) % (BYTES - start);
		/* bytes of connection 0 are rare, so that what is known of them grows old */
		if (!c && id % 30000 > 3)
			c = 1;
		flow = tcp(0xfffffff0 + start, length, ACK);
		flow.sport = (u16)(1 + c);
		want = last[c][start];
		got = sent(id, flow);
		if (want && id - want < RING) {
			assert_int_equal(got, want);
			n_found++;
		} else {
			assert_int_equal(got, 0);
		}
		for (u32 i = start; i < start + length; i++)
			last[c][i] = id;
		random = random * 1664525 + 1013904223;
	}
	assert_true(n_found > RING);
}

static struct nt_flow one_of_many(u32 i)
{
	struct nt_flow flow = tcp(1000, 100, ACK);

	flow.sport = (u16)i;
	flow.saddr[3] = i / 5;
	return flow;
}

/* Connections push each other out of the table. That costs links but makes none that is wrong. */
static void many_connections(void **state)
{
	struct journey_link later = {.id = ~0u, .ts_ns = ~0ull}, earlier;
	u32 n = 8192, n_found = 0, n_kept = 0;

	(void)state;
	for (u32 round = 0; round < 4; round++) {
		for (u32 i = 0; i < n; i++) {
			u32 found = sent(1 + round * n + i, one_of_many(i));

			assert_true(!found || found == 1 + (round - 1) * n + i);
			n_found += found != 0;
		}
	}
	/* in a table of as many places, each that is alone in its own keeps it: e^-1 of all */
	assert_true(n_found > n);
	for (u32 i = 0; i < n; i++) {
		struct nt_flow flow = one_of_many(i);

		if (!segments_find(segments, &flow, &later, 0, &earlier))
			continue;
		assert_int_equal(earlier.id, 1 + 3 * n + i);
		n_kept++;
	}
	assert_in_range(n_kept, n / 2, n - n / 4); /* the last in each place */
}

/* A stream in order must cost the same for each segment, however many there were. */
static void cost_of_a_stream(void **state)
{
	struct timespec before, after;

	(void)state;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	for (u32 i = 0; i < 4 * RING; i++)
		new (1 + i, tcp(1448 * i, 1448, ACK));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	assert_true(after.tv_sec - before.tv_sec < 5); /* 30 ms; walking over all that came before takes minutes */
}

/* A recording may say anything: that time stands still, and that a segment is as long as all numbers. */
static void hostile(void **state)
{
	struct journey_link self = {.id = 1, .ts_ns = 7}, earlier = {0};
	u64 random = 88172645463325252u;

	(void)state;
	for (u32 i = 0; i < RING + 100; i++) {
		struct nt_flow flow = tcp(1000 + 10 * i, 10, ACK);

		segments_note(segments, &flow, &self);
		if (i % 1000 == 0 || i > RING)
			assert_false(segments_find(segments, &flow, &self, 0, &earlier));
	}
	for (u32 i = 0; i < 3 * RING; i++) {
		struct nt_flow flow;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		flow = tcp((u32)random, (u32)(random >> 32) >> (random % 32), (u8)(random >> 24) & 0x13);
		flow.sport = (u16)(random >> 16 & 3);
		self = (struct journey_link){.id = (u32)random % 100, .ts_ns = random % 3 ? 7 : random};
		segments_note(segments, &flow, &self);
		if (i % 64 == 0)
			segments_find(segments, &flow, &self, (u32)random % 7, &earlier);
	}
	now_ns = ~0ull - 10;
	new (77777, answer(0, 0xffffffff, SYN | FIN)); /* its length is 1 again */
	repeats(77777, 77778, answer(0, 0xffffffff, SYN | FIN));
}

static void nothing_to_free(void **state)
{
	(void)state;
	segments_free(NULL);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(same_start),
		test(the_last_of_several),
		test(inside_a_larger_one),
		test(partial_overlaps),
		test(gap_is_filled),
		test(sequence_numbers_wrap),
		test(directions_are_apart),
		test(directions_of_one_address),
		test(connections_are_apart),
		test(syn_and_fin_count),
		test(answers_to_a_syn),
		test(nothing_to_repeat),
		test(what_is_not_tcp),
		test(same_ports_again),
		test(pieces),
		test(asked_again),
		test(order_of_time),
		test(ring_of_one_connection),
		test(ring_of_others),
		test(ring_against_a_model),
		test(many_connections),
		test(cost_of_a_stream),
		test(hostile),
		test(nothing_to_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
