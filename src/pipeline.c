/* SPDX-License-Identifier: GPL-2.0 */
#include "pipeline.h"

#include <errno.h>
#include <stdlib.h>

#include "attribution.h"
#include "slowest.h"

/* Lets journeys pass that are of a scope, up to a number of them. */
struct gate {
	struct scope *scope;
	unsigned long long count, passed;
};

struct pipeline {
	struct gate traced, read;
	const struct nt_filter *filter;
	bool basic;
	const struct dict *dict;
	struct render *render;
	struct journey_set *journeys;
	struct attribution *attribution; /* NULL: causes are not looked for */
	struct latency *latency; /* NULL: journeys are told as they end */
	struct slowest slowest;
	void (*announce)(void *user, const struct incident *incident);
	void *user;
	unsigned long long incomplete, events, malformed, left_out;
};

static bool gate_is_shut(const struct gate *gate)
{
	return gate->count && gate->passed >= gate->count;
}

bool pipeline_enough(const struct pipeline *pipeline)
{
	return gate_is_shut(&pipeline->traced) || gate_is_shut(&pipeline->read);
}

static int write_error(const struct pipeline *pipeline)
{
	return pipeline->render ? out_error(pipeline->render->out) : 0;
}

/* After each reading, since a system call per journey or line would be what costs most. ret unless writing failed. */
static int flush_output(const struct pipeline *pipeline, int ret)
{
	if (pipeline->render)
		out_flush(pipeline->render->out);
	return write_error(pipeline) ? write_error(pipeline) : ret;
}

/* Live, a packet is followed from where it first matches on; of a recorded one any of its headers may. */
static bool filter_wants(const struct pipeline *pipeline, const struct journey *journey)
{
	const struct nt_filter *filter = pipeline->filter;

	if (!filter)
		return true;
	for (size_t i = 0; i < journey->n_flows; i++)
		if (nt_filter_matches(filter, &journey->flows[i]))
			return true;
	return false;
}

static int on_incident(void *user, const struct incident *incident, bool over)
{
	struct pipeline *pipeline = user;

	if (!over && pipeline->announce)
		pipeline->announce(pipeline->user, incident);
	if (over && pipeline->render && pipeline->render->format->incident)
		pipeline->render->format->incident(pipeline->render, incident);
	return write_error(pipeline);
}

static void on_blockage(void *user, const struct nt_blocked *blocked)
{
	struct pipeline *pipeline = user;

	pipeline->render->format->blocked(pipeline->render, blocked);
}

/* Its text is made now, since the journey is not there any more when it is known to be one of the slowest. */
static int keep_slow(struct pipeline *pipeline, struct journey *journey)
{
	struct render *render = pipeline->render;
	u64 took_ns = journey_took_ns(journey);
	struct out *out = render->out, *text;

	latency_add_journey(pipeline->latency, journey);
	if (journey->incomplete || took_ns <= slowest_least_ns(&pipeline->slowest))
		return 0;
	text = out_memory();
	if (!text)
		return -ENOMEM;
	render->out = text;
	render->format->journey(render, journey);
	render->out = out;
	slowest_add(&pipeline->slowest, took_ns, text);
	return 0;
}

static int print_journey(struct pipeline *pipeline, struct journey *journey)
{
	int err;

	if (pipeline->latency) /* whom an incident held is not known where most packets stay in the kernel */
		return keep_slow(pipeline, journey);
	err = pipeline->attribution ? attribution_hold(pipeline->attribution, journey) : 0;
	if (!err && pipeline->render && !pipeline->basic)
		pipeline->render->format->journey(pipeline->render, journey);
	return err ? err : write_error(pipeline);
}

/*
 * A journey is over: print it, unless --basic has told its events. Non-zero ends the trace:
 * enough, or nobody reads. With --basic, too, enough is a number of journeys that are over.
 */
static int on_journey(void *user, const struct journey *journey)
{
	struct pipeline *pipeline = user;
	struct journey judged = *journey;
	bool wanted;
	int err;

	if (pipeline_enough(pipeline))
		return 1;
	/* scopes learn from each journey, and so do comparisons of packets: also from those which are not wanted otherwise */
	if (pipeline->attribution)
		attribution_judge(pipeline->attribution, &judged);
	wanted = scope_wants(pipeline->traced.scope, pipeline->dict, &judged);
	pipeline->traced.passed += wanted;
	wanted &= scope_wants(pipeline->read.scope, pipeline->dict, &judged) && filter_wants(pipeline, &judged);
	if (!wanted) {
		pipeline->left_out++;
		return pipeline_enough(pipeline);
	}
	pipeline->read.passed++;
	pipeline->incomplete += journey->incomplete;
	pipeline->events += journey->n_events;
	err = print_journey(pipeline, &judged);
	return err ? err : pipeline_enough(pipeline);
}

