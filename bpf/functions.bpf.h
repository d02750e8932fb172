/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What function probes do, for kprobes and fentry alike. A handler gets the
 * arguments that matter, and the row if the program serves one only: others ask for it once they need it.
 */
#ifndef NT_FUNCTIONS_BPF_H
#define NT_FUNCTIONS_BPF_H

#include "annotate.bpf.h"
#include "hit.bpf.h"

/* The row is told by the attach cookie or by the address. */
#define ANY_PROBE NT_PROBE_MAX

/* 5.15 brought attach cookies; before, the address of the probed instruction tells the row. */
const volatile bool has_cookie = false;

/* Where this kernel's function takes its packet, by row: the argument's number, and NT_ARG_BEHIND. */
const volatile u8 probe_arg[NT_PROBE_MAX] = {};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NT_PROBE_MAX * 4);
	__type(key, u64);
	__type(value, u32);
} probe_by_ip SEC(".maps");

/* False: the function is none that was probed, as far as is known. */
static __always_inline bool find_probe(struct pt_regs *ctx, u32 *ret_probe)
{
	u64 ip = ctx->ip;
	u32 *probe;

	if (has_cookie) {
		*ret_probe = (u32)bpf_get_attach_cookie(ctx) & (NT_PROBE_MAX - 1);
		return true;
	}
	probe = bpf_map_lookup_elem(&probe_by_ip, &ip);
	*ret_probe = probe ? *probe & (NT_PROBE_MAX - 1) : 0;
	return probe != NULL;
}

static __always_inline u32 probe_of(struct pt_regs *ctx)
{
	u32 probe;

	find_probe(ctx, &probe);
	return probe;
}

static __always_inline u32 probe_here(void *ctx, u32 probe)
{
	return probe == ANY_PROBE ? probe_of(ctx) : probe;
}

static __always_inline struct sk_buff *skb_behind(void *pointer)
{
	return read_pointer(pointer);
}

/*
 * The program with what is left to do where a hit matters and is no quick one, for all kprobes: each of theirs would be five
 * times as large otherwise, and all of it verified. fentry programs are bound to different functions, and cannot share one.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} rest SEC(".maps");

#ifdef NT_FENTRY

static __always_inline void go_on(void *ctx, u32 probe, struct sk_buff *skb, u32 flags, struct nt_tracked *t)
{
	slow_hit(ctx, skb, flags, probe, t);
}

#else

static __always_inline void go_on(void *ctx, u32 probe, struct sk_buff *skb, u32 flags, struct nt_tracked *t)
{
	(void)skb, (void)flags, (void)t;
	bpf_tail_call(ctx, &rest, 0);
	count_loss(probe, NT_LOSS_RING); /* not reached: the program is there before any other is attached */
}

static __always_inline struct sk_buff *skb_of(struct pt_regs *ctx, u32 probe)
{
	u64 args[] = {PT_REGS_PARM1(ctx), PT_REGS_PARM2(ctx), PT_REGS_PARM3(ctx), PT_REGS_PARM4(ctx), PT_REGS_PARM5(ctx)};
	u32 arg = probe_arg[probe];
	u64 skb = 0, i;

#pragma unroll
	for (i = 0; i < sizeof(args) / sizeof(*args); i++) {
		barrier_var(args[i]); /* or the compiler computes where in ctx to read, which the kernel does not allow */
		if ((arg & ~NT_ARG_BEHIND) == i)
			skb = args[i];
	}
	return arg & NT_ARG_BEHIND ? skb_behind((void *)skb) : (void *)skb;
}

SEC("kprobe") int fn_rest(struct pt_regs *ctx)
{
	struct sk_buff *skb;
	u32 probe;

	if (!find_probe(ctx, &probe))
		return 0;
	skb = skb_of(ctx, probe);
	slow_hit(ctx, skb, probe_flags[probe], probe, find_tracked(skb));
	return 0;
}

#endif

static __always_inline int on_function(void *ctx, u32 probe, struct sk_buff *skb, u32 class_flags)
{
	struct nt_tracked *t = find_tracked(skb);
	u32 flags;

	if (!t && is_nobodys(skb, class_flags))
		return 0;
	probe = probe_here(ctx, probe);
	/* what the class decides stays a constant: other classes' code is not there for the verifier to walk */
	flags = (probe_flags[probe] & ~NT_P_CLASS) | class_flags;
	if (!t || !quick_hit(skb, flags, probe, t))
		go_on(ctx, probe, skb, flags, t);
	return 0;
}

/* The functions of a transmission that see TCP's original, or a packet without all its headers. */
static __always_inline int on_origin(void *ctx, u32 probe, struct sock *sk, struct sk_buff *skb)
{
	probe = probe_here(ctx, probe);
	if (!sk)
		sk = (void *)READ_ADDRESS(skb, sk);
	origin_note((u64)sk, (u64)skb, probe_flags[probe], probe);
	return 0;
}

