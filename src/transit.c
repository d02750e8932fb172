/* SPDX-License-Identifier: GPL-2.0 */
#include "transit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FLOWS 64
#define ENOUGH 4 /* packets to compare with */

/* Clocks drift apart by up to 100 us a second, so what was long ago is no measure. */
#define WINDOW_NS 10000000000ull

/* One clock does not drift apart from itself, but ways change. */
#define OWN_WINDOW_NS 600000000000ull

#define ICMP_HEADER_BYTES 8
#define TCP_HEADER_BYTES 20
#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_TIMESTAMP 8 /* RFC 7323: kind, length, TSval, TSecr */
#define TCP_TIMESTAMP_BYTES 10

/* What peers count by: Linux milliseconds since 4.13 (commit 9a568de4818d); RFC 7323 leaves it to them. */
#define TCP_TICK_NS 1000000ull
#define ECHO_TICK_NS 1000ull

/* So far apart two packets have to be for their stamps to tell by what the peer counts. */
#define RATE_MIN_NS 1000000000ull

struct flow {
	u32 saddr[4], daddr[4];
	u16 sport, dport; /* of TCP; or an echo's id and type */
	u8 l4_proto;
	bool own; /* stamps are departures, by this machine's clock */
	u32 netns;
	u32 last_tick;
	u64 last_stamp_ns;
	u64 rate_ns, rate_stamp_ns; /* arrival and stamp of an early packet that nothing held; 0: there is none yet */
	bool rate_known, rate_right;
	u64 last_ns;
	u64 window_ns;		/* when the present window began */
	s64 least_ns, before_ns; /* the least difference in it, and in the one before */
	u64 n;
	u64 n_now, n_before; /* in these windows */
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
	return nt_flow_is_echo(flow) && !flow->fragment;
}

static bool is_tcp(const struct nt_flow *flow)
{
	return !flow->no_transport && !flow->fragment && flow->l4_proto == NT_IP_TCP &&
	       (flow->l3_proto == NT_ETH_IPV4 || flow->l3_proto == NT_ETH_IPV6);
}

