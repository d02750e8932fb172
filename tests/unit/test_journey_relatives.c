/* SPDX-License-Identifier: GPL-2.0 */
/* What journeys have to do with each other: origins, pieces, merges and retransmissions. */
#include "journey_kit.h"

#include "journey_open.h"
#include "sequence_kit.h"

#define SENT_NS 500u /* between the functions of a transmission */

static const struct journey_event *last_told;
static size_t n_told, told_notes;

/* An origin of the journey's event that came last, as the kernel sends it: with that event's time. */
static int origin(u32 id, unsigned int probe, u64 skb, u64 ts_ns, unsigned int of)
{
	struct nt_anno_ORIGIN payload = {.ts_ns = ts_ns, .probe = (u16)of};

	return note(header(id, probe, skb, NT_EVENT), NT_ANNO_ORIGIN, &payload, sizeof(payload));
}

#define SENT_AT(n) (now_ns - (n) * SENT_NS)
#define add_origin(ts_ns, of) origin(1, NT_PROBE___ip_local_out, SKB_A, ts_ns, NT_PROBE_##of)

static void begin_sent(void)
{
	now_ns += 1000000;
	add_snapshot(NT_PROBE___ip_local_out, SKB_A, 1, START);
}

static void origins_are_events_in_front(void **state)
{
	u64 start_ns;

	(void)state;
	context = NT_CTX_TASK;
	begin_sent();
	start_ns = SENT_AT(3);
	assert_int_equal(add_origin(SENT_AT(3), __tcp_retransmit_skb), 0);
	assert_int_equal(add_origin(SENT_AT(2), __tcp_transmit_skb), 0);
	assert_int_equal(add_origin(SENT_AT(1), __ip_queue_xmit), 0);
	event(ip_output, SKB_A, 0);
	event(dev_hard_start_xmit, SKB_A, 0);
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_TRANSMITTED, 7, 1, false);
	assert_int_equal(kept[0].events[0].probe, NT_PROBE___tcp_retransmit_skb);
	assert_int_equal(kept[0].events[1].probe, NT_PROBE___tcp_transmit_skb);
	assert_int_equal(kept[0].events[2].probe, NT_PROBE___ip_queue_xmit);
	assert_int_equal(kept[0].events[3].probe, NT_PROBE___ip_local_out);
	assert_int_equal(kept[0].events[4].probe, NT_PROBE_ip_output);
	for (size_t i = 0; i < 4; i++) {
		const struct journey_event *event = &kept[0].events[i];

		assert_int_equal(event->ts_ns, start_ns + i * SENT_NS);
		assert_true(event->skb == SKB_A);
		assert_int_equal(event->cpu, 3);
		assert_int_equal(event->context, NT_CTX_TASK);
		assert_int_equal(event->flow, 0);
		assert_int_equal(event->flags, i ? 0 : START);
		assert_int_equal(event->notes != NULL, i == 3);
	}
	assert_int_equal(kept[0].journey.start_ns, start_ns);
	assert_int_equal(kept[0].journey.end_ns, now_ns);
	assert_int_equal(kept[0].n_notes, 3);
	assert_int_equal(kept[0].flows[0].echo_seq, 1);
}

/* It cannot be later than what came of it, nor earlier than the origin in front of it. */
static void times_of_origins(void **state)
{
	u64 first_ns;

	(void)state;
	begin_sent();
	first_ns = SENT_AT(5);
	assert_int_equal(add_origin(SENT_AT(5), __tcp_retransmit_skb), 0);
	assert_int_equal(add_origin(SENT_AT(9), __tcp_transmit_skb), 0);
	assert_int_equal(add_origin(0, __ip_queue_xmit), 0);
	assert_int_equal(add_origin(~0ull, ip6_xmit), 0);
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_CONSUMED, 6, 1, false);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(kept[0].events[i].ts_ns, first_ns);
	assert_int_equal(kept[0].events[3].ts_ns, now_ns - 1000);
	assert_int_equal(kept[0].events[4].ts_ns, now_ns - 1000);
	assert_int_equal(kept[0].journey.start_ns, first_ns);
}

