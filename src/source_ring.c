/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading rings and ordering what they hold: the kernel's (BPF_MAP_TYPE_RINGBUF), and those of bpf/ring.bpf.h.
 *
 * Programs read the clock after they have reserved their record (emit.bpf.h).
 * So once a ring has been read up to a producer position that was sampled after
 * time T, every record still to come from it is younger than T, but for the time
 * that the reservation takes to leave the CPU's store buffer. When that holds
 * for all rings, the records up to T are complete and can be handed on in order;
 * the rest waits for the next round. A record that is reserved and not yet
 * committed is waited for: it takes its program less than a microsecond, unless
 * interrupted; then the round hands nothing on.
 */
#include "source_ring.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"
#include "clock.h"
#include "sort.h"

/* Longer than stores stay in a store buffer, and than an annotation follows its snapshot with the same time. */
#define SLACK_NS 100000
#define BUSY_TRIES 4096

_Static_assert(NT_RING_WORD_BYTES == BPF_RINGBUF_HDR_SZ, "one reader for both kinds of ring");

struct ring {
	u64 *consumer;
	const u64 *producer;
	char *data;
	size_t bytes;
	size_t straight_bytes; /* of data: a record that reaches its end goes on at its beginning */
	u32 cpu;
	bool own; /* a record that is not whole has the length 0, and what was read is zeroed */
};

struct source_ring {
	struct ring *rings;
	unsigned int n_rings;
	unsigned int rings_room;
	size_t page_bytes;
	struct sort_item *items; /* records waiting, each with a copy in memory of its own */
	struct sort_item *scratch;
	size_t n_items;
	size_t capacity;
	char *arena[2]; /* copies of this round's records, and of those left over from the last */
	size_t arena_used;
	size_t arena_bytes;
};

int source_ring_new(unsigned int n, struct source_ring **ret_source)
{
	struct source_ring *source = calloc(1, sizeof(*source));

	if (!source)
		return -ENOMEM;
	source->arena[0] = source->arena[1] = MAP_FAILED;
	source->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	source->rings_room = n;
	source->rings = calloc(n, sizeof(*source->rings));
	if (!source->rings) {
		free(source);
		return -ENOMEM;
	}
	*ret_source = source;
	return 0;
}

