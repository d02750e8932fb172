/* SPDX-License-Identifier: GPL-2.0 */
/* Outcomes that other packets or the dictionary decide: merged, and acknowledgements that were used. */
#include "journey_kit.h"

#include "sequence_kit.h"

#define OTHER_SKB 0xffff888000009000

#define REASON_NONE 2 /* NOT_SPECIFIED */
#define REASON_BAD 3
#define RELEASE 0xffffffff81000100
#define LIST 0xffffffff81000200
#define ELSEWHERE 0xffffffff81000300

/* The kernel tries to append the skb of this journey to that of another. */
static void tries_merge(u32 id, unsigned int probe, u64 skb, u32 into)
{
	struct nt_anno_MERGE payload = {.skb = OTHER_SKB + into, .id = into};

	now_ns += 1000;
	assert_int_equal(note(header(id, probe, skb, NT_EVENT), NT_ANNO_MERGE, &payload, sizeof(payload)), 0);
}

static void dropped_at(u64 skb, u32 reason, u64 location, unsigned int flags)
{
	struct nt_anno_DROP payload = {.location = location, .reason = reason};

	now_ns += 1000;
	assert_int_equal(note(header(1, NT_PROBE_kfree_skb, skb, END | flags), NT_ANNO_DROP, &payload,
			      sizeof(payload)),
			 0);
}

static void expect_into(enum outcome outcome, u32 into)
{
	const struct journey *journey = &kept[n_kept - 1].journey;

	assert_int_equal(journey_set_open(set), 0);
	assert_string_equal(outcome_name(journey->outcome), outcome_name(outcome));
	assert_int_equal(journey->merged_into.id, into);
	assert_true(journey->merged_into.skb == (into ? OTHER_SKB + into : 0));
	assert_false(journey->incomplete);
}

/* Each way in which the kernel frees, or hands on, what it has merged. */
static void merged(void **state)
{
	static const unsigned int ends[] = {
		NT_PROBE_napi_reuse_skb,   NT_PROBE_kfree_skb_partial, NT_PROBE_napi_skb_free_stolen_head,
		NT_PROBE___kfree_skb,	   NT_PROBE___napi_kfree_skb,
	};
	static const unsigned int merges[] = {NT_PROBE_skb_gro_receive, NT_PROBE_skb_gro_receive_list};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		for (size_t k = 0; k < sizeof(merges) / sizeof(merges[0]); k++) {
			event(napi_gro_receive_entry, SKB_A, START);
			tries_merge(1, merges[k], SKB_A, 9);
			assert_int_equal(add(1, ends[i], SKB_A, END), 0);
			expect_into(OUTCOME_MERGED, 9);
		}
	}
	/* a socket's queue */
	event(netif_rx, SKB_A, START);
	event(tcp_queue_rcv, SKB_A, 0);
	tries_merge(1, NT_PROBE_skb_try_coalesce, SKB_A, 8);
	event(kfree_skb_partial, SKB_A, END);
	expect_into(OUTCOME_MERGED, 8);
}

/* Drivers free with kfree_skb what they have sent, and what they cannot send. */
static void freed_by_the_driver(void **state)
{
	struct nt_anno_DROP payload = {.location = ELSEWHERE, .reason = REASON_NONE};

	(void)state;
	for (u32 in_xmit = 0; in_xmit < 2; in_xmit++) {
		event(__dev_queue_xmit, SKB_A, START);
		event(net_dev_start_xmit, SKB_A, 0);
		now_ns += 1000;
		payload.in_xmit = in_xmit;
		assert_int_equal(note(header(1, NT_PROBE_kfree_skb, SKB_A, END), NT_ANNO_DROP, &payload, sizeof(payload)), 0);
		expect_into(in_xmit ? OUTCOME_DROPPED : OUTCOME_TRANSMITTED, 0);
	}
	/* with a reason it is what it says */
	event(net_dev_start_xmit, SKB_A, START);
	dropped_at(SKB_A, REASON_BAD, ELSEWHERE, 0);
	expect_into(OUTCOME_DROPPED, 0);
	/* and in the queue before nobody sent it */
	event(__dev_queue_xmit, SKB_A, START);
	dropped_at(SKB_A, REASON_NONE, ELSEWHERE, 0);
	expect_into(OUTCOME_DROPPED, 0);
}

