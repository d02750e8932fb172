/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What came before a packet had an sk_buff of its own.
 *
 * TCP keeps an original in the retransmit queue and sends clones of it, so the
 * first functions of a transmission see an skb that is not the packet's; and a
 * segment or fragment is made out of another packet. Both are noted per CPU and taken up
 * by the next journey that starts there and fits. A task that is preempted in between by
 * another sender loses the note: then nothing is said.
 */
#ifndef NT_RELATIVES_BPF_H
#define NT_RELATIVES_BPF_H

#include "track.bpf.h"

#define ORIGINS_MAX 4

/* The functions that a packet of this socket has passed since it was begun, in the order of their rows. */
struct origins {
	u64 sk;
	u64 skb; /* that the last of them saw */
	u32 n;
	u32 cloned; /* the last of them makes a clone: the next sees another skb */
	struct {
		u64 ts_ns;
		u64 probe;
	} events[ORIGINS_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct origins);
} origins SEC(".maps");

/*
 * The packet of ours that was last cut into pieces on this CPU, and its headers then. It is freed
 * before the pieces are sent, which a busy driver may delay; what comes later, or is more than it had, is no piece.
 */
struct cut {
	u64 skb;
	u64 ts_ns;
	u32 id;
	u32 segments; /* else fragments */
	u32 left;     /* so many pieces are yet to come, at most */
	struct nt_flow flow;
};

#define PIECE_LATE_NS 100000000
#define FRAGMENT_LEAST_BYTES 8

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct cut);
} cuts SEC(".maps");

static __always_inline struct origins *origins_here(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&origins, &zero);
}

/*
 * Rows of a way out stand in probes.def in its order, so that a function which is
 * not behind the last one begins anew: the packet before was never sent.
 */
static __always_inline void origin_note(u64 sk, u64 skb, u32 flags, u32 probe)
{
	struct origins *o = origins_here();
	u32 n;

	if (!o || !sk || !enabled)
		return;
	n = o->n;
	if (n >= ORIGINS_MAX || o->sk != sk || (o->skb != skb && !o->cloned) ||
	    (n && o->events[(n - 1) & (ORIGINS_MAX - 1)].probe >= probe))
		n = 0;
	o->sk = sk;
	o->skb = skb;
	o->cloned = flags & NT_P_CLONES;
	o->events[n & (ORIGINS_MAX - 1)].ts_ns = bpf_ktime_get_ns();
	o->events[n & (ORIGINS_MAX - 1)].probe = probe;
	o->n = n + 1;
}

/* The notes that belong to this packet, or NULL. The caller empties them. */
static __always_inline struct origins *origins_of(struct sk_buff *skb)
{
	struct origins *o = origins_here();

	return o && o->n && o->sk == READ_ADDRESS(skb, sk) ? o : NULL;
}

/* When the packet passed the first of them, or 0. */
static __always_inline u64 origins_begin(struct sk_buff *skb)
{
	struct origins *o = origins_of(skb);

	return o ? o->events[0].ts_ns : 0;
}

static __always_inline struct cut *cut_here(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&cuts, &zero);
}

/* May a packet that starts here be a piece of another? Then the filter is not what decides. */
static __always_inline bool cut_pending(void)
{
	struct cut *cut = cut_here();

	return cut && cut->left;
}

static __always_inline bool same_ends(const struct nt_flow *a, const struct nt_flow *b)
{
	u32 i, differs = (a->l3_proto ^ b->l3_proto) | (a->l4_proto ^ b->l4_proto);

#pragma unroll
	for (i = 0; i < 4; i++)
		differs |= (a->saddr[i] ^ b->saddr[i]) | (a->daddr[i] ^ b->daddr[i]);
	return !differs;
}

/* A segment carries bytes of the whole, or, of UDP, is at least of its flow. */
static __always_inline bool is_segment(const struct nt_flow *flow, const struct nt_flow *whole)
{
	if (flow->sport != whole->sport || flow->dport != whole->dport)
		return false;
	return flow->l4_proto != NT_IP_TCP || flow->tcp_seq - whole->tcp_seq < whole->payload_bytes;
}

/* IPv4 has the identification from the whole; IPv6 gives it when it cuts. */
static __always_inline bool is_fragment(const struct nt_flow *flow, const struct nt_flow *whole)
{
	return flow->fragment && (flow->l3_proto != NT_ETH_IPV4 || flow->ip_id == whole->ip_id);
}

/*
 * Was this packet cut out of the one that cut_here() tells? The driver's probe is the first to see a segment,
 * and the only one at which a segment can begin.
 */
PART bool is_piece(const struct nt_flow *flow, u32 probe)
{
	struct cut *cut = cut_here();

	if (!flow || !cut || !cut->left || !same_ends(flow, &cut->flow) ||
	    bpf_ktime_get_ns() - cut->ts_ns > PIECE_LATE_NS)
		return false;
	if (probe == NT_PROBE_net_dev_start_xmit)
		return cut->segments && is_segment(flow, &cut->flow);
	return !cut->segments && is_fragment(flow, &cut->flow);
}

#endif
