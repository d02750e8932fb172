/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A trace for Perfetto: a track for each journey, with its stages as nested slices and its events as
 * instants, and those of CPUs (perfetto_cpus.h).
 */
#include <stdio.h>

#include "annotation.h"
#include "cause.h"
#include "packet.h"
#include "perfetto_cpus.h"
#include "perfetto_trace.h"
#include "probe_table.h"
#include "render.h"
#include "wait.h"

#define TRACE_TRACK 3u
#define JOURNEY_GROUP 1u
#define JOURNEY_TRACK (1ull << 32)
#define INCIDENT_GROUP 4u
#define BLOCKED_GROUP 5u
#define INCIDENT_TRACK (1ull << 40)
#define WAIT_TRACK (1ull << 41)
#define BLOCKED_TRACK (1ull << 42)

#define PACKET_TEXT_BYTES 256
#define NAME_BYTES 384
#define NOTE_TEXT_BYTES 4096
#define STACK_NOTES 10

struct perfetto {
	struct perfetto_cpus cpus;
	u64 n_journeys, n_waits, n_blocked;
	u64 last_ns; /* of all that was told */
};

static void tell_facts(struct out *out, const struct trace_facts *facts)
{
	struct perfetto_notes notes;
	struct perfetto_event event = {.ts_ns = facts->start_ns,
				       .track = TRACE_TRACK,
				       .name = "trace begins",
				       .category = "trace",
				       .notes = &notes};

	perfetto_notes_init(&notes);
	perfetto_note_foreign(&notes, "version", facts->version);
	perfetto_note_foreign(&notes, "kernel", facts->kernel);
	perfetto_note_foreign(&notes, "host", facts->host);
	perfetto_note_foreign(&notes, "machine", facts->machine);
	perfetto_note_foreign(&notes, "backend", facts->backend);
	perfetto_note_foreign(&notes, "filter", facts->filter);
	perfetto_instant(out, &event);
}

static void begin(struct render *render, const struct trace_facts *facts)
{
	static const struct perfetto_track tracks[] = {
		{.uuid = TRACE_TRACK, .name = "nettrace", .kind = PERFETTO_SLICES, .rank = 0},
		{.uuid = PERFETTO_CPU_GROUP, .name = "CPUs", .kind = PERFETTO_GROUP_BY_RANK, .rank = 1},
		{.uuid = INCIDENT_GROUP, .name = "incidents", .kind = PERFETTO_GROUP_BY_TIME, .rank = 3},
		{.uuid = BLOCKED_GROUP, .name = "blocked CPUs", .kind = PERFETTO_GROUP_BY_TIME, .rank = 4},
		{.uuid = JOURNEY_GROUP, .name = "journeys", .kind = PERFETTO_GROUP_BY_TIME, .rank = 2},
	};
	struct perfetto *perfetto = render->state;

	perfetto->cpus.out = render->out;
	perfetto->last_ns = facts ? facts->start_ns : 0;
	perfetto_trace_begin(render->out, perfetto->last_ns, render->env.clock_offset_ns);
	for (size_t i = 0; i < sizeof(tracks) / sizeof(tracks[0]); i++)
		perfetto_trace_track(render->out, &tracks[i]);
	if (facts)
		tell_facts(render->out, facts);
}

static void note_link(struct perfetto_notes *notes, const char *name, const struct journey_link *link)
{
	if (link->id)
		perfetto_note_number(notes, name, link->id);
}

static void note_drop(struct perfetto_notes *notes, const struct render *render, const struct nt_anno_DROP *drop)
{
	const struct annotation_type *type = annotation_type(NT_ANNO_DROP);
	char reason[NOTE_TEXT_BYTES];

	if (!drop)
		return;
	annotation_field_text(type, annotation_field(type, "reason"), drop, render->env.dict, reason,
			      sizeof(reason));
	perfetto_note_string(notes, "drop reason", reason);
}

static void note_delays(struct perfetto_notes *notes, const struct journey *journey)
{
	char text[DELAY_TEXT_BYTES];

	if (journey->before.incident)
		perfetto_note_number(notes, "incident", journey->before.incident);
	for (size_t i = 0; i < journey->n_delays; i++) {
		delay_text(journey, &journey->delays[i], text, sizeof(text));
		perfetto_note_string(notes, "waited", text);
	}
}