/* It can be found by the time at which its block begins. */
static void merged_into_one_under_way(void **state)
{
	u64 began_ns;

	(void)state;
	assert_int_equal(add(2, NT_PROBE_napi_gro_receive_entry, OTHER_SKB + 2, START), 0);
	began_ns = now_ns;
	event(napi_gro_receive_entry, SKB_A, START);
	tries_merge(1, NT_PROBE_skb_gro_receive, SKB_A, 2);
	assert_int_equal(add(1, NT_PROBE_napi_reuse_skb, SKB_A, END), 0);
	assert_int_equal(kept[0].journey.merged_into.id, 2);
	assert_int_equal(kept[0].journey.merged_into.ts_ns, began_ns);
}

/* Into what was not seen being tracked, or by a function that was not traced. */
static void merged_into_the_unknown(void **state)
{
	(void)state;
	event(napi_gro_receive_entry, SKB_A, START);
	tries_merge(1, NT_PROBE_skb_gro_receive, SKB_A, 0);
	event(napi_reuse_skb, SKB_A, END);
	assert_int_equal(kept[0].journey.outcome, OUTCOME_MERGED);
	assert_int_equal(kept[0].journey.merged_into.id, 0);
	assert_true(kept[0].journey.merged_into.skb == OTHER_SKB);
	event(napi_gro_receive_entry, SKB_A, START);
	event(napi_reuse_skb, SKB_A, END);
	expect_into(OUTCOME_MERGED, 0);
}

/* The function tried and could not: the packet goes on by itself. */
static void merge_that_failed(void **state)
{
	(void)state;
	event(napi_gro_receive_entry, SKB_A, START);
	tries_merge(1, NT_PROBE_skb_gro_receive, SKB_A, 9);
	event(__netif_receive_skb_core, SKB_A, 0);
	event(tcp_v4_rcv, SKB_A, 0);
	event(__kfree_skb, SKB_A, END);
	expect_into(OUTCOME_CONSUMED, 0);

	event(napi_gro_receive_entry, SKB_A, START);
	tries_merge(1, NT_PROBE_skb_gro_receive_list, SKB_A, 9);
	event(ip_rcv, SKB_A, 0);
	event(udp_rcv, SKB_A, 0);
	drop(SKB_A, REASON_BAD, 0);
	expect_into(OUTCOME_DROPPED, 0);

	/* dropped at once, which is no silent free */
	event(napi_gro_receive_entry, SKB_A, START);
	tries_merge(1, NT_PROBE_skb_gro_receive, SKB_A, 9);
	drop(SKB_A, REASON_BAD, 0);
	expect_into(OUTCOME_DROPPED, 0);

	event(netif_rx, SKB_A, START);
	event(tcp_queue_rcv, SKB_A, 0);
	tries_merge(1, NT_PROBE_skb_try_coalesce, SKB_A, 8);
	event(skb_copy_datagram_iovec, SKB_A, 0);
	event(__kfree_skb, SKB_A, END);
	expect_into(OUTCOME_DELIVERED, 0);
}

/* The last attempt counts. */
static void merged_at_the_second_attempt(void **state)
{
	(void)state;
	event(napi_gro_receive_entry, SKB_A, START);
	tries_merge(1, NT_PROBE_skb_gro_receive, SKB_A, 9);
	event(tcp_v4_rcv, SKB_A, 0);
	event(tcp_queue_rcv, SKB_A, 0);
	tries_merge(1, NT_PROBE_skb_try_coalesce, SKB_A, 7);
	event(kfree_skb_partial, SKB_A, END);
	expect_into(OUTCOME_MERGED, 7);
}

