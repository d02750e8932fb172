/* SPDX-License-Identifier: GPL-2.0 */
#include "departure.h"

#include <stdlib.h>
#include <string.h>

#define DEPARTURES 4096u

/* Numbers come again when there are no more; an answer does not take so long. */
#define ANSWER_MAX_NS 10000000000ull

#define ECHO_REPLY 0
#define ECHO_REQUEST 8
#define ECHO_REQUEST_V6 128
#define ECHO_REPLY_V6 129

struct departure {
	u32 saddr[4], daddr[4]; /* of the request */
	u32 netns;
	u16 id, seq;
	u64 ts_ns; /* 0: unused */
};

/* A ping counts its requests, so that those which are under way at the same time have different places. */
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

static bool is_echo(const struct nt_flow *flow, unsigned int type, unsigned int type_v6)
{
	return nt_flow_is_echo(flow) && !flow->fragment &&
	       flow->icmp_type >> 8 == (flow->l4_proto == NT_IP_ICMP ? type : type_v6);
}

static size_t place_of(u16 id, u16 seq)
{
	return (id * 0x9e3779b1u + seq) % DEPARTURES;
}

/* Of devices upon each other the last has it then. */
static const struct journey_event *last_given_to_driver(const struct journey *journey)
{
	for (size_t i = journey->n_events; i-- > 0;) {
		const struct probe_row *row = probe_table_row(journey->probes, journey->events[i].probe);

		if (row && !strcmp(row->name, "net_dev_start_xmit"))
			return &journey->events[i];
	}
	return NULL;
}

void departures_note(struct departures *departures, const struct journey *journey)
{
	const struct nt_flow *flow = &journey->flows[journey->n_flows - 1];
	const struct journey_event *event;
	struct departure *departure;

	if (journey->incomplete || !is_echo(flow, ECHO_REQUEST, ECHO_REQUEST_V6))
		return;
	event = last_given_to_driver(journey);
	if (!event)
		return;
	flow = &journey->flows[event->flow];
	departure = &departures->places[place_of(flow->echo_id, flow->echo_seq)];
	*departure = (struct departure){.netns = event->netns, .id = flow->echo_id, .seq = flow->echo_seq, .ts_ns = event->ts_ns};
	memcpy(departure->saddr, flow->saddr, sizeof(departure->saddr));
	memcpy(departure->daddr, flow->daddr, sizeof(departure->daddr));
}

u64 departures_find(const struct departures *departures, const struct journey *journey)
{
	const struct journey_event *event = &journey->events[0];
	const struct nt_flow *flow = &journey->flows[event->flow];
	const struct departure *departure = &departures->places[place_of(flow->echo_id, flow->echo_seq)];

	if (!is_echo(flow, ECHO_REPLY, ECHO_REPLY_V6) || departure->id != flow->echo_id || departure->seq != flow->echo_seq ||
	    departure->netns != event->netns || memcmp(departure->saddr, flow->daddr, sizeof(departure->saddr)) ||
	    memcmp(departure->daddr, flow->saddr, sizeof(departure->daddr)))
		return 0;
	return departure->ts_ns <= event->ts_ns && event->ts_ns - departure->ts_ns < ANSWER_MAX_NS ? departure->ts_ns : 0;
}
