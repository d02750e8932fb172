/* SPDX-License-Identifier: GPL-2.0 */
#include "segments.h"

#include <stdlib.h>

#define SEGMENTS_MAX 65536u
#define CONNECTIONS_MAX 8192u

/* Of one direction of one connection, newest first; `older` is an index plus 1, 0 at the end. */
struct segment {
	struct journey_link journey;
	u64 connection;
	u32 seq, end;
	u32 older;
};

struct connection {
	u64 key;
	u32 newest; /* index plus 1 */
	u32 end;    /* behind the highest sequence number so far: what begins there repeats nothing */
};

struct segments {
	u32 next;
	struct connection connections[CONNECTIONS_MAX];
	struct segment ring[SEGMENTS_MAX];
};

struct segments *segments_new(void)
{
	return calloc(1, sizeof(struct segments));
}

void segments_free(struct segments *segments)
{
	free(segments);
}

static u64 mix(u64 key, u64 value)
{
	key = (key ^ value) * 0x9e3779b97f4a7c15u;
	return key ^ key >> 32;
}

static u64 connection_key(const struct nt_flow *flow)
{
	u64 key = mix(0, (u64)flow->sport << 16 | flow->dport);

	for (int i = 0; i < 4; i++)
		key = mix(key, (u64)flow->saddr[i] << 32 | flow->daddr[i]);
	return key | 1; /* 0: unused */
}

/* Sequence numbers that a segment takes up; 0: nothing to repeat. */
static u32 segment_length(const struct nt_flow *flow)
{
	if (flow->l4_proto != NT_IP_TCP || flow->no_transport)
		return 0;
	return flow->payload_bytes + !!(flow->tcp_flags & NT_TCP_SYN) + !!(flow->tcp_flags & NT_TCP_FIN);
}

/* A place that was used again carries a later journey, of any connection. */
static const struct segment *older_segment(const struct segments *segments, u64 key, u32 at, u64 before_ns)
{
	const struct segment *segment = at ? &segments->ring[at - 1] : NULL;

	return segment && segment->connection == key && segment->journey.ts_ns <= before_ns ? segment : NULL;
}

void segments_note(struct segments *segments, const struct nt_flow *flow, const struct journey_link *journey)
{
	u32 length = segment_length(flow), at = segments->next;
	u64 key = connection_key(flow);
	struct connection *connection = &segments->connections[key % CONNECTIONS_MAX];
	bool syn = flow->tcp_flags & NT_TCP_SYN;

	if (!length)
		return;
	/* Another connection, or a new one between the same ports. */
	if (connection->key != key || (syn && connection->end != flow->tcp_seq + length))
		*connection = (struct connection){.key = key, .end = flow->tcp_seq};
	segments->ring[at] = (struct segment){
		.journey = *journey,
		.connection = key,
		.seq = flow->tcp_seq,
		.end = flow->tcp_seq + length,
		.older = connection->newest,
	};
	connection->newest = at + 1;
	if ((s32)(flow->tcp_seq + length - connection->end) > 0)
		connection->end = flow->tcp_seq + length;
	segments->next = (at + 1) % SEGMENTS_MAX;
}

bool segments_find(const struct segments *segments, const struct nt_flow *flow, const struct journey_link *journey,
		   u32 except, struct journey_link *ret_earlier)
{
	u64 key = connection_key(flow), before_ns = journey->ts_ns;
	const struct connection *connection = &segments->connections[key % CONNECTIONS_MAX];
	const struct segment *segment;

	if (!segment_length(flow) || connection->key != key || (s32)(flow->tcp_seq - connection->end) >= 0)
		return false;
	segment = older_segment(segments, key, connection->newest, ~0ull);
	while (segment) {
		if (segment->journey.id != journey->id && segment->journey.id != except &&
		    segment->journey.ts_ns <= journey->ts_ns && flow->tcp_seq - segment->seq < segment->end - segment->seq) {
			*ret_earlier = segment->journey;
			return true;
		}
		before_ns = segment->journey.ts_ns;
		segment = older_segment(segments, key, segment->older, before_ns);
	}
	return false;
}
