/* SPDX-License-Identifier: GPL-2.0 */
/* What is known of a trace as a whole: at its start, and at its end. */
#ifndef NT_TRACE_H
#define NT_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

/* Strings are terminated. They come from the traced host, so any bytes may be in them. */
struct trace_facts {
	char version[32]; /* of the nettrace that traced */
	char kernel[80];  /* uname -r */
	char host[80];
	char machine[80]; /* uname -m */
	char backend[16];
	char filter[704]; /* what was asked for, in words */
	u64 session;	  /* random, the same in all parts of one recording; 0: unknown */
	u64 start_ns;
	s64 clock_offset_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC at the start */
	s32 utc_offset_s;    /* local time less UTC */
	u32 n_cpus;
	u32 n_probes; /* attached */
	u32 n_skipped;
	/* Beyond the filter, which the kernel side applies; whoever reads the records has to. */
	char ifname[16]; /* "": any */
	u32 netns;	 /* 0: any */
	u32 pid;	 /* 0: any */
	u64 min_latency_ns; /* 0: any */
	u64 count;	 /* journeys after which it ended, 0: no limit */
};

struct trace_totals {
	u64 journeys, incomplete, events;
	u64 malformed; /* records that were ignored */
	u64 lost_ring, lost_map, lost_id;
	u64 recursion; /* hits that the kernel ran no program for */
	bool recursion_known;
};

#define TRACE_TOTALS_TEXT_BYTES 320

/* The totals as one line without its end. Returns its length. */
size_t trace_totals_text(const struct trace_totals *totals, char *text, size_t size);

#endif
