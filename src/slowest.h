/* SPDX-License-Identifier: GPL-2.0 */
/* The slowest journeys of a run, as text in whatever format: for --latency, which tells these only. */
#ifndef NT_SLOWEST_H
#define NT_SLOWEST_H

#include <stdbool.h>

#include "out.h"

#define SLOWEST_MAX 5

struct slowest {
	size_t n;
	struct slow_journey {
		u64 took_ns;
		struct out *text; /* in memory */
	} journeys[SLOWEST_MAX]; /* the slowest first */
};

/* Shorter journeys are none of the slowest. 0 until there are enough of them. */
u64 slowest_least_ns(const struct slowest *slowest);

/* Take one, and its text (out_memory). The fastest goes if there are too many. */
void slowest_add(struct slowest *slowest, u64 took_ns, struct out *text);

/* Write them, the slowest first. */
void slowest_put(const struct slowest *slowest, struct out *out);

void slowest_free(struct slowest *slowest);

#endif
