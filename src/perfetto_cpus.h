/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the CPUs did: runs of events of one journey as slices, arrows between them, and how many packets
 * wait in each CPU's backlog.
 *
 * Journeys come in the order of their ends, so their events wait here until they are told in
 * order of time. Once there is no room, the oldest are told; an event which is older than those
 * comes too late: it is told alone, without a run, and what it changes in a backlog is not counted.
 */
#ifndef NT_PERFETTO_CPUS_H
#define NT_PERFETTO_CPUS_H

#include "journey.h"
#include "out.h"

#define PERFETTO_CPUS_MAX 4096
#define PERFETTO_WAITING_MAX 32768

/* Tracks: 1 to 4 are the renderer's own, journeys count from 1 << 32, incidents from 1 << 40. */
#define PERFETTO_CPU_GROUP 2u
#define PERFETTO_CPU_TRACK 0x10000u
#define PERFETTO_BACKLOG_TRACK 0x20000u

/* One event, on its way to its CPU's track. */
struct cpu_event {
	u64 ts_ns;
	u64 order; /* among those of the same time */
	u64 flows[2];
	u64 flow_end;
	u32 id; /* of the journey */
	u32 cpu;
	u32 backlog_cpu;
	s8 backlog; /* 1: enters that CPU's backlog, -1: leaves it */
	u8 stage;
	u8 context;
};

struct cpu_run {
	bool open;
	u32 id;
	u8 from_stage, to_stage, context;
	u32 n_events;
	u64 start_ns, end_ns;
	u64 flow_end;
};

struct cpu_track {
	bool described, backlog_described;
	struct cpu_run run;
	s64 backlog;
};

/* Zeroed before use. */
struct perfetto_cpus {
	struct out *out;
	u64 told_ns; /* what is older comes too late */
	u64 n_orders, n_flows;
	u64 n_late;	 /* events told alone */
	u64 n_uncounted; /* packets not counted in a backlog */
	u64 n_beyond;	 /* events on CPUs past the limit, which are not told */
	size_t n_waiting;
	struct cpu_event waiting[PERFETTO_WAITING_MAX + 1]; /* a heap, the oldest first */
	struct cpu_track tracks[PERFETTO_CPUS_MAX];
};

void perfetto_cpus_add(struct perfetto_cpus *cpus, const struct journey *journey);
/* Tell what is waiting. */
void perfetto_cpus_finish(struct perfetto_cpus *cpus);

/* The stage after an event, given that before it: some events leave a packet where it is. */
unsigned int perfetto_stage(const struct journey *journey, const struct journey_event *event, unsigned int before);

#endif
