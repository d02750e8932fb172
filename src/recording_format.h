/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The layout of a recording. Numbers are little-endian or big-endian as the machine that wrote it.
 *
 *   file    struct recording_header, then chunks
 *   chunk   struct recording_chunk, then stored_bytes of payload: zstd frames, or plain bytes
 *
 * The checksum of a chunk (CRC-32 of zlib) is over its header, with crc 0, and the payload as stored. Chunks are numbered
 * from 0, so that one that is missing or comes twice shows. A reader skips types that it does not know:
 * a minor version may add some; what it must know to read on comes with another major version.
 *
 *   FACTS        u32 part, then items {u16 tag, u16 size, bytes}: what is known of the trace (struct trace_facts)
 *   PROBES       rows {u16 number, u8 stage, u8 n, n bytes of name, u32 flags, u8 m, m bytes of note}
 *   ANNOTATIONS  rows {u16 type, u16 size, u8 n, n bytes of name}: the payloads of records, by this version's names
 *   NAMES        {u8 kind, u8 n, n bytes, u64 key}: enum dict_kind
 *   RECORDS      {u16 size, u16 cpu, u32 0, size bytes of a record}, padded to 8 bytes, in order of time
 *   CLOCK        u64 monotonic_ns, u64 realtime_ns
 *   TOTALS       u64 each: journeys, incomplete, events, malformed, lost in ring, map, id, recursion, 1 if that is known;
 *                since 1.1 they come again and again, each time all so far, with u64 monotonic_ns behind them: as of when
 *   END          u32: 0 the trace ended, 1 it goes on in the next part
 *
 * FACTS, PROBES and ANNOTATIONS come first. Names precede the records that need them.
 */
#ifndef NT_RECORDING_FORMAT_H
#define NT_RECORDING_FORMAT_H

#include "types.h"

#define RECORDING_MAGIC "nettrace"
#define RECORDING_MAJOR 1
#define RECORDING_MINOR 1
#define RECORDING_BYTE_ORDER 0x01020304u

struct recording_header {
	char magic[8];
	u16 major;
	u16 minor;
	u32 byte_order;
	u64 reserved[2];
};

enum recording_chunk_type {
	RECORDING_FACTS = 1,
	RECORDING_PROBES,
	RECORDING_ANNOTATIONS,
	RECORDING_NAMES,
	RECORDING_RECORDS,
	RECORDING_CLOCK,
	RECORDING_TOTALS,
	RECORDING_END,
};

#define RECORDING_ZSTD 1u /* recording_chunk.flags: the payload is compressed */

/* No reader need be ready for more. */
#define RECORDING_CHUNK_MAX_BYTES (4u << 20)

struct recording_chunk {
	u32 type;
	u32 flags;
	u32 stored_bytes;
	u32 raw_bytes;
	u32 number;
	u32 crc;
};

/* Tags of FACTS. */
enum recording_fact {
	FACT_VERSION = 1,
	FACT_KERNEL,
	FACT_HOST,
	FACT_MACHINE,
	FACT_BACKEND,
	FACT_FILTER,
	FACT_SESSION,
	FACT_START_NS,
	FACT_CLOCK_OFFSET_NS,
	FACT_UTC_OFFSET_S,
	FACT_CPUS,
	FACT_PROBES,
	FACT_SKIPPED,
	FACT_IFNAME,
	FACT_NETNS,
	FACT_PID,
	FACT_COUNT,
	FACT_MIN_LATENCY_NS,
};

#define RECORDING_NAME_MAX_BYTES 255

struct recording_record_head {
	u16 size_bytes;
	u16 cpu;
	u32 reserved;
};

_Static_assert(sizeof(struct recording_header) == 32, "no hidden padding");
_Static_assert(sizeof(struct recording_chunk) == 24, "no hidden padding");
_Static_assert(sizeof(struct recording_record_head) == 8, "no hidden padding");

#endif
