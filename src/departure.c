/* SPDX-License-Identifier: GPL-2.0 */
#include "departure.h"

#include <stdlib.h>
#include <string.h>

#define DEPARTURES 4096u

/* Numbers come again when there are no more; an answer does not take so long. */
#define ANSWER_MAX_NS 10000000000ull

struct departure {
	u32 saddr[4], daddr[4]; /* of the request */
	u32 netns;
	u16 id, seq;
	bool answered;
	bool again; /* there was another of this name, which has no answer yet */
	u64 ts_ns;  /* 0: unused */
};

/* By what a ping is called: it counts its requests, so that those which are under way at the same time have different places. */
struct departures {
	struct departure places[DEPARTURES];
};

struct departures *departures_new(void)
{
	return calloc(1, sizeof(struct departures));
}

void departures_free(struct departures *departures)
{
	free(departures);
}

/* The name of the request that has, or would have, this source and destination. */
static struct departure name_of(const struct nt_flow *flow, const u32 saddr[4], const u32 daddr[4], u32 netns)
{
	struct departure name = {.netns = netns, .id = flow->echo_id, .seq = flow->echo_seq};

	memcpy(name.saddr, saddr, sizeof(name.saddr));
	memcpy(name.daddr, daddr, sizeof(name.daddr));
	return name;
}

static bool is_called(const struct departure *departure, const struct departure *name)
{
	return departure->ts_ns && departure->id == name->id && departure->seq == name->seq && departure->netns == name->netns &&
	       !memcmp(departure->saddr, name->saddr, sizeof(name->saddr)) &&
	       !memcmp(departure->daddr, name->daddr, sizeof(name->daddr));
}

static struct departure *place_of(struct departures *departures, const struct departure *name)
{
	u32 hash = name->netns;

	for (int i = 0; i < 4; i++)
		hash = (hash ^ name->saddr[i] ^ name->daddr[i] << 1) * 0x9e3779b1u;
	return &departures->places[((hash ^ name->id) * 0x9e3779b1u + name->seq) % DEPARTURES];
}

/*
 * Of devices upon each other the last has it then. NULL also if copies went elsewhere, to ports of a bridge or by a mirror: which
 * of them was answered is not known.
 */
static const struct journey_event *given_to_driver(const struct journey *journey)
{
	const struct journey_event *last = NULL;

	for (size_t i = journey->n_events; i-- > 0;) {
		const struct journey_event *event = &journey->events[i];
		const struct probe_row *row = probe_table_row(journey->probes, event->probe);

		if (!row || strcmp(row->name, "net_dev_start_xmit"))
			continue;
		if (last && last->skb != event->skb)
			return NULL;
		if (!last)
			last = event;
	}
	return last;
}

void departures_note(struct departures *departures, const struct journey *journey)
{
	const struct nt_flow *flow = &journey->flows[0];
	const struct journey_event *event;
	struct departure name, *place;

	if (journey->incomplete || !nt_flow_is_echo_of(flow, NT_ECHO_REQUEST, NT_ECHO_REQUEST_V6))
		return;
	event = given_to_driver(journey);
	if (!event)
		return;
	flow = &journey->flows[event->flow];
	if (!nt_flow_is_echo_of(flow, NT_ECHO_REQUEST, NT_ECHO_REQUEST_V6) || flow->fragment)
		return;
	name = name_of(flow, flow->saddr, flow->daddr, event->netns);
	name.ts_ns = event->ts_ns;
	place = place_of(departures, &name);
	name.again = is_called(place, &name) && !place->answered && event->ts_ns - place->ts_ns < ANSWER_MAX_NS;
	*place = name;
}

u64 departures_find(struct departures *departures, const struct journey *journey)
{
	const struct journey_event *event = &journey->events[0];
	const struct nt_flow *flow = &journey->flows[event->flow];
	struct departure name = name_of(flow, flow->daddr, flow->saddr, event->netns), *place = place_of(departures, &name);

	if (!nt_flow_is_echo_of(flow, NT_ECHO_REPLY, NT_ECHO_REPLY_V6) || flow->fragment || !is_called(place, &name) ||
	    place->ts_ns > event->ts_ns || event->ts_ns - place->ts_ns >= ANSWER_MAX_NS)
		return 0;
	place->answered = true;
	return place->again ? 0 : place->ts_ns;
}