/* int skb_gro_receive(struct sk_buff *into, struct sk_buff *skb), and others that begin so */
static __always_inline int on_merge(void *ctx, u32 probe, struct sk_buff *into, struct sk_buff *skb)
{
	struct nt_tracked *t = find_tracked(skb), *other;
	struct hit hit;

	if (!t)
		return 0;
	other = find_tracked(into);
	probe = probe_here(ctx, probe);
	if (hit_open(&hit, ctx, skb, probe_flags[probe] & (NT_P_AT_DATA | NT_P_NO_DEV), probe, t, true))
		hit.sent = annotate_link(&hit.emit, NT_ANNO_MERGE, (u64)into, other ? other->id : 0);
	hit_close(&hit);
	return 0;
}

/*
 * struct sk_buff *skb_morph(struct sk_buff *skb, struct sk_buff *first): reassembly goes on with the
 * sk_buff of the fragment that came last, and gives it the first one's data; a clone has taken over its own.
 */
static __always_inline int on_morph(void *ctx, u32 probe, struct sk_buff *skb, struct sk_buff *first)
{
	struct nt_tracked *t = find_tracked(skb);

	if (t)
		on_hit(ctx, skb, NT_P_END, probe_here(ctx, probe), t);
	t = find_tracked(first);
	if (t)
		track_take_over((u64)skb, t, NT_PROBE_skb_morph);
	return 0;
}

/* TCP over IPv6 builds its header in ip6_xmit and goes on to this hook, by no other function. */
static __always_inline bool sends_ipv6(struct nf_hook_state *state)
{
	return READ(state, pf) == NFPROTO_IPV6 && READ(state, hook) == NF_INET_LOCAL_OUT;
}

/* int nf_hook_slow(struct sk_buff *skb, struct nf_hook_state *state, …) */
static __always_inline int on_hook(void *ctx, u32 probe, struct sk_buff *skb, struct nf_hook_state *state)
{
	struct nt_tracked *t = find_tracked(skb);
	u32 flags = t ? 0 : NT_P_START | NT_P_TASK;
	struct hit hit;

	if (!t && (!sends_ipv6(state) || is_nobodys(skb, flags)))
		return 0;
	barrier_var(flags); /* or the compiler makes two ways of it, one with registers that are never set */
	if (hit_open(&hit, ctx, skb, flags, probe_here(ctx, probe), t, true))
		hit.sent = annotate_hook(&hit.emit, state);
	hit_close(&hit);
	return 0;
}

/* nft_do_chain(struct nft_pktinfo *pkt, void *priv): the skb comes first in every nft_pktinfo since 3.13 */
static __always_inline int on_chain(void *ctx, u32 probe, void *pkt, void *chain)
{
	struct sk_buff *skb = skb_behind(pkt);
	struct nt_tracked *t = find_tracked(skb);
	struct hit hit;

	if (!t)
		return 0;
	if (hit_open(&hit, ctx, skb, 0, probe_here(ctx, probe), t, true)) {
		hit.lost |= !annotate_rules(&hit.emit, chain);
		hit.sent = annotate_chain(&hit.emit, chain);
	}
	hit_close(&hit);
	return 0;
}

/* enum netdev_queue_state_t in include/linux/netdevice.h, the same since 3.3: by the driver, by byte queue limits */
#define QUEUE_STOPPED 0x3

/*
 * bool sch_direct_xmit(struct sk_buff *skb, struct Qdisc *q, struct net_device *dev, struct netdev_queue *txq, …): what
 * is sent past an empty queue is put into it here if the driver takes none, and no tracepoint says so.
 */
static __always_inline int on_direct(void *ctx, u32 probe, struct sk_buff *skb, struct Qdisc *qdisc, struct netdev_queue *queue)
{
	struct nt_tracked *t = find_tracked(skb);
	struct hit hit;

	if (!t)
		return 0;
	probe = probe_here(ctx, probe);
	if (!(READ(queue, state) & QUEUE_STOPPED)) {
		if (!quick_hit(skb, 0, probe, t))
			go_on(ctx, probe, skb, 0, t);
		return 0;
	}
	if (hit_open(&hit, ctx, skb, 0, probe, t, true))
		hit.sent = annotate_queue(&hit.emit, qdisc, queue);
	hit_close(&hit);
	return 0;
}

/*
 * ipt_do_table(skb, state, table) until 5.15, (table, skb, state) from 5.16.
 * Only tracked skbs matter, so the index knows which argument is one.
 */
static __always_inline int on_xtable(void *ctx, u32 probe, void *first, void *second, void *third)
{
	struct nt_tracked *t = find_tracked(first);
	void *skb = first, *state, *table;
	struct hit hit;

	/* or the compiler moves these loads to where the verifier no longer accepts ctx plus offset */
	barrier_var(second);
	barrier_var(third);
	state = second;
	table = third;
	if (!t) {
		table = first;
		skb = second;
		t = find_tracked(skb);
		state = third;
	}
	if (!t)
		return 0;
	if (hit_open(&hit, ctx, skb, 0, probe_here(ctx, probe), t, true))
		hit.sent = annotate_xtable(&hit.emit, table, state);
	hit_close(&hit);
	return 0;
}

#endif