/* The kernel's rings have one page that the reader writes, one that it does not, and the data behind that. */
int source_ring_add_map(struct source_ring *source, int fd, size_t bytes, u32 cpu)
{
	struct ring *ring = &source->rings[source->n_rings];
	void *consumer, *producer;

	if (source->n_rings == source->rings_room)
		return -ENOSPC;
	consumer = mmap(NULL, source->page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (consumer == MAP_FAILED)
		return -errno;
	/* Not twice, as the kernel offers: each page would count twice as memory that is in use. */
	producer = mmap(NULL, source->page_bytes + bytes, PROT_READ, MAP_SHARED, fd, (off_t)source->page_bytes);
	if (producer == MAP_FAILED) {
		munmap(consumer, source->page_bytes);
		return -errno;
	}
	*ring = (struct ring){
		.consumer = consumer,
		.producer = producer,
		.data = (char *)producer + source->page_bytes,
		.bytes = bytes,
		.straight_bytes = bytes,
		.cpu = cpu,
	};
	source->n_rings++;
	return 0;
}

int source_ring_add_memory(struct source_ring *source, struct nt_ring *memory, size_t bytes, u32 cpu)
{
	if (source->n_rings == source->rings_room)
		return -ENOSPC;
	source->rings[source->n_rings++] = (struct ring){
		.consumer = &memory->consumer,
		.producer = &memory->producer,
		.data = (char *)memory->bytes,
		.bytes = bytes,
		.straight_bytes = bytes + NT_RING_BEYOND_BYTES,
		.cpu = cpu,
		.own = true,
	};
	return 0;
}

/* What may be left over from a round is what the rings hold at most, and so is what a round adds. */
int source_ring_begin(struct source_ring *source)
{
	size_t total = 0;

	for (unsigned int i = 0; i < source->n_rings; i++)
		total += source->rings[i].bytes;
	source->arena_bytes = 2 * total;
	source->capacity = source->arena_bytes / sizeof(struct nt_event);
	source->arena[0] = mmap(NULL, source->arena_bytes, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	source->arena[1] = mmap(NULL, source->arena_bytes, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (source->arena[0] == MAP_FAILED || source->arena[1] == MAP_FAILED)
		return -ENOMEM;
	source->items = calloc(source->capacity, sizeof(*source->items));
	source->scratch = calloc(source->capacity, sizeof(*source->scratch));
	return source->items && source->scratch ? 0 : -ENOMEM;
}

static void ring_unmap(const struct source_ring *source, struct ring *ring)
{
	if (ring->own)
		return;
	munmap(ring->consumer, source->page_bytes);
	munmap((void *)ring->producer, source->page_bytes + ring->bytes);
}

void source_ring_free(struct source_ring *source)
{
	unsigned int i;

	if (!source)
		return;
	for (i = 0; i < source->n_rings; i++)
		ring_unmap(source, &source->rings[i]);
	for (i = 0; i < 2; i++)
		if (source->arena[i] != MAP_FAILED)
			munmap(source->arena[i], source->arena_bytes);
	free(source->rings);
	free(source->items);
	free(source->scratch);
	free(source);
}

/* Room for a record of this size among those that wait; NULL if there is none. */
static char *arena_take(struct source_ring *source, u32 size)
{
	size_t room = (size + 7u) & ~7u;
	char *taken;

	if (source->n_items == source->capacity || source->arena_used + room > source->arena_bytes)
		return NULL;
	taken = source->arena[0] + source->arena_used;
	source->arena_used += room;
	return taken;
}

static void add_item(struct source_ring *source, const char *record, u32 size, u32 cpu)
{
	struct sort_item *item = &source->items[source->n_items++];

	item->record = (const struct nt_event *)record;
	item->ts_ns = item->record->ts_ns;
	item->size_bytes = size;
	item->cpu = cpu;
}

static bool add_entry(void *user, const void *record, u32 size, u32 cpu)
{
	struct source_ring *source = user;

	if (source->n_items == source->capacity)
		return false;
	add_item(source, record, size, cpu);
	return true;
}

/* Copy the record whose header is at that position. False if there is no room. */
static bool keep_record(struct source_ring *source, const struct ring *ring, u64 at, u32 size)
{
	size_t offset = (at & (ring->bytes - 1)) + BPF_RINGBUF_HDR_SZ, straight;
	char *copy = arena_take(source, size);

	if (!copy)
		return false;
	if (offset == ring->straight_bytes)
		offset = 0;
	straight = ring->straight_bytes - offset;
	if (straight > size)
		straight = size;
	memcpy(copy, ring->data + offset, straight);
	memcpy(copy + straight, ring->data, size - straight);
	if (nt_event_kind((const struct nt_event *)copy) == NT_KIND_BATCH)
		batch_each((const struct nt_batch *)copy, size, add_entry, source);
	else
		add_item(source, copy, size, ring->cpu);
	return true;
}

/* Of what is written by one of our own rings 0 means the same as the kernel's bit: it is under way. */
static bool is_busy(const struct ring *ring, u32 length)
{
	return ring->own ? !length : (length & BPF_RINGBUF_BUSY_BIT) != 0;
}

static u32 committed_length(const struct ring *ring, const u32 *header)
{
	u32 length = __atomic_load_n(header, __ATOMIC_ACQUIRE);
	int tries = BUSY_TRIES;

	while (is_busy(ring, length) && tries--)
		length = __atomic_load_n(header, __ATOMIC_ACQUIRE);
	return length;
}

/* Copy a ring's records out, up to where its producer is now. False if it had to stop before. */
static bool ring_take(struct source_ring *source, struct ring *ring)
{
	u64 consumer = *ring->consumer, producer = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);

	while (consumer < producer) {
		u32 *header = (void *)(ring->data + (consumer & (ring->bytes - 1)));
		u32 length = committed_length(ring, header);
		u32 size = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		u64 room = (size + BPF_RINGBUF_HDR_SZ + 7u) & ~7ul;

		if (is_busy(ring, length))
			break;
		if (!(length & BPF_RINGBUF_DISCARD_BIT) && size >= sizeof(struct nt_event) &&
		    !keep_record(source, ring, consumer, size))
			break;
		if (ring->own)
			memset(header, 0, room);
		consumer += room;
	}
	__atomic_store_n(ring->consumer, consumer, __ATOMIC_RELEASE);
	return consumer >= producer;
}

/* Copy the items from `first` on to the front, into the other arena. */
static void keep_rest(struct source_ring *source, size_t first)
{
	size_t n = source->n_items, i;
	char *swap = source->arena[0];

	source->arena[0] = source->arena[1];
	source->arena[1] = swap;
	source->arena_used = 0;
	source->n_items = 0;
	for (i = first; i < n; i++) {
		struct sort_item item = source->items[i];
		char *copy = arena_take(source, item.size_bytes);

		memcpy(copy, item.record, item.size_bytes);
		add_item(source, copy, item.size_bytes, item.cpu);
	}
}

long source_ring_read(struct source_ring *source, bool last, source_record_fn on_record, void *user)
{
	size_t before = source->n_items, taken, i;
	u64 complete_ns = now_ns() - SLACK_NS;
	bool whole = true;
	int err = 0;
	unsigned int ring;

	for (ring = 0; ring < source->n_rings; ring++)
		whole &= ring_take(source, &source->rings[ring]);
	taken = source->n_items - before;
	/* A stuck ring must not starve the others for good: past half the room, order is given up. */
	if (!whole && source->arena_used < source->arena_bytes / 2)
		return last ? -EAGAIN : (long)taken;
	sort_items(source->items, source->n_items, source->scratch);
	for (i = 0; !err && i < source->n_items; i++) {
		const struct sort_item *item = &source->items[i];

		if (item->ts_ns >= complete_ns && !last)
			break;
		err = on_record(user, item->record, item->size_bytes, item->cpu);
	}
	keep_rest(source, i);
	return err ? err : (long)taken;
}
