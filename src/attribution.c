/* SPDX-License-Identifier: GPL-2.0 */
#include "attribution.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "annotations.h"
#include "cause.h"
#include "cpu_abi.h"
#include "departure.h"
#include "transit.h"
#include "wait.h"

/* A packet may be under way for long after what delayed it; of so many blockages the last are remembered. */
#define BLOCKAGES 512

/* After its end, before an incident is told: the packets that it held are read by then. */
#define INCIDENT_WAIT_NS 500000000ull

#define DELAYS_MAX 16

struct blockage {
	struct nt_blocked blocked; /* first: journey_delay.blocked points to it */
	struct incident incident; /* id 0: none */
	bool settled; /* told to those who want all blockages */
	bool told;    /* and as an incident */
};

struct attribution {
	const struct dict *dict;
	struct transit *transit;
	struct departures *departures;
	u64 incident_min_ns;
	bool of_slow; /* there are no fast packets to compare with */
	incident_fn on_incident;
	blockage_fn on_blockage; /* NULL: nobody wants them all */
	void *user;
	u32 n_incidents;
	u64 settle_ns; /* before then there is nothing to tell */
	size_t n, next;	     /* blockages, and where the next one goes */
	struct blockage blockages[BLOCKAGES];
	struct journey_delay delays[DELAYS_MAX];
};

struct attribution *attribution_new(const struct dict *dict, u64 incident_min_ns, incident_fn on_incident, void *user)
{
	struct attribution *attribution = calloc(1, sizeof(*attribution));

	if (!attribution)
		return NULL;
	attribution->transit = transit_new();
	attribution->departures = departures_new();
	if (!attribution->transit || !attribution->departures) {
		attribution_free(attribution);
		return NULL;
	}
	attribution->dict = dict;
	attribution->incident_min_ns = incident_min_ns ? incident_min_ns : NT_INCIDENT_MIN_NS;
	attribution->on_incident = on_incident;
	attribution->user = user;
	return attribution;
}

void attribution_free(struct attribution *attribution)
{
	if (!attribution)
		return;
	transit_free(attribution->transit);
	departures_free(attribution->departures);
	free(attribution);
}

static u64 least_of(u64 a, u64 b)
{
	return a < b ? a : b;
}

static u64 later(u64 a, u64 b)
{
	return a > b ? a : b;
}

void attribution_on_blockage(struct attribution *attribution, blockage_fn on_blockage)
{
	attribution->on_blockage = on_blockage;
}

void attribution_of_slow(struct attribution *attribution)
{
	attribution->of_slow = true;
}

/* 1: the last one; they are in the order of their ends. */
static struct blockage *blockage_back(struct attribution *attribution, size_t back)
{
	return &attribution->blockages[(attribution->next + BLOCKAGES - back) % BLOCKAGES];
}

static int tell_over(struct attribution *attribution, struct blockage *blockage)
{
	if (!blockage->settled && blockage->blocked.end_ns && attribution->on_blockage)
		attribution->on_blockage(attribution->user, &blockage->blocked);
	blockage->settled = true;
	if (!blockage->incident.id || blockage->told)
		return 0;
	blockage->told = true;
	return attribution->on_incident(attribution->user, &blockage->incident, true);
}

/*
 * A host stops all virtual CPUs at once, but lets each go on when a processor is free for it, which is some ms later if it
 * has other work: the longer they stood still, the less that matters.
 */
#define PAUSE_SLACK_NS 2000000ull
#define PAUSE_SLACK_PART 16
#define PAUSE_MIN_NS 5000000ull

/* A machine may stand still whatever its CPUs are at, which then takes as long; but NET_RX does not tell of such times. */
static bool may_be_pause(const struct nt_blocked *blocked)
{
	return blocked->cause != NT_CAUSE_NAPI_BUDGET && blocked->end_ns - blocked->start_hi_ns >= PAUSE_MIN_NS;
}

/* Interrupts were late, and nothing kept them away. */
static bool is_innocent(const struct nt_blocked *blocked)
{
	return blocked->cause == NT_CAUSE_HOST_PAUSE || (blocked->cause == NT_CAUSE_UNKNOWN && !(blocked->flags & NT_B_PENDING));
}

