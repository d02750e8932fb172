/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One ring per CPU, which carries its records to userspace.
 *
 * The kernel's own (BPF_MAP_TYPE_RINGBUF) takes a lock and two calls for each record, which is more than all the rest of a
 * plain event costs. Where the kernel has what it takes, the ring is memory that userspace maps. Its only writers are on one
 * CPU, so all that can come between is another program that interrupts this one: compare-and-swap (5.12, commit
 * 5ffa25502b5a) settles whose the room is. The size of an array's value is not limited to 4 MiB since 6.2, as NT_DIRECT is.
 */
#ifndef NT_RING_BPF_H
#define NT_RING_BPF_H

#include "read.bpf.h"
#include "ring_abi.h"
#include "track_abi.h"

/* One less than the size of a ring, which is a power of two. */
const volatile u64 ring_mask = 0;

#ifdef NT_DIRECT

_Static_assert(NT_RING_BEYOND_BYTES >= NT_RING_WORD_BYTES + sizeof(struct nt_batch), "the largest record goes on there");

#define RESERVE_TRIES 8

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* userspace: one per possible CPU, and their size */
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(struct nt_ring) + NT_RING_BEYOND_BYTES);
} rings SEC(".maps");

#define NO_ROOM (~0ull)

static __always_inline struct nt_ring *ring_here(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&rings, &cpu);
}

/* Take so many bytes, which begin at the position returned. NO_ROOM too if another program came between. */
static __always_inline u64 ring_take_once(struct nt_ring *ring, u64 room)
{
	u64 at = *(volatile u64 *)&ring->producer;

	if (at + room - *(volatile u64 *)&ring->consumer > ring_mask + 1)
		return NO_ROOM;
	return __sync_val_compare_and_swap(&ring->producer, at, at + room) == at ? at : NO_ROOM;
}

/* Interrupts that come within these few instructions do not come each time. */
PART u64 ring_take(u64 room)
{
	struct nt_ring *ring = ring_here();
	u64 at = NO_ROOM;
	int i;

	for (i = 0; ring && i < RESERVE_TRIES && at == NO_ROOM; i++)
		at = ring_take_once(ring, room);
	return at;
}

/* Room for a record of up to sizeof(struct nt_batch), or NULL. */
static __always_inline void *ring_reserve(u64 size)
{
	u64 room = (size + NT_RING_WORD_BYTES + 7) & ~7ull, at;
	struct nt_ring *ring = ring_here();

	if (!ring)
		return NULL;
	barrier_var(ring); /* or the compiler adds before it compares, which the kernel does not allow */
	at = ring_take_once(ring, room);
	if (at == NO_ROOM)
		at = ring_take(room);
	return at == NO_ROOM ? NULL : &ring->bytes[(at & ring_mask) + NT_RING_WORD_BYTES];
}

/* The record is whole. x86 keeps stores in their order. */
static __always_inline void ring_submit(void *record, u64 size)
{
	barrier();
	*(volatile u64 *)(record - NT_RING_WORD_BYTES) = size;
}

/* Copy a record of so many bytes, which the verifier knows to be no more than sizeof(struct nt_batch). */
static __always_inline bool ring_output(const void *from, u64 bytes)
{
	void *record = ring_reserve(bytes);

	if (!record)
		return false;
	bpf_probe_read_kernel(record, (u32)bytes, from);
	ring_submit(record, bytes);
	return true;
}

#else

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024); /* userspace sets the size that the budget allows */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1); /* userspace: one per possible CPU */
	__type(key, u32);
	__array(values, struct ring);
} rings SEC(".maps");

static __always_inline void *ring_here(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&rings, &cpu);
}

static __always_inline void *ring_reserve(u64 size)
{
	void *ring = ring_here();

	return ring ? bpf_ringbuf_reserve(ring, size, 0) : NULL;
}

static __always_inline void ring_submit(void *record, u64 size)
{
	(void)size;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

static __always_inline bool ring_output(const void *from, u64 bytes)
{
	void *ring = ring_here();

	return ring && !bpf_ringbuf_output(ring, (void *)from, bytes, BPF_RB_NO_WAKEUP);
}

#endif

#endif
