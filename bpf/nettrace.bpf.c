/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entry programs. What they do is in hit.bpf.h.
 *
 * Function probes share a program per way to find the skb and per class of row,
 * so that the class is a constant where it decides what an untracked packet costs:
 * plain rows care for tracked skbs only, seek rows look for clones too, start
 * rows begin journeys. Which row was hit is asked only once it matters.
 */
#include "kernel.bpf.h"
#include "annotate.bpf.h"
#include "hit.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* 5.15 brought attach cookies; before, the address of the probed instruction tells the row. */
const volatile bool has_cookie = false;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NT_PROBE_MAX * 4);
	__type(key, u64);
	__type(value, u32);
} probe_by_ip SEC(".maps");

static __always_inline u32 probe_of(struct pt_regs *ctx)
{
	u64 ip = ctx->ip;
	u32 *probe;

	if (has_cookie)
		return (u32)bpf_get_attach_cookie(ctx) & (NT_PROBE_MAX - 1);
	probe = bpf_map_lookup_elem(&probe_by_ip, &ip);
	return probe ? *probe & (NT_PROBE_MAX - 1) : 0;
}

static __always_inline int on_function(struct pt_regs *ctx, struct sk_buff *skb, u32 class_flags)
{
	struct nt_tracked *t = find_tracked(skb);
	u32 probe, flags;

	if (!skb || (!t && !nt_life_seeks(class_flags)))
		return 0;
	probe = probe_of(ctx);
	/* what the class decides stays a constant: other classes' code is not there for the verifier to walk */
	flags = (probe_flags[probe] & ~NT_P_CLASS) | class_flags;
	on_hit(ctx, skb, flags, probe, t);
	return 0;
}

static __always_inline struct sk_buff *skb_behind(void *pointer)
{
	return read_pointer(pointer);
}

#define ARG(n) ((struct sk_buff *)PT_REGS_PARM##n(ctx))
#define FUNCTION(name, skb, class_flags)                          \
	SEC("kprobe") int name(struct pt_regs *ctx)               \
	{                                                         \
		return on_function(ctx, skb, class_flags);        \
	}