static u64 distance(u64 a, u64 b)
{
	return a > b ? a - b : b - a;
}

/* How far apart they began, at least: each within its bounds. */
static u64 starts_apart(const struct nt_blocked *a, const struct nt_blocked *b)
{
	if (a->start_lo_ns > b->start_hi_ns)
		return a->start_lo_ns - b->start_hi_ns;
	return b->start_lo_ns > a->start_hi_ns ? b->start_lo_ns - a->start_hi_ns : 0;
}

static bool at_same_time(const struct nt_blocked *a, const struct nt_blocked *b)
{
	u64 slack_ns = least_of(a->end_ns - a->start_hi_ns, b->end_ns - b->start_hi_ns) / PAUSE_SLACK_PART;

	if (slack_ns < PAUSE_SLACK_NS)
		slack_ns = PAUSE_SLACK_NS;
	return distance(a->end_ns, b->end_ns) <= slack_ns && starts_apart(a, b) <= slack_ns;
}

/*
 * Two CPUs that stood still at the same time, of which one at least had nothing to keep it: so did the machine. If both had
 * something, one may have waited for a lock of the other's.
 */
static void find_pause(struct attribution *attribution, struct nt_blocked *blocked)
{
	for (size_t back = 1; back <= attribution->n && may_be_pause(blocked); back++) {
		struct nt_blocked *other = &blockage_back(attribution, back)->blocked;

		if (other->end_ns < blocked->start_hi_ns)
			break;
		if (other->cpu != blocked->cpu && may_be_pause(other) && at_same_time(other, blocked) &&
		    (is_innocent(other) || is_innocent(blocked)))
			other->cause = blocked->cause = NT_CAUSE_HOST_PAUSE;
	}
}

/* A flood that does not end is told in pieces of this length. */
#define FLOOD_MAX_NS 10000000000ull

/* NET_RX tells again and again that it is at others: how far back the blockage is that this one goes on with, 0 if it is the first. */
static size_t goes_on_with(struct attribution *attribution, const struct nt_blocked *blocked)
{
	for (size_t back = 1; back <= attribution->n && blocked->cause == NT_CAUSE_NAPI_BUDGET; back++) {
		const struct blockage *before = blockage_back(attribution, back);

		if (before->blocked.cause == NT_CAUSE_NAPI_BUDGET && before->blocked.cpu == blocked->cpu)
			return before->blocked.end_ns == blocked->start_lo_ns && !before->settled &&
			       before->blocked.end_ns - before->blocked.start_lo_ns < FLOOD_MAX_NS ? back : 0;
	}
	return 0;
}

static void grow(struct nt_blocked *blocked, const struct nt_blocked *by)
{
	u32 times = (u32)blocked->number + by->number;

	blocked->end_ns = by->end_ns;
	blocked->own_ns += by->own_ns;
	blocked->number = times < 0xffff ? (u16)times : 0xffff;
}

static void swap(struct blockage *a, struct blockage *b)
{
	struct blockage kept = *a;

	*a = *b;
	*b = kept;
	a->incident.blocked = &a->blocked;
	b->incident.blocked = &b->blocked;
}

static bool ends_before(struct attribution *attribution, size_t back, size_t other)
{
	return blockage_back(attribution, back)->blocked.end_ns < blockage_back(attribution, other)->blocked.end_ns;
}

/*
 * Records come in the order in which blockages were noticed: what one came upon is noticed after it; and those that go on end
 * later. The one that is new, or has grown, takes its place in the order of ends. Where it is then.
 */
static struct blockage *sort_in(struct attribution *attribution, size_t back)
{
	for (; back < attribution->n && ends_before(attribution, back, back + 1); back++)
		swap(blockage_back(attribution, back), blockage_back(attribution, back + 1));
	for (; back > 1 && ends_before(attribution, back - 1, back); back--)
		swap(blockage_back(attribution, back), blockage_back(attribution, back - 1));
	return blockage_back(attribution, back);
}

