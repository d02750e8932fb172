/* SPDX-License-Identifier: GPL-2.0 */
#include "journey.h"

#include <errno.h>
#include <stdlib.h>

#include "journey_open.h"
#include "journey_outcome.h"
#include "packet.h"
#include "probes.h"
#include "segments.h"

#define BUCKETS 65536
#define OPEN_MAX 65536
#define SPARE_MAX 256

/* A hostile recording could make every open journey a long one. */
#define MEMORY_MAX_BYTES ((size_t)512 << 20)

struct journey_set {
	const struct probe_table *probes;
	const struct dict *dict;
	journey_done_fn done;
	journey_event_fn event; /* may be NULL */
	void *user;
	bool keep_snapshots;
	struct segments *segments;
	struct open_journey *fresh; /* its last event is to be handed on; one for all keeps the order of time */
	size_t n_open;
	size_t n_spare;
	size_t bytes; /* of all journeys, spare ones included */
	struct open_journey *oldest;
	struct open_journey *newest;
	struct open_journey *spare; /* empty ones, linked by `chain` */
	struct open_journey *buckets[BUCKETS];
};

struct journey_set *journey_set_new(const struct probe_table *probes, const struct dict *dict, journey_done_fn done,
				    void *user)
{
	struct journey_set *set = calloc(1, sizeof(*set));

	if (!set)
		return NULL;
	set->segments = segments_new();
	if (!set->segments) {
		free(set);
		return NULL;
	}
	set->probes = probes;
	set->dict = dict;
	set->done = done;
	set->user = user;
	return set;
}

void journey_set_keep_snapshots(struct journey_set *set)
{
	set->keep_snapshots = true;
}

void journey_set_on_event(struct journey_set *set, journey_event_fn event)
{
	set->event = event;
}

void journey_set_free(struct journey_set *set)
{
	struct open_journey *open;

	if (!set)
		return;
	while ((open = set->oldest)) {
		set->oldest = open->newer;
		open_journey_free(open, &set->bytes);
	}
	while ((open = set->spare)) {
		set->spare = open->chain;
		open_journey_free(open, &set->bytes);
	}
	segments_free(set->segments);
	free(set);
}

/* Ids are consecutive numbers with the CPU in their low bits: spread both. */
static struct open_journey **bucket(struct journey_set *set, u32 id)
{
	return &set->buckets[(id * 0x9e3779b1u) >> 16];
}

static struct open_journey *find(struct journey_set *set, u32 id)
{
	struct open_journey *open = *bucket(set, id);

	while (open && open->journey.id != id)
		open = open->chain;
	return open;
}

static void link_newest(struct journey_set *set, struct open_journey *open)
{
	struct open_journey **head = bucket(set, open->journey.id);

	open->chain = *head;
	*head = open;
	open->older = set->newest;
	open->newer = NULL;
	if (set->newest)
		set->newest->newer = open;
	else
		set->oldest = open;
	set->newest = open;
	set->n_open++;
}

static void unlink_open(struct journey_set *set, struct open_journey *open)
{
	struct open_journey **at = bucket(set, open->journey.id);

	while (*at != open)
		at = &(*at)->chain;
	*at = open->chain;
	if (open->older)
		open->older->newer = open->newer;
	else
		set->oldest = open->newer;
	if (open->newer)
		open->newer->older = open->older;
	else
		set->newest = open->older;
	set->n_open--;
}

static void put_back(struct journey_set *set, struct open_journey *open)
{
	if (set->n_spare == SPARE_MAX || !open_journey_recycle(open)) {
		open_journey_free(open, &set->bytes);
		return;
	}
	open->chain = set->spare;
	set->spare = open;
	set->n_spare++;
}

int journey_set_flush(struct journey_set *set)
{
	struct nt_flow none = {0};
	struct journey journey;

	if (!set->fresh)
		return 0;
	journey = set->fresh->journey;
	set->fresh = NULL;
	if (!journey.n_flows) {
		journey.flows = &none;
		journey.n_flows = 1;
	}
	return set->event(set->user, &journey, &journey.events[journey.n_events - 1]);
}

/* While the other is still under way it can be asked when it began. */
static void date_link(struct journey_set *set, struct journey_link *link)
{
	const struct open_journey *other = link->id && !link->ts_ns ? find(set, link->id) : NULL;

	if (!other || !other->journey.n_events)
		return;
	link->ts_ns = other->journey.start_ns;
	if (!link->skb)
		link->skb = other->journey.events[0].skb;
}

/*
 * Every journey has a flow to point at: all zero if no snapshot came. One without
 * an event is what is left when memory ran out on its first, and nobody's business.
 */
static int hand_on(struct journey_set *set, struct open_journey *open)
{
	struct journey *journey = &open->journey;
	struct nt_flow *flows = journey->flows, none = {0};
	int ret = set->fresh == open ? journey_set_flush(set) : 0;

	if (ret)
		return ret;
	unlink_open(set, open);
	if (open_journey_is_over(open)) {
		date_link(set, &journey->merged_into);
		journey_settle(journey, open->drops);
	} else {
		journey->incomplete = true;
		journey->merged_into = (struct journey_link){0}; /* one clone was, and of others it is not known */
	}
	if (!journey->n_flows) {
		journey->flows = &none;
		journey->n_flows = 1;
	}
	ret = journey->n_events ? set->done(set->user, journey) : 0;
	journey->flows = flows;
	put_back(set, open);
	return ret;
}

