/* SPDX-License-Identifier: GPL-2.0 */
/*
 * --min-latency, --latency: the records of a journey wait in a shelf until it has taken that long, or longer than the
 * slowest so far, and then all go to the ring as one batch; with a journey that ends before they are
 * dropped, and userspace never hears of it.
 *
 * A shelf is found by the journey's id, so its sk_buffs share it, and which of them writes is settled by
 * a claim. Nobody waits: whoever finds the shelf claimed sends its record to the ring, and makes what is in the shelf
 * follow. So userspace gets whole journeys or nothing, perhaps some that are fast, which it leaves out itself.
 */
#ifndef NT_SHELF_BPF_H
#define NT_SHELF_BPF_H

#include "ring.bpf.h"
#include "track.bpf.h"

const volatile bool want_shelves = false;

/* From here on a journey is slow. Userspace raises it while --latency finds slower ones; 0: all are. */
volatile u64 slow_ns = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* userspace: NT_SHELVES where they are used */
	__type(key, u32);
	__type(value, struct nt_shelf);
} shelves SEC(".maps");

/* By CPU: journeys that were faster, and those that found no shelf and were sent as they went. */
struct nt_shelf_counts shelf_counts[NT_MAX_CPUS] = {};

/* A claim that is held for so long will not be given back: its program lost a race for it, or its CPU stands still. */
#define CLAIM_STALE_NS 1000000000ull

static __always_inline struct nt_shelf *shelf_of(u32 id)
{
	u32 i = id & (NT_SHELVES - 1);

	return bpf_map_lookup_elem(&shelves, &i);
}

/*
 * The splitter of id_new() again, here between CPUs: so its reads and writes are kept apart by atomic
 * operations, which are full barriers. Of several that come at once at most one passes; that the
 * shelf stays claimed if none does costs its use until it is stale.
 */
static __always_inline bool shelf_claim(struct nt_shelf *shelf)
{
	u64 token = bpf_ktime_get_ns() << 10 | (bpf_get_smp_processor_id() & (NT_MAX_CPUS - 1));
	volatile struct nt_shelf *shared = shelf;

	shared->claimant = token;
	__sync_fetch_and_add(&shelf->fence, 1);
	if (shared->claimed)
		return false;
	shared->claimed = 1;
	__sync_fetch_and_add(&shelf->fence, 1);
	return shared->claimant == token;
}

static __always_inline void shelf_release(struct nt_shelf *shelf)
{
	__sync_fetch_and_add(&shelf->fence, 1);
	((volatile struct nt_shelf *)shelf)->claimed = 0;
}

/* Send what waits. False if the ring has no room: it is lost then, and counted. The caller has the claim. */
static __always_inline bool shelf_send(struct nt_shelf *shelf, u32 probe)
{
	u64 bytes = sizeof(shelf->batch) - NT_SHELF_BYTES + (u64)shelf->batch.used_bytes;
	bool sent;

	if (!shelf->batch.records)
		return true;
	barrier_var(bytes); /* what is compared is what the verifier is to know, not a copy */
	if (bytes > sizeof(shelf->batch))
		bytes = sizeof(shelf->batch);
	shelf->batch.ev.kind = NT_KIND_BATCH;
	shelf->batch.ev.skb_id = shelf->id;
	sent = ring_output(&shelf->batch, bytes);
	if (!sent)
		count_losses(probe, NT_LOSS_RING, shelf->batch.records);
	shelf->batch.used_bytes = shelf->batch.records = 0;
	return sent;
}

static __always_inline struct nt_shelf_counts *shelf_counts_here(void)
{
	return &shelf_counts[bpf_get_smp_processor_id() & (NT_MAX_CPUS - 1)];
}

/* A journey begins: give it the shelf of its id, unless an older one waits there that may still be fast: false. */
PART bool shelf_begin(u32 id, u64 start_ns, u32 probe)
{
	struct nt_shelf *shelf;
	u64 slow = slow_ns, age_ns;

	if (!want_shelves || !slow)
		return false;
	shelf = shelf_of(id);
	if (!shelf)
		return false;
	age_ns = start_ns > shelf->start_ns ? start_ns - shelf->start_ns : 0; /* who has waited began before it came */
	if (age_ns > slow + CLAIM_STALE_NS)
		shelf->claimed = 0;
	if ((shelf->id && age_ns < slow) || !shelf_claim(shelf)) {
		__sync_fetch_and_add(&shelf_counts_here()->direct, 1);
		return false;
	}
	if (shelf->id)
		shelf_send(shelf, probe);
	shelf->start_ns = start_ns;
	shelf->bypassed = 0;
	shelf->batch.used_bytes = shelf->batch.records = 0;
	shelf->id = id;
	shelf_release(shelf);
	return true;
}

/*
 * Room for a record in its journey's shelf, which the caller then has the claim of until shelf_commit. NULL:
 * the record is to be sent; *ret_lost then tells that what waited found no room in the ring.
 */
static __always_inline void *shelf_reserve(struct nt_shelf *shelf, const struct nt_event *ev, u32 size, u64 now_ns,
					   bool *ret_lost)
{
	u64 used;
	struct nt_batch_entry *entry;

	if (shelf->id != ev->skb_id)
		return NULL;
	if (!shelf_claim(shelf)) {
		shelf->bypassed = 1;
		return NULL;
	}
	used = shelf->batch.used_bytes;
	barrier_var(used);
	if (shelf->id == ev->skb_id && !shelf->bypassed && now_ns - shelf->start_ns < slow_ns &&
	    used <= NT_SHELF_BYTES - sizeof(*entry) - NT_RECORD_MAX_BYTES) {
		entry = (void *)&shelf->batch.bytes[used];
		entry->size_bytes = size;
		entry->cpu = bpf_get_smp_processor_id();
		return entry + 1;
	}
	if (shelf->id == ev->skb_id) {
		*ret_lost = !shelf_send(shelf, ev->probe);
		shelf->id = 0;
	}
	shelf_release(shelf);
	return NULL;
}

/* The record is written. If it ends the journey, that was fast. */
static __always_inline void shelf_commit(struct nt_shelf *shelf, const struct nt_event *record, u32 size)
{
	u8 kind = record->kind;

	shelf->batch.used_bytes += sizeof(struct nt_batch_entry) + ((size + 7) & ~7u);
	shelf->batch.records++;
	if ((kind & NT_KIND_MASK) == NT_END || ((kind & NT_F_END) && !(kind & NT_F_SHARED))) {
		if (shelf->bypassed)
			shelf_send(shelf, record->probe);
		else
			__sync_fetch_and_add(&shelf_counts_here()->fast, 1);
		shelf->id = 0;
	}
	shelf_release(shelf);
}

#endif
