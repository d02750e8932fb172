/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two tracepoints at which packets end, and those around a driver's sending. A free that goes unseen leaves a journey
 * without its end, so each is attached twice: since 6.1 (commit 05b24ff9b2cf) the
 * kernel does not run a raw tracepoint's program on a CPU where it is under way, and
 * a packet is easily freed by an interrupt in the middle of another's free. The twin is
 * another program, which runs then; otherwise it finds that the first has done the work.
 */
#ifndef NT_FREES_BPF_H
#define NT_FREES_BPF_H

#include "annotate.bpf.h"
#include "hit.bpf.h"

/* The sk_buff whose end one of two twins has dealt with, for the other. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} ended SEC(".maps");

/* The packet of ours that a driver is about to send. Some free with kfree_skb, and without a reason, also what was sent. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} sending SEC(".maps");

static __always_inline u64 *sending_here(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&sending, &zero);
}

static __always_inline bool in_xmit(u64 skb)
{
	u64 *here = sending_here();

	return here && *here == skb;
}

/*
 * False if there is nothing left to do. An sk_buff that is tracked has not ended yet; one
 * that is not could be a clone whose head is known, or what the twin has just left.
 */
static __always_inline bool free_open(struct hit *hit, void *ctx, struct sk_buff *skb, u32 probe, bool annotated)
{
	struct nt_tracked *t = find_tracked(skb);
	u32 zero = 0;
	u64 *last = bpf_map_lookup_elem(&ended, &zero);

	if (!skb || !last)
		return false;
	if (!t && *last == (u64)skb) {
		*last = 0;
		return false;
	}
	if (!t && is_nobodys(skb, NT_P_END | NT_P_SEEK))
		return false;
	if (!hit_open(hit, ctx, skb, NT_P_END | NT_P_SEEK, probe, t, annotated))
		return false;
	*last = (u64)skb;
	return true;
}

/* kfree_skb(skb, location[, reason[, rx_sk]]) */
static __always_inline int on_kfree_skb(u64 *ctx)
{
	struct hit hit;

	if (free_open(&hit, ctx, (struct sk_buff *)ctx[0], NT_PROBE_kfree_skb, true))
		annotate_drop(&hit.emit, ctx[1], kfree_skb_has_reason ? (u32)ctx[2] : NT_DROP_REASON_UNKNOWN,
			      in_xmit(ctx[0]));
	return 0;
}

/* consume_skb(skb[, location]) */
static __always_inline int on_consume_skb(u64 *ctx)
{
	struct hit hit;

	free_open(&hit, ctx, (struct sk_buff *)ctx[0], NT_PROBE_consume_skb, false);
	return 0;
}

/* net_dev_start_xmit(skb, dev) */
SEC("raw_tp/net_dev_start_xmit") int tp_net_dev_start_xmit(u64 *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx[0];
	struct nt_tracked *t;
	u64 *here;

	t = find_tracked(skb);
	if (!t && is_nobodys(skb, NT_P_START))
		return 0;
	on_hit(ctx, skb, NT_P_START, NT_PROBE_net_dev_start_xmit, t);
	here = t || find_tracked(skb) ? sending_here() : NULL;
	if (here)
		*here = (u64)skb;
	return 0;
}

/* net_dev_xmit(skb, rc, dev, len): the skb may be gone */
SEC("raw_tp/net_dev_xmit") int tp_net_dev_xmit(u64 *ctx)
{
	u64 *here = sending_here();

	if (here && *here == ctx[0])
		*here = 0;
	return 0;
}

#define TWINS(name)                                                              \
	SEC("raw_tp/" #name) int tp_##name(u64 *ctx) { return on_##name(ctx); }  \
	SEC("raw_tp/" #name) int tp_##name##_twin(u64 *ctx) { return on_##name(ctx); }

TWINS(kfree_skb)
TWINS(consume_skb)

#endif
