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
#include "frees.bpf.h"
#include "functions.bpf.h"
#include "readers.bpf.h"
#include "symbol.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#ifndef NT_FENTRY
#define ARG(n) ((void *)PT_REGS_PARM##n(ctx))
#define FUNCTION(name, handler, ...)                                          \
	SEC("kprobe") int name(struct pt_regs *ctx)                           \
	{                                                                     \
		return handler(ctx, ANY_PROBE, __VA_ARGS__);                  \
	}

#define FUNCTIONS(class, flags)                                  \
	FUNCTION(fn_##class##_arg0, on_function, ARG(1), flags)  \
	FUNCTION(fn_##class##_arg1, on_function, ARG(2), flags)  \
	FUNCTION(fn_##class##_arg2, on_function, ARG(3), flags)  \
	FUNCTION(fn_##class##_arg3, on_function, ARG(4), flags)

FUNCTIONS(plain, 0)
FUNCTIONS(seek, NT_P_SEEK)
FUNCTIONS(start, NT_P_START)
FUNCTION(fn_plain_arg4, on_function, ARG(5), 0)
FUNCTION(fn_plain_pp0, on_function, skb_behind(ARG(1)), 0)
FUNCTION(fn_start_data_arg0, on_function, ARG(1), NT_P_START | NT_P_AT_DATA)
FUNCTION(fn_start_data_pp0, on_function, skb_behind(ARG(1)), NT_P_START | NT_P_AT_DATA)
FUNCTION(fn_cut_arg0, on_function, ARG(1), NT_P_CUTS)
FUNCTION(fn_cut_arg2, on_function, ARG(3), NT_P_CUTS)
FUNCTION(fn_origin_arg0, on_origin, NULL, ARG(1))
FUNCTION(fn_origin_arg1, on_origin, ARG(1), ARG(2))
FUNCTION(fn_merge, on_merge, ARG(1), ARG(2))
FUNCTION(fn_morph, on_morph, ARG(1), ARG(2))
FUNCTION(fn_hook, on_hook, ARG(1), ARG(2))
FUNCTION(fn_chain, on_chain, ARG(1), ARG(2))
FUNCTION(fn_direct, on_direct, ARG(1), ARG(2), ARG(4))
FUNCTION(fn_xtable, on_xtable, ARG(1), ARG(2), ARG(3))
#endif

static __always_inline int on_tracepoint(void *ctx, struct sk_buff *skb, u32 flags, u32 probe)
{
	struct nt_tracked *t = find_tracked(skb);

	if (t || !is_nobodys(skb, flags))
		on_hit(ctx, skb, flags, probe, t);
	return 0;
}

/* qdisc_enqueue(qdisc, txq, skb), qdisc_dequeue(qdisc, txq, packets, skb) */
static __always_inline int on_queue(u64 *ctx, struct sk_buff *skb, u32 flags, u32 probe)
{
	struct nt_tracked *t = find_tracked(skb);
	struct hit hit;

	if (!t)
		return 0;
	if (hit_open(&hit, ctx, skb, flags, probe, t, true))
		hit.sent = annotate_queue(&hit.emit, (void *)ctx[0], (void *)ctx[1]);
	hit_close(&hit);
	return 0;
}

/* One program for each tracepoint row. */
#define TP_FN(name, program, n, flags)
#define TP_TP(name, program, n, flags) TP_##program(name, n, flags)
#define TP_TPA(name, program, n, flags) TP_##program(name, n, flags)
#define TP_NO(name, program, n, flags)
#define TP_FREE(name, n, flags)
#define TP_XMIT(name, n, flags)
#define TP_SKB(name, n, flags)                                                                    \
	SEC("raw_tp/" #name) int tp_##name(u64 *ctx)                                              \
	{                                                                                         \
		return on_tracepoint(ctx, (struct sk_buff *)ctx[n], flags, NT_PROBE_##name);           \
	}
#define TP_QUEUE(name, n, flags)                                                                  \
	SEC("raw_tp/" #name) int tp_##name(u64 *ctx)                                              \
	{                                                                                         \
		return on_queue(ctx, (struct sk_buff *)ctx[n], flags, NT_PROBE_##name);                \
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
#undef PROBE

#ifdef NT_FENTRY
#include "fentry.bpf.h"
#endif
