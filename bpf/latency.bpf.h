/* SPDX-License-Identifier: GPL-2.0 */
/* --latency: counts how long every packet was where, whether or not userspace is told of it. */
#ifndef NT_LATENCY_BPF_H
#define NT_LATENCY_BPF_H

#include "latency_abi.h"
#include "track.bpf.h"

const volatile bool want_latency = false;

/* Where the packet is at each row's events; NT_STAGE_UNKNOWN if that says nothing of it, as a clone or a free does. */
const volatile u8 probe_stages[NT_PROBE_MAX] = {};

/* By CPU: journeys that began. */
u64 latency_begun[NT_MAX_CPUS] = {};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* userspace: one for each CPU, way and row */
	__type(key, u32);
	__type(value, struct nt_histogram);
} latencies SEC(".maps");

struct latency_journey {
	u64 start_ns;
	u64 way;
};

/* By id; an LRU, since a journey whose end is missed has nobody to remove it: it was begun, and is not counted whole. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, NT_TRACKED_MAX);
	__type(key, u32);
	__type(value, struct latency_journey);
} latency_journeys SEC(".maps");

PART bool latency_count(u32 way, u32 row, u64 ns)
{
	u32 i = nt_latency_index(bpf_get_smp_processor_id(), way, row), bucket = nt_latency_bucket(ns);
	struct nt_histogram *histogram;

	if (way >= NT_WAYS || row >= NT_LATENCY_ROWS)
		return false;
	histogram = bpf_map_lookup_elem(&latencies, &i);
	barrier_var(bucket); /* the verifier does not follow where it comes from */
	if (!histogram || bucket > NT_LATENCY_OVER)
		return false;
	__sync_fetch_and_add(&histogram->buckets[bucket], 1);
	if (ns > histogram->max_ns)
		histogram->max_ns = ns;
	return true;
}

/* A journey begins with this event; since from_ns it may have waited for it. */
PART bool latency_begin(struct nt_tracked *t, u64 from_ns, u32 probe)
{
	struct latency_journey journey;
	u32 id;

	if (!t)
		return false;
	t->since_ns = t->last_ns;
	t->stage = probe_stages[probe & (NT_PROBE_MAX - 1)];
	t->way = nt_way_of(t->stage);
	journey.start_ns = t->last_ns;
	journey.way = t->way;
	id = t->id;
	bpf_map_update_elem(&latency_journeys, &id, &journey, BPF_ANY);
	__sync_fetch_and_add(&latency_begun[bpf_get_smp_processor_id() & (NT_MAX_CPUS - 1)], 1);
	if (from_ns < t->last_ns)
		latency_count(t->way, NT_LATENCY_BEFORE, t->last_ns - from_ns);
	return true;
}

/* A clone shows itself: it is as its journey began. */
static __always_inline void latency_join(struct nt_tracked *t, u64 now_ns)
{
	u32 id = t->id;
	const struct latency_journey *journey = bpf_map_lookup_elem(&latency_journeys, &id);

	t->since_ns = now_ns;
	t->way = journey ? journey->way : NT_WAYS;
}

/* An event, perhaps the sk_buff's last. */
PART bool latency_step(struct nt_tracked *t, u32 probe, u32 last)
{
	u32 stage = probe_stages[probe & (NT_PROBE_MAX - 1)];
	u64 now_ns = bpf_ktime_get_ns();

	if (!t)
		return false;
	if (!t->since_ns)
		latency_join(t, now_ns);
	if ((!stage || stage == t->stage) && !last)
		return false;
	if (t->stage)
		latency_count(t->way, t->stage, now_ns > t->since_ns ? now_ns - t->since_ns : 0);
	t->since_ns = now_ns;
	if (stage)
		t->stage = stage;
	return true;
}

/* No sk_buff of the journey is left. */
PART bool latency_end(u32 id)
{
	const struct latency_journey *found = bpf_map_lookup_elem(&latency_journeys, &id);
	struct latency_journey journey;

	if (!found)
		return false;
	journey = *found;
	if (bpf_map_delete_elem(&latency_journeys, &id)) /* two clones on two CPUs: one counts */
		return false;
	return latency_count((u32)journey.way, NT_LATENCY_WHOLE, bpf_ktime_get_ns() - journey.start_ns);
}

#endif
