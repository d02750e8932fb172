/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Following packets: what changes the two indexes.
 *
 * The rules are those of include/lifetime.h; src/lifetime_model.c is the same
 * machine in plain C, tested over sequences of events.
 */
#ifndef NT_TRACK_BPF_H
#define NT_TRACK_BPF_H

#include "index.bpf.h"
#include "lifetime.h"
#include "packet.bpf.h"
#include "track_abi.h"

/* An id carries its CPU in this many low bits: each CPU counts for itself. */
const volatile u32 cpu_bits = 1;
/* skb_clone has no probe here (tracepoint backend): clones show up unannounced. */
const volatile bool clones_unannounced = false;

/* Set by userspace once every probe is attached: a journey that began before would lack its first events. */
volatile bool enabled = false;

/* Per CPU: the last id tried, and who claimed which. */
struct id_source {
	u32 last;
	u32 claimed;
	u64 claimant;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct id_source);
} ids SEC(".maps");

/* Totals by probe and cause, one copy per CPU. */
struct nt_losses {
	u64 by_cause[NT_LOSS_COUNT];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NT_PROBE_MAX);
	__type(key, u32);
	__type(value, struct nt_losses);
} losses SEC(".maps");

static __always_inline void count_losses(u32 probe, enum nt_loss_cause cause, u32 n)
{
	struct nt_losses *loss = bpf_map_lookup_elem(&losses, &probe);

	if (loss)
		__sync_fetch_and_add(&loss->by_cause[cause], n);
}

static __always_inline void count_loss(u32 probe, enum nt_loss_cause cause)
{
	count_losses(probe, cause, 1);
}

/*
 * A new identity. 5.10 has no atomic that returns a value, and this program can
 * be interrupted by another that does the same. The counter only rises, so two
 * can at most read the same value; of those the splitter (Moir and Anderson
 * 1995: plain reads and writes) lets one pass. All contenders are on one CPU, so
 * program order is all the ordering it needs. Where BPF programs are preemptible, three
 * tasks that preempt each other within these few instructions could still share
 * an id; userspace then sees two starts, and closes the first journey as incomplete.
 */
PART u32 id_new(u64 skb)
{
	u32 zero = 0, cpu = bpf_get_smp_processor_id(), id;
	volatile struct id_source *source = bpf_map_lookup_elem(&ids, &zero);
	int i;

	if (!source)
		return 0;
	for (i = 0; i < 4; i++) {
		__sync_fetch_and_add((u32 *)&source->last, 1);
		id = source->last;
		source->claimant = skb;
		if ((s32)(source->claimed - id) >= 0)
			continue;
		source->claimed = id;
		if (source->claimant == skb && (id << cpu_bits))
			return id << cpu_bits | (cpu & ((1u << cpu_bits) - 1));
	}
	return 0;
}

static __always_inline struct skb_shared_info *shared_info(struct sk_buff *skb, u64 head)
{
	return (void *)(head + READ(skb, end));
}

/*
 * Do other skbs hold this head and its headers? dataref counts all holders in
 * its low half and those that gave the headers up (TCP's originals) in the high.
 */
static __always_inline bool head_is_shared(struct sk_buff *skb, u64 head)
{
	struct skb_shared_info *shared = shared_info(skb, head);
	u32 dataref = (u32)READ(shared, dataref.counter);

	return (dataref & 0xffff) - (dataref >> 16) > 1;
}

/* The entry of a tracked skb's head; NULL too if the head has since become another packet's. */
static __always_inline struct nt_held *head_of(const struct nt_tracked *t)
{
	struct nt_held *held = held_find(t->head);

	return held && held->id == t->id ? held : NULL;
}

/* One holder less; the entry goes with the last. True if others remain. */
static __always_inline bool head_put(const struct nt_tracked *t)
{
	struct nt_held *held = head_of(t);

	if (!held)
		return false;
	__sync_fetch_and_add(&held->refs, -1);
	if ((s32) * (volatile u32 *)&held->refs > 0)
		return true;
	held_delete(t->head);
	return false;
}

