/* SPDX-License-Identifier: GPL-2.0 */
#include "transit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FLOWS 64
#define ENOUGH 4 /* packets to compare with */

/* Clocks drift apart by up to 100 us a second, so what was long ago is no measure. */
#define WINDOW_NS 10000000000ull

#define ETH_IPV4 0x0800
#define ETH_IPV6 0x86dd
#define PROTO_ICMP 1
#define PROTO_ICMPV6 58
#define ICMP_HEADER_BYTES 8

struct flow {
	u32 saddr[4], daddr[4];
	u16 echo_id, icmp_type;
	u32 netns;
	u64 last_ns;
	u64 window_ns;		/* when the present window began */
	s64 least_ns, before_ns; /* the least difference in it, and in the one before */
	u64 n;
	u64 mean_ns; /* excess of those that nothing held, lately */
};

struct transit {
	struct flow flows[FLOWS];
};

struct transit *transit_new(void)
{
	return calloc(1, sizeof(struct transit));
}

void transit_free(struct transit *transit)
{
	free(transit);
}

static bool is_echo(const struct nt_flow *flow)
{
	unsigned int type = flow->icmp_type >> 8;

	if (flow->no_transport || flow->fragment)
		return false;
	if (flow->l3_proto == ETH_IPV4 && flow->l4_proto == PROTO_ICMP)
		return type == 8 || type == 0;
	return flow->l3_proto == ETH_IPV6 && flow->l4_proto == PROTO_ICMPV6 && (type == 128 || type == 129);
}

/* Where the bytes behind the echo header are; 0: not where they were looked for. */
static size_t payload_at(const struct nt_snapshot *snapshot, const struct nt_flow *flow)
{
	size_t at = snapshot->network;

	if (at + 40 > snapshot->captured_bytes)
		return 0;
	if (flow->l3_proto == ETH_IPV6)
		return snapshot->bytes[at + 6] == PROTO_ICMPV6 ? at + 40 + ICMP_HEADER_BYTES : 0;
	return at + (snapshot->bytes[at] & 15u) * 4u + ICMP_HEADER_BYTES;
}

/* From 2001 to 2096: other bytes than a time seldom look like one. */
static bool is_time(u64 seconds, u64 micros)
{
	return seconds > 1000000000 && seconds < 4000000000 && micros < 1000000;
}

/*
 * What iputils' and BSD's ping begin their payload with: a struct timeval as the sender has it, here a
 * little-endian one of 64 or 32 bits.
 */
static bool read_stamp(const struct nt_snapshot *snapshot, const struct nt_flow *flow, u64 *ret_ns)
{
	size_t at = payload_at(snapshot, flow);
	u64 wide[2];
	u32 narrow[2];

	if (!at || at + sizeof(wide) > snapshot->captured_bytes)
		return false;
	memcpy(wide, snapshot->bytes + at, sizeof(wide));
	memcpy(narrow, snapshot->bytes + at, sizeof(narrow));
	if (is_time(wide[0], wide[1]))
		*ret_ns = wide[0] * 1000000000 + wide[1] * 1000;
	else if (is_time(narrow[0], narrow[1]))
		*ret_ns = narrow[0] * 1000000000ull + narrow[1] * 1000ull;
	else
		return false;
	return true;
}

static bool is_same(const struct flow *known, const struct nt_flow *flow, u32 netns)
{
	return known->n && known->echo_id == flow->echo_id && known->icmp_type == flow->icmp_type &&
	       known->netns == netns && !memcmp(known->saddr, flow->saddr, sizeof(known->saddr)) &&
	       !memcmp(known->daddr, flow->daddr, sizeof(known->daddr));
}

/* The flow, perhaps in the place of the one that was silent for longest. */
static struct flow *find_flow(struct transit *transit, const struct nt_flow *wanted, u32 netns)
{
	struct flow *oldest = &transit->flows[0];

	for (size_t i = 0; i < FLOWS; i++) {
		struct flow *flow = &transit->flows[i];

		if (is_same(flow, wanted, netns))
			return flow;
		if (flow->last_ns < oldest->last_ns)
			oldest = flow;
	}
	memset(oldest, 0, sizeof(*oldest));
	memcpy(oldest->saddr, wanted->saddr, sizeof(oldest->saddr));
	memcpy(oldest->daddr, wanted->daddr, sizeof(oldest->daddr));
	oldest->echo_id = wanted->echo_id;
	oldest->icmp_type = wanted->icmp_type;
	oldest->netns = netns;
	oldest->least_ns = oldest->before_ns = INT64_MAX;
	return oldest;
}

static s64 least(s64 a, s64 b)
{
	return a < b ? a : b;
}

static u64 least_of(u64 a, u64 b)
{
	return a < b ? a : b;
}

static void learn(struct flow *flow, u64 now_ns, s64 difference_ns)
{
	if (now_ns - flow->window_ns >= WINDOW_NS) {
		flow->before_ns = now_ns - flow->window_ns < 2 * WINDOW_NS ? flow->least_ns : INT64_MAX;
		flow->least_ns = INT64_MAX;
		flow->window_ns = now_ns;
	}
	flow->least_ns = least(flow->least_ns, difference_ns);
	flow->last_ns = now_ns;
	flow->n++;
}

bool transit_judge(struct transit *transit, const struct journey *journey, bool held, struct transit_excess *ret_excess)
{
	const struct journey_event *first = &journey->events[0];
	const struct nt_flow *headers = &journey->flows[first->flow];
	struct flow *flow;
	u64 stamp_ns, excess_ns;
	s64 base_ns, difference_ns;
	bool enough;

	if (!first->snapshot || !is_echo(headers) || !read_stamp(first->snapshot, headers, &stamp_ns))
		return false;
	flow = find_flow(transit, headers, first->netns);
	/* packets are judged in the order in which they end, which is not quite that of their arrival */
	if (first->ts_ns < flow->last_ns && flow->last_ns - first->ts_ns > WINDOW_NS)
		return false;
	enough = flow->n >= ENOUGH;
	difference_ns = (s64)(first->ts_ns - stamp_ns);
	learn(flow, first->ts_ns > flow->last_ns ? first->ts_ns : flow->last_ns, difference_ns);
	base_ns = least(flow->least_ns, flow->before_ns);
	excess_ns = (u64)(difference_ns - base_ns);
	if (!held)
		flow->mean_ns = (7 * flow->mean_ns + excess_ns) / 8;
	ret_excess->most_ns = excess_ns;
	ret_excess->likely_ns = excess_ns - least_of(excess_ns, flow->mean_ns);
	ret_excess->least_ns = excess_ns - least_of(excess_ns, 4 * flow->mean_ns);
	return enough;
}