static void note_journey(struct perfetto_notes *notes, const struct render *render, const struct journey *journey)
{
	perfetto_notes_init(notes);
	perfetto_note_number(notes, "journey", journey->id);
	perfetto_note_string(notes, "outcome", outcome_name(journey->outcome));
	if (journey->incomplete)
		perfetto_note_string(notes, "incomplete", "its end was not seen, or records of it were lost");
	note_drop(notes, render, journey->drop);
	note_link(notes, "merged into journey", &journey->merged_into);
	note_link(notes, "part of journey", &journey->part_of);
	note_link(notes, "retransmission of journey", &journey->retransmit_of);
	note_delays(notes, journey);
	perfetto_note_number(notes, "sk_buffs", journey->n_members);
	perfetto_note_number(notes, "events", journey->n_events);
}

static void note_place(struct perfetto_notes *notes, const struct render *render, const struct journey_event *event)
{
	const char *context = context_name(event->context), *ifname = NULL, *netns = NULL;

	perfetto_note_number(notes, "cpu", event->cpu);
	if (context)
		perfetto_note_string(notes, "context", context);
	if (event->ifindex && render->env.dict)
		ifname = dict_get(render->env.dict, DICT_IFNAME, dict_ifname_key(event->netns, event->ifindex));
	if (ifname)
		perfetto_note_foreign(notes, "interface", ifname);
	else if (event->ifindex)
		perfetto_note_number(notes, "ifindex", event->ifindex);
	if (event->netns)
		perfetto_note_number(notes, "netns", event->netns);
	if (event->netns && render->env.dict)
		netns = dict_get(render->env.dict, DICT_NETNS, event->netns);
	if (netns)
		perfetto_note_foreign(notes, "netns name", netns);
	perfetto_note_address(notes, "skb", event->skb);
}

static void note_notes(struct perfetto_notes *notes, const struct render *render, const struct journey_event *event)
{
	char words[NOTE_TEXT_BYTES];

	for (const struct journey_note *note = event->notes; note; note = note->next) {
		if (note->type == NT_ANNO_TASK && event->context != NT_CTX_TASK)
			continue; /* it happened to be there */
		annotation_text(note, render->env.dict, words, sizeof(words));
		if (*words)
			perfetto_note_string(notes, annotation_type(note->type)->name, words);
	}
}

static void tell_event(struct render *render, const struct journey *journey, size_t at, u64 track)
{
	const struct journey_event *event = &journey->events[at];
	const struct probe_row *row = probe_table_row(journey->probes, event->probe);
	char name[NAME_BYTES], packet[PACKET_TEXT_BYTES];
	struct perfetto_notes notes;
	struct perfetto_event instant = {.ts_ns = event->ts_ns,
					 .track = track,
					 .name = name,
					 .category = "event",
					 .notes = &notes};

	if (row)
		annotation_plain_text(row->name, name, sizeof(name));
	else
		snprintf(name, sizeof(name), "probe %u", event->probe);
	perfetto_notes_init(&notes);
	note_place(&notes, render, event);
	if (at && event->flow != journey->events[at - 1].flow) {
		packet_text(&journey->flows[event->flow], packet, sizeof(packet));
		perfetto_note_string(&notes, "packet", packet);
	}
	if (row && row->note)
		perfetto_note_foreign(&notes, "note", row->note);
	note_notes(&notes, render, event);
	perfetto_instant(render->out, &instant);
}

static void begin_stage(struct render *render, u64 ts_ns, unsigned int stage, u64 track)
{
	struct perfetto_event event = {
		.ts_ns = ts_ns, .track = track, .name = stage_name(stage), .category = "stage"
	};

	perfetto_slice_begin(render->out, &event);
}

/* A packet is in a stage until it is seen in another: waiting counts for where it waits. */
static void tell_stages(struct render *render, const struct journey *journey, u64 track)
{
	unsigned int stage = NT_STAGE_UNKNOWN;

	for (size_t i = 0; i < journey->n_events; i++) {
		const struct journey_event *event = &journey->events[i];
		unsigned int last = stage;

		stage = perfetto_stage(journey, event, stage);
		if (i && stage != last)
			perfetto_slice_end(render->out, event->ts_ns, track);
		if (!i || stage != last)
			begin_stage(render, event->ts_ns, stage, track);
		tell_event(render, journey, i, track);
	}
	if (journey->n_events)
		perfetto_slice_end(render->out, journey->end_ns, track);
}