int attribution_add(struct attribution *attribution, const struct nt_event *record, size_t size)
{
	struct blockage *blockage = &attribution->blockages[attribution->next];
	const struct nt_blocked *blocked = (const void *)record;
	size_t back;
	int err;

	if (size < sizeof(*blocked) || blocked->start_lo_ns > blocked->start_hi_ns ||
	    blocked->start_hi_ns > blocked->end_ns)
		return -EINVAL;
	back = goes_on_with(attribution, blocked);
	if (back) {
		grow(&blockage_back(attribution, back)->blocked, blocked);
		sort_in(attribution, back);
		return 0;
	}
	err = tell_over(attribution, blockage);
	memset(blockage, 0, sizeof(*blockage));
	memcpy(&blockage->blocked, blocked, sizeof(*blocked));
	cause_settle(&blockage->blocked, attribution->dict);
	attribution->next = (attribution->next + 1) % BLOCKAGES;
	attribution->n += attribution->n < BLOCKAGES;
	find_pause(attribution, &sort_in(attribution, 1)->blocked);
	attribution->settle_ns = least_of(attribution->settle_ns, blocked->end_ns + INCIDENT_WAIT_NS);
	return err;
}

static u64 overlap(u64 from, u64 to, u64 start, u64 end)
{
	u64 first = from > start ? from : start, last = to < end ? to : end;

	return last > first ? last - first : 0;
}

/* Since when a CPU was blocked: at the earliest, and at the latest. */
enum measure { MOST, LEAST, MEASURES };

static u64 start_of(const struct nt_blocked *blocked, enum measure measure)
{
	return measure == MOST ? blocked->start_lo_ns : blocked->start_hi_ns;
}

/* A wait of a packet for a CPU, and the blockages found in it. */
struct wait {
	u64 from_ns, to_ns;
	u64 come_ns; /* from_ns, or by when it had come, but for few of its like */
	u64 least_end_ns; /* a blockage that ended before has nothing to do with it */
	u64 raised_ns; /* of the softirq that served it; 0: it waited in the stack */
	u32 cpu;
	u64 ns[MEASURES];    /* of the overlaps together */
	u64 until_ns[MEASURES]; /* what is after is counted by now: blockages overlap each other */
	struct blockage *main; /* the one that overlaps most by itself, as far as that is proven */
	u64 main_ns[2];	       /* so much: proven, and at most */
};

/* Up to the packet that it was late for NET_RX was at others, too, but for less than is told (NT_BLOCKED_MIN_NS). */
static u64 end_for(const struct wait *wait, const struct nt_blocked *blocked)
{
	bool catches_up = blocked->cause == NT_CAUSE_NAPI_BUDGET && wait->raised_ns && blocked->end_ns >= wait->raised_ns;

	return catches_up && blocked->end_ns < wait->to_ns ? wait->to_ns : blocked->end_ns;
}

/* In the stack NET_RX may be at the packet itself, and to wait there for others has a name: the backlog. */
static bool is_met(const struct wait *wait, const struct nt_blocked *blocked)
{
	if (blocked->cause == NT_CAUSE_NAPI_BUDGET && !wait->raised_ns)
		return false;
	return blocked->cpu == wait->cpu && blocked->end_ns >= wait->least_end_ns &&
	       overlap(wait->from_ns, wait->to_ns, blocked->start_lo_ns, end_for(wait, blocked));
}

/* Does one lie within another, as an interrupt in the softirq that it came upon? Of equals, one does. */
static bool is_part_of(const struct wait *wait, const struct nt_blocked *inner, const struct nt_blocked *outer, enum measure measure)
{
	u64 start_ns = start_of(inner, measure), end_ns = end_for(wait, inner);

	if (outer == inner || start_of(outer, measure) > start_ns || end_for(wait, outer) < end_ns)
		return false;
	return start_of(outer, measure) < start_ns || end_for(wait, outer) > end_ns || outer < inner;
}

/* The time of what is a part of another counts once. */
static bool is_inner(const struct attribution *attribution, const struct wait *wait, const struct nt_blocked *inner,
		     enum measure measure)
{
	for (size_t i = 0; i < attribution->n; i++) {
		const struct nt_blocked *outer = &attribution->blockages[i].blocked;

		if (is_met(wait, outer) && is_part_of(wait, inner, outer, measure))
			return true;
	}
	return false;
}

static u64 from_of(const struct wait *wait, enum measure measure)
{
	return measure == MOST ? wait->from_ns : wait->come_ns;
}