/* What another skb of the journey tried is not this one's, and what becomes of another decides. */
static void merge_of_a_clone(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	event(skb_clone, SKB_A, 0);
	event(tcp_queue_rcv, SKB_B, 0);
	tries_merge(1, NT_PROBE_skb_try_coalesce, SKB_B, 7);
	event(icmp_rcv, SKB_A, 0);
	event(kfree_skb_partial, SKB_B, END | SHARED);
	event(consume_skb, SKB_A, END);
	expect_into(OUTCOME_CONSUMED, 0);
	assert_int_equal(kept[0].members[1].outcome, OUTCOME_MERGED);

	event(netif_rx, SKB_A, START);
	event(skb_clone, SKB_A, 0);
	event(ip_rcv, SKB_B, 0);
	tries_merge(1, NT_PROBE_skb_gro_receive, SKB_B, 7);
	event(__kfree_skb, SKB_A, END | SHARED); /* not what tried just now */
	event(napi_reuse_skb, SKB_B, END);
	expect_into(OUTCOME_CONSUMED, 0);
	assert_int_equal(kept[1].members[0].outcome, OUTCOME_CONSUMED);
}

/* A clone that is merged is better than one that is dropped. */
static void merge_outweighs_a_drop(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	event(skb_clone, SKB_A, 0);
	event(ip_rcv, SKB_B, 0);
	drop(SKB_A, REASON_BAD, SHARED);
	tries_merge(1, NT_PROBE_skb_try_coalesce, SKB_B, 7);
	event(kfree_skb_partial, SKB_B, END);
	expect_into(OUTCOME_MERGED, 7);
	assert_null(kept[0].journey.drop);
}

/* As long as another skb may yet arrive, the packet is not called merged. */
static void merge_of_a_clone_and_no_end(void **state)
{
	(void)state;
	event(netif_rx, SKB_A, START);
	event(skb_clone, SKB_A, 0);
	event(ip_rcv, SKB_B, 0);
	tries_merge(1, NT_PROBE_skb_try_coalesce, SKB_B, 7);
	event(kfree_skb_partial, SKB_B, END | SHARED);
	assert_int_equal(journey_set_finish(set), 0);
	expect_one(OUTCOME_INCOMPLETE, 5, 2, true);
	assert_int_equal(kept[0].members[1].outcome, OUTCOME_MERGED);
	assert_int_equal(kept[0].journey.merged_into.id, 0);
}

/* Reassembly: the skb of the last fragment becomes the whole packet, and a clone of it a fragment. */
static void morphed(void **state)
{
	(void)state;
	event(ip_rcv, SKB_A, START);
	event(ip_defrag, SKB_A, 0);
	event(skb_clone, SKB_A, 0);
	event(skb_morph, SKB_A, END | SHARED);
	assert_int_equal(n_kept, 0);
	tries_merge(1, NT_PROBE_skb_try_coalesce, SKB_B, 6);
	event(kfree_skb_partial, SKB_B, END);
	expect_into(OUTCOME_MERGED, 6);
	assert_int_equal(kept[0].members[0].outcome, OUTCOME_MERGED);
}

/* Freed with the packet that has it in its list: called a drop, but only the place tells. */
static void freed_in_a_list(void **state)
{
	static const struct {
		u64 location;
		enum outcome outcome;
	} cases[] = {{RELEASE, OUTCOME_MERGED},
		     {LIST, OUTCOME_MERGED},
		     {ELSEWHERE, OUTCOME_DROPPED},
		     {1, OUTCOME_DROPPED}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		event(ip_rcv, SKB_A, START);
		event(ip_defrag, SKB_A, 0);
		dropped_at(SKB_A, REASON_NONE, cases[i].location, 0);
		expect_into(cases[i].outcome, 0);
		assert_int_equal(kept[i].journey.drop != NULL, cases[i].outcome == OUTCOME_DROPPED);
	}
}