/* The probe may be a row that was added; whether it was is known to whoever prints it. */
static void malformed_origins(void **state)
{
	(void)state;
	begin_sent();
	assert_int_equal(origin(1, NT_PROBE___ip_local_out, SKB_A, SENT_AT(2), NT_PROBE_MAX), -EINVAL);
	assert_int_equal(origin(1, NT_PROBE___ip_local_out, SKB_A, SENT_AT(2), 0xffff), -EINVAL);
	for (int i = 0; i < JOURNEY_ORIGINS_MAX; i++)
		assert_int_equal(origin(1, NT_PROBE___ip_local_out, SKB_A, SENT_AT(2), NT_PROBE_MAX - 1), 0);
	assert_int_equal(add_origin(SENT_AT(1), ip6_xmit), -EINVAL);
	event(ip_output, SKB_A, 0);
	assert_int_equal(origin(1, NT_PROBE_ip_output, SKB_A, SENT_AT(1), NT_PROBE_ip6_xmit), -EINVAL);
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_CONSUMED, JOURNEY_ORIGINS_MAX + 3, 1, false);
	assert_int_equal(kept[0].n_notes, JOURNEY_ORIGINS_MAX);
	for (size_t i = JOURNEY_ORIGINS_MAX + 1; i < JOURNEY_ORIGINS_MAX + 3; i++)
		assert_null(kept[0].events[i].notes);
	assert_int_equal(kept[0].events[0].flags, START);
}

static void origins_come_late(void **state)
{
	(void)state;
	begin_sent();
	event(ip_output, SKB_A, 0);
	assert_int_equal(origin(1, NT_PROBE_ip_output, SKB_A, SENT_AT(1), NT_PROBE_ip6_xmit), -EINVAL);
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_CONSUMED, 3, 1, false);
	assert_int_equal(kept[0].events[0].flags, START);
	assert_int_equal(kept[0].n_notes, 0);
}

/* The ring was full when the journey began, and not any more when its origins were told. */
static void origins_without_a_start(void **state)
{
	(void)state;
	now_ns += 1000000;
	assert_int_equal(add_origin(SENT_AT(2), __tcp_transmit_skb), 0);
	assert_int_equal(add_origin(SENT_AT(1), __ip_queue_xmit), 0);
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_CONSUMED, 4, 1, true);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(kept[0].events[i].flags & START, 0);
	assert_int_equal(kept[0].events[2].probe, NT_PROBE___ip_local_out);
}

/* Dropped where it begins: what else is known of the event stays with it. */
static void origins_of_a_drop(void **state)
{
	struct nt_anno_DROP why = {.reason = 8};

	(void)state;
	now_ns += 1000000;
	add_snapshot(NT_PROBE_kfree_skb, SKB_A, 1, START);
	for (u64 i = 3; i; i--)
		assert_int_equal(origin(1, NT_PROBE_kfree_skb, SKB_A, SENT_AT(i), NT_PROBE_ip6_xmit), 0);
	assert_int_equal(note(header(1, NT_PROBE_kfree_skb, SKB_A, END), NT_ANNO_DROP, &why, sizeof(why)), 0);
	expect_one(OUTCOME_DROPPED, 4, 1, false);
	assert_int_equal(kept[0].drop.reason, 8);
	assert_int_equal(kept[0].events[3].flags, END);
	assert_int_equal(kept[0].n_notes, 4);
}

static int tell(void *user, const struct journey *journey, const struct journey_event *event)
{
	(void)user;
	assert_ptr_equal(event, &journey->events[journey->n_events - 1]);
	last_told = event;
	n_told++;
	told_notes = 0;
	for (const struct journey_note *n = event->notes; n; n = n->next)
		told_notes++;
	return 0;
}

/* Events that origins were made into are not told one by one: the first line has them as notes. */
static void origins_in_one_line(void **state)
{
	(void)state;
	n_told = 0;
	journey_set_on_event(set, tell);
	begin_sent();
	assert_int_equal(add_origin(SENT_AT(2), __tcp_transmit_skb), 0);
	assert_int_equal(add_origin(SENT_AT(1), __ip_queue_xmit), 0);
	assert_int_equal(n_told, 0);
	assert_int_equal(journey_set_flush(set), 0);
	assert_int_equal(n_told, 1);
	assert_int_equal(told_notes, 2);
	assert_int_equal(last_told->probe, NT_PROBE___ip_local_out);
	event(ip_output, SKB_A, 0);
	assert_int_equal(journey_set_flush(set), 0);
	assert_int_equal(n_told, 2);
	assert_int_equal(told_notes, 0);
}

