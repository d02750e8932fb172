/* SPDX-License-Identifier: GPL-2.0 */
/* --latency while a trace runs: what the kernel side counts and the host's own counters, on a terminal every second. */
#ifndef NT_LATENCY_LIVE_H
#define NT_LATENCY_LIVE_H

#include "pipeline.h"
#include "tracer.h"

struct latency_live;

/*
 * Begin to count. `screen`: where the table is renewed, or NULL. What is given must outlive it. NULL without memory.
 */
struct latency_live *latency_live_new(struct tracer *tracer, struct pipeline *pipeline, struct out *screen);
void latency_live_free(struct latency_live *live);

/* To be called after each reading: lets faster journeys stay in the kernel, and renews the screen. 0, or the error of writing. */
int latency_live_advance(struct latency_live *live);

/* The end: the slowest journeys and the table. 0, or the error of writing. */
int latency_live_finish(struct latency_live *live);

#endif
