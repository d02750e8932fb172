/* SPDX-License-Identifier: GPL-2.0 */
/* From records to output: journeys, which of them are wanted, and the format. The same live and from a recording. */
#ifndef NT_PIPELINE_H
#define NT_PIPELINE_H

#include "journey.h"
#include "latency.h"
#include "render.h"
#include "scope.h"

struct pipeline;

/* Whose packets, and how many of them. */
struct pipeline_want {
	struct scope_terms scope;
	unsigned long long count; /* journeys, 0: no limit */
};

struct pipeline_terms {
	struct pipeline_want traced;	/* by the trace: what is beyond its filter, which the kernel side applies */
	struct pipeline_want read;	/* by the reader of a recording; zero: everything */
	const struct nt_filter *filter; /* of that reader, or NULL */
	bool basic;
	bool latency; /* keep the slowest journeys, and tell them by pipeline_tell_latency only */
	bool of_slow; /* the kernel side kept fast journeys back */
	bool no_attribution;
	u64 incident_min_ns; /* 0: NT_INCIDENT_MIN_NS */
	void (*announce)(void *user, const struct incident *incident); /* an incident is known, or NULL */
	void *user;
};

/*
 * A new pipeline, or NULL without memory. `render` NULL: nothing is written, only counted. All that
 * is given must outlive it.
 */
struct pipeline *pipeline_new(const struct pipeline_terms *terms, const struct probe_table *probes,
			      const struct dict *dict, struct render *render);
void pipeline_free(struct pipeline *pipeline);

/* Journeys that were added, and are not wanted. */
unsigned long long pipeline_left_out(const struct pipeline *pipeline);

/* With `latency`: journeys that take less need not be added any more. 0: all are wanted. */
u64 pipeline_slow_ns(const struct pipeline *pipeline);

/* At the end, with `latency`: the slowest journeys, and the report. NULL: of those that were added. The error of writing, or 0. */
int pipeline_tell_latency(struct pipeline *pipeline, const struct latency_report *report);

/* Take one record. 0; 1 when enough journeys are over; or the error of writing, or -ENOMEM. */
int pipeline_add(struct pipeline *pipeline, const struct nt_event *record, size_t size, u32 cpu);

/* After each reading: with --basic its last event is told, and what was told is written out. */
int pipeline_flush(struct pipeline *pipeline);

/* It is that time: incidents which are over for long enough are told. 0, or the error of writing. */
int pipeline_advance(struct pipeline *pipeline, u64 now_ns);

/* Give up journeys that saw nothing since then. */
int pipeline_expire(struct pipeline *pipeline, u64 before_ns);

/* Hand on what is open, as incomplete, and write it out. What follows begins anew, as another trace's records must. */
int pipeline_finish(struct pipeline *pipeline);

bool pipeline_enough(const struct pipeline *pipeline);

/* Journeys, events and malformed records are counted into the totals. */
void pipeline_count(const struct pipeline *pipeline, struct trace_totals *totals);

#endif