/* The latest come first. */
static void add_overlap(struct wait *wait, const struct nt_blocked *blocked, enum measure measure)
{
	u64 start_ns = start_of(blocked, measure);

	wait->ns[measure] += overlap(from_of(wait, measure), wait->until_ns[measure], start_ns, end_for(wait, blocked));
	wait->until_ns[measure] = least_of(wait->until_ns[measure], start_ns);
}

static u64 own_overlap(const struct wait *wait, const struct nt_blocked *blocked, enum measure measure)
{
	return least_of(overlap(from_of(wait, measure), wait->to_ns, start_of(blocked, measure), blocked->end_ns), blocked->own_ns);
}

/* How much of the wait this one took by itself, without what others in between are told for. */
static u64 without_inner(const struct attribution *attribution, const struct wait *wait, const struct nt_blocked *blocked,
			 enum measure measure)
{
	u64 left_ns = overlap(from_of(wait, measure), wait->to_ns, start_of(blocked, measure), end_for(wait, blocked));

	for (size_t i = 0; i < attribution->n; i++) {
		const struct nt_blocked *inner = &attribution->blockages[i].blocked;

		if (is_met(wait, inner) && is_part_of(wait, inner, blocked, measure))
			left_ns -= least_of(left_ns, own_overlap(wait, inner, measure));
	}
	return least_of(left_ns, blocked->own_ns);
}

/* What is known to have blocked the CPU is to blame rather than what may have done so for longer. */
static void find_main(const struct attribution *attribution, struct wait *wait, struct blockage *blockage)
{
	u64 proven_ns = without_inner(attribution, wait, &blockage->blocked, LEAST);
	u64 most_ns = without_inner(attribution, wait, &blockage->blocked, MOST);

	if (proven_ns < wait->main_ns[0] || (proven_ns == wait->main_ns[0] && most_ns <= wait->main_ns[1]))
		return;
	wait->main = blockage;
	wait->main_ns[0] = proven_ns;
	wait->main_ns[1] = most_ns;
}

/*
 * What ended before was over: the CPU may have idled since. Between two that follow each other it takes some interrupts, as
 * that of the timer, but comes to nothing else.
 */
static u64 leads_to(const struct nt_blocked *blocked)
{
	u64 proven_ns = start_of(blocked, LEAST), start_ns = blocked->start_lo_ns;

	if (proven_ns - start_ns > NT_BUSY_TICK_NS)
		start_ns = proven_ns - NT_BUSY_TICK_NS;
	return start_ns > NT_ARRIVAL_SLACK_NS ? start_ns - NT_ARRIVAL_SLACK_NS : 0;
}

/* The latest first: one that is met leads to those that it lies upon. */
static void find_blockages(struct attribution *attribution, struct wait *wait)
{
	for (unsigned int measure = 0; measure < MEASURES; measure++)
		wait->until_ns[measure] = wait->to_ns;
	for (size_t back = 1; back <= attribution->n; back++) {
		struct blockage *blockage = blockage_back(attribution, back);
		const struct nt_blocked *blocked = &blockage->blocked;

		if (blocked->end_ns < wait->least_end_ns)
			break;
		if (!is_met(wait, blocked))
			continue;
		wait->least_end_ns = least_of(wait->least_end_ns, leads_to(blocked));
		for (unsigned int measure = 0; measure < MEASURES; measure++)
			if (!is_inner(attribution, wait, blocked, (enum measure)measure))
				add_overlap(wait, blocked, (enum measure)measure);
		find_main(attribution, wait, blockage);
	}
}

static void blame(const struct wait *wait, struct journey_delay *delay)
{
	delay->cause = (enum nt_cause)wait->main->blocked.cause;
	delay->cpu = wait->cpu;
	delay->blocked = &wait->main->blocked;
}

static const struct nt_anno_ARRIVAL *arrival_of(const struct journey *journey)
{
	for (const struct journey_note *note = journey->events[0].notes; note; note = note->next)
		if (note->type == NT_ANNO_ARRIVAL)
			return note->payload;
	return NULL;
}

