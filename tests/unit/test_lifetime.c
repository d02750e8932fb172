/* SPDX-License-Identifier: GPL-2.0 */
/* Which journey does an sk_buff belong to? Sequences of events against the tracking model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "event.h"
#include "lifetime_model.h"
#include "probes.h"

#define SKB_A 0xffff888000001000
#define SKB_B 0xffff888000001100
#define SKB_C 0xffff888000001200
#define HEAD_A 0xffff888000010000
#define HEAD_B 0xffff888000020000
#define HEAD_C 0xffff888000030000
#define PACKET_1 101
#define PACKET_2 102

#define STARTS NT_F_START
#define GOES_ON 0
#define ENDS NT_F_END
#define ENDS_SHARED (NT_F_END | NT_F_SHARED)

static const u16 row_flags[] = {
#define PROBE(name, KIND, STAGE, SKB, PROGRAM, FLAGS, aliases, note) [NT_PROBE_##name] = FLAGS,
#include "probes.def"
#undef PROBE
};

static struct lifetime_model model;

static int setup(void **state)
{
	(void)state;
	lifetime_model_init(&model, false);
	return 0;
}

static struct model_seen see(enum nt_probe probe, u64 skb, u64 head, u64 header, bool shared)
{
	struct model_hit hit = {row_flags[probe], skb, head, header, shared, true, false};

	return lifetime_model_see(&model, &hit);
}

/* The event is of journey `id` and has exactly these flags; nothing was found reused. */
#define expect(probe, skb, head, header, shared, want_id, want_flags)                              \
	do {                                                                                       \
		struct model_seen seen = see(NT_PROBE_##probe, skb, head, header, shared);         \
		assert_int_equal(seen.id, want_id);                                                \
		assert_int_equal(seen.flags, want_flags);                                          \
		assert_int_equal(seen.restarted, 0);                                               \
	} while (0)

/* The same, but before it journey `old` ended as reused. */
#define expect_restart(probe, skb, head, header, shared, want_id, want_flags, old)                 \
	do {                                                                                       \
		struct model_seen seen = see(NT_PROBE_##probe, skb, head, header, shared);         \
		assert_int_equal(seen.id, want_id);                                                \
		assert_int_equal(seen.flags, want_flags);                                          \
		assert_int_equal(seen.restarted, old);                                             \
	} while (0)

static void assert_nothing_left(void)
{
	assert_int_equal(lifetime_model_skbs(&model), 0);
	assert_int_equal(lifetime_model_heads(&model), 0);
}

/* One skb passes transmit and receive start probes: one journey. */
static void loopback_is_one_journey(void **state)
{
	(void)state;
	expect(__ip_local_out, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(ip_output, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(__dev_queue_xmit, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(dev_hard_start_xmit, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(netif_rx, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(__netif_receive_skb_core, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(icmp_rcv, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(consume_skb, SKB_A, HEAD_A, PACKET_1, false, 1, ENDS);
	assert_nothing_left();
	/* __kfree_skb runs inside consume_skb: its skb is nobody's by then. */
	expect(__kfree_skb, SKB_A, HEAD_A, PACKET_1, false, 0, GOES_ON);
	expect(__ip_local_out, SKB_A, HEAD_A, PACKET_2, false, 2, STARTS);
	expect(consume_skb, SKB_A, HEAD_A, PACKET_2, false, 2, ENDS);
	assert_nothing_left();
}

/* GRO absorbs the second segment, whose data moves into the first. */
static void veth_with_gro(void **state)
{
	(void)state;
	expect(__dev_queue_xmit, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(__dev_queue_xmit, SKB_B, HEAD_B, PACKET_2, false, 2, STARTS);
	expect(napi_gro_receive_entry, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(dev_gro_receive, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(napi_gro_receive_entry, SKB_B, HEAD_B, PACKET_2, false, 2, GOES_ON);
	expect(dev_gro_receive, SKB_B, HEAD_B, PACKET_2, false, 2, GOES_ON);
	expect(napi_skb_free_stolen_head, SKB_B, HEAD_B, PACKET_2, false, 2, ENDS);
	expect(__netif_receive_skb_core, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(ip_rcv, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(__kfree_skb, SKB_A, HEAD_A, PACKET_1, false, 1, ENDS);
	assert_nothing_left();
}

static void raw_clone_outlives_the_original(void **state)
{
	(void)state;
	expect(__netif_receive_skb_core, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(skb_clone, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(raw_rcv, SKB_B, HEAD_A, PACKET_1, true, 1, GOES_ON);
	expect(icmp_rcv, SKB_A, HEAD_A, PACKET_1, true, 1, GOES_ON);
	expect(consume_skb, SKB_A, HEAD_A, PACKET_1, true, 1, ENDS_SHARED);
	expect(skb_copy_datagram_iovec, SKB_B, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(consume_skb, SKB_B, HEAD_A, PACKET_1, false, 1, ENDS);
	assert_nothing_left();
}

static void raw_clone_goes_first(void **state)
{
	(void)state;
	expect(__netif_receive_skb_core, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(skb_clone, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(raw_rcv, SKB_B, HEAD_A, PACKET_1, true, 1, GOES_ON);
	expect(kfree_skb, SKB_B, HEAD_A, PACKET_1, true, 1, ENDS_SHARED);
	expect(icmp_rcv, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(consume_skb, SKB_A, HEAD_A, PACKET_1, false, 1, ENDS);
	assert_nothing_left();
}

/* The packet socket's probe is not attached: the first that is seen of its clone is the free. */
static void clone_seen_only_at_its_free(void **state)
{
	(void)state;
	expect(__dev_queue_xmit, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(skb_clone, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(consume_skb, SKB_A, HEAD_A, PACKET_1, true, 1, ENDS_SHARED);
	/* not SEEK: an untracked skb is nobody's here, whatever its head */
	expect(__kfree_skb, SKB_C, HEAD_A, PACKET_1, true, 0, GOES_ON);
	expect(consume_skb, SKB_B, HEAD_A, PACKET_1, false, 1, ENDS);
	assert_nothing_left();
}

static void unannounced_clones(void **state)
{
	(void)state;
	lifetime_model_init(&model, true);
	expect(netif_receive_skb, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(skb_copy_datagram_iovec, SKB_B, HEAD_A, PACKET_1, true, 1, GOES_ON);
	expect(consume_skb, SKB_B, HEAD_A, PACKET_1, true, 1, ENDS_SHARED);
	expect(consume_skb, SKB_C, HEAD_A, PACKET_1, true, 1, ENDS_SHARED);
	expect(consume_skb, SKB_A, HEAD_A, PACKET_1, false, 1, ENDS);
	assert_nothing_left();
}

/* Only dataref tells, when the original is freed, that clones nobody saw are still to come. */
static void unannounced_clones_outlive_the_original(void **state)
{
	(void)state;
	lifetime_model_init(&model, true);
	expect(netif_receive_skb, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(consume_skb, SKB_A, HEAD_A, PACKET_1, true, 1, ENDS_SHARED);
	expect(consume_skb, SKB_B, HEAD_A, PACKET_1, true, 1, ENDS_SHARED);
	expect(skb_copy_datagram_iovec, SKB_C, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(consume_skb, SKB_C, HEAD_A, PACKET_1, false, 1, ENDS);
	assert_nothing_left();
}

/* The original waits in the retransmit queue, untracked; each transmission is a journey. */
static void tcp_retransmissions(void **state)
{
	(void)state;
	expect(skb_clone, SKB_A, HEAD_A, PACKET_1, false, 0, GOES_ON);
	expect(__ip_local_out, SKB_B, HEAD_A, PACKET_1, true, 1, STARTS);
	expect(dev_hard_start_xmit, SKB_B, HEAD_A, PACKET_1, true, 1, GOES_ON);
	expect(consume_skb, SKB_B, HEAD_A, PACKET_1, true, 1, ENDS);
	assert_nothing_left();

	expect(skb_clone, SKB_A, HEAD_A, PACKET_2, false, 0, GOES_ON);
	expect(__ip_local_out, SKB_B, HEAD_A, PACKET_2, true, 2, STARTS);
	/* an onlooker's clone of the clone */
	expect(skb_clone, SKB_B, HEAD_A, PACKET_2, true, 2, GOES_ON);
	expect(packet_rcv, SKB_C, HEAD_A, PACKET_2, true, 2, GOES_ON);
	expect(consume_skb, SKB_B, HEAD_A, PACKET_2, true, 2, ENDS_SHARED);
	expect(consume_skb, SKB_C, HEAD_A, PACKET_2, true, 2, ENDS);
	assert_nothing_left();
	/* acknowledged */
	expect(__kfree_skb, SKB_A, HEAD_A, PACKET_2, false, 0, GOES_ON);
	assert_nothing_left();
}

/* napi_reuse_skb hands on sk_buff and head without a free. */
/* TCP makes room in the original while its clone is still on its way: only the clone is the packet. */
static void original_expands_under_its_clone(void **state)
{
	struct model_hit original = {row_flags[NT_PROBE_pskb_expand_head], SKB_A, HEAD_A, PACKET_2, false, true, true};

	(void)state;
	expect(__ip_local_out, SKB_B, HEAD_A, PACKET_1, false, 1, STARTS);
	assert_int_equal(lifetime_model_see(&model, &original).id, 0);
	original.shared = true;
	assert_int_equal(lifetime_model_see(&model, &original).id, 0);
	assert_int_equal(lifetime_model_heads(&model), 1);
	expect(__dev_queue_xmit, SKB_B, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(consume_skb, SKB_B, HEAD_A, PACKET_1, false, 1, ENDS);
	assert_nothing_left();
}

static void napi_frags_reuse(void **state)
{
	(void)state;
	expect(napi_gro_frags_entry, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(dev_gro_receive, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(napi_reuse_skb, SKB_A, HEAD_A, PACKET_1, false, 1, ENDS);
	expect(napi_gro_frags_entry, SKB_A, HEAD_A, PACKET_2, false, 2, STARTS);
	/* no probe at napi_reuse_skb: the FRESH row alone tells, even with an equal header */
	expect_restart(napi_gro_frags_entry, SKB_A, HEAD_A, PACKET_2, false, 3, STARTS, 2);
	expect(consume_skb, SKB_A, HEAD_A, PACKET_2, false, 3, ENDS);
	assert_nothing_left();
}

static void expanded_head(void **state)
{
	(void)state;
	expect(__ip_local_out, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(pskb_expand_head, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	/* the old head is free: its next user is a stranger */
	expect(__ip_local_out, SKB_B, HEAD_A, PACKET_2, false, 2, STARTS);
	/* announced, so the header, which encapsulation changed, is not asked */
	expect(ip_finish_output, SKB_A, HEAD_B, PACKET_2, false, 1, GOES_ON);
	expect(__dev_queue_xmit, SKB_B, HEAD_A, PACKET_2, false, 2, GOES_ON);
	expect(consume_skb, SKB_A, HEAD_B, PACKET_1, false, 1, ENDS);
	expect(consume_skb, SKB_B, HEAD_A, PACKET_2, false, 2, ENDS);
	assert_nothing_left();
}

static void expanded_head_with_living_clone(void **state)
{
	(void)state;
	expect(__dev_queue_xmit, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(skb_clone, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(pskb_expand_head, SKB_A, HEAD_A, PACKET_1, true, 1, GOES_ON);
	expect(dev_hard_start_xmit, SKB_A, HEAD_B, PACKET_1, false, 1, GOES_ON);
	expect(packet_rcv, SKB_B, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(consume_skb, SKB_A, HEAD_B, PACKET_1, false, 1, ENDS);
	expect(consume_skb, SKB_B, HEAD_A, PACKET_1, false, 1, ENDS);
	assert_nothing_left();
}

static void failed_expand(void **state)
{
	(void)state;
	expect(__dev_queue_xmit, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(pskb_expand_head, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(pskb_expand_head, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(kfree_skb, SKB_A, HEAD_A, PACKET_1, false, 1, ENDS);
	assert_nothing_left();
}

/* The holder that was taken off must come back, or the clone's free looks like a stranger's. */
static void failed_expand_with_living_clone(void **state)
{
	(void)state;
	expect(__dev_queue_xmit, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(skb_clone, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(pskb_expand_head, SKB_A, HEAD_A, PACKET_1, true, 1, GOES_ON);
	expect(kfree_skb, SKB_A, HEAD_A, PACKET_1, true, 1, ENDS_SHARED);
	expect(consume_skb, SKB_B, HEAD_A, PACKET_1, false, 1, ENDS);
	assert_nothing_left();
}

/* The holder of an announced skb is off already: the clone's must stay when the skb is reused. */
static void reuse_after_expand(void **state)
{
	(void)state;
	expect(napi_gro_frags_entry, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(skb_clone, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(pskb_expand_head, SKB_A, HEAD_A, PACKET_1, true, 1, GOES_ON);
	expect_restart(napi_gro_frags_entry, SKB_A, HEAD_B, PACKET_2, false, 2, STARTS, 1);
	expect(consume_skb, SKB_B, HEAD_A, PACKET_1, false, 1, ENDS);
	expect(consume_skb, SKB_A, HEAD_B, PACKET_2, false, 2, ENDS);
	assert_nothing_left();
}

/* A head held by several is a clone's, though the packet was rewritten since it was read. */
static void clone_of_a_rewritten_packet(void **state)
{
	(void)state;
	expect(netif_rx, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(skb_clone, SKB_A, HEAD_A, PACKET_2, false, 1, GOES_ON);
	expect(packet_rcv, SKB_B, HEAD_A, PACKET_2, true, 1, GOES_ON);
	expect(consume_skb, SKB_B, HEAD_A, PACKET_2, true, 1, ENDS_SHARED);
	expect(consume_skb, SKB_A, HEAD_A, PACKET_2, false, 1, ENDS);
	assert_nothing_left();
}

/* No probe at pskb_expand_head: the same header on another head is the same packet. */
static void unannounced_rehead(void **state)
{
	(void)state;
	expect(netif_receive_skb, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(net_dev_queue, SKB_A, HEAD_B, PACKET_1, false, 1, GOES_ON);
	assert_int_equal(lifetime_model_heads(&model), 1);
	expect(consume_skb, SKB_A, HEAD_B, PACKET_1, false, 1, ENDS);
	assert_nothing_left();
}

/* The allocator hands out what was freed last: after a missed free both addresses come back. */
static void reuse_of_both_addresses(void **state)
{
	(void)state;
	expect(napi_gro_receive_entry, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect_restart(napi_gro_receive_entry, SKB_A, HEAD_A, PACKET_2, false, 2, STARTS, 1);
	expect(consume_skb, SKB_A, HEAD_A, PACKET_2, false, 2, ENDS);
	assert_nothing_left();
}

static void reuse_by_a_packet_not_asked_for(void **state)
{
	struct model_hit hit = {NT_P_START, SKB_A, HEAD_A, PACKET_2, false, false, false};
	struct model_seen stranger;

	(void)state;
	expect(napi_gro_receive_entry, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	stranger = lifetime_model_see(&model, &hit);
	assert_int_equal(stranger.id, 0);
	assert_int_equal(stranger.restarted, 1);
	assert_nothing_left();
}

/* Elsewhere than at a start a changed head with another header ends what was known. */
static void reuse_seen_by_changed_head(void **state)
{
	(void)state;
	expect(napi_gro_receive_entry, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect_restart(ip_rcv, SKB_A, HEAD_B, PACKET_2, false, 0, GOES_ON, 1);
	assert_nothing_left();
	expect(napi_gro_receive_entry, SKB_A, HEAD_A, PACKET_1, false, 2, STARTS);
	expect_restart(kfree_skb, SKB_A, HEAD_B, PACKET_2, false, 0, GOES_ON, 2);
	assert_nothing_left();
}

/*
 * The changed head is that of another packet we know. What was stale a moment
 * ago is not trusted to say what is true now: the event is nobody's, the next one joins.
 */
static void reuse_as_a_clone_of_another(void **state)
{
	(void)state;
	expect(napi_gro_receive_entry, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(napi_gro_receive_entry, SKB_B, HEAD_B, PACKET_2, false, 2, STARTS);
	expect(skb_clone, SKB_B, HEAD_B, PACKET_2, false, 2, GOES_ON);
	expect_restart(raw_rcv, SKB_A, HEAD_B, PACKET_2, true, 0, GOES_ON, 1);
	expect(consume_skb, SKB_B, HEAD_B, PACKET_2, true, 2, ENDS_SHARED);
	expect(consume_skb, SKB_A, HEAD_B, PACKET_2, false, 2, ENDS);
	assert_nothing_left();
}

/* Also of the packet that just ended: a start never joins it again, however shared its head. */
static void reuse_with_a_head_still_held(void **state)
{
	(void)state;
	expect(netif_rx, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(skb_clone, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect_restart(netif_rx, SKB_A, HEAD_A, PACKET_2, true, 2, STARTS, 1);
	expect(consume_skb, SKB_A, HEAD_A, PACKET_2, false, 2, ENDS);
	assert_nothing_left();
}

/* A clone's free was missed, so its head stays indexed; a new packet gets that head. */
static void stale_head(void **state)
{
	(void)state;
	expect(netif_rx, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(skb_clone, SKB_A, HEAD_A, PACKET_1, false, 1, GOES_ON);
	expect(consume_skb, SKB_A, HEAD_A, PACKET_1, true, 1, ENDS_SHARED);
	assert_int_equal(lifetime_model_heads(&model), 1);
	expect(netif_rx, SKB_B, HEAD_A, PACKET_2, false, 2, STARTS);
	expect(consume_skb, SKB_B, HEAD_A, PACKET_2, false, 2, ENDS);
	assert_nothing_left();
}

/* An skb that outlived its entry among the heads takes no holder from the head's next packet. */
static void stale_holder_leaves_the_new_one_alone(void **state)
{
	(void)state;
	expect(netif_rx, SKB_A, HEAD_A, PACKET_1, false, 1, STARTS);
	expect(netif_rx, SKB_B, HEAD_A, PACKET_2, false, 2, STARTS);
	expect_restart(netif_rx, SKB_A, HEAD_B, PACKET_2, false, 3, STARTS, 1);
	expect(skb_clone, SKB_B, HEAD_A, PACKET_2, false, 2, GOES_ON);
	expect(consume_skb, SKB_B, HEAD_A, PACKET_2, true, 2, ENDS_SHARED);
	expect(consume_skb, SKB_C, HEAD_A, PACKET_2, false, 2, ENDS);
	expect(consume_skb, SKB_A, HEAD_B, PACKET_2, false, 3, ENDS);
	assert_nothing_left();
}

static void nobodys_packets(void **state)
{
	struct model_hit hit = {NT_P_START, SKB_A, HEAD_A, PACKET_1, false, false, false};

	(void)state;
	assert_int_equal(lifetime_model_see(&model, &hit).id, 0);
	expect(ip_rcv, SKB_A, HEAD_A, PACKET_1, false, 0, GOES_ON);
	expect(raw_rcv, SKB_A, HEAD_A, PACKET_1, true, 0, GOES_ON);
	expect(kfree_skb, SKB_A, HEAD_A, PACKET_1, false, 0, GOES_ON);
	assert_nothing_left();
}

static void full_tables_refuse(void **state)
{
	(void)state;
	for (u32 i = 1; i <= LIFETIME_MODEL_ENTRIES; i++)
		expect(netif_rx, i * 64ul, i * 4096ul, i, false, i, STARTS);
	expect(netif_rx, SKB_A, HEAD_A, PACKET_1, false, 0, GOES_ON);
	for (u32 i = 1; i <= LIFETIME_MODEL_ENTRIES; i++)
		expect(consume_skb, i * 64ul, i * 4096ul, i, false, i, ENDS);
	assert_nothing_left();
}

#define test(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(loopback_is_one_journey),
		test(veth_with_gro),
		test(raw_clone_outlives_the_original),
		test(raw_clone_goes_first),
		test(clone_seen_only_at_its_free),
		test(unannounced_clones),
		test(unannounced_clones_outlive_the_original),
		test(tcp_retransmissions),
		test(original_expands_under_its_clone),
		test(napi_frags_reuse),
		test(expanded_head),
		test(expanded_head_with_living_clone),
		test(failed_expand),
		test(failed_expand_with_living_clone),
		test(reuse_after_expand),
		test(clone_of_a_rewritten_packet),
		test(unannounced_rehead),
		test(reuse_of_both_addresses),
		test(reuse_by_a_packet_not_asked_for),
		test(reuse_seen_by_changed_head),
		test(reuse_as_a_clone_of_another),
		test(reuse_with_a_head_still_held),
		test(stale_head),
		test(stale_holder_leaves_the_new_one_alone),
		test(nobodys_packets),
		test(full_tables_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