/* --basic */
static int on_event(void *user, const struct journey *journey, const struct journey_event *event)
{
	struct pipeline *pipeline = user;

	if (pipeline_enough(pipeline))
		return 1;
	if (!scope_wants_event(pipeline->traced.scope, pipeline->dict, event) ||
	    !scope_wants_event(pipeline->read.scope, pipeline->dict, event) || !filter_wants(pipeline, journey))
		return 0;
	pipeline->render->format->event(pipeline->render, journey, event);
	return write_error(pipeline);
}

struct pipeline *pipeline_new(const struct pipeline_terms *terms, const struct probe_table *probes,
			      const struct dict *dict, struct render *render)
{
	struct pipeline *pipeline = calloc(1, sizeof(*pipeline));

	if (!pipeline)
		return NULL;
	pipeline->traced.scope = scope_new(&terms->traced.scope);
	pipeline->traced.count = terms->traced.count;
	pipeline->read.scope = scope_new(&terms->read.scope);
	pipeline->read.count = terms->read.count;
	pipeline->filter = terms->filter;
	pipeline->basic = terms->basic;
	pipeline->dict = dict;
	pipeline->render = render;
	pipeline->announce = terms->announce;
	pipeline->user = terms->user;
	pipeline->journeys = journey_set_new(probes, dict, on_journey, pipeline);
	if (!terms->no_attribution)
		pipeline->attribution = attribution_new(dict, terms->incident_min_ns, on_incident, pipeline);
	pipeline->latency = terms->latency ? calloc(1, sizeof(*pipeline->latency)) : NULL;
	if (!pipeline->traced.scope || !pipeline->read.scope || !pipeline->journeys || (terms->latency && !pipeline->latency) ||
	    (!terms->no_attribution && !pipeline->attribution)) {
		pipeline_free(pipeline);
		return NULL;
	}
	if ((render && render->format->wants_snapshots) || pipeline->attribution)
		journey_set_keep_snapshots(pipeline->journeys);
	if (terms->of_slow && pipeline->attribution)
		attribution_of_slow(pipeline->attribution);
	if (render && render->format->blocked && pipeline->attribution)
		attribution_on_blockage(pipeline->attribution, on_blockage);
	if (render && terms->basic)
		journey_set_on_event(pipeline->journeys, on_event);
	return pipeline;
}

void pipeline_free(struct pipeline *pipeline)
{
	if (!pipeline)
		return;
	journey_set_free(pipeline->journeys);
	attribution_free(pipeline->attribution);
	slowest_free(&pipeline->slowest);
	free(pipeline->latency);
	scope_free(pipeline->traced.scope);
	scope_free(pipeline->read.scope);
	free(pipeline);
}

unsigned long long pipeline_left_out(const struct pipeline *pipeline)
{
	return pipeline->left_out;
}

u64 pipeline_slow_ns(const struct pipeline *pipeline)
{
	return slowest_least_ns(&pipeline->slowest);
}

int pipeline_tell_latency(struct pipeline *pipeline, const struct latency_report *report)
{
	const struct latency_report own = {.latency = pipeline->latency};
	struct render *render = pipeline->render;

	slowest_put(&pipeline->slowest, render->out);
	render->format->latency(render, report ? report : &own);
	return flush_output(pipeline, 0);
}

int pipeline_add(struct pipeline *pipeline, const struct nt_event *record, size_t size, u32 cpu)
{
	int err = journey_set_add(pipeline->journeys, record, size, cpu);

	if (!err && pipeline->attribution && nt_event_kind(record) == NT_BLOCKED)
		err = attribution_add(pipeline->attribution, record, size);
	if (!err)
		err = pipeline_advance(pipeline, record->ts_ns);
	if (err != -EINVAL)
		return err;
	pipeline->malformed++;
	return 0;
}

int pipeline_advance(struct pipeline *pipeline, u64 now_ns)
{
	return pipeline->attribution ? attribution_advance(pipeline->attribution, now_ns) : 0;
}

int pipeline_flush(struct pipeline *pipeline)
{
	return flush_output(pipeline, journey_set_flush(pipeline->journeys));
}

int pipeline_expire(struct pipeline *pipeline, u64 before_ns)
{
	int ret = journey_set_expire(pipeline->journeys, before_ns);

	return write_error(pipeline) ? write_error(pipeline) : ret;
}

int pipeline_finish(struct pipeline *pipeline)
{
	int ret = pipeline_enough(pipeline) ? 1 : journey_set_finish(pipeline->journeys);
	int err = pipeline_advance(pipeline, ~0ull);

	return flush_output(pipeline, err ? err : ret);
}

void pipeline_count(const struct pipeline *pipeline, struct trace_totals *totals)
{
	totals->journeys += pipeline->read.passed;
	totals->incomplete += pipeline->incomplete;
	totals->events += pipeline->events;
	totals->malformed += pipeline->malformed;
}
