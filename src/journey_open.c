/* SPDX-License-Identifier: GPL-2.0 */
#include "journey_open.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "annotation.h"
#include "journey_outcome.h"
#include "packet.h"
#include "probe_table.h"

#define CHUNK_BYTES 2048
#define RECYCLED_EVENTS_MAX 128
#define RECYCLED_MEMBERS_MAX 32

/* Notes and their payloads never move, since journey_note points into them. */
struct note_chunk {
	struct note_chunk *next;
	size_t used_bytes;
	_Alignas(8) char bytes[CHUNK_BYTES];
};

struct open_journey *open_journey_new(size_t *bytes)
{
	struct open_journey *open = calloc(1, sizeof(*open));

	if (open)
		*bytes += sizeof(*open);
	return open;
}

static void free_chunks(struct note_chunk *chunk, size_t *bytes)
{
	while (chunk) {
		struct note_chunk *next = chunk->next;

		*bytes -= sizeof(*chunk);
		free(chunk);
		chunk = next;
	}
}

void open_journey_free(struct open_journey *open, size_t *bytes)
{
	struct journey *journey = &open->journey;

	*bytes -= sizeof(*open) + open->events_room * sizeof(*journey->events) +
		  open->members_room * sizeof(*journey->members) +
		  open->flows_room * sizeof(*journey->flows);
	free_chunks(open->notes, bytes);
	free(journey->events);
	free(journey->members);
	free(journey->flows);
	free(open);
}

bool open_journey_recycle(struct open_journey *open)
{
	struct open_journey empty = {
		.journey = {.events = open->journey.events,
			    .members = open->journey.members,
			    .flows = open->journey.flows},
		.events_room = open->events_room,
		.members_room = open->members_room,
		.flows_room = open->flows_room,
		.notes = open->notes,
	};

	if (open->events_room > RECYCLED_EVENTS_MAX || open->members_room > RECYCLED_MEMBERS_MAX ||
	    open->flows_room > RECYCLED_MEMBERS_MAX || (open->notes && open->notes->next))
		return false;
	if (open->notes)
		open->notes->used_bytes = 0;
	*open = empty;
	return true;
}

/* The array with room for one element more, or NULL without memory; then it is as it was. */
static void *grow(void *array, size_t *room, size_t used, size_t size, size_t *bytes)
{
	size_t want = *room ? *room * 2 : 8;

	if (used < *room)
		return array;
	array = realloc(array, want * size);
	if (!array)
		return NULL;
	*bytes += (want - *room) * size;
	*room = want;
	return array;
}

static void *note_alloc(struct open_journey *open, size_t size, size_t *bytes)
{
	struct note_chunk *chunk = open->notes;
	void *at;

	size = (size + 7) & ~(size_t)7;
	if (size > CHUNK_BYTES)
		return NULL;
	if (!chunk || size > CHUNK_BYTES - chunk->used_bytes) {
		chunk = malloc(sizeof(*chunk));
		if (!chunk)
			return NULL;
		*bytes += sizeof(*chunk);
		chunk->next = open->notes;
		chunk->used_bytes = 0;
		open->notes = chunk;
	}
	at = chunk->bytes + chunk->used_bytes;
	chunk->used_bytes += size;
	return at;
}

bool open_journey_is_last(const struct open_journey *open, const struct nt_event *ev)
{
	return open->last_ts_ns == ev->ts_ns && open->last_skb == ev->skb &&
	       open->last_probe == ev->probe && open->journey.n_members;
}

/* An address that ended and shows up again is another sk_buff. */
static struct journey_member *living_member(struct journey *journey, u64 skb)
{
	for (size_t i = journey->n_members; i-- > 0;)
		if (journey->members[i].skb == skb && journey->members[i].alive)
			return &journey->members[i];
	return NULL;
}

/*
 * packet_rcv clones what it is shown and queues the clone, which is next seen
 * when the reader takes it. A clone first seen in the stack is not that one.
 */
static bool takes_tap(const struct open_journey *open, unsigned int stage)
{
	return open->pending_taps && (stage == NT_STAGE_LIFE || stage == NT_STAGE_READER ||
				      stage == NT_STAGE_SOCKET);
}

