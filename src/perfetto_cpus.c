/* SPDX-License-Identifier: GPL-2.0 */
#include "perfetto_cpus.h"

#include <stdio.h>
#include <string.h>

#include "perfetto_trace.h"

/* A run with a longer gap would have the CPU busy with a packet that waited. */
#define RUN_GAP_NS 100000u
/* How many events apart those of one sk_buff may be, or long journeys would cost the square of their length. */
#define NEIGHBOURS_MAX 128
#define NAME_BYTES 80

unsigned int perfetto_stage(const struct journey *journey, const struct journey_event *event, unsigned int before)
{
	const struct probe_row *row = probe_table_row(journey->probes, event->probe);

	return row && row->stage != NT_STAGE_LIFE ? row->stage : before;
}

static void describe_cpu(struct perfetto_cpus *cpus, u32 cpu)
{
	char name[NAME_BYTES];
	struct perfetto_track track = {.uuid = PERFETTO_CPU_TRACK + cpu,
				       .parent = PERFETTO_CPU_GROUP,
				       .name = name,
				       .kind = PERFETTO_SLICES,
				       .rank = 2 * cpu};

	if (cpus->tracks[cpu].described)
		return;
	cpus->tracks[cpu].described = true;
	snprintf(name, sizeof(name), "CPU %u", cpu);
	perfetto_trace_track(cpus->out, &track);
}

static void describe_backlog(struct perfetto_cpus *cpus, u32 cpu)
{
	char name[NAME_BYTES];
	struct perfetto_track track = {.uuid = PERFETTO_BACKLOG_TRACK + cpu,
				       .parent = PERFETTO_CPU_GROUP,
				       .name = name,
				       .kind = PERFETTO_COUNTER,
				       .rank = 2 * cpu + 1};

	if (cpus->tracks[cpu].backlog_described)
		return;
	cpus->tracks[cpu].backlog_described = true;
	snprintf(name, sizeof(name), "CPU %u backlog, traced packets", cpu);
	perfetto_trace_track(cpus->out, &track);
}

static void name_run(const struct cpu_run *run, char name[NAME_BYTES])
{
	if (run->from_stage == run->to_stage)
		snprintf(name, NAME_BYTES, "%u %s", run->id, stage_name(run->from_stage));
	else
		snprintf(name, NAME_BYTES, "%u %s to %s", run->id, stage_name(run->from_stage),
			 stage_name(run->to_stage));
}

static void tell_run(struct perfetto_cpus *cpus, u32 cpu, const struct cpu_run *run, const u64 flows[2])
{
	const char *context = context_name(run->context);
	struct perfetto_notes notes;
	char name[NAME_BYTES];
	struct perfetto_event event = {.ts_ns = run->start_ns,
				       .track = PERFETTO_CPU_TRACK + cpu,
				       .name = name,
				       .category = "cpu",
				       .notes = &notes,
				       .flow_end = run->flow_end};

	describe_cpu(cpus, cpu);
	name_run(run, name);
	perfetto_notes_init(&notes);
	perfetto_note_number(&notes, "journey", run->id);
	perfetto_note_number(&notes, "events", run->n_events);
	if (context)
		perfetto_note_string(&notes, "context", context);
	if (flows)
		memcpy(event.flows, flows, sizeof(event.flows));
	perfetto_slice_begin(cpus->out, &event);
	perfetto_slice_end(cpus->out, run->end_ns, event.track);
}

static void close_run(struct perfetto_cpus *cpus, u32 cpu, const u64 flows[2])
{
	struct cpu_run *run = &cpus->tracks[cpu].run;

	if (run->open)
		tell_run(cpus, cpu, run, flows);
	run->open = false;
}

static bool goes_on(const struct cpu_run *run, const struct cpu_event *event)
{
	return run->open && run->id == event->id && run->context == event->context && !event->flow_end &&
	       event->ts_ns - run->end_ns <= RUN_GAP_NS;
}

static void begin_run(struct cpu_run *run, const struct cpu_event *event)
{
	*run = (struct cpu_run){.open = true,
				.id = event->id,
				.from_stage = event->stage,
				.context = event->context,
				.start_ns = event->ts_ns,
				.flow_end = event->flow_end};
}

/*
 * An arrow begins in the last event of a run and ends in the first of another: slices have arrows at their
 * beginning, and so no arrow goes back in time.
 */
static void extend_run(struct perfetto_cpus *cpus, const struct cpu_event *event)
{
	struct cpu_run *run = &cpus->tracks[event->cpu].run;

	if (!goes_on(run, event)) {
		close_run(cpus, event->cpu, NULL);
		begin_run(run, event);
	}
	run->to_stage = event->stage;
	run->end_ns = event->ts_ns;
	run->n_events++;
	if (event->flows[0] || event->flows[1])
		close_run(cpus, event->cpu, event->flows);
}

static void count_backlog(struct perfetto_cpus *cpus, const struct cpu_event *event)
{
	struct cpu_track *track = &cpus->tracks[event->backlog_cpu];

	if (!event->backlog)
		return;
	describe_backlog(cpus, event->backlog_cpu);
	track->backlog += event->backlog;
	perfetto_counter(cpus->out, event->ts_ns, PERFETTO_BACKLOG_TRACK + event->backlog_cpu, track->backlog);
}

static bool before(const struct cpu_event *a, const struct cpu_event *b)
{
	return a->ts_ns < b->ts_ns || (a->ts_ns == b->ts_ns && a->order < b->order);
}