/* Where the transport header is; 0: not where it was looked for. */
static size_t transport_at(const struct nt_snapshot *snapshot, const struct nt_flow *flow)
{
	size_t at = snapshot->network;

	if (at + 40 > snapshot->captured_bytes)
		return 0;
	if (flow->l3_proto == NT_ETH_IPV6)
		return snapshot->bytes[at + 6] == flow->l4_proto ? at + 40 : 0;
	return at + (snapshot->bytes[at] & 15u) * 4u;
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
static bool read_echo_stamp(const struct nt_snapshot *snapshot, const struct nt_flow *flow, u64 *ret_ns)
{
	size_t at = transport_at(snapshot, flow) + ICMP_HEADER_BYTES;
	u64 wide[2];
	u32 narrow[2];

	if (at == ICMP_HEADER_BYTES || at + sizeof(wide) > snapshot->captured_bytes)
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

/* TSval, by which the peer's TCP says when it made the segment. */
static bool read_tick(const struct nt_snapshot *snapshot, const struct nt_flow *flow, u32 *ret_tick)
{
	size_t header = transport_at(snapshot, flow), at = header + TCP_HEADER_BYTES, end;
	const u8 *bytes = snapshot->bytes;

	if (!header || at > snapshot->captured_bytes)
		return false;
	end = header + (bytes[header + 12] >> 4) * 4u;
	if (end > snapshot->captured_bytes)
		end = snapshot->captured_bytes;
	while (at + TCP_TIMESTAMP_BYTES <= end && bytes[at] != TCP_OPTION_END) {
		if (bytes[at] == TCP_OPTION_TIMESTAMP) {
			*ret_tick = (u32)bytes[at + 2] << 24 | (u32)bytes[at + 3] << 16 | (u32)bytes[at + 4] << 8 | bytes[at + 5];
			return true;
		}
		if (bytes[at] != TCP_OPTION_NOP && bytes[at + 1] < 2)
			return false;
		at += bytes[at] == TCP_OPTION_NOP ? 1 : bytes[at + 1];
	}
	return false;
}

static u16 first_name(const struct nt_flow *flow)
{
	return flow->l4_proto == NT_IP_TCP ? flow->sport : flow->echo_id;
}

static u16 second_name(const struct nt_flow *flow)
{
	return flow->l4_proto == NT_IP_TCP ? flow->dport : flow->icmp_type;
}

static bool is_same(const struct flow *known, const struct nt_flow *flow, u32 netns, bool own)
{
	return known->n && known->sport == first_name(flow) && known->dport == second_name(flow) &&
	       known->l4_proto == flow->l4_proto && known->netns == netns && known->own == own &&
	       !memcmp(known->saddr, flow->saddr, sizeof(known->saddr)) &&
	       !memcmp(known->daddr, flow->daddr, sizeof(known->daddr));
}

/* The flow, perhaps in the place of the one that was silent for longest. */
static struct flow *find_flow(struct transit *transit, const struct nt_flow *wanted, u32 netns, bool own)
{
	struct flow *oldest = &transit->flows[0];

	for (size_t i = 0; i < FLOWS; i++) {
		struct flow *flow = &transit->flows[i];

		if (is_same(flow, wanted, netns, own))
			return flow;
		if (flow->last_ns < oldest->last_ns)
			oldest = flow;
	}
	memset(oldest, 0, sizeof(*oldest));
	memcpy(oldest->saddr, wanted->saddr, sizeof(oldest->saddr));
	memcpy(oldest->daddr, wanted->daddr, sizeof(oldest->daddr));
	oldest->sport = first_name(wanted);
	oldest->dport = second_name(wanted);
	oldest->l4_proto = wanted->l4_proto;
	oldest->netns = netns;
	oldest->own = own;
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

static s64 fastest(const struct flow *flow)
{
	return least(flow->least_ns, flow->before_ns);
}

/* Begins a new window if it is time for that. */
static void advance(struct flow *flow, u64 now_ns)
{
	u64 length_ns = flow->own ? OWN_WINDOW_NS : WINDOW_NS;
	bool stale;

	if (now_ns < flow->window_ns + length_ns)
		return;
	stale = now_ns >= flow->window_ns + 2 * length_ns;
	flow->before_ns = stale ? INT64_MAX : flow->least_ns;
	flow->n_before = stale ? 0 : flow->n_now;
	flow->least_ns = INT64_MAX;
	flow->n_now = 0;
	flow->window_ns = now_ns;
}

static void learn(struct flow *flow, u64 now_ns, s64 difference_ns)
{
	flow->least_ns = least(flow->least_ns, difference_ns);
	if (now_ns > flow->last_ns)
		flow->last_ns = now_ns;
	flow->n++;
	flow->n_now++;
}

/* Ticks are 32 bits wide and go round; segments may overtake each other. */
static u64 stamp_of_tick(struct flow *flow, u32 tick)
{
	u64 stamp_ns = flow->n ? flow->last_stamp_ns + (u64)((s64)(s32)(tick - flow->last_tick) * (s64)TCP_TICK_NS)
			       : (1ull << 32) * TCP_TICK_NS;

	flow->last_tick = tick;
	flow->last_stamp_ns = stamp_ns;
	return stamp_ns;
}

/*
 * Does the peer count milliseconds? To be told by packets that nothing held, of which two are far enough apart; one that
 * counts by something else makes the flow no measure for good.
 */
static bool is_rate_right(struct flow *flow, u64 now_ns, u64 stamp_ns, bool held)
{
	u64 apart_ns = now_ns - flow->rate_ns, stamped_ns = stamp_ns - flow->rate_stamp_ns;

	if (flow->rate_known || held)
		return flow->rate_right;
	if (!flow->rate_ns || now_ns < flow->rate_ns) {
		flow->rate_ns = now_ns;
		flow->rate_stamp_ns = stamp_ns;
	} else if (apart_ns >= RATE_MIN_NS) {
		flow->rate_known = true;
		flow->rate_right = stamped_ns > apart_ns - apart_ns / 8 && stamped_ns < apart_ns + apart_ns / 8;
	}
	return flow->rate_right;
}

/* By which the packet says when it was sent: nanoseconds, or those of which TCP counts the ticks. False: it does not say so. */
static bool read_stamp(const struct journey_event *event, const struct nt_flow *headers, u64 *ret_ns, u32 *ret_tick)
{
	if (!event->snapshot)
		return false;
	if (is_echo(headers))
		return read_echo_stamp(event->snapshot, headers, ret_ns);
	return is_tcp(headers) && read_tick(event->snapshot, headers, ret_tick);
}

/* How much later than the fastest lately. True: there were enough to say so. */
static bool judge_by(struct flow *flow, u64 now_ns, u64 stamp_ns, u64 tick_ns, bool held, struct transit_excess *ret_excess)
{
	s64 difference_ns = (s64)(now_ns - stamp_ns);
	u64 excess_ns;
	bool known;

	advance(flow, now_ns);
	known = flow->n_now + flow->n_before >= ENOUGH;
	learn(flow, now_ns, difference_ns);
	excess_ns = (u64)(difference_ns - fastest(flow));
	if (!held)
		flow->mean_ns = (7 * flow->mean_ns + excess_ns) / 8;
	*ret_excess = (struct transit_excess){
		.most_ns = excess_ns + tick_ns,
		.likely_ns = excess_ns - least_of(excess_ns, flow->mean_ns),
		.least_ns = excess_ns - least_of(excess_ns, 4 * flow->mean_ns + tick_ns),
		.way_ns = flow->own ? (u64)fastest(flow) + 4 * flow->mean_ns : 0,
	};
	return known;
}

/* NULL: too late to be compared. Packets are judged in the order in which they end, which is not quite that of their arrival. */
static struct flow *flow_of(struct transit *transit, const struct journey_event *first, const struct nt_flow *headers, bool own)
{
	struct flow *flow = find_flow(transit, headers, first->netns, own);

	return first->ts_ns < flow->last_ns && flow->last_ns - first->ts_ns > WINDOW_NS ? NULL : flow;
}

static bool judge_by_stamp(struct transit *transit, const struct journey_event *first, const struct nt_flow *headers, bool held,
			   struct transit_excess *ret_excess)
{
	u64 stamp_ns = 0, tick_ns = ECHO_TICK_NS;
	struct flow *flow;
	u32 tick = 0;
	bool known;

	if (!read_stamp(first, headers, &stamp_ns, &tick))
		return false;
	flow = flow_of(transit, first, headers, false);
	if (!flow)
		return false;
	if (headers->l4_proto == NT_IP_TCP) {
		stamp_ns = stamp_of_tick(flow, tick);
		tick_ns = TCP_TICK_NS;
	}
	known = judge_by(flow, first->ts_ns, stamp_ns, tick_ns, held, ret_excess);
	if (headers->l4_proto == NT_IP_TCP && !is_rate_right(flow, first->ts_ns, stamp_ns, held))
		return false;
	return known;
}

bool transit_judge(struct transit *transit, const struct journey *journey, u64 departed_ns, bool held,
		   struct transit_excess *ret_excess)
{
	const struct journey_event *first = &journey->events[0];
	const struct nt_flow *headers = &journey->flows[first->flow];
	/* in any case: of the next one it may not be known when it left */
	bool known = judge_by_stamp(transit, first, headers, held, ret_excess);
	struct flow *flow = departed_ns ? flow_of(transit, first, headers, true) : NULL;

	return flow ? judge_by(flow, first->ts_ns, departed_ns, 0, held, ret_excess) : known;
}
