/* SPDX-License-Identifier: GPL-2.0 */
/* For tests of journeys of TCP: segments by sequence number, and notes about them. After journey_kit.h. */
#ifndef NT_TEST_SEQUENCE_KIT_H
#define NT_TEST_SEQUENCE_KIT_H

/* A note of any type, about the event with this header. */
static inline int note(struct nt_event ev, unsigned int type, const void *payload, size_t size)
{
	struct {
		struct nt_annotation annotation;
		u8 payload[NT_RECORD_MAX_BYTES - sizeof(struct nt_annotation)];
	} record = {.annotation = {.ev = ev, .type = (u16)type, .size_bytes = (u16)size}};

	record.annotation.ev.kind |= NT_ANNOTATION;
	memcpy(record.payload, payload, size);
	return journey_set_add(set, &record.annotation.ev, sizeof(record.annotation) + size, 0);
}

static inline void put_u32(u8 *bytes, u32 number)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (u8)(number >> (24 - 8 * i));
}

/* A segment from 10.0.0.1:40000 to 10.0.0.2:443, of which the headers are captured. */
static inline struct nt_snapshot tcp_snapshot(u32 id, u64 skb, u32 seq, u32 payload_bytes, u8 flags, u8 kind)
{
	static const u8 headers[] = {0x45, 0, 0, 0, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
				     0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 0, 0, 0, 0, 0,
				     0x50, 0, 0xff, 0xff, 0, 0, 0, 0};
	struct nt_snapshot s = {.ev = header(id, NT_PROBE___ip_local_out, skb, NT_SNAPSHOT | kind)};

	s.len_bytes = (u32)sizeof(headers) + payload_bytes;
	s.captured_bytes = sizeof(headers);
	s.transport = 20;
	s.protocol = 8; /* 0x0800 in network byte order on little-endian machines */
	memcpy(s.bytes, headers, sizeof(headers));
	s.bytes[2] = (u8)(s.len_bytes >> 8);
	s.bytes[3] = (u8)s.len_bytes;
	put_u32(s.bytes + 24, seq);
	s.bytes[33] = flags;
	return s;
}

/* A journey that begins with it. */
static inline void tcp_sent(u32 id, u64 skb, u32 seq, u32 payload_bytes)
{
	struct nt_snapshot s;

	now_ns += 1000;
	s = tcp_snapshot(id, skb, seq, payload_bytes, 0x10, START);
	assert_int_equal(journey_set_add(set, &s.ev, sizeof(s), 0), 0);
}

/* The event that began the journey gets to know the packet that it was cut out of. */
static inline void part_of(u32 id, u64 skb, u32 parent, u64 parent_skb)
{
	struct nt_anno_PARENT payload = {.skb = parent_skb, .id = parent};

	assert_int_equal(note(header(id, NT_PROBE___ip_local_out, skb, NT_EVENT), NT_ANNO_PARENT, &payload,
			      sizeof(payload)),
			 0);
}

#endif