/* What an open journey's arrays occupy; the rest are chunks of notes, all of one size. */
static size_t array_bytes(const struct open_journey *open)
{
	return sizeof(*open) + open->events_room * sizeof(*open->journey.events) +
	       open->members_room * sizeof(*open->journey.members) +
	       open->flows_room * sizeof(*open->journey.flows);
}

static void memory_is_accounted_for(void **state)
{
	struct {
		struct nt_annotation annotation;
		struct nt_anno_ORIGIN origin;
	} record = {.annotation = {.type = NT_ANNO_ORIGIN, .size_bytes = sizeof(record.origin)}};
	size_t bytes = 0, chunk_bytes;
	struct open_journey *open;

	(void)state;
	open = open_journey_new(&bytes);
	assert_non_null(open);
	assert_int_equal(bytes, array_bytes(open));
	record.annotation.ev = header(1, NT_PROBE_ip_rcv, SKB_A, NT_ANNOTATION);
	assert_int_equal(open_journey_add(open, &record.annotation.ev, sizeof(record), 0, &bytes), 0);
	chunk_bytes = bytes - array_bytes(open);
	assert_true(chunk_bytes >= 2048);
	for (int i = 0; i < 1000; i++) {
		record.annotation.ev.ts_ns += i % 10 == 9;
		record.origin.probe = (u16)(i & 1 ? NT_PROBE_MAX : 0);
		open_journey_add(open, &record.annotation.ev, sizeof(record), 0, &bytes);
		assert_int_equal((bytes - array_bytes(open)) % chunk_bytes, 0);
	}
	assert_int_equal(open->n_origins, JOURNEY_ORIGINS_MAX);
	open_journey_free(open, &bytes);
	assert_int_equal(bytes, 0);
}

/* A journey that is used again has no origins yet. */
static void origins_of_the_next(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		begin_sent();
		for (int n = 0; n < JOURNEY_ORIGINS_MAX; n++)
			assert_int_equal(add_origin(SENT_AT(1), ip6_xmit), 0);
		event(consume_skb, SKB_A, END);
		assert_int_equal(kept[i].journey.n_events, 2 + JOURNEY_ORIGINS_MAX);
		assert_int_equal(kept[i].journey.part_of.id, 0);
	}
}

static void pieces_know_the_whole(void **state)
{
	u64 whole_ns;

	(void)state;
	tcp_sent(1, SKB_A, 1000, 3000);
	whole_ns = now_ns;
	tcp_sent(2, SKB_B, 1000, 1000);
	part_of(2, SKB_B, 1, SKB_A);
	tcp_sent(3, SKB_C, 2000, 1000);
	part_of(3, SKB_C, 1, SKB_A);
	for (u32 id = 1; id <= 3; id++)
		assert_int_equal(add(id, NT_PROBE_consume_skb, SKB_A + (id - 1) * 0x100, END), 0);
	assert_int_equal(n_kept, 3);
	assert_int_equal(kept[0].journey.part_of.id, 0);
	for (int i = 1; i < 3; i++) {
		assert_int_equal(kept[i].journey.part_of.id, 1);
		assert_true(kept[i].journey.part_of.skb == SKB_A);
		assert_int_equal(kept[i].journey.part_of.ts_ns, whole_ns);
		assert_int_equal(kept[i].journey.retransmit_of.id, 0);
	}
}

/* When the whole began is known only of one that was seen. */
static void pieces_of_the_unknown(void **state)
{
	(void)state;
	tcp_sent(2, SKB_B, 1000, 1000);
	part_of(2, SKB_B, 1, SKB_A);
	assert_int_equal(add(2, NT_PROBE_consume_skb, SKB_B, END), 0);
	assert_int_equal(kept[0].journey.part_of.id, 1);
	assert_int_equal(kept[0].journey.part_of.ts_ns, 0);
}

