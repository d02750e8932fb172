/* SPDX-License-Identifier: GPL-2.0 */
/* The rings that the kernel side keeps in memory of its own, where it can (bpf/ring.bpf.h): one value of an array per CPU. */
#ifndef NT_RING_ABI_H
#define NT_RING_ABI_H

#include "types.h"

/*
 * Positions count bytes since the start and never wrap; a record is at bytes[position modulo the ring's size], behind a word
 * of 8 bytes, and in one piece: the last one of a turn goes on past the ring's size, where NT_RING_BEYOND_BYTES are. The
 * word is the record's size once it is whole, and 0 until then, as the reader leaves what it has read.
 */
struct nt_ring {
	u64 producer;
	u8 apart[56]; /* the reader writes to another cache line */
	u64 consumer;
	u8 behind[56];
	u8 bytes[];
};

#define NT_RING_WORD_BYTES 8
#define NT_RING_BEYOND_BYTES 8192

#endif
