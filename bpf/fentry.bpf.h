/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fentry backend: a program per function row, since one is bound to its
 * function when it is loaded. They share what they call, or the object would be many times as large.
 */
#ifndef NT_FENTRY_BPF_H
#define NT_FENTRY_BPF_H

#include "functions.bpf.h"

/* A number and not a typed pointer, which the verifier would not let us look up by its address. */
static __always_inline u64 fx_read(u64 *ctx, u32 n)
{
	u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), ctx + n);
	return value;
}

static __noinline int fx_plain(u64 *ctx, u64 skb, u32 probe)
{
	return on_function(ctx, probe & (NT_PROBE_MAX - 1), (void *)skb, 0);
}

static __noinline int fx_seek(u64 *ctx, u64 skb, u32 probe)
{
	return on_function(ctx, probe & (NT_PROBE_MAX - 1), (void *)skb, NT_P_SEEK);
}

static __noinline int fx_start(u64 *ctx, u64 skb, u32 probe)
{
	return on_function(ctx, probe & (NT_PROBE_MAX - 1), (void *)skb, NT_P_START);
}

static __noinline int fx_start_data(u64 *ctx, u64 skb, u32 probe)
{
	return on_function(ctx, probe & (NT_PROBE_MAX - 1), (void *)skb, NT_P_START | NT_P_AT_DATA);
}

static __noinline int fx_cut(u64 *ctx, u64 skb, u32 probe)
{
	return on_function(ctx, probe & (NT_PROBE_MAX - 1), (void *)skb, NT_P_CUTS);
}

static __always_inline int fx_by_class(u64 *ctx, u64 skb, u32 flags, u32 probe)
{
	if (flags & NT_P_START)
		return flags & NT_P_AT_DATA ? fx_start_data(ctx, skb, probe) : fx_start(ctx, skb, probe);
	if (flags & NT_P_CUTS)
		return fx_cut(ctx, skb, probe);
	return flags & NT_P_SEEK ? fx_seek(ctx, skb, probe) : fx_plain(ctx, skb, probe);
}

#define FX_PROGRAM(name, body) \
	SEC("fentry/" #name) int fx_##name(u64 *ctx) { return body; }

/* The column PROGRAM of probes.def. */
#define FX_SKB(name, read, flags) FX_PROGRAM(name, fx_by_class(ctx, read, flags, NT_PROBE_##name))
#define FX_ORIGIN(name, read, flags) \
	FX_PROGRAM(name, on_origin(ctx, NT_PROBE_##name, fx_sock(ctx, NT_PROBE_##name), (void *)(read)))
#define FX_MERGE(name, read, flags) \
	FX_PROGRAM(name, on_merge(ctx, NT_PROBE_##name, (void *)fx_read(ctx, 0), (void *)fx_read(ctx, 1)))
#define FX_MORPH(name, read, flags) \
	FX_PROGRAM(name, on_morph(ctx, NT_PROBE_##name, (void *)fx_read(ctx, 0), (void *)fx_read(ctx, 1)))
#define FX_HOOK(name, read, flags) \
	FX_PROGRAM(name, on_hook(ctx, NT_PROBE_##name, (void *)fx_read(ctx, 0), (void *)fx_read(ctx, 1)))
#define FX_CHAIN(name, read, flags) \
	FX_PROGRAM(name, on_chain(ctx, NT_PROBE_##name, (void *)fx_read(ctx, 0), (void *)fx_read(ctx, 1)))
#define FX_DIRECT(name, read, flags)                                                                       \
	FX_PROGRAM(name, on_direct(ctx, NT_PROBE_##name, (void *)fx_read(ctx, 0), (void *)fx_read(ctx, 1), \
				   (void *)fx_read(ctx, 3)))
#define FX_XTABLE(name, read, flags)                                                                       \
	FX_PROGRAM(name, on_xtable(ctx, NT_PROBE_##name, (void *)fx_read(ctx, 0), (void *)fx_read(ctx, 1), \
				   (void *)fx_read(ctx, 2)))

/* A function that takes its socket has it in front of the packet. */
static __always_inline struct sock *fx_sock(u64 *ctx, u32 probe)
{
	return probe_arg[probe] ? (void *)fx_read(ctx, 0) : NULL;
}

/* The column SKB: argument, or pointer to pointer. */
#define FX_READ_A(name) fx_read(ctx, probe_arg[NT_PROBE_##name])
#define FX_READ_PP(name) ((u64)skb_behind((void *)fx_read(ctx, 0)))
#define FX_READ_A0 FX_READ_A
#define FX_READ_A1 FX_READ_A
#define FX_READ_A2 FX_READ_A
#define FX_READ_A3 FX_READ_A
#define FX_READ_PP0 FX_READ_PP
#define FX_READ_NF0 FX_READ_PP

#define FX_FN(name, skb, program, flags) FX_##program(name, FX_READ_##skb(name), flags)
#define FX_TP(name, skb, program, flags)
#define FX_TPA(name, skb, program, flags)
#define FX_NO(name, skb, program, flags)
#define PROBE(name, kind, stage, skb, program, flags, aliases, note) FX_##kind(name, skb, program, flags)
#include "probes.def"
#undef PROBE

#endif