/* Who sent it is told with its first event, and was there in the functions before. */
static void task_of_origins(void **state)
{
	struct nt_anno_TASK task = {.pid = 7, .tid = 8, .comm = "sender"};

	(void)state;
	begin_sent();
	assert_int_equal(add_origin(SENT_AT(2), __tcp_transmit_skb), 0);
	assert_int_equal(add_origin(SENT_AT(1), __ip_queue_xmit), 0);
	assert_int_equal(note(header(1, NT_PROBE___ip_local_out, SKB_A, 0), NT_ANNO_TASK, &task, sizeof(task)), 0);
	event(ip_output, SKB_A, 0);
	assert_int_equal(note(header(1, NT_PROBE_ip_output, SKB_A, 0), NT_ANNO_TASK, &task, sizeof(task)), 0);
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_CONSUMED, 5, 1, false);
	assert_int_equal(kept[0].n_tasks, 4);
	assert_int_equal(kept[0].n_notes, 6);
}

static void retransmission(void **state)
{
	u64 first_ns;

	(void)state;
	tcp_sent(1, SKB_A, 1000, 100);
	first_ns = now_ns;
	tcp_sent(2, SKB_B, 1100, 100);
	assert_int_equal(add(1, NT_PROBE_consume_skb, SKB_A, END), 0);
	/* whether what is repeated is still under way or not */
	tcp_sent(3, SKB_A, 1000, 100);
	tcp_sent(4, SKB_C, 1150, 100);
	tcp_sent(5, SKB_C, 1250, 100);
	assert_int_equal(journey_set_finish(set), 0);
	assert_int_equal(n_kept, 5);
	assert_int_equal(kept[0].journey.retransmit_of.id, 0);
	assert_int_equal(kept[1].journey.retransmit_of.id, 0);
	assert_int_equal(kept[2].journey.retransmit_of.id, 1);
	assert_true(kept[2].journey.retransmit_of.skb == SKB_A);
	assert_int_equal(kept[2].journey.retransmit_of.ts_ns, first_ns);
	assert_int_equal(kept[3].journey.retransmit_of.id, 2);
	assert_int_equal(kept[4].journey.retransmit_of.id, 0);
}

/* That it is a piece is told behind its snapshot, which seemed to repeat the whole. */
static void retransmission_of_a_piece(void **state)
{
	(void)state;
	tcp_sent(1, SKB_A, 1000, 3000);
	tcp_sent(2, SKB_B, 2000, 1000);
	part_of(2, SKB_B, 1, SKB_A);
	tcp_sent(3, SKB_A, 2000, 2000);
	tcp_sent(4, SKB_C, 2000, 1000);
	part_of(4, SKB_C, 3, SKB_A);
	assert_int_equal(journey_set_finish(set), 0);
	assert_int_equal(n_kept, 4);
	assert_int_equal(kept[1].journey.retransmit_of.id, 0);
	assert_int_equal(kept[2].journey.retransmit_of.id, 2);
	assert_int_equal(kept[3].journey.part_of.id, 3);
	assert_int_equal(kept[3].journey.retransmit_of.id, 2);
}

/* Headers that change on the way, or a start that was not seen: the packet is not sent once more. */
static void only_starts_are_sent(void **state)
{
	struct nt_snapshot s = tcp_snapshot(1, SKB_A, 1000, 100, 0x10, 0);

	(void)state;
	now_ns += 1000;
	s.ev.ts_ns = now_ns;
	assert_int_equal(journey_set_add(set, &s.ev, sizeof(s), 0), 0);
	tcp_sent(2, SKB_B, 1000, 100);
	s = tcp_snapshot(2, SKB_B, 1000, 50, 0x10, 0);
	s.ev.ts_ns = ++now_ns;
	assert_int_equal(journey_set_add(set, &s.ev, sizeof(s), 0), 0);
	tcp_sent(3, SKB_C, 1000, 100);
	assert_int_equal(journey_set_finish(set), 0);
	assert_int_equal(n_kept, 3);
	assert_int_equal(kept[0].journey.retransmit_of.id, 0);
	assert_int_equal(kept[1].journey.n_flows, 2);
	assert_int_equal(kept[1].journey.retransmit_of.id, 0);
	assert_int_equal(kept[2].journey.retransmit_of.id, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(origins_are_events_in_front),
		test(times_of_origins),
		test(malformed_origins),
		test(origins_come_late),
		test(origins_without_a_start),
		test(origins_of_a_drop),
		test(origins_in_one_line),
		test(memory_is_accounted_for),
		test(origins_of_the_next),
		test(pieces_know_the_whole),
		test(pieces_of_the_unknown),
		test(task_of_origins),
		test(retransmission),
		test(retransmission_of_a_piece),
		test(only_starts_are_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