/* The time before the packet existed, as it waited for its CPU: at the most, where no more is known. */
static void tell_before(struct render *render, const struct journey *journey, u64 track)
{
	char cause[WAIT_TEXT_BYTES], name[sizeof("before the stack, at most: ") + WAIT_TEXT_BYTES];
	u64 delay_ns = journey->before.delay_ns;
	struct perfetto_event event = {.track = track, .name = name, .category = "delay"};

	if (!journey->before.blocked || delay_ns > journey->start_ns)
		return;
	wait_text(journey, &journey->before, cause, sizeof(cause));
	snprintf(name, sizeof(name), "%s%s", journey->before.upper ? "before the stack, at most: " : "before the stack: ", cause);
	event.ts_ns = journey->start_ns - delay_ns;
	perfetto_slice_begin(render->out, &event);
	perfetto_slice_end(render->out, journey->start_ns, track);
}

/* A track for each below the packet's: those of its clones lie across each other. */
static void tell_waits(struct render *render, const struct journey *journey, u64 parent)
{
	struct perfetto *perfetto = render->state;
	char cause[WAIT_TEXT_BYTES];
	struct perfetto_track track = {.parent = parent, .name = "waited", .kind = PERFETTO_SLICES};
	struct perfetto_event event = {.name = cause, .category = "delay"};

	for (size_t i = 0; i < journey->n_delays; i++) {
		const struct journey_delay *delay = &journey->delays[i];

		wait_text(journey, delay, cause, sizeof(cause));
		track.uuid = event.track = WAIT_TRACK + perfetto->n_waits++;
		event.ts_ns = journey->events[delay->from].ts_ns;
		perfetto_trace_track(render->out, &track);
		perfetto_slice_begin(render->out, &event);
		perfetto_slice_end(render->out, journey->events[delay->event].ts_ns, track.uuid);
	}
}

static void tell_journey(struct render *render, const struct journey *journey)
{
	struct perfetto *perfetto = render->state;
	char packet[PACKET_TEXT_BYTES], name[NAME_BYTES];
	struct perfetto_notes notes;
	struct perfetto_track track = {.uuid = JOURNEY_TRACK + perfetto->n_journeys++,
				       .parent = JOURNEY_GROUP,
				       .name = name,
				       .kind = PERFETTO_SLICES};
	struct perfetto_event whole = {.ts_ns = journey->start_ns,
				       .track = track.uuid,
				       .name = name,
				       .category = "journey",
				       .notes = &notes};

	packet_text(&journey->flows[0], packet, sizeof(packet));
	snprintf(name, sizeof(name), "%u %s, %s", journey->id, packet, outcome_name(journey->outcome));
	perfetto_trace_track(render->out, &track);
	note_journey(&notes, render, journey);
	tell_before(render, journey, track.uuid);
	perfetto_slice_begin(render->out, &whole);
	tell_stages(render, journey, track.uuid);
	perfetto_slice_end(render->out, journey->end_ns, track.uuid);
	tell_waits(render, journey, track.uuid);
	if (journey->end_ns > perfetto->last_ns)
		perfetto->last_ns = journey->end_ns;
	perfetto_cpus_add(&perfetto->cpus, journey);
}

static void note_incident(struct perfetto_notes *notes, const struct render *render, const struct incident *incident)
{
	const struct nt_blocked *blocked = incident->blocked;
	char symbol[NAME_BYTES];
	const char *known;
	const u64 *frames;
	size_t n;

	perfetto_notes_init(notes);
	perfetto_note_number(notes, "cpu", blocked->cpu);
	perfetto_note_number(notes, "at least, ns", blocked_least_ns(blocked));
	perfetto_note_number(notes, "at most, ns", blocked_most_ns(blocked));
	perfetto_note_number(notes, "packets held", incident->packets);
	perfetto_note_number(notes, incident->upper ? "longest delay, ns, at most" : "longest delay, ns", incident->longest_ns);
	frames = cause_frames(blocked, render->env.dict, &n);
	for (size_t i = 0; i < n && i < STACK_NOTES; i++) {
		known = render->env.dict ? dict_get(render->env.dict, DICT_SYMBOL, frames[i]) : NULL;
		annotation_plain_text(known ? known : "?", symbol, sizeof(symbol));
		perfetto_note_string(notes, i ? "called by" : "stack", symbol);
	}
}