static struct open_journey *take_spare(struct journey_set *set)
{
	struct open_journey *open = set->spare;

	if (!open)
		return open_journey_new(&set->bytes);
	set->spare = open->chain;
	set->n_spare--;
	return open;
}

/* A journey whose first record is not its start was handed on before, or lost its start. */
static int begin(struct journey_set *set, const struct nt_event *ev, struct open_journey **ret_open)
{
	struct open_journey *open;
	int ret = set->n_open >= OPEN_MAX ? hand_on(set, set->oldest) : 0;

	if (ret)
		return ret;
	open = take_spare(set);
	if (!open)
		return -ENOMEM;
	open->journey.probes = set->probes;
	open->journey.dict = set->dict;
	open->journey.id = ev->skb_id;
	open->keep_snapshots = set->keep_snapshots;
	open->journey.incomplete = !(ev->kind & NT_F_START);
	link_newest(set, open);
	*ret_open = open;
	return 0;
}

/* Does it repeat what was sent before? Not if it was cut out of that. */
static void find_earlier(struct journey_set *set, struct open_journey *open)
{
	struct journey *journey = &open->journey;
	struct journey_link self = {.id = journey->id, .skb = journey->events[0].skb, .ts_ns = journey->start_ns};

	journey->retransmit_of = (struct journey_link){0};
	segments_find(set->segments, &journey->flows[0], &self, journey->part_of.id, &journey->retransmit_of);
}

/* What the records that begin a journey say of other journeys. */
static void relate(struct journey_set *set, struct open_journey *open, const struct nt_event *ev)
{
	struct journey *journey = &open->journey;
	struct journey_link self = {.id = journey->id, .skb = ev->skb, .ts_ns = ev->ts_ns};

	date_link(set, &journey->part_of);
	if (journey->n_flows != 1)
		return;
	if (ev->kind & NT_F_START)
		segments_note(set->segments, &journey->flows[0], &self);
	if ((ev->kind & NT_F_START) || (journey->part_of.id && journey->part_of.id == journey->retransmit_of.id))
		find_earlier(set, open);
}

/* Hand on the event that came last unless this record is about it. */
static int flush_before(struct journey_set *set, const struct nt_event *ev)
{
	const struct open_journey *fresh = set->fresh;

	if (fresh && fresh->journey.id == ev->skb_id && open_journey_is_last(fresh, ev))
		return 0;
	return journey_set_flush(set);
}

static int add_to(struct journey_set *set, struct open_journey *open, const struct nt_event *ev, size_t size,
		  u32 cpu)
{
	size_t n_events = open->journey.n_events;
	int err = open_journey_add(open, ev, size, cpu, &set->bytes);

	if (set->event && open->journey.n_events > n_events)
		set->fresh = open;
	return err;
}

static int take_event(struct journey_set *set, const struct nt_event *ev, size_t size, u32 cpu)
{
	struct open_journey *open;
	int err, ret = flush_before(set, ev);

	while (!ret && set->bytes > MEMORY_MAX_BYTES && set->oldest)
		ret = hand_on(set, set->oldest);
	open = find(set, ev->skb_id);
	/* Ids wrap around: the one that had this id before has long lost its end. */
	if (!ret && open && (ev->kind & NT_F_START) && !open_journey_is_last(open, ev)) {
		ret = hand_on(set, open);
		open = NULL;
	}
	if (!ret && !open)
		ret = begin(set, ev, &open);
	if (ret)
		return ret;
	err = add_to(set, open, ev, size, cpu);
	relate(set, open, ev);
	if (open_journey_is_over(open))
		ret = hand_on(set, open);
	return ret ? ret : err;
}

static int take_end(struct journey_set *set, const struct nt_event *ev, size_t size)
{
	const struct nt_end *end = (const struct nt_end *)ev;
	struct open_journey *open;

	if (size < sizeof(*end) || end->how > NT_END_MERGED)
		return -EINVAL;
	open = find(set, ev->skb_id);
	if (!open)
		return 0;
	open_journey_end(open, end);
	return open_journey_is_over(open) ? hand_on(set, open) : 0;
}

int journey_set_add(struct journey_set *set, const struct nt_event *record, size_t size, u32 cpu)
{
	if (size < sizeof(*record))
		return -EINVAL;
	switch (nt_event_kind(record)) {
	case NT_EVENT:
	case NT_SNAPSHOT:
	case NT_ANNOTATION:
		if (!record->skb_id || record->probe >= NT_PROBE_MAX)
			return -EINVAL;
		return take_event(set, record, size, cpu);
	case NT_END:
		return take_end(set, record, size);
	case NT_BLOCKED:
	case NT_SILENT:
	case NT_LOSS:
		return 0;
	default:
		return -EINVAL;
	}
}

int journey_set_expire(struct journey_set *set, u64 before_ns)
{
	const struct nt_end end = {.ev = {.ts_ns = before_ns, .kind = NT_END}, .how = NT_END_EVICTED};
	struct open_journey *open, *newer;
	int ret = 0;

	for (open = set->oldest; open && !ret; open = newer) {
		newer = open->newer;
		if (open->last_ts_ns >= before_ns)
			continue;
		open_journey_end(open, &end);
		ret = hand_on(set, open);
	}
	return ret;
}

int journey_set_finish(struct journey_set *set)
{
	int ret = journey_set_flush(set);

	while (!ret && set->oldest)
		ret = hand_on(set, set->oldest);
	return ret;
}

size_t journey_set_open(const struct journey_set *set)
{
	return set->n_open;
}