/* As head_put, but the entry stays for a clone that was not seen yet. */
static __always_inline bool head_leave(const struct nt_tracked *t)
{
	struct nt_held *held = head_of(t);

	if (held)
		__sync_fetch_and_add(&held->refs, -1);
	return held != NULL;
}

static __always_inline void head_hold(const struct nt_tracked *t)
{
	struct nt_held *held = head_of(t);

	if (held)
		__sync_fetch_and_add(&held->refs, 1);
}

/* Index the head of what is tracked, with one holder. Where there is no room, that is counted. */
static __always_inline void head_insert(const struct nt_tracked *t, u32 probe)
{
	struct nt_held held = {.id = t->id, .refs = 1, .print = t->print, .start_ns = t->last_ns};

	if (!held_insert(t->head, &held))
		count_loss(probe, NT_LOSS_MAP);
}

/* pskb_expand_head gives the old head back; whether it got a new one shows at the next event. */
static __always_inline void track_announce(struct nt_tracked *t)
{
	head_put(t);
	t->flags |= NT_T_ANNOUNCED;
}

/* An announced replacement did not happen: it holds the old head still. */
static __always_inline void track_restore(struct nt_tracked *t, u32 probe)
{
	if (head_of(t))
		head_hold(t);
	else
		head_insert(t, probe);
	t->flags &= ~NT_T_ANNOUNCED;
}

static __always_inline void track_rehead(struct nt_tracked *t, u64 head, u32 probe)
{
	if (!(t->flags & NT_T_ANNOUNCED))
		head_put(t);
	t->head = head;
	head_insert(t, probe);
	t->flags &= ~NT_T_ANNOUNCED;
}

/* The skb is gone. True if others are known to hold its head, or, without skb_clone, may. */
static __always_inline bool track_end(struct sk_buff *skb, const struct nt_tracked *t)
{
	/* of a head that was replaced unseen nothing can be asked: it may be gone */
	bool unseen = clones_unannounced && READ_ADDRESS(skb, head) == t->head && head_is_shared(skb, t->head);
	struct nt_tracked gone = *t; /* a deleted entry may be another packet's at once */

	skb_delete((u64)skb);
	if (gone.flags & NT_T_ANNOUNCED)
		return unseen;
	return unseen ? head_leave(&gone) : head_put(&gone);
}

static __always_inline struct nt_tracked *track_join(u64 skb, u64 head, u32 probe)
{
	struct nt_held *held = held_find(head);
	struct nt_tracked value = {.head = head};

	if (!held)
		return NULL;
	value.id = held->id;
	value.last_ns = bpf_ktime_get_ns();
	value.print = held->print;
	if (!skb_insert(skb, &value)) {
		count_loss(probe, NT_LOSS_MAP);
		return NULL;
	}
	if (clones_unannounced)
		__sync_fetch_and_add(&held->refs, 1);
	return skb_find(skb);
}

/* Another skb takes the head of this one, which is about to be freed, and goes on as the same packet. */
static __always_inline void track_take_over(u64 skb, const struct nt_tracked *from, u32 probe)
{
	struct nt_tracked value = {
		.head = from->head,
		.print = from->print,
		.last_ns = from->last_ns,
		.ifindex = from->ifindex,
		.netns = from->netns,
		.dev = from->dev,
		.id = from->id,
		.network = from->network,
		.l3_proto = from->l3_proto,
		.stage = from->stage,
		.way = from->way,
		.since_ns = from->since_ns,
	};

	if (skb_insert(skb, &value))
		head_hold(&value);
	else
		count_loss(probe, NT_LOSS_MAP);
}

static __always_inline struct nt_tracked *track_start(u64 skb, u64 head, u64 print, u32 probe)
{
	struct nt_tracked value = {.head = head, .print = print, .flags = NT_T_NEW};

	if (!enabled)
		return NULL;
	value.last_ns = bpf_ktime_get_ns();
	value.id = id_new(skb);
	if (!value.id) {
		count_loss(probe, NT_LOSS_ID);
		return NULL;
	}
	if (!skb_insert(skb, &value)) {
		count_loss(probe, NT_LOSS_MAP);
		return NULL;
	}
	head_insert(&value, probe);
	return skb_find(skb);
}

#endif