static struct journey_member *add_member(struct open_journey *open, u64 skb, unsigned int stage,
					 size_t *bytes)
{
	struct journey *journey = &open->journey;
	struct journey_member *members = grow(journey->members, &open->members_room,
					      journey->n_members, sizeof(*members), bytes);
	struct journey_member *member;

	if (!members)
		return NULL;
	journey->members = members;
	member = &members[journey->n_members];
	*member = (struct journey_member){.skb = skb, .alive = true};
	if (journey->n_members && open->pending) {
		open->pending--;
		member->tap = takes_tap(open, stage);
		open->pending_taps -= member->tap;
	}
	journey->n_members++;
	open->alive++;
	return member;
}

/* A row that is not in the table, added with --probe, leaves the packet where it was. */
static void visit(struct open_journey *open, struct journey_member *member,
		  const struct probe_row *row)
{
	if (!row)
		return;
	if (row->stage != NT_STAGE_LIFE) {
		bool reader = row->stage == NT_STAGE_SOCKET || row->stage == NT_STAGE_READER;

		/* A received packet is shown to packet sockets and then goes on into the stack. */
		member->tap = row->stage == NT_STAGE_TAP || (member->tap && reader);
		member->stage = row->stage;
	}
	if (row->flags & NT_P_CLONES) {
		open->pending++;
		open->pending_taps += member->stage == NT_STAGE_TAP;
	}
	if ((row->flags & NT_P_REHEADS) && open->pending)
		open->reheaded = true;
}

/* Keep the event, unless there are too many. Time never runs backwards within a journey. */
static int keep_event(struct open_journey *open, const struct nt_event *ev, u32 cpu, size_t *bytes)
{
	struct journey *journey = &open->journey;
	struct journey_event *events;

	if (!journey->n_events)
		journey->start_ns = ev->ts_ns;
	if (journey->end_ns < ev->ts_ns)
		journey->end_ns = ev->ts_ns;
	open->last_kept = journey->n_events < JOURNEY_EVENTS_MAX;
	if (!open->last_kept) {
		journey->incomplete = true;
		return 0;
	}
	events = grow(journey->events, &open->events_room, journey->n_events, sizeof(*events),
		      bytes);
	if (!events)
		return -ENOMEM;
	journey->events = events;
	events[journey->n_events++] = (struct journey_event){
		.ts_ns = journey->end_ns,
		.skb = ev->skb,
		.cpu = cpu,
		.ifindex = ev->ifindex,
		.netns = ev->netns,
		.probe = ev->probe,
		.context = ev->context < NT_CTX_COUNT ? ev->context : NT_CTX_UNKNOWN,
		.flow = journey->n_flows ? (u32)journey->n_flows - 1 : 0,
	};
	return 0;
}

static int new_event(struct open_journey *open, const struct nt_event *ev, u32 cpu, size_t *bytes)
{
	struct journey *journey = &open->journey;
	const struct probe_row *row = probe_table_row(journey->probes, ev->probe);
	struct journey_member *member = living_member(journey, ev->skb);
	int err;

	if (!member && journey->n_members < JOURNEY_EVENTS_MAX) {
		member = add_member(open, ev->skb, row ? row->stage : NT_STAGE_UNKNOWN, bytes);
		if (!member)
			return -ENOMEM;
	}
	err = keep_event(open, ev, cpu, bytes);
	if (err)
		return err;
	if (member)
		visit(open, member, row);
	open->last_ts_ns = ev->ts_ns;
	open->last_skb = ev->skb;
	open->last_probe = ev->probe;
	return 0;
}

static int keep_snapshot(struct open_journey *open, const struct nt_snapshot *snapshot, size_t *bytes)
{
	struct journey_event *event = &open->journey.events[open->journey.n_events - 1];
	struct nt_snapshot *copy;

	if (event->snapshot)
		return 0;
	copy = note_alloc(open, sizeof(*copy), bytes);
	if (!copy)
		return -ENOMEM;
	*copy = *snapshot;
	event->snapshot = copy;
	return 0;
}

static int attach_flow(struct open_journey *open, const struct nt_event *record, size_t size,
		       size_t *bytes)
{
	const struct nt_snapshot *snapshot = (const struct nt_snapshot *)record;
	struct journey *journey = &open->journey;
	struct nt_flow flow = {0}, *flows;

	if (size < sizeof(*snapshot) || snapshot->captured_bytes > NT_SNAPSHOT_BYTES)
		return -EINVAL;
	packet_parse(snapshot, &flow);
	if (open->keep_snapshots && open->last_kept && keep_snapshot(open, snapshot, bytes))
		return -ENOMEM;
	if (!journey->n_flows || memcmp(&journey->flows[journey->n_flows - 1], &flow, sizeof(flow))) {
		if (journey->n_flows == JOURNEY_EVENTS_MAX) {
			journey->incomplete = true;
			return 0;
		}
		flows = grow(journey->flows, &open->flows_room, journey->n_flows, sizeof(flow),
			     bytes);
		if (!flows)
			return -ENOMEM;
		journey->flows = flows;
		flows[journey->n_flows++] = flow;
	}
	if (open->last_kept)
		journey->events[journey->n_events - 1].flow = (u32)journey->n_flows - 1;
	return 0;
}