/* A journey may begin in a softirq that receives and yet be a packet that is sent: an answer. */
static bool was_received(const struct journey *journey)
{
	const struct probe_row *row = probe_table_row(journey->probes, journey->events[0].probe);

	return row && (row->stage == NT_STAGE_GRO || row->stage == NT_STAGE_LINK_IN);
}

/*
 * The blockages say how long it can have waited at most, and its delay compared with others of its flow
 * how long it did: what is beyond the most was lost elsewhere.
 */
static void bound_before(const struct wait *wait, const struct transit_excess *excess, bool of_slow, struct journey_delay *delay)
{
	u64 most_ns = wait->ns[MOST];

	*delay = (struct journey_delay){.delay_ns = most_ns, .high_ns = most_ns, .proven_ns = wait->ns[LEAST], .upper = !excess};
	if (!excess)
		return; /* it may have come at the very end */
	if (excess->likely_ns > most_ns) {
		delay->low_ns = least_of(wait->ns[LEAST], excess->least_ns);
		return;
	}
	delay->low_ns = excess->least_ns;
	if (of_slow) {
		delay->upper = true;
		delay->proven_ns = later(delay->proven_ns, delay->low_ns);
		return;
	}
	delay->delay_ns = excess->likely_ns;
	if (excess->most_ns < most_ns)
		delay->high_ns = excess->most_ns;
}

static void judge_before(struct attribution *attribution, struct journey *journey)
{
	const struct nt_anno_ARRIVAL *arrival = arrival_of(journey);
	struct wait wait = {.to_ns = journey->start_ns, .cpu = journey->events[0].cpu};
	struct transit_excess excess;
	u64 departed_ns;
	bool known;

	if (!was_received(journey))
		return;
	departed_ns = departures_find(attribution->departures, journey);
	known = transit_judge(attribution->transit, journey, departed_ns, arrival != NULL, &excess);
	if (!arrival)
		return;
	wait.from_ns = later(arrival->polled_ns, departed_ns);
	wait.come_ns = known && !attribution->of_slow ? later(wait.from_ns, departed_ns + excess.way_ns) : wait.from_ns;
	wait.raised_ns = arrival->raised_ns;
	wait.least_end_ns = arrival->raised_ns > NT_ARRIVAL_SLACK_NS ? arrival->raised_ns - NT_ARRIVAL_SLACK_NS : 0;
	find_blockages(attribution, &wait);
	if (wait.ns[MOST] < NT_BLOCKED_MIN_NS || !wait.main)
		return;
	bound_before(&wait, known ? &excess : NULL, attribution->of_slow, &journey->before);
	if ((journey->before.upper ? journey->before.proven_ns : journey->before.delay_ns) < NT_BLOCKED_MIN_NS) {
		journey->before = (struct journey_delay){0};
		return;
	}
	blame(&wait, &journey->before);
}

/*
 * When a blockage began is known within bounds that may be far apart. What a packet waited for has caused the wait, unless
 * the CPU is known not to have been able to serve it for the greater part; and nothing is blamed for what it may have done.
 */
static bool is_blocked(const struct wait *wait, u64 waited_ns)
{
	return wait->main && wait->ns[LEAST] >= NT_BLOCKED_MIN_NS && wait->ns[LEAST] >= waited_ns / 2;
}

/* What was told of parts of it: clones and frees come in between. Its time counts once. */
static void drop_parts(struct journey *journey, const struct journey_delay *delay)
{
	while (journey->n_delays && journey->delays[journey->n_delays - 1].from >= delay->from)
		journey->n_delays--;
}

static void judge_span(struct attribution *attribution, struct journey *journey, size_t at)
{
	const struct journey_event *event = &journey->events[at];
	struct wait wait = {.to_ns = event->ts_ns, .cpu = event->cpu};
	struct journey_delay delay = {.from = at - 1};
	bool waited = wait_judge(journey, at, &delay);

	wait.from_ns = wait.come_ns = wait.least_end_ns = journey->events[delay.from].ts_ns;
	if (attribution->n && wait.to_ns - wait.from_ns >= NT_BLOCKED_MIN_NS)
		find_blockages(attribution, &wait);
	if (is_blocked(&wait, waited ? delay.delay_ns : 0)) {
		delay = (struct journey_delay){.delay_ns = wait.ns[MOST], .low_ns = wait.ns[LEAST], .high_ns = wait.ns[MOST],
					       .proven_ns = wait.ns[LEAST], .from = delay.from, .event = at};
		blame(&wait, &delay);
	} else if (!waited) {
		return;
	}
	drop_parts(journey, &delay);
	attribution->delays[journey->n_delays++] = delay;
}