/* A track for each: they need not lie within each other, as slices of one track must. */
static void tell_incident(struct render *render, const struct incident *incident)
{
	const struct nt_blocked *blocked = incident->blocked;
	struct perfetto *perfetto = render->state;
	char name[32], cause[CAUSE_TEXT_BYTES];
	struct perfetto_notes notes;
	struct perfetto_track track = {.uuid = INCIDENT_TRACK + incident->id, .parent = INCIDENT_GROUP, .name = name, .kind = PERFETTO_SLICES};
	struct perfetto_event slice = {
		.ts_ns = blocked->start_hi_ns, .track = track.uuid, .name = cause, .category = "incident", .notes = &notes};

	snprintf(name, sizeof(name), "%u cpu %u", incident->id, blocked->cpu);
	cause_text(blocked, render->env.dict, cause, sizeof(cause));
	perfetto_trace_track(render->out, &track);
	note_incident(&notes, render, incident);
	perfetto_slice_begin(render->out, &slice);
	perfetto_slice_end(render->out, blocked->end_ns, track.uuid);
	if (blocked->end_ns > perfetto->last_ns)
		perfetto->last_ns = blocked->end_ns;
}

/* A time in which a CPU did not come to packets, as far as that is certain, whether or not it held packets. */
static void tell_blocked(struct render *render, const struct nt_blocked *blocked)
{
	struct perfetto *perfetto = render->state;
	char name[32], cause[CAUSE_TEXT_BYTES];
	struct perfetto_track track = {.uuid = BLOCKED_TRACK + perfetto->n_blocked++,
				       .parent = BLOCKED_GROUP,
				       .name = name,
				       .kind = PERFETTO_SLICES};
	struct perfetto_event slice = {
		.ts_ns = blocked->start_hi_ns, .track = track.uuid, .name = cause, .category = "blocked"
	};

	snprintf(name, sizeof(name), "CPU %u", blocked->cpu);
	cause_text(blocked, render->env.dict, cause, sizeof(cause));
	perfetto_trace_track(render->out, &track);
	perfetto_slice_begin(render->out, &slice);
	perfetto_slice_end(render->out, blocked->end_ns, track.uuid);
	if (blocked->end_ns > perfetto->last_ns)
		perfetto->last_ns = blocked->end_ns;
}

static void note_totals(struct perfetto_notes *notes, const struct trace_totals *totals)
{
	perfetto_note_number(notes, "journeys", totals->journeys);
	perfetto_note_number(notes, "incomplete", totals->incomplete);
	perfetto_note_number(notes, "events", totals->events);
	perfetto_note_number(notes, "malformed records", totals->malformed);
	perfetto_note_number(notes, "lost, ring", totals->lost_ring);
	perfetto_note_number(notes, "lost, map", totals->lost_map);
	perfetto_note_number(notes, "lost, id", totals->lost_id);
	if (totals->recursion_known)
		perfetto_note_number(notes, "lost, recursion", totals->recursion);
	else
		perfetto_note_string(notes, "lost, recursion", "unknown");
}

static void end(struct render *render, const struct trace_totals *totals)
{
	struct perfetto *perfetto = render->state;
	struct perfetto_notes notes;
	struct perfetto_event event = {.ts_ns = perfetto->last_ns,
				       .track = TRACE_TRACK,
				       .name = "trace ends",
				       .category = "trace",
				       .notes = &notes};

	perfetto_cpus_finish(&perfetto->cpus);
	perfetto_notes_init(&notes);
	note_totals(&notes, totals);
	perfetto_note_number(&notes, "events alone on their CPU's track", perfetto->cpus.n_late);
	perfetto_note_number(&notes, "packets not counted in a backlog", perfetto->cpus.n_uncounted);
	perfetto_note_number(&notes, "events on CPUs without a track", perfetto->cpus.n_beyond);
	perfetto_instant(render->out, &event);
}

const struct render_format render_perfetto = {
	.name = "perfetto",
	.ending = ".perfetto-trace",
	.binary = true,
	.state_bytes = sizeof(struct perfetto),
	.begin = begin,
	.journey = tell_journey,
	.incident = tell_incident,
	.blocked = tell_blocked,
	.end = end,
};