/* Whoever prints the payload may take its strings for terminated. */
static void terminate_strings(const struct annotation_type *type, char *payload)
{
	for (size_t i = 0; i < type->n_fields; i++) {
		const struct annotation_field *field = &type->fields[i];

		if (field->kind == ANNOTATION_string)
			payload[field->offset + field->size_bytes - 1] = '\0';
	}
}

/*
 * What happened before the packet had an sk_buff becomes events in front of its first. An
 * origin is told behind that, since records come in order of time.
 */
static int add_origin(struct open_journey *open, const struct nt_anno_ORIGIN *origin, size_t *bytes)
{
	struct journey *journey = &open->journey;
	struct journey_event *events, first = journey->events[0];
	size_t at = open->n_origins;

	if (journey->n_events != at + 1 || at == JOURNEY_ORIGINS_MAX || origin->probe >= NT_PROBE_MAX)
		return -EINVAL;
	events = grow(journey->events, &open->events_room, journey->n_events, sizeof(*events), bytes);
	if (!events)
		return -ENOMEM;
	journey->events = events;
	memmove(&events[at + 1], &events[at], sizeof(*events));
	events[at] = (struct journey_event){
		.ts_ns = origin->ts_ns < events[at + 1].ts_ns ? origin->ts_ns : events[at + 1].ts_ns,
		.skb = first.skb,
		.cpu = first.cpu,
		.netns = first.netns,
		.probe = (u16)origin->probe,
		.context = first.context,
		.flags = at ? 0 : first.flags & NT_F_START,
		.flow = first.flow,
	};
	if (at && events[at].ts_ns < events[at - 1].ts_ns)
		events[at].ts_ns = events[at - 1].ts_ns;
	events[at + 1].flags &= (u8)~NT_F_START;
	journey->start_ns = events[0].ts_ns;
	journey->n_events++;
	open->n_origins++;
	return 0;
}

static struct journey_note *new_note(struct open_journey *open, u16 type, const void *payload, size_t size,
				     size_t *bytes)
{
	struct journey_note *note = note_alloc(open, sizeof(*note) + size, bytes);

	if (!note)
		return NULL;
	memcpy(note + 1, payload, size);
	*note = (struct journey_note){.type = type, .payload = note + 1};
	open->n_notes++;
	return note;
}

/* The functions before the first event were called by the same process. */
static int add_task_to_origins(struct open_journey *open, const struct nt_anno_TASK *task, size_t *bytes)
{
	struct journey_event *events = open->journey.events;

	for (size_t i = 0; i < open->n_origins && open->journey.n_events == open->n_origins + 1; i++) {
		events[i].notes = new_note(open, NT_ANNO_TASK, task, sizeof(*task), bytes);
		if (!events[i].notes)
			return -ENOMEM;
	}
	return 0;
}

/* What a note says of the journey, beyond its event. */
static int take_note(struct open_journey *open, const struct journey_note *note, size_t *bytes)
{
	struct journey *journey = &open->journey;
	const struct nt_anno_PARENT *parent = note->payload;
	const struct nt_anno_MERGE *merge = note->payload;
	struct journey_member *member;

	switch (note->type) {
	case NT_ANNO_ORIGIN:
		return add_origin(open, note->payload, bytes);
	case NT_ANNO_TASK:
		return add_task_to_origins(open, note->payload, bytes);
	case NT_ANNO_PARENT:
		journey->part_of = (struct journey_link){.id = parent->id, .skb = parent->skb};
		return 0;
	case NT_ANNO_MERGE:
		member = living_member(journey, journey->events[journey->n_events - 1].skb);
		if (member)
			member->merging = (struct journey_link){.id = merge->id, .skb = merge->skb};
		return 0;
	default:
		return 0;
	}
}