void attribution_judge(struct attribution *attribution, struct journey *journey)
{
	journey->delays = attribution->delays;
	journey->n_delays = 0;
	journey->before = (struct journey_delay){0};
	if (!journey->n_events)
		return;
	departures_note(attribution->departures, journey);
	judge_before(attribution, journey);
	if (journey->end_ns - journey->start_ns < NT_BLOCKED_MIN_NS)
		return;
	for (size_t i = 1; i < journey->n_events && journey->n_delays < DELAYS_MAX; i++)
		judge_span(attribution, journey, i);
}

/* Is it told by itself? That NET_RX was at work for long is none, unless a packet waited for so long. */
static bool is_incident(const struct attribution *attribution, const struct blockage *blockage, const struct journey_delay *delay)
{
	const struct nt_blocked *blocked = &blockage->blocked;

	if (blockage->incident.id)
		return true;
	if (blocked->cause == NT_CAUSE_NAPI_BUDGET)
		return (delay->upper ? delay->proven_ns : delay->delay_ns) >= attribution->incident_min_ns;
	return blocked->end_ns - blocked->start_hi_ns >= attribution->incident_min_ns ||
	       delay->low_ns >= attribution->incident_min_ns;
}

/* The packet was one of those that the blockage held. */
static int hold(struct attribution *attribution, struct journey_delay *delay)
{
	struct blockage *blockage = (struct blockage *)delay->blocked; /* of which it is the first member */
	struct incident *incident;

	if (!blockage)
		return 0;
	delay->incident = blockage->incident.id;
	if (blockage->told || !is_incident(attribution, blockage, delay))
		return 0;
	incident = &blockage->incident;
	if (incident->packets < INCIDENT_DELAYS)
		incident->delays_ns[incident->packets] = delay->delay_ns;
	incident->packets++;
	incident->upper |= delay->upper;
	if (delay->delay_ns > incident->longest_ns)
		incident->longest_ns = delay->delay_ns;
	if (!incident->id) {
		incident->id = delay->incident = ++attribution->n_incidents;
		incident->blocked = &blockage->blocked;
		attribution->settle_ns = 0;
		return attribution->on_incident(attribution->user, incident, false);
	}
	return 0;
}

/* A blockage that a packet has met before, in another place: it is one packet all the same. */
static u32 held_already(const struct journey *journey, size_t at)
{
	const struct nt_blocked *blocked = journey->delays[at].blocked;

	if (blocked && journey->before.blocked == blocked)
		return journey->before.incident;
	for (size_t i = 0; blocked && i < at; i++)
		if (journey->delays[i].blocked == blocked)
			return journey->delays[i].incident;
	return 0;
}

int attribution_hold(struct attribution *attribution, struct journey *journey)
{
	int err = hold(attribution, &journey->before);

	for (size_t i = 0; !err && i < journey->n_delays; i++) {
		struct journey_delay *delay = &attribution->delays[i];

		delay->incident = held_already(journey, i);
		if (!delay->incident)
			err = hold(attribution, delay);
	}
	return err;
}

static u64 settles_at(const struct blockage *blockage)
{
	bool open = !blockage->settled || (blockage->incident.id && !blockage->told);

	return open ? blockage->blocked.end_ns + INCIDENT_WAIT_NS : ~0ull;
}

int attribution_advance(struct attribution *attribution, u64 now_ns)
{
	u64 next_ns = ~0ull;
	int err = 0;

	if (now_ns < attribution->settle_ns)
		return 0;
	for (size_t i = 0; !err && i < attribution->n; i++) {
		u64 at_ns = settles_at(&attribution->blockages[i]);

		if (at_ns != ~0ull && (now_ns == ~0ull || at_ns < now_ns))
			err = tell_over(attribution, &attribution->blockages[i]);
		else
			next_ns = least_of(next_ns, at_ns);
	}
	attribution->settle_ns = next_ns;
	return err;
}
