/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two indexes of packets: from an address to what is known there.
 *
 * The kernel's hash (BPF_MAP_TYPE_HASH) takes a call for each look, and locks for each change; a packet's beginning and end
 * are six of these. Where the kernel has compare-and-swap (bpf/ring.bpf.h) the index is an array of sets instead, found by a
 * hash of the address. A key is claimed with its lowest bit set, which no address has, and shows once its value is
 * written. What finds no room in its set goes to that set's neighbour. Of 60,000 addresses at a time 20 find none there, of
 * 100,000 one in fifty (Poisson); that is counted, as a full map is.
 *
 * As with the kernel's hash, an entry that another CPU deletes may be another packet's at once.
 *
 * The most common hit is a packet nobody asked for. It costs one load: counts of the addresses by their hash, in .bss, say
 * "certainly not here" before any index is touched. Whoever deletes an entry takes its count back, userspace included.
 */
#ifndef NT_INDEX_BPF_H
#define NT_INDEX_BPF_H

#include "read.bpf.h"
#include "track_abi.h"

u32 tracked_skbs[NT_PREFILTER_SLOTS] = {};
u32 tracked_heads[NT_PREFILTER_SLOTS] = {};

static __always_inline bool maybe_tracked(u64 skb)
{
	return *(volatile u32 *)&tracked_skbs[nt_prefilter_slot(skb)] != 0;
}

static __always_inline bool maybe_head(u64 head)
{
	return *(volatile u32 *)&tracked_heads[nt_prefilter_slot(head)] != 0;
}

static __always_inline void count_in(u32 *counts, u64 key)
{
	__sync_fetch_and_add(&counts[nt_prefilter_slot(key)], 1);
}

static __always_inline void count_out(u32 *counts, u64 key)
{
	__sync_fetch_and_add(&counts[nt_prefilter_slot(key)], -1);
}

#ifdef NT_DIRECT

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, NT_INDEX_SETS);
	__type(key, u32);
	__type(value, struct nt_skb_set);
} skbs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, NT_INDEX_SETS);
	__type(key, u32);
	__type(value, struct nt_head_set);
} heads SEC(".maps");

/* An address's own set, and the neighbour. */
#define SETS_TRIED 2
#define NO_PLACE 0xffffffffu

/* The keys of a set, with which it begins. */
static __always_inline u64 *keys_of(void *index, u32 set)
{
	return bpf_map_lookup_elem(index, &set);
}

/*
 * The place of a key: its set and way in one number, or NO_PLACE. A number and no pointer, so that what looks for it can be
 * a PART: all its ways would be followed to the end of each program otherwise.
 */
static __always_inline u32 index_find(void *index, u64 key)
{
	volatile u64 *keys;
	u32 set, i, way;

	if (!key) /* which marks what is free; a qdisc says that it is empty with a packet of NULL */
		return NO_PLACE;
#pragma unroll
	for (i = 0; i < SETS_TRIED; i++) {
		set = nt_prefilter_slot(key) ^ i;
		keys = keys_of(index, set);
		if (!keys)
			return NO_PLACE;
#pragma unroll
		for (way = 0; way < NT_INDEX_WAYS; way++)
			if (keys[way] == key)
				return set * NT_INDEX_WAYS + way;
	}
	return NO_PLACE;
}

/* A place for a key that has none, claimed for it; NO_PLACE: there is no room. */
static __always_inline u32 index_claim(void *index, u64 key)
{
	u32 set, i, way;
	u64 *keys;

	if (!key)
		return NO_PLACE;
	for (i = 0; i < SETS_TRIED; i++) {
		set = nt_prefilter_slot(key) ^ i;
		keys = keys_of(index, set);
		if (!keys)
			return NO_PLACE;
		for (way = 0; way < NT_INDEX_WAYS; way++)
			if (!keys[way] && !__sync_val_compare_and_swap(&keys[way], 0, key | NT_INDEX_CLAIM))
				return set * NT_INDEX_WAYS + way;
	}
	return NO_PLACE;
}

/* The key's entry, if it is still there. */
static __always_inline bool index_delete(void *index, u32 place, u64 key)
{
	u64 *keys = keys_of(index, place / NT_INDEX_WAYS);

	if (!keys)
		return false;
	barrier_var(keys);
	return __sync_val_compare_and_swap(&keys[place % NT_INDEX_WAYS], key, 0) == key;
}

/* x86 keeps stores in their order. */
static __always_inline void index_publish(u64 *keys, u32 place, u64 key)
{
	if (!keys)
		return;
	barrier();
	*(volatile u64 *)&keys[place % NT_INDEX_WAYS] = key;
}

