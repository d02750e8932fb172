/* SPDX-License-Identifier: GPL-2.0 */
/* What a set of journeys does at its limits, and with records that are not what they should be. */
#include "journey_kit.h"

static void start_of_an_open_id(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	event(netif_rx, SKB_B, START);
	assert_int_equal(n_kept, 1);
	assert_int_equal(kept[0].journey.outcome, OUTCOME_INCOMPLETE);
	assert_true(kept[0].journey.incomplete);
	event(consume_skb, SKB_B, END);
	assert_int_equal(n_kept, 2);
	assert_false(kept[1].journey.incomplete);
	assert_int_equal(kept[1].journey.n_members, 1);
}

static void time_runs_forward(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	now_ns -= 100000;
	event(ip_rcv, SKB_A, 0);
	now_ns += 200000;
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_CONSUMED, 3, 1, false);
	assert_int_equal(kept[0].events[1].ts_ns, kept[0].events[0].ts_ns);
}

static void finish_is_oldest_first(void **state)
{
	(void)state;
	for (u32 id = 5; id > 0; id--)
		assert_int_equal(add(id, NT_PROBE_netif_rx, SKB_A, START), 0);
	assert_int_equal(add(4, NT_PROBE_consume_skb, SKB_A, END), 0);
	callback_returns = 77;
	assert_int_equal(journey_set_finish(set), 77);
	assert_int_equal(journey_set_open(set), 3);
	callback_returns = 0;
	assert_int_equal(journey_set_finish(set), 0);
	assert_int_equal(n_kept, 5);
	assert_int_equal(kept[1].journey.id, 5);
	assert_int_equal(kept[2].journey.id, 3);
	assert_int_equal(kept[4].journey.id, 1);
}

static void callback_stops(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	callback_returns = 5;
	assert_int_equal(add(1, NT_PROBE_consume_skb, SKB_A, END), 5);
	assert_int_equal(journey_set_open(set), 0);
}

static void too_many_events(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	for (int i = 0; i < 4094; i++)
		event(ip_rcv, SKB_A, 0);
	drop(SKB_B, 1, SHARED);
	event(ip_rcv, SKB_A, 0);
	/* this one is not kept, so what is attached to it is not either */
	drop(SKB_A, 2, 0);
	expect_one(OUTCOME_DROPPED, 4096, 2, true);
	assert_int_equal(kept[0].n_notes, 1);
	assert_null(kept[0].journey.drop);
	assert_int_equal(kept[0].journey.end_ns, now_ns);
}

static void too_many_members(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	for (u64 i = 1; i < 5000; i++)
		event(raw_rcv, SKB_A + i * 64, 0);
	assert_int_equal(journey_set_finish(set), 0);
	expect_one(OUTCOME_INCOMPLETE, 4096, 4096, true);
}

/* Attachments to one event are bounded as well. */
static void too_many_attachments(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	for (int i = 0; i < 5000; i++)
		add_snapshot(NT_PROBE_netif_rx, SKB_A, (u8)(i & 1), 0);
	for (int i = 0; i < 5000; i++) {
		drop(SKB_A, 2, SHARED);
		now_ns -= 1000;
	}
	assert_int_equal(journey_set_finish(set), 0);
	expect_one(OUTCOME_INCOMPLETE, 2, 1, true);
	assert_int_equal(kept[0].journey.n_flows, 4096);
	assert_int_equal(kept[0].n_notes, 4096);
}

static void too_many_journeys(void **state)
{
	(void)state;
	for (u32 id = 1; id <= 65536 + 2; id++)
		assert_int_equal(add(id, NT_PROBE_netif_rx, SKB_A, START), 0);
	assert_int_equal(journey_set_open(set), 65536);
	assert_int_equal(n_kept, 2);
	assert_int_equal(kept[0].journey.id, 1);
	assert_int_equal(kept[1].journey.id, 2);
	assert_true(kept[1].journey.incomplete);
}

