/* SPDX-License-Identifier: GPL-2.0 */
#include "segments.h"

#include <stdlib.h>

#define SEGMENTS_MAX 65536u
#define CONNECTIONS_MAX 8192u

/* Segments are numbered from 1 in the order in which they are noted; a number's place is used again. */
struct segment {
	struct journey_link journey;
	u64 older; /* the number of the one before it in the same direction of the same connection, or 0 */
	u32 seq, end;
	u32 end_before; /* behind the highest sequence number of all those before it */
};

/* One direction of it. */
struct connection {
	u64 key;
	u64 newest; /* number */
	u32 end;    /* behind the highest sequence number so far: what begins there repeats nothing */
	u32 syn_seq;
	bool syn_seen;
};

struct segments {
	u64 n; /* noted so far */
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

/* NULL if it is none or was forgotten. */
static const struct segment *segment_numbered(const struct segments *segments, u64 number)
{
	if (!number || segments->n - number >= SEGMENTS_MAX)
		return NULL;
	return &segments->ring[number % SEGMENTS_MAX];
}

/* The lowest bit of every key is set. */
static size_t connection_place(u64 key)
{
	return (key >> 1) % CONNECTIONS_MAX;
}

/* A SYN with another number than that which began the connection begins one between the same ports. */
static bool is_same_connection(const struct connection *connection, u64 key, const struct nt_flow *flow)
{
	if (connection->key != key)
		return false;
	return !(flow->tcp_flags & NT_TCP_SYN) || (connection->syn_seen && connection->syn_seq == flow->tcp_seq);
}

void segments_note(struct segments *segments, const struct nt_flow *flow, const struct journey_link *journey)
{
	u32 length = segment_length(flow);
	u64 key = connection_key(flow);
	struct connection *connection = &segments->connections[connection_place(key)];

	if (!length)
		return;
	if (!is_same_connection(connection, key, flow))
		*connection = (struct connection){
			.key = key,
			.end = flow->tcp_seq,
			.syn_seq = flow->tcp_seq,
			.syn_seen = flow->tcp_flags & NT_TCP_SYN,
		};
	segments->n++;
	segments->ring[segments->n % SEGMENTS_MAX] = (struct segment){
		.journey = *journey,
		.older = connection->newest,
		.seq = flow->tcp_seq,
		.end = flow->tcp_seq + length,
		.end_before = connection->end,
	};
	connection->newest = segments->n;
	if ((s32)(flow->tcp_seq + length - connection->end) > 0)
		connection->end = flow->tcp_seq + length;
}

bool segments_find(const struct segments *segments, const struct nt_flow *flow,
		   const struct journey_link *journey, u32 except, struct journey_link *ret_earlier)
{
	u64 key = connection_key(flow);
	const struct connection *connection = &segments->connections[connection_place(key)];
	const struct segment *segment;

	if (!segment_length(flow) || connection->key != key || (s32)(flow->tcp_seq - connection->end) >= 0)
		return false;
	segment = segment_numbered(segments, connection->newest);
	while (segment) {
		const struct journey_link *sent = &segment->journey;

		if (sent->id != journey->id && sent->id != except && sent->ts_ns <= journey->ts_ns &&
		    flow->tcp_seq - segment->seq < segment->end - segment->seq) {
			*ret_earlier = *sent;
			return true;
		}
		/* The journey itself was noted already, so most searches of data that is new end here at once. */
		if ((s32)(flow->tcp_seq - segment->end_before) >= 0)
			return false;
		segment = segment_numbered(segments, segment->older);
	}
	return false;
}
