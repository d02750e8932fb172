/* SPDX-License-Identifier: GPL-2.0 */
/* Journeys put together from records: members, flows, ends, outcomes. */
#include "journey_kit.h"

static void consumed_by_a_handler(void **state)
{
	(void)state;
	event(napi_gro_receive_entry, SKB_A, START);
	event(icmp_rcv, SKB_A, 0);
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_CONSUMED, 3, 1, false);
	assert_int_equal(kept[0].journey.id, 1);
	assert_int_equal(kept[0].journey.end_ns - kept[0].journey.start_ns, 2000);
	assert_int_equal(kept[0].events[0].flags, START);
	assert_int_equal(kept[0].events[2].flags, END);
	assert_int_equal(kept[0].flows[0].l3_proto, 0);
	assert_null(kept[0].journey.drop);
}

static void transmitted_by_the_driver(void **state)
{
	(void)state;
	event(__ip_local_out, SKB_A, START);
	event(__dev_queue_xmit, SKB_A, 0);
	event(dev_hard_start_xmit, SKB_A, 0);
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_TRANSMITTED, 4, 1, false);
}

static void delivered_to_the_reader(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	event(skb_copy_datagram_iovec, SKB_A, 0);
	event(__kfree_skb, SKB_A, END);
	expect_one(OUTCOME_DELIVERED, 3, 1, false);
}

/* recvmsg frees what raw_rcv queued, without a copy (MSG_TRUNC) or a probe at the copy. */
static void freed_by_the_reader(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	event(raw_rcv, SKB_A, 0);
	context = NT_CTX_TASK;
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_DELIVERED, 3, 1, false);
}

static void not_every_free_in_a_task_is_a_reader(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	event(raw_rcv, SKB_A, 0);
	event(icmp_rcv, SKB_A, 0);
	context = NT_CTX_TASK;
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_CONSUMED, 4, 1, false);
}

static void dropped_with_a_reason(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	event(nf_hook_slow, SKB_A, 0);
	drop(SKB_A, 8, 0);
	expect_one(OUTCOME_DROPPED, 3, 1, false);
	assert_non_null(kept[0].journey.drop);
	assert_int_equal(kept[0].drop.reason, 8);
}

static void merged_by_gro(void **state)
{
	(void)state;
	event(napi_gro_receive_entry, SKB_A, START);
	event(napi_skb_free_stolen_head, SKB_A, END);
	expect_one(OUTCOME_MERGED, 2, 1, false);
	assert_int_equal(kept[0].journey.merged_into.id, 0);
}

/* icmp_rcv finds no socket for the original, but a raw socket took its clone. */
static void drop_of_what_nobody_wanted(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	event(skb_clone, SKB_A, 0);
	event(raw_rcv, SKB_B, 0);
	event(icmp_rcv, SKB_A, 0);
	drop(SKB_A, 3, SHARED);
	assert_int_equal(n_kept, 0);
	event(skb_copy_datagram_iovec, SKB_B, 0);
	event(consume_skb, SKB_B, END);
	expect_one(OUTCOME_DELIVERED, 7, 2, false);
	assert_null(kept[0].journey.drop);
	assert_int_equal(kept[0].members[0].outcome, OUTCOME_DROPPED);
	assert_int_equal(kept[0].members[1].skb, SKB_B);
}

static void last_drop_decides(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	event(raw_rcv, SKB_B, 0);
	event(icmp_rcv, SKB_A, 0);
	drop(SKB_A, 3, SHARED);
	drop(SKB_B, 4, 0);
	expect_one(OUTCOME_DROPPED, 5, 2, false);
	assert_int_equal(kept[0].drop.reason, 4);
}

/* A packet socket's copy says nothing about the packet, wherever it is read or freed. */
static void taps_do_not_decide(void **state)
{
	(void)state;
	event(__dev_queue_xmit, SKB_A, START);
	event(dev_hard_start_xmit, SKB_A, 0);
	event(skb_clone, SKB_A, 0);
	event(packet_rcv, SKB_B, 0);
	event(skb_clone, SKB_B, 0);
	event(consume_skb, SKB_B, END | SHARED);
	drop(SKB_A, 5, SHARED);
	event(skb_copy_datagram_iovec, SKB_C, 0);
	event(consume_skb, SKB_C, END);
	expect_one(OUTCOME_DROPPED, 9, 3, false);
	assert_int_equal(kept[0].drop.reason, 5);
	assert_false(kept[0].members[0].tap);
	assert_true(kept[0].members[1].tap);
	assert_int_equal(kept[0].members[1].outcome, OUTCOME_DELIVERED);
	assert_true(kept[0].members[2].tap);
}