static void malformed_headers(void **state)
{
	struct nt_event ev = header(1, NT_PROBE_netif_rx, SKB_A, NT_EVENT | START);

	(void)state;
	for (size_t size = 0; size < sizeof(ev); size++)
		assert_int_equal(journey_set_add(set, &ev, size, 0), -EINVAL);
	assert_int_equal(add(0, NT_PROBE_netif_rx, SKB_A, START), -EINVAL);
	assert_int_equal(add(1, NT_PROBE_MAX, SKB_A, START), -EINVAL);
	assert_int_equal(add(1, 0xffff, SKB_A, START), -EINVAL);
	for (unsigned int kind = NT_KIND_COUNT; kind <= NT_KIND_MASK; kind++)
		assert_int_equal(add(1, NT_PROBE_netif_rx, SKB_A, kind), -EINVAL);
	assert_int_equal(add(1, 0, SKB_A, NT_END), -EINVAL);
	assert_int_equal(end_record(1, SKB_A, NT_END_MERGED + 1, 0), -EINVAL);
	assert_int_equal(add(0, 0, 0, NT_LOSS), 0);
	assert_int_equal(add(0, 0, 0, NT_BLOCKED), 0);
	assert_int_equal(add(0, 0, 0, NT_SILENT), 0);
	assert_int_equal(journey_set_open(set), 0);
}

/* A row added with --probe is not in the table; a context may come from a later version. */
static void unknown_but_possible(void **state)
{
	(void)state;
	event(dev_hard_start_xmit, SKB_A, START);
	context = 200;
	assert_int_equal(add(1, NT_PROBE_MAX - 1, SKB_A, 0), 0);
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_TRANSMITTED, 3, 1, false);
	assert_int_equal(kept[0].events[1].context, NT_CTX_UNKNOWN);
}

/* The header of a malformed attachment is sound, so its event is kept and its end is seen. */
static void malformed_attachments(void **state)
{
	struct {
		struct nt_annotation annotation;
		struct nt_anno_DROP drop;
	} record = {.annotation = {.type = NT_ANNO_DROP, .size_bytes = sizeof(record.drop)}};
	struct nt_snapshot s;

	(void)state;
	event(netif_rx, SKB_A, START);
	s = snapshot(NT_PROBE_ip_rcv, SKB_A, 1, 0);
	assert_int_equal(journey_set_add(set, &s.ev, sizeof(s) - 1, 0), -EINVAL);
	s.captured_bytes = NT_SNAPSHOT_BYTES + 1;
	assert_int_equal(journey_set_add(set, &s.ev, sizeof(s), 0), -EINVAL);

	record.annotation.ev = header(1, NT_PROBE_ip_rcv, SKB_A, NT_ANNOTATION);
	for (size_t size = sizeof(struct nt_event); size < sizeof(record); size++)
		assert_int_equal(journey_set_add(set, &record.annotation.ev, size, 0), -EINVAL);
	record.annotation.size_bytes--;
	assert_int_equal(journey_set_add(set, &record.annotation.ev, sizeof(record), 0), -EINVAL);
	record.annotation.size_bytes++;
	record.annotation.type = NT_ANNO_COUNT;
	assert_int_equal(journey_set_add(set, &record.annotation.ev, sizeof(record), 0), -EINVAL);
	record.annotation.type = NT_ANNO_NONE;
	record.annotation.ev = header(1, NT_PROBE_kfree_skb, SKB_A, NT_ANNOTATION | END);
	assert_int_equal(journey_set_add(set, &record.annotation.ev, sizeof(record), 0), -EINVAL);
	expect_one(OUTCOME_DROPPED, 3, 1, false);
	assert_int_equal(kept[0].n_notes, 0);
	assert_null(kept[0].journey.drop);
}

/* Any bytes as records, under the sanitizers; journeys handed on are checked by keep(). */
static void random_records(void **state)
{
	union {
		struct nt_event ev;
		u8 bytes[NT_RECORD_MAX_BYTES];
	} record;
	u64 random = 88172645463325252u;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		for (size_t at = 0; at < sizeof(record); at += 8) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			memcpy(record.bytes + at, &random, 8);
		}
		record.ev.skb_id &= 15;
		record.ev.skb &= 7;
		record.ev.ts_ns &= 255;
		record.ev.probe %= NT_PROBE_COUNT + 2;
		record.bytes[32] &= 3;
		record.bytes[33] = 0;
		if (record.bytes[40] & 1) {
			record.bytes[34] = sizeof(struct nt_anno_DROP);
			record.bytes[35] = 0;
		}
		journey_set_add(set, &record.ev, random % (sizeof(record) + 1), 0);
	}
	assert_int_equal(journey_set_finish(set), 0);
	assert_true(n_kept > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(start_of_an_open_id),
		test(time_runs_forward),
		test(finish_is_oldest_first),
		test(callback_stops),
		test(too_many_events),
		test(too_many_members),
		test(too_many_attachments),
		test(too_many_journeys),
		test(malformed_headers),
		test(unknown_but_possible),
		test(malformed_attachments),
		test(random_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