static int attach_note(struct open_journey *open, const struct nt_event *record, size_t size,
		       size_t *bytes)
{
	const struct nt_annotation *annotation = (const struct nt_annotation *)record;
	const struct annotation_type *type;
	struct journey_note *note, **tail;
	int err;

	if (size < sizeof(*annotation))
		return -EINVAL;
	type = annotation_type(annotation->type);
	if (!type || annotation->size_bytes != type->size_bytes ||
	    size < sizeof(*annotation) + type->size_bytes)
		return -EINVAL;
	if (!open->last_kept || open->n_notes == JOURNEY_EVENTS_MAX) {
		open->journey.incomplete = true;
		return 0;
	}
	note = new_note(open, annotation->type, annotation + 1, type->size_bytes, bytes);
	if (!note)
		return -ENOMEM;
	terminate_strings(type, (char *)(note + 1));
	err = take_note(open, note, bytes);
	if (err)
		return err;
	for (tail = &open->journey.events[open->journey.n_events - 1].notes; *tail;)
		tail = &(*tail)->next;
	*tail = note;
	return 0;
}

static const struct nt_anno_DROP *last_drop(const struct open_journey *open)
{
	const struct journey_note *note = NULL;

	if (open->last_kept)
		note = open->journey.events[open->journey.n_events - 1].notes;
	while (note && note->type != NT_ANNO_DROP)
		note = note->next;
	return note ? note->payload : NULL;
}

/*
 * Two CPUs that free two clones count the holders before they read the clock, so
 * their ends may come in the other order. That none was left is final.
 */
static void note_holders(struct open_journey *open, const struct nt_event *ev)
{
	if (!(ev->kind & NT_F_SHARED))
		open->unshared = true;
	open->shared = !open->unshared;
}

/* Of several drops the last counts: until then another member could still arrive. */
static void end_member(struct open_journey *open, const struct nt_event *ev)
{
	struct journey_member *member = living_member(&open->journey, ev->skb);

	if (!member)
		return;
	member->alive = false;
	member->outcome = member_outcome(&open->journey, member, ev);
	if (member->outcome == OUTCOME_MERGED)
		open->journey.merged_into = member->merging;
	open->alive--;
	note_holders(open, ev);
	if (member->outcome == OUTCOME_DROPPED)
		open->drops[member_is_onlooker(&open->journey, member)] = last_drop(open);
}

int open_journey_add(struct open_journey *open, const struct nt_event *record, size_t size, u32 cpu,
		     size_t *bytes)
{
	struct journey *journey = &open->journey;
	u8 flags = record->kind & (u8)~NT_KIND_MASK;
	int err = 0;

	if (!open_journey_is_last(open, record))
		err = new_event(open, record, cpu, bytes);
	if (err)
		return err;
	if (nt_event_kind(record) == NT_SNAPSHOT)
		err = attach_flow(open, record, size, bytes);
	else if (nt_event_kind(record) == NT_ANNOTATION)
		err = attach_note(open, record, size, bytes);
	if (open->last_kept)
		journey->events[journey->n_events - 1].flags |= flags;
	if (flags & NT_F_LOST)
		journey->incomplete = true;
	if (flags & NT_F_END)
		end_member(open, record);
	return err;
}

void open_journey_end(struct open_journey *open, const struct nt_end *end)
{
	static const enum outcome outcomes[] = {
		[NT_END_REUSED] = OUTCOME_INCOMPLETE,
		[NT_END_EVICTED] = OUTCOME_EVICTED,
		[NT_END_MERGED] = OUTCOME_MERGED,
	};
	struct journey *journey = &open->journey;
	struct journey_member *member;

	for (size_t i = 0; i < journey->n_members; i++) {
		member = &journey->members[i];
		if (!member->alive || (end->ev.skb && end->ev.skb != member->skb))
			continue;
		member->alive = false;
		member->outcome = outcomes[end->how];
		open->alive--;
		note_holders(open, &end->ev);
	}
	if (!end->ev.skb) {
		open->shared = false;
		open->unshared = true;
		open->pending = 0;
	}
	if (end->how == NT_END_MERGED)
		journey->merged_into.id = end->into;
	if (end->how != NT_END_MERGED || (end->ev.kind & NT_F_LOST))
		journey->incomplete = true;
}

/*
 * The kernel counts the holders of a head, so when the last known skb goes and
 * no holder is left the journey is over, even if skb_clone announced a clone: it
 * failed. But if the head was replaced in between, a pending clone holds the old
 * one, of which that count says nothing.
 */
bool open_journey_is_over(const struct open_journey *open)
{
	return !open->alive && !open->shared && (!open->reheaded || !open->pending);
}