/* packet_rcv is shown the received skb itself; a raw socket's clone then is no tap. */
static void shown_to_a_tap_and_received(void **state)
{
	(void)state;
	event(__netif_receive_skb_core, SKB_A, START);
	event(packet_rcv, SKB_A, 0);
	event(skb_clone, SKB_A, 0);
	event(ip_rcv, SKB_A, 0);
	event(skb_clone, SKB_A, 0);
	event(raw_rcv, SKB_B, 0);
	event(icmp_rcv, SKB_A, 0);
	event(consume_skb, SKB_A, END | SHARED);
	event(skb_copy_datagram_iovec, SKB_C, 0);
	event(consume_skb, SKB_C, END | SHARED);
	drop(SKB_B, 6, 0);
	expect_one(OUTCOME_CONSUMED, 11, 3, false);
	assert_false(kept[0].members[0].tap);
	assert_false(kept[0].members[1].tap);
	assert_true(kept[0].members[2].tap);
}

/* No probe at packet_rcv: a clone that only its free shows must not hide the drop. */
static void clone_that_no_stage_saw(void **state)
{
	(void)state;
	event(net_dev_queue, SKB_A, START);
	event(consume_skb, SKB_B, END | SHARED);
	drop(SKB_A, 7, 0);
	expect_one(OUTCOME_DROPPED, 3, 2, false);
	assert_int_equal(kept[0].drop.reason, 7);
}

/* The first member is the packet itself, even if its free is all that was seen of it. */
static void packet_that_no_stage_saw(void **state)
{
	(void)state;
	drop(SKB_A, 7, SHARED);
	event(consume_skb, SKB_B, END);
	expect_one(OUTCOME_DROPPED, 2, 2, true);
	assert_int_equal(kept[0].drop.reason, 7);
}

static void only_taps(void **state)
{
	(void)state;
	event(__netif_receive_skb_core, SKB_A, START);
	event(packet_rcv, SKB_A, 0);
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_DELIVERED, 3, 1, false);
	assert_true(kept[0].members[0].tap);
}

static void open_while_the_head_is_shared(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	event(skb_clone, SKB_A, 0);
	event(consume_skb, SKB_A, END | SHARED);
	assert_int_equal(n_kept, 0);
	event(consume_skb, SKB_B, END);
	expect_one(OUTCOME_CONSUMED, 4, 2, false);
}

/* skb_clone failed: the kernel knows of no other holder, so none is waited for. */
static void failed_clone(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	event(skb_clone, SKB_A, 0);
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_CONSUMED, 3, 1, false);
}

/* After pskb_expand_head the original's free says nothing about holders of the old head. */
static void pending_clone_holds_the_old_head(void **state)
{
	(void)state;
	event(__dev_queue_xmit, SKB_A, START);
	event(skb_clone, SKB_A, 0);
	event(pskb_expand_head, SKB_A, 0);
	event(dev_hard_start_xmit, SKB_A, 0);
	event(consume_skb, SKB_A, END);
	assert_int_equal(n_kept, 0);
	event(packet_rcv, SKB_B, 0);
	event(consume_skb, SKB_B, END);
	expect_one(OUTCOME_TRANSMITTED, 7, 2, false);
}

static void pending_clone_never_seen(void **state)
{
	(void)state;
	event(__dev_queue_xmit, SKB_A, START);
	event(skb_clone, SKB_A, 0);
	event(pskb_expand_head, SKB_A, 0);
	event(consume_skb, SKB_A, END);
	assert_int_equal(journey_set_finish(set), 0);
	expect_one(OUTCOME_INCOMPLETE, 4, 1, true);
}