static void heap_push(struct perfetto_cpus *cpus, const struct cpu_event *event)
{
	size_t at = cpus->n_waiting++;

	while (at && before(event, &cpus->waiting[(at - 1) / 2])) {
		cpus->waiting[at] = cpus->waiting[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	cpus->waiting[at] = *event;
}

static struct cpu_event heap_pop(struct perfetto_cpus *cpus)
{
	struct cpu_event *heap = cpus->waiting, top = heap[0], last = heap[--cpus->n_waiting];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < cpus->n_waiting) {
		if (child + 1 < cpus->n_waiting && before(&heap[child + 1], &heap[child]))
			child++;
		if (!before(&heap[child], &last))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = last;
	return top;
}

static void tell_oldest(struct perfetto_cpus *cpus)
{
	struct cpu_event event = heap_pop(cpus);

	cpus->told_ns = event.ts_ns;
	extend_run(cpus, &event);
	count_backlog(cpus, &event);
}

static void tell_late(struct perfetto_cpus *cpus, const struct cpu_event *event)
{
	struct cpu_run run;

	cpus->n_late++;
	begin_run(&run, event);
	run.to_stage = event->stage;
	run.end_ns = event->ts_ns;
	run.n_events = 1;
	tell_run(cpus, event->cpu, &run, event->flows);
}

static void take(struct perfetto_cpus *cpus, struct cpu_event *event)
{
	if (event->ts_ns < cpus->told_ns) {
		tell_late(cpus, event);
		return;
	}
	event->order = cpus->n_orders++;
	heap_push(cpus, event);
	if (cpus->n_waiting > PERFETTO_WAITING_MAX)
		tell_oldest(cpus);
}

/* The next, or with step -1 the last, event of the same sk_buff; n_events if there is none. */
static size_t neighbour(const struct journey *journey, size_t of, int step)
{
	size_t at = of;

	for (unsigned int i = 0; i < NEIGHBOURS_MAX; i++) {
		at += (size_t)step; /* below 0 is past all others */
		if (at >= journey->n_events)
			break;
		if (journey->events[at].skb == journey->events[of].skb)
			return at;
	}
	return journey->n_events;
}

static bool has_track(const struct journey *journey, size_t at)
{
	return at < journey->n_events && journey->events[at].cpu < PERFETTO_CPUS_MAX;
}

/* Does an arrow go from one event to another: to another CPU, or to a clone's first? */
static bool linked(const struct journey *journey, size_t from, size_t to)
{
	const struct journey_event *events = journey->events;

	return has_track(journey, from) && has_track(journey, to) &&
	       (events[from].cpu != events[to].cpu || events[from].skb != events[to].skb);
}

static bool is_clone(const struct journey *journey, size_t at)
{
	return at && at < journey->n_events && neighbour(journey, at, -1) == journey->n_events;
}

/* Arrows are numbered by the event that they end at. */
static void link_event(const struct journey *journey, size_t at, u64 first_flow, struct cpu_event *event)
{
	size_t next = neighbour(journey, at, 1), last = is_clone(journey, at) ? at - 1 : neighbour(journey, at, -1);

	if (linked(journey, at, next))
		event->flows[0] = first_flow + next;
	if (is_clone(journey, at + 1) && linked(journey, at, at + 1))
		event->flows[1] = first_flow + at + 1;
	if (linked(journey, last, at))
		event->flow_end = first_flow + at;
}

/*
 * Was the packet put into a CPU's backlog, and seen to come out of it? The event of that, or n_events. Which
 * CPU's backlog it was tells only the CPU that takes it out.
 */
static size_t left_backlog(const struct journey *journey, size_t at)
{
	size_t next = journey->n_events;

	if (has_track(journey, at) && journey->events[at].probe == NT_PROBE_enqueue_to_backlog)
		next = neighbour(journey, at, 1);
	if (!has_track(journey, next) || journey->events[next].probe != NT_PROBE___netif_receive_skb_core)
		return journey->n_events;
	return next;
}

/* Both sides of a stay in the backlog are counted, or neither: what comes before told_ns is not. */
static void put_backlog(struct perfetto_cpus *cpus, u64 told_ns, const struct journey *journey, size_t at,
			struct cpu_event *event)
{
	const struct journey_event *events = journey->events;
	size_t next = left_backlog(journey, at), last = neighbour(journey, at, -1);

	if (next < journey->n_events) {
		event->backlog = 1;
		event->backlog_cpu = events[next].cpu;
		cpus->n_uncounted += events[at].ts_ns < told_ns;
	} else if (has_track(journey, last) && left_backlog(journey, last) == at && events[last].ts_ns >= told_ns) {
		event->backlog = -1;
		event->backlog_cpu = events[at].cpu;
	}
}

void perfetto_cpus_add(struct perfetto_cpus *cpus, const struct journey *journey)
{
	u64 first_flow = cpus->n_flows + 1, told_ns = cpus->told_ns;
	unsigned int stage = NT_STAGE_UNKNOWN;

	for (size_t i = 0; i < journey->n_events; i++) {
		const struct journey_event *from = &journey->events[i];
		struct cpu_event event = {.ts_ns = from->ts_ns, .id = journey->id, .cpu = from->cpu};

		stage = perfetto_stage(journey, from, stage);
		if (from->cpu >= PERFETTO_CPUS_MAX) {
			cpus->n_beyond++;
			continue;
		}
		event.stage = (u8)stage;
		event.context = from->context;
		link_event(journey, i, first_flow, &event);
		put_backlog(cpus, told_ns, journey, i, &event);
		take(cpus, &event);
	}
	cpus->n_flows += journey->n_events;
}

void perfetto_cpus_finish(struct perfetto_cpus *cpus)
{
	while (cpus->n_waiting)
		tell_oldest(cpus);
	for (u32 cpu = 0; cpu < PERFETTO_CPUS_MAX; cpu++)
		close_run(cpus, cpu, NULL);
}
