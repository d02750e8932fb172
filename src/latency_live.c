/* SPDX-License-Identifier: GPL-2.0 */
#include "latency_live.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"

#define RENEW_NS 1000000000ull

/* To the upper left corner, and nothing is left there (ECMA-48: CUP, ED). */
#define CLEAR_SCREEN "\033[H\033[J"

struct latency_live {
	struct tracer *tracer;
	struct pipeline *pipeline;
	struct out *screen;
	u64 next_ns;
	struct counters *before;
	struct latency latency;
};

struct latency_live *latency_live_new(struct tracer *tracer, struct pipeline *pipeline, struct out *screen)
{
	struct latency_live *live = calloc(1, sizeof(*live));

	if (!live)
		return NULL;
	live->before = counters_read();
	if (!live->before) {
		free(live);
		return NULL;
	}
	live->tracer = tracer;
	live->pipeline = pipeline;
	live->screen = screen;
	live->next_ns = now_ns() + RENEW_NS;
	return live;
}

void latency_live_free(struct latency_live *live)
{
	if (!live)
		return;
	free(live->before);
	free(live);
}

/* Of the run so far; the counters are the caller's to free, NULL without memory. */
static struct latency_report report_of(struct latency_live *live, struct counters **ret_counters)
{
	*ret_counters = counters_read();
	if (*ret_counters)
		counters_subtract(*ret_counters, live->before);
	tracer_read_latency(live->tracer, &live->latency);
	return (struct latency_report){.latency = &live->latency, .counters = *ret_counters};
}

int latency_live_advance(struct latency_live *live)
{
	struct latency_report report;
	struct counters *counters;
	u64 now = now_ns();

	tracer_keep_faster(live->tracer, pipeline_slow_ns(live->pipeline));
	if (!live->screen || now < live->next_ns)
		return 0;
	live->next_ns = now + RENEW_NS;
	report = report_of(live, &counters);
	out_literal(live->screen, CLEAR_SCREEN);
	latency_put_text(live->screen, &report);
	free(counters);
	return out_flush(live->screen);
}

int latency_live_finish(struct latency_live *live)
{
	struct counters *counters;
	struct latency_report report = report_of(live, &counters);
	int err;

	if (live->screen)
		out_literal(live->screen, CLEAR_SCREEN);
	err = pipeline_tell_latency(live->pipeline, &report);
	free(counters);
	return err;
}
