/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading BPF ring buffers and ordering what they hold.
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

struct ring {
	unsigned long *consumer;
	const unsigned long *producer; /* one page, the data behind it */
	const char *data;
};

struct source_ring {
	struct ring *rings;
	unsigned int n_rings;
	size_t ring_bytes;
	size_t page_bytes;
	struct sort_item *items; /* records waiting, each with a copy in memory of its own */
	struct sort_item *scratch;
	size_t n_items;
	size_t capacity;
	char *arena[2]; /* copies of this round's records, and of those left over from the last */
	size_t arena_used;
	size_t arena_bytes;
};

static int ring_map(struct source_ring *source, struct ring *ring, int fd)
{
	void *map;

	map = mmap(NULL, source->page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	ring->consumer = map;
	/* Not twice, as the kernel offers: each page would count twice as memory that is in use. */
	map = mmap(NULL, source->page_bytes + source->ring_bytes, PROT_READ, MAP_SHARED, fd, (off_t)source->page_bytes);
	if (map == MAP_FAILED)
		return -errno;
	ring->producer = map;
	ring->data = (const char *)map + source->page_bytes;
	return 0;
}

static void ring_unmap(struct source_ring *source, struct ring *ring)
{
	if (ring->consumer)
		munmap(ring->consumer, source->page_bytes);
	if (ring->producer)
		munmap((void *)ring->producer, source->page_bytes + source->ring_bytes);
}

/* What may be left over from a round is what the rings hold at most, and so is what a round adds. */
static int source_allocate(struct source_ring *source)
{
	size_t total = source->n_rings * source->ring_bytes;

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

int source_ring_new(const int *fds, unsigned int n, size_t ring_bytes, struct source_ring **ret_source)
{
	struct source_ring *source = calloc(1, sizeof(*source));
	unsigned int i;
	int err = 0;

	if (!source)
		return -ENOMEM;
	source->arena[0] = source->arena[1] = MAP_FAILED;
	source->ring_bytes = ring_bytes;
	source->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	source->n_rings = n;
	source->rings = calloc(n, sizeof(*source->rings));
	if (!source->rings)
		err = -ENOMEM;
	for (i = 0; !err && i < n; i++)
		err = ring_map(source, &source->rings[i], fds[i]);
	if (!err)
		err = source_allocate(source);
	if (err) {
		source_ring_free(source);
		return err;
	}
	*ret_source = source;
	return 0;
}

void source_ring_free(struct source_ring *source)
{
	unsigned int i;

	if (!source)
		return;
	for (i = 0; source->rings && i < source->n_rings; i++)
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

/* Copy a record that may go on at the ring's beginning. False if there is no room. */
static bool keep_record(struct source_ring *source, const struct ring *ring, unsigned long at, u32 size, u32 cpu)
{
	size_t offset = at & (source->ring_bytes - 1), straight = source->ring_bytes - offset;
	char *copy = arena_take(source, size);

	if (!copy)
		return false;
	if (straight > size)
		straight = size;
	memcpy(copy, ring->data + offset, straight);
	memcpy(copy + straight, ring->data, size - straight);
	if (nt_event_kind((const struct nt_event *)copy) == NT_KIND_BATCH)
		batch_each((const struct nt_batch *)copy, size, add_entry, source);
	else
		add_item(source, copy, size, cpu);
	return true;
}

static u32 committed_length(const u32 *header)
{
	u32 length = __atomic_load_n(header, __ATOMIC_ACQUIRE);
	int tries = BUSY_TRIES;

	while ((length & BPF_RINGBUF_BUSY_BIT) && tries--)
		length = __atomic_load_n(header, __ATOMIC_ACQUIRE);
	return length;
}

/* Copy a ring's records out, up to where its producer is now. False if it had to stop before. */
static bool ring_take(struct source_ring *source, u32 cpu)
{
	struct ring *ring = &source->rings[cpu];
	unsigned long consumer = *ring->consumer;
	unsigned long producer = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
	bool whole = true;

	while (consumer < producer) {
		const u32 *header = (const void *)(ring->data + (consumer & (source->ring_bytes - 1)));
		u32 length = committed_length(header);
		u32 size = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (length & BPF_RINGBUF_BUSY_BIT) {
			whole = false;
			break;
		}
		if (!(length & BPF_RINGBUF_DISCARD_BIT) && size >= sizeof(struct nt_event) &&
		    !keep_record(source, ring, consumer + BPF_RINGBUF_HDR_SZ, size, cpu)) {
			whole = false;
			break;
		}
		consumer += (size + BPF_RINGBUF_HDR_SZ + 7u) & ~7ul;
	}
	__atomic_store_n(ring->consumer, consumer, __ATOMIC_RELEASE);
	return whole;
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
	u32 cpu;

	for (cpu = 0; cpu < source->n_rings; cpu++)
		whole &= ring_take(source, cpu);
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