static void pending_clone_evicted(void **state)
{
	(void)state;
	event(__dev_queue_xmit, SKB_A, START);
	event(skb_clone, SKB_A, 0);
	event(pskb_expand_head, SKB_A, 0);
	event(consume_skb, SKB_A, END | SHARED);
	assert_int_equal(end_record(1, SKB_A, NT_END_EVICTED, 0), 0);
	assert_int_equal(n_kept, 0);
	assert_int_equal(end_record(1, 0, NT_END_EVICTED, 0), 0);
	expect_one(OUTCOME_TRANSMITTED, 4, 1, true);
}

static void address_used_again(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	event(raw_rcv, SKB_B, 0);
	event(consume_skb, SKB_B, END | SHARED);
	event(raw_rcv, SKB_B, 0);
	event(consume_skb, SKB_B, END | SHARED);
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_CONSUMED, 6, 3, false);
	assert_int_equal(kept[0].members[2].skb, SKB_B);
}

static void records_of_one_event(void **state)
{
	struct {
		struct nt_annotation annotation;
		struct nt_anno_TABLE table;
	} record = {.annotation = {.type = NT_ANNO_TABLE, .size_bytes = sizeof(record.table)}};

	(void)state;
	now_ns += 1000;
	memset(record.table.table, 'x', sizeof(record.table.table));
	add_snapshot(NT_PROBE_nft_do_chain, SKB_A, 7, START);
	record.annotation.ev = header(1, NT_PROBE_nft_do_chain, SKB_A, NT_ANNOTATION | START);
	assert_int_equal(journey_set_add(set, &record.annotation.ev, sizeof(record), 3), 0);
	assert_int_equal(journey_set_add(set, &record.annotation.ev, sizeof(record), 3), 0);
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_CONSUMED, 2, 1, false);
	assert_int_equal(kept[0].n_notes, 2);
	assert_int_equal(strlen(kept[0].table.table), sizeof(record.table.table) - 1);
	assert_int_equal(kept[0].events[0].cpu, 3);
	assert_int_equal(kept[0].flows[0].echo_seq, 7);
}

static void drop_after_other_notes(void **state)
{
	struct {
		struct nt_annotation annotation;
		struct nt_anno_HOOK hook;
	} record = {.annotation = {.type = NT_ANNO_HOOK, .size_bytes = sizeof(record.hook)}};

	(void)state;
	event(netif_rx, SKB_A, START);
	now_ns += 1000;
	record.annotation.ev = header(1, NT_PROBE_kfree_skb, SKB_A, NT_ANNOTATION);
	assert_int_equal(journey_set_add(set, &record.annotation.ev, sizeof(record), 0), 0);
	now_ns -= 1000;
	drop(SKB_A, 4, 0);
	expect_one(OUTCOME_DROPPED, 2, 1, false);
	assert_int_equal(kept[0].drop.reason, 4);
}

static void flows_change(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	for (u8 i = 0; i < 4; i++) {
		now_ns += 1000;
		add_snapshot(NT_PROBE_ip_rcv, SKB_A, i / 2, 0);
	}
	event(icmp_rcv, SKB_A, 0);
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_CONSUMED, 7, 1, false);
	assert_int_equal(kept[0].journey.n_flows, 2);
	assert_int_equal(kept[0].events[0].flow, 0);
	assert_int_equal(kept[0].events[2].flow, 0);
	assert_int_equal(kept[0].events[3].flow, 1);
	assert_int_equal(kept[0].events[6].flow, 1);
	assert_int_equal(kept[0].flows[1].echo_seq, 1);
}

static void start_not_seen(void **state)
{
	(void)state;
	event(icmp_rcv, SKB_A, 0);
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_CONSUMED, 2, 1, true);
}

static void lost_records(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	event(dev_hard_start_xmit, SKB_A, NT_F_LOST);
	event(consume_skb, SKB_A, END);
	expect_one(OUTCOME_TRANSMITTED, 3, 1, true);
}