PART u32 skb_place(u64 skb)
{
	return index_find(&skbs, skb);
}

PART u32 head_place(u64 head)
{
	return index_find(&heads, head);
}

/* NULL for NO_PLACE: there is no set of that number. */
static __always_inline struct nt_tracked *skb_at(u32 place)
{
	struct nt_skb_set *set = (void *)keys_of(&skbs, place / NT_INDEX_WAYS);

	if (!set)
		return NULL;
	barrier_var(set); /* or the compiler adds before it compares, which the kernel does not allow */
	return &set->values[place % NT_INDEX_WAYS];
}

static __always_inline struct nt_held *head_at(u32 place)
{
	struct nt_head_set *set = (void *)keys_of(&heads, place / NT_INDEX_WAYS);

	if (!set)
		return NULL;
	barrier_var(set); /* or the compiler adds before it compares, which the kernel does not allow */
	return &set->values[place % NT_INDEX_WAYS];
}

static __always_inline struct nt_tracked *skb_find(u64 skb)
{
	return skb_at(skb_place(skb));
}

static __always_inline struct nt_held *held_find(u64 head)
{
	return head_at(head_place(head));
}

PART u32 skb_claim(u64 skb)
{
	return index_claim(&skbs, skb);
}

PART u32 head_claim(u64 head)
{
	return index_claim(&heads, head);
}

/* False if it is there, or there is no room. */
static __always_inline bool skb_insert(u64 skb, const struct nt_tracked *value)
{
	u32 place = skb_find(skb) ? NO_PLACE : skb_claim(skb);
	struct nt_tracked *entry = skb_at(place);

	if (!entry)
		return false;
	count_in(tracked_skbs, skb);
	*entry = *value;
	index_publish(keys_of(&skbs, place / NT_INDEX_WAYS), place, skb);
	return true;
}

PART bool skb_delete(u64 skb)
{
	if (!index_delete(&skbs, skb_place(skb), skb))
		return false;
	count_out(tracked_skbs, skb);
	return true;
}

PART bool held_delete(u64 head)
{
	if (!index_delete(&heads, head_place(head), head))
		return false;
	count_out(tracked_heads, head);
	return true;
}

/*
 * False if there is no room. What is there belonged to a packet whose end was missed. Two CPUs that see clones of an unknown
 * head at the same moment could both enter it: the second entry is found once the first is gone, and swept if nobody does.
 */
static __always_inline bool held_insert(u64 head, const struct nt_held *value)
{
	struct nt_held *entry;
	u32 place;

	held_delete(head);
	place = head_claim(head);
	entry = head_at(place);
	if (!entry)
		return false;
	count_in(tracked_heads, head);
	*entry = *value;
	index_publish(keys_of(&heads, place / NT_INDEX_WAYS), place, head);
	return true;
}

#else

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NT_TRACKED_MAX);
	__type(key, u64);
	__type(value, struct nt_tracked);
} skbs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NT_TRACKED_MAX);
	__type(key, u64);
	__type(value, struct nt_held);
} heads SEC(".maps");

static __always_inline struct nt_tracked *skb_find(u64 skb)
{
	return bpf_map_lookup_elem(&skbs, &skb);
}

static __always_inline struct nt_held *held_find(u64 head)
{
	return bpf_map_lookup_elem(&heads, &head);
}

/* False if it is there, or there is no room. */
static __always_inline bool skb_insert(u64 skb, const struct nt_tracked *value)
{
	if (bpf_map_update_elem(&skbs, &skb, value, BPF_NOEXIST))
		return false;
	count_in(tracked_skbs, skb);
	return true;
}

static __always_inline bool skb_delete(u64 skb)
{
	if (bpf_map_delete_elem(&skbs, &skb))
		return false;
	count_out(tracked_skbs, skb);
	return true;
}

static __always_inline bool held_delete(u64 head)
{
	if (bpf_map_delete_elem(&heads, &head))
		return false;
	count_out(tracked_heads, head);
	return true;
}

/*
 * False if there is no room. What is there belonged to a packet whose end was missed. Never overwritten in one go: whether
 * BPF_ANY created or replaced an entry is not told, and the prefilter has to count the one and not the other.
 */
static __always_inline bool held_insert(u64 head, const struct nt_held *value)
{
	long err = bpf_map_update_elem(&heads, &head, value, BPF_NOEXIST);

	if (err == -EEXIST) {
		held_delete(head);
		err = bpf_map_update_elem(&heads, &head, value, BPF_NOEXIST);
	}
	if (err)
		return false;
	count_in(tracked_heads, head);
	return true;
}

#endif

#endif