#define FUNCTIONS(class, flags)                     \
	FUNCTION(fn_##class##_arg0, ARG(1), flags)  \
	FUNCTION(fn_##class##_arg1, ARG(2), flags)  \
	FUNCTION(fn_##class##_arg2, ARG(3), flags)  \
	FUNCTION(fn_##class##_arg3, ARG(4), flags)

FUNCTIONS(plain, 0)
FUNCTIONS(seek, NT_P_SEEK)
FUNCTIONS(start, NT_P_START)
FUNCTION(fn_plain_arg4, ARG(5), 0)
FUNCTION(fn_cut_arg0, ARG(1), NT_P_CUTS)
FUNCTION(fn_cut_arg2, ARG(3), NT_P_CUTS)
FUNCTION(fn_plain_pp0, skb_behind((void *)PT_REGS_PARM1(ctx)), 0)
FUNCTION(fn_start_data_arg0, ARG(1), NT_P_START | NT_P_AT_DATA)
FUNCTION(fn_start_data_pp0, skb_behind((void *)PT_REGS_PARM1(ctx)), NT_P_START | NT_P_AT_DATA)

/* The functions of a transmission that see TCP's original, or a packet without all its headers. */
static __always_inline int on_origin(struct pt_regs *ctx, struct sock *sk, struct sk_buff *skb)
{
	u32 probe = probe_of(ctx);

	origin_note((u64)sk, (u64)skb, probe_flags[probe], probe);
	return 0;
}

/* int udp_send_skb(struct sk_buff *skb, …) */
SEC("kprobe") int fn_origin_arg0(struct pt_regs *ctx)
{
	struct sk_buff *skb = ARG(1);

	return on_origin(ctx, BPF_CORE_READ(skb, sk), skb);
}

/* int __tcp_transmit_skb(struct sock *sk, struct sk_buff *skb, …) */
SEC("kprobe") int fn_origin_arg1(struct pt_regs *ctx)
{
	return on_origin(ctx, (struct sock *)PT_REGS_PARM1(ctx), ARG(2));
}

/* int skb_gro_receive(struct sk_buff *into, struct sk_buff *skb), and others that begin so */
SEC("kprobe") int fn_merge(struct pt_regs *ctx)
{
	struct sk_buff *into = ARG(1), *skb = ARG(2);
	struct nt_tracked *t = find_tracked(skb), *other;
	struct hit hit;
	u32 probe;

	if (!t)
		return 0;
	other = find_tracked(into);
	probe = probe_of(ctx);
	if (hit_open(&hit, ctx, skb, probe_flags[probe] & NT_P_AT_DATA, probe, t, true))
		hit.sent = annotate_merge(&hit.ev, (u64)into, other ? other->id : 0);
	hit_close(&hit);
	return 0;
}

/* TCP over IPv6 builds its header in ip6_xmit and goes on to this hook, by no other function. */
static __always_inline bool sends_ipv6(struct nf_hook_state *state)
{
	return BPF_CORE_READ(state, pf) == NFPROTO_IPV6 && BPF_CORE_READ(state, hook) == NF_INET_LOCAL_OUT;
}

/* int nf_hook_slow(struct sk_buff *skb, struct nf_hook_state *state, …) */
SEC("kprobe") int fn_hook(struct pt_regs *ctx)
{
	struct nf_hook_state *state = (void *)PT_REGS_PARM2(ctx);
	struct sk_buff *skb = ARG(1);
	struct nt_tracked *t = find_tracked(skb);
	struct hit hit;

	if (!t && !sends_ipv6(state))
		return 0;
	if (hit_open(&hit, ctx, skb, t ? 0 : NT_P_START | NT_P_TASK, NT_PROBE_nf_hook_slow, t, true))
		hit.sent = annotate_hook(&hit.ev, state);
	hit_close(&hit);
	return 0;
}

/* nft_do_chain(struct nft_pktinfo *pkt, void *priv): the skb comes first in every nft_pktinfo since 3.13 */
SEC("kprobe") int fn_chain(struct pt_regs *ctx)
{
	struct sk_buff *skb = skb_behind((void *)PT_REGS_PARM1(ctx));
	struct nt_tracked *t = find_tracked(skb);
	struct hit hit;

	if (!t)
		return 0;
	if (hit_open(&hit, ctx, skb, 0, NT_PROBE_nft_do_chain, t, true))
		hit.sent = annotate_chain(&hit.ev, (void *)PT_REGS_PARM2(ctx));
	hit_close(&hit);
	return 0;
}

/*
 * ipt_do_table(skb, state, table) until 5.15, (table, skb, state) from 5.16.
 * Only tracked skbs matter, so the index knows which argument is one.
 */
SEC("kprobe") int fn_xtable(struct pt_regs *ctx)
{
	struct sk_buff *skb = ARG(1);
	struct nt_tracked *t = find_tracked(skb);
	void *second = (void *)PT_REGS_PARM2(ctx), *third = (void *)PT_REGS_PARM3(ctx);
	void *state, *table;
	struct hit hit;

	/* or the compiler moves these loads to where the verifier no longer accepts ctx plus offset */
	barrier_var(second);
	barrier_var(third);
	state = second;
	table = third;
	if (!t) {
		table = skb;
		skb = second;
		t = find_tracked(skb);
		state = third;
	}
	if (!t)
		return 0;
	if (hit_open(&hit, ctx, skb, 0, NT_PROBE_ipt_do_table, t, true))
		hit.sent = annotate_xtable(&hit.ev, table, state);
	hit_close(&hit);
	return 0;
}

static __always_inline int on_tracepoint(void *ctx, struct sk_buff *skb, u32 flags, u32 probe)
{
	struct nt_tracked *t = find_tracked(skb);

	if (skb && (t || nt_life_seeks(flags)))
		on_hit(ctx, skb, flags, probe, t);
	return 0;
}

/* kfree_skb(skb, location[, reason[, rx_sk]]) */
SEC("raw_tp/kfree_skb") int tp_kfree_skb(u64 *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx[0];
	struct hit hit;

	if (hit_open(&hit, ctx, skb, NT_P_END | NT_P_SEEK, NT_PROBE_kfree_skb, find_tracked(skb), true))
		annotate_drop(&hit.ev, ctx[1], kfree_skb_has_reason ? (u32)ctx[2] : NT_DROP_REASON_UNKNOWN);
	return 0;
}

/* One program for each tracepoint row whose event is plain. */
#define TP_FN(name, program, n, flags)
#define TP_TP(name, program, n, flags) TP_##program(name, n, flags)
#define TP_TPA(name, program, n, flags) TP_##program(name, n, flags)
#define TP_NO(name, program, n, flags)
#define TP_DROP(name, n, flags)
#define TP_SKB(name, n, flags)                                                                    \
	SEC("raw_tp/" #name) int tp_##name(u64 *ctx)                                              \
	{                                                                                         \
		return on_tracepoint(ctx, (struct sk_buff *)ctx[n], flags, NT_PROBE_##name);           \
	}
#define ARG_A0 0
#define ARG_A1 1
#define ARG_A2 2
#define ARG_A3 3
#define ARG_PP0 0
#define ARG_NF0 0
#define PROBE(name, kind, stage, skb, program, flags, aliases, note) \
	TP_##kind(name, program, ARG_##skb, flags)
#include "probes.def"
