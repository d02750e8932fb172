/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long packets took, as --latency counts it: in the kernel (bpf/latency.bpf.h), so also of packets that never leave
 * it; and from a recording (src/latency.c) by the same rules.
 *
 * A stay in a stage begins with an event that says where the packet is, and ends with the first event elsewhere, or
 * with the packet's end.
 */
#ifndef NT_LATENCY_ABI_H
#define NT_LATENCY_ABI_H

#include "probes.h"
#include "types.h"

/* By how it begins: a packet that is forwarded, or looped back, counts as what it began as. */
enum nt_way {
	NT_WAY_RECEIVED,
	NT_WAY_SENT,
	NT_WAYS
};

/* Beside the stages: what it waited before the stack, at most; and from its first event to its end. */
#define NT_LATENCY_BEFORE NT_STAGE_COUNT
#define NT_LATENCY_WHOLE (NT_STAGE_COUNT + 1)
#define NT_LATENCY_ROWS (NT_STAGE_COUNT + 2)

/*
 * Log-linear: each power of two is cut into 8, so that a value is known to an eighth, up to 2^37 ns, 137 s; one more
 * bucket has all that is beyond.
 */
#define NT_LATENCY_CUT_SHIFT 3
#define NT_LATENCY_CUTS (1u << NT_LATENCY_CUT_SHIFT)
#define NT_LATENCY_MAX_SHIFT 37
#define NT_LATENCY_OVER ((NT_LATENCY_MAX_SHIFT - NT_LATENCY_CUT_SHIFT + 1) * NT_LATENCY_CUTS)

struct nt_histogram {
	u64 max_ns;
	u64 buckets[NT_LATENCY_OVER + 1];
};

/*
 * Of a number above 0: all bits below its highest are set, and counted. Without a branch, since the verifier would walk
 * what follows once for each of the logarithms.
 */
static inline u32 nt_log2(u64 number)
{
	number |= number >> 1;
	number |= number >> 2;
	number |= number >> 4;
	number |= number >> 8;
	number |= number >> 16;
	number |= number >> 32;
	number -= number >> 1 & 0x5555555555555555ull;
	number = (number & 0x3333333333333333ull) + (number >> 2 & 0x3333333333333333ull);
	number = (number + (number >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (u32)(number * 0x0101010101010101ull >> 56) - 1;
}

static inline u32 nt_latency_bucket(u64 ns)
{
	u32 log;

	if (ns < NT_LATENCY_CUTS)
		return (u32)ns;
	if (ns >> NT_LATENCY_MAX_SHIFT)
		return NT_LATENCY_OVER;
	log = nt_log2(ns);
	/* the bits below the highest say which of the cuts it is */
	return (log - NT_LATENCY_CUT_SHIFT) * NT_LATENCY_CUTS + (u32)(ns >> (log - NT_LATENCY_CUT_SHIFT));
}

/* The least value of the bucket behind. */
static inline u64 nt_latency_bucket_end(u32 bucket)
{
	u32 shift = bucket / NT_LATENCY_CUTS;

	if (bucket < 2 * NT_LATENCY_CUTS)
		return bucket + 1;
	return (u64)(bucket % NT_LATENCY_CUTS + NT_LATENCY_CUTS + 1) << (shift - 1);
}

/* What the first stage says. */
static inline enum nt_way nt_way_of(u32 stage)
{
	return stage == NT_STAGE_GRO || stage == NT_STAGE_LINK_IN ? NT_WAY_RECEIVED : NT_WAY_SENT;
}

/* latencies[]: a histogram for each CPU, way and row. */
static inline u32 nt_latency_index(u32 cpu, u32 way, u32 row)
{
	return (cpu * NT_WAYS + way) * NT_LATENCY_ROWS + row;
}

#endif
