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

/* The packet of ours that was last cut into pieces on this CPU. */
struct cut {
	u64 skb;
	u32 id;
	u32 saddr, daddr; /* the last words of the addresses, which the pieces share */
	u32 l4_proto;
};

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

	return o && o->n && o->sk == (u64)BPF_CORE_READ(skb, sk) ? o : NULL;
}

static __always_inline void cut_note(struct sk_buff *skb, u32 id, const struct nt_flow *flow)
{
	u32 zero = 0;
	struct cut *cut = bpf_map_lookup_elem(&cuts, &zero);

	if (!cut)
		return;
	cut->skb = (u64)skb;
	cut->id = id;
	cut->saddr = flow->saddr[3];
	cut->daddr = flow->daddr[3];
	cut->l4_proto = flow->l4_proto;
}

/*
 * The packet that this one was cut out of, or NULL. Whole packets begin further up: one that
 * begins at the driver is a segment, and elsewhere only a fragment can be a piece.
 */
static __always_inline struct cut *cut_of(const struct nt_flow *flow, u32 probe)
{
	u32 zero = 0;
	struct cut *cut = bpf_map_lookup_elem(&cuts, &zero);

	if (!cut || !cut->id || (probe != NT_PROBE_net_dev_start_xmit && !flow->fragment))
		return NULL;
	return cut->saddr == flow->saddr[3] && cut->daddr == flow->daddr[3] && cut->l4_proto == flow->l4_proto ?
		       cut : NULL;
}

#endif