static void ends_that_no_probe_saw(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	assert_int_equal(end_record(2, SKB_A, NT_END_REUSED, 0), 0);
	assert_int_equal(end_record(1, SKB_B, NT_END_REUSED, 0), 0);
	assert_int_equal(n_kept, 0);
	assert_int_equal(end_record(1, SKB_A, NT_END_REUSED, 0), 0);
	expect_one(OUTCOME_INCOMPLETE, 1, 1, true);

	event(netif_rx, SKB_A, START);
	event(raw_rcv, SKB_B, 0);
	assert_int_equal(end_record(1, 0, NT_END_EVICTED, 0), 0);
	assert_int_equal(n_kept, 2);
	assert_int_equal(kept[1].journey.outcome, OUTCOME_EVICTED);
	assert_true(kept[1].journey.incomplete);

	event(netif_rx, SKB_A, START);
	assert_int_equal(end_record(1, SKB_A, NT_END_MERGED, 9), 0);
	assert_int_equal(n_kept, 3);
	assert_int_equal(kept[2].journey.outcome, OUTCOME_MERGED);
	assert_int_equal(kept[2].journey.merged_into.id, 9);
	assert_false(kept[2].journey.incomplete);
}

/* The ring was full when the packet ended. */
static void ends_that_never_came(void **state)
{
	(void)state;
	assert_int_equal(add(1, NT_PROBE_netif_rx, SKB_A, START), 0);
	assert_int_equal(journey_set_expire(set, now_ns), 0);
	assert_int_equal(n_kept, 0);
	assert_int_equal(journey_set_expire(set, now_ns + 1), 0);
	expect_one(OUTCOME_EVICTED, 1, 1, true);
	assert_int_equal(add(1, NT_PROBE_netif_rx, SKB_A, START), 0);
	assert_int_equal(add(2, NT_PROBE_netif_rx, SKB_B, START), 0);
	assert_int_equal(journey_set_expire(set, now_ns), 0);
	assert_int_equal(n_kept, 2);
	assert_int_equal(journey_set_open(set), 1);
}

/* Nothing false: the reused clone may have been delivered. */
static void unknown_end_outweighs_a_drop(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	event(raw_rcv, SKB_B, 0);
	drop(SKB_A, 3, SHARED);
	assert_int_equal(end_record(1, SKB_B, NT_END_REUSED, 0), 0);
	expect_one(OUTCOME_INCOMPLETE, 3, 2, true);
	assert_null(kept[0].journey.drop);
}

static void slowest_span(void **state)
{
	struct journey_event events[] = {{.ts_ns = 10}, {.ts_ns = 20}, {.ts_ns = 50}, {.ts_ns = 80}};
	struct journey journey = {.events = events, .n_events = 4};
	u64 span_ns;
	size_t from;

	(void)state;
	assert_true(journey_slowest(&journey, &from, &span_ns));
	assert_int_equal(from, 1);
	assert_int_equal(span_ns, 30);
	journey.n_events = 1;
	assert_false(journey_slowest(&journey, &from, &span_ns));
	journey.n_events = 0;
	assert_false(journey_slowest(&journey, &from, &span_ns));
}

static void names_of_outcomes(void **state)
{
	(void)state;
	for (int i = 0; i < OUTCOME_COUNT; i++)
		assert_string_not_equal(outcome_name((enum outcome)i), "unknown");
	assert_string_equal(outcome_name(OUTCOME_COUNT), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(consumed_by_a_handler),
		test(transmitted_by_the_driver),
		test(delivered_to_the_reader),
		test(freed_by_the_reader),
		test(not_every_free_in_a_task_is_a_reader),
		test(dropped_with_a_reason),
		test(merged_by_gro),
		test(drop_of_what_nobody_wanted),
		test(last_drop_decides),
		test(taps_do_not_decide),
		test(shown_to_a_tap_and_received),
		test(clone_that_no_stage_saw),
		test(packet_that_no_stage_saw),
		test(only_taps),
		test(open_while_the_head_is_shared),
		test(failed_clone),
		test(pending_clone_holds_the_old_head),
		test(pending_clone_never_seen),
		test(pending_clone_evicted),
		test(address_used_again),
		test(records_of_one_event),
		test(drop_after_other_notes),
		test(flows_change),
		test(start_not_seen),
		test(lost_records),
		test(ends_that_no_probe_saw),
		test(ends_that_never_came),
		test(unknown_end_outweighs_a_drop),
		test(slowest_span),
		test(names_of_outcomes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
