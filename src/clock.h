/* SPDX-License-Identifier: GPL-2.0 */
/* This host's clocks, for the live side only: what is told of a trace uses the trace's. */
#ifndef NT_CLOCK_H
#define NT_CLOCK_H

#include <time.h>

#include "types.h"

static inline u64 clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (u64)now.tv_sec * 1000000000ull + (u64)now.tv_nsec;
}

static inline u64 now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

#endif