static void begin_ack(u32 payload_bytes)
{
	tcp_sent(1, SKB_A, 1000, payload_bytes);
	event(tcp_v4_rcv, SKB_A, 0);
	event(tcp_rcv_state_process, SKB_A, 0);
	event(tcp_ack, SKB_A, 0);
}

/* tcp_rcv_state_process frees an acknowledgement, which it has used, as if it dropped it. */
static void used_ack(void **state)
{
	(void)state;
	begin_ack(0);
	dropped_at(SKB_A, REASON_NONE, ELSEWHERE, 0);
	expect_one(OUTCOME_CONSUMED, 5, 1, false);
	assert_null(kept[0].journey.drop);
}

static void unused_acks(void **state)
{
	(void)state;
	/* with data, which is lost then */
	begin_ack(10);
	dropped_at(SKB_A, REASON_NONE, ELSEWHERE, 0);
	expect_into(OUTCOME_DROPPED, 0);
	/* for a reason, known by name or not */
	begin_ack(0);
	dropped_at(SKB_A, REASON_BAD, ELSEWHERE, 0);
	expect_into(OUTCOME_DROPPED, 0);
	begin_ack(0);
	dropped_at(SKB_A, NT_DROP_REASON_UNKNOWN, ELSEWHERE, 0);
	expect_into(OUTCOME_DROPPED, 0);
	/* not right after it was looked at */
	begin_ack(0);
	event(tcp_filter, SKB_A, 0);
	dropped_at(SKB_A, REASON_NONE, ELSEWHERE, 0);
	expect_into(OUTCOME_DROPPED, 0);
	/* another skb was looked at */
	begin_ack(0);
	dropped_at(SKB_B, REASON_NONE, ELSEWHERE, SHARED);
	event(consume_skb, SKB_A, END);
	assert_int_equal(kept[4].members[1].outcome, OUTCOME_DROPPED);
	/* nothing was seen of its headers */
	event(tcp_ack, SKB_A, START);
	dropped_at(SKB_A, REASON_NONE, ELSEWHERE, 0);
	expect_into(OUTCOME_DROPPED, 0);
	/* the reason was lost */
	begin_ack(0);
	event(kfree_skb, SKB_A, END);
	expect_into(OUTCOME_DROPPED, 0);
}

/* Without names nobody knows what the number of the reason means. */
static void no_dictionary(void **state)
{
	(void)state;
	journey_set_free(set);
	set = journey_set_new(NULL, NULL, keep, &n_kept);
	assert_non_null(set);
	begin_ack(0);
	dropped_at(SKB_A, REASON_NONE, RELEASE, 0);
	expect_one(OUTCOME_DROPPED, 5, 1, false);
	assert_int_equal(kept[0].drop.reason, REASON_NONE);
}

static int name(void **state)
{
	(void)state;
	names = dict_new();
	if (!names)
		return -1;
	return dict_set(names, DICT_DROP_REASON, REASON_NONE, "NOT_SPECIFIED") ||
	       dict_set(names, DICT_DROP_REASON, REASON_BAD, "NOT_SPECIFIED_AT_ALL") ||
	       dict_set(names, DICT_SYMBOL, RELEASE, "skb_release_data+0x10c") ||
	       dict_set(names, DICT_SYMBOL, LIST, "kfree_skb_list_reason+0x4") ||
	       dict_set(names, DICT_SYMBOL, ELSEWHERE, "tcp_rcv_state_process+0x20");
}

static int forget(void **state)
{
	(void)state;
	dict_free(names);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(merged),
		test(freed_by_the_driver),
		test(merged_into_one_under_way),
		test(merged_into_the_unknown),
		test(merge_that_failed),
		test(merged_at_the_second_attempt),
		test(merge_of_a_clone),
		test(merge_outweighs_a_drop),
		test(merge_of_a_clone_and_no_end),
		test(morphed),
		test(freed_in_a_list),
		test(used_ack),
		test(unused_acks),
		test(no_dictionary),
	};

	return cmocka_run_group_tests(tests, name, forget);
}
