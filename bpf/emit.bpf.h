/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sending records to userspace: one ring per CPU, no wakeups.
 *
 * The clock is read after the reservation. A record that is not yet reserved
 * when the reader finds a ring empty therefore carries a later time than that
 * moment, and a reserved one stops the reader until it is committed: so the reader can
 * order all CPUs' records exactly, without waiting for stragglers.
 */
#ifndef NT_EMIT_BPF_H
#define NT_EMIT_BPF_H

#include "compat.bpf.h"
#include "ring.bpf.h"
#include "shelf.bpf.h"
#include "track.bpf.h"

/* A record on its way: its header, and where it is until it is written. */
struct emit {
	struct nt_event ev;
	u32 size;
	u32 on_shelf; /* else in a ring */
};

/* With shelves: room on the journey's shelf, or NULL. */
static __always_inline void *emit_shelf(struct emit *emit, u32 size)
{
	struct nt_shelf *shelf = shelf_of(emit->ev.skb_id);
	u64 now_ns = emit->ev.ts_ns ?: bpf_ktime_get_ns();
	void *record;
	bool lost = false;

	if (!shelf)
		return NULL;
	record = shelf_reserve(shelf, &emit->ev, size, now_ns, &lost);
	if (lost)
		emit->ev.kind |= NT_F_LOST;
	if (!record)
		return NULL;
	emit->ev.ts_ns = now_ns;
	emit->on_shelf = true;
	__builtin_memcpy(record, &emit->ev, sizeof(emit->ev));
	return record;
}

static __always_inline void *emit_place(struct emit *emit, u32 size)
{
	void *record;

	emit->on_shelf = false;
	emit->size = size;
	if (want_shelves) {
		record = emit_shelf(emit, size);
		if (record)
			return record;
	}
	record = ring_reserve(size);
	if (!record) {
		count_loss(emit->ev.probe, NT_LOSS_RING);
		return NULL;
	}
	if (!emit->ev.ts_ns)
		emit->ev.ts_ns = bpf_ktime_get_ns();
	__builtin_memcpy(record, &emit->ev, sizeof(emit->ev));
	return record;
}

/*
 * Room for a record, NULL if there is none. What is to be committed is the caller's own copy: the verifier follows
 * what a function has on its own stack, and not what it was given.
 */
static __always_inline void *emit_reserve(struct emit *given, struct emit *ret_own, u32 size)
{
	void *record;

	if (!given)
		return NULL;
	*ret_own = *given;
	record = emit_place(ret_own, size);
	given->ev.ts_ns = ret_own->ev.ts_ns;
	given->ev.kind = ret_own->ev.kind;
	return record;
}

static __always_inline void emit_commit(struct emit *emit, void *record)
{
	struct nt_shelf *shelf;

	if (!want_shelves || !emit->on_shelf) {
		ring_submit(record, emit->size);
		return;
	}
	shelf = shelf_of(emit->ev.skb_id);
	if (shelf)
		shelf_commit(shelf, record, emit->size);
}

/* Names of the interfaces that packets were seen on, for userspace; one that is renamed keeps its first. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NT_IFNAMES_MAX);
	__type(key, struct nt_interface);
	__type(value, struct nt_ifname);
} ifnames SEC(".maps");

/* Some that are in there, by a hash: packets change device often, and a look into the map costs as much as an event. */
#define IFNAMES_LEARNED 256
u64 ifnames_learned[IFNAMES_LEARNED] = {};

static __always_inline void learn_ifname(const struct net_device *dev, const struct nt_tracked *t)
{
	struct nt_interface key = {.netns = t->netns, .ifindex = t->ifindex};
	volatile u64 *learned = &ifnames_learned[(key.netns * 31 + key.ifindex) % IFNAMES_LEARNED];
	u64 both = (u64)key.netns << 32 | key.ifindex;
	struct nt_ifname value = {};

	if (*learned == both)
		return;
	if (!bpf_map_lookup_elem(&ifnames, &key)) {
		BPF_CORE_READ_INTO(&value.name, dev, name);
		if (bpf_map_update_elem(&ifnames, &key, &value, BPF_NOEXIST))
			return;
	}
	*learned = both;
}

/* Interface and namespace, read anew only when the packet changed device. */
static __always_inline void refresh_device(struct sk_buff *skb, struct nt_tracked *t)
{
	struct net_device *dev = (void *)READ_ADDRESS(skb, dev);
	struct sock *sk;

	if (dev && (u64)dev == t->dev)
		return;
	t->dev = (u64)dev;
	if (dev) {
		t->ifindex = READ(dev, ifindex);
		t->netns = READ(dev, nd_net.net, ns.inum);
		learn_ifname(dev, t);
		return;
	}
	t->ifindex = 0;
	sk = (void *)READ_ADDRESS(skb, sk);
	if (sk)
		t->netns = READ(sk, __sk_common.skc_net.net, ns.inum);
}

static __always_inline void emit_begin(struct emit *emit, struct sk_buff *skb, u32 probe, const struct nt_tracked *t)
{
	struct nt_event *ev = &emit->ev;

	emit->size = emit->on_shelf = 0;
	ev->ts_ns = 0;
	ev->skb = (u64)skb;
	ev->skb_id = t->id;
	ev->probe = probe;
	ev->context = compat_context();
	ev->kind = NT_EVENT | (t->flags & NT_T_LOST ? NT_F_LOST : 0);
	ev->ifindex = t->ifindex;
	ev->netns = t->netns;
}

/* skb->len counts from data, which may stand before or behind the network header. */
static __always_inline u32 length_from_network(struct sk_buff *skb, u32 flags)
{
	u64 head = READ_ADDRESS(skb, head);
	u32 data = (u32)(READ_ADDRESS(skb, data) - head);

	return data + READ(skb, len) - network_offset(skb, (void *)head, flags);
}

/* How many of `available` bytes were copied. The mask tells the verifier of 6.1, which forgets bounds of spilled values. */
static __always_inline u16 copy_bytes(u8 *to, u32 available, const void *from)
{
	if (available >= NT_SNAPSHOT_BYTES)
		return bpf_probe_read_kernel(to, NT_SNAPSHOT_BYTES, from) ? 0 : NT_SNAPSHOT_BYTES;
	barrier_var(available);
	available &= NT_SNAPSHOT_BYTES - 1;
	return !available || bpf_probe_read_kernel(to, available, from) ? 0 : available;
}

static __always_inline void capture_bytes(struct nt_snapshot *record, struct sk_buff *skb, u32 flags)
{
	void *head = (void *)READ_ADDRESS(skb, head);
	u32 network = network_offset(skb, head, flags);
	u32 mac = READ(skb, mac_header);
	u32 tail = READ(skb, tail);
	u32 start = network;

	record->link = NT_LINK_NONE;
	if (mac != NT_NO_LAYER && mac + 14 == network) {
		start = mac;
		record->link = NT_LINK_ETHER;
	}
	record->network = network - start;
	record->captured_bytes = copy_bytes(record->bytes, tail > start ? tail - start : 0, head + start);
}

/* `more`: another record of this event follows. The last one tells the end. */
PART bool emit_snapshot(struct emit *given, u64 address, u32 flags, bool more)
{
	struct sk_buff *skb = (void *)address;
	struct skb_shared_info *shared;
	struct nt_snapshot *record;
	struct emit emit;

	record = emit_reserve(given, &emit, sizeof(*record));
	if (!record)
		return false;
	record->ev.kind = (emit.ev.kind & ~(NT_KIND_MASK | (more ? NT_F_END | NT_F_SHARED : 0))) | NT_SNAPSHOT;
	record->len_bytes = length_from_network(skb, flags);
	record->transport = NT_NO_LAYER;
	record->protocol = READ(skb, protocol);
	record->vlan_tci = compat_vlan_tci(skb);
	record->mark = READ(skb, mark);
	shared = shared_info(skb, READ_ADDRESS(skb, head));
	record->gso_segments = READ(shared, gso_segs);
	capture_bytes(record, skb, flags);
	emit_commit(&emit, record);
	return true;
}

PART bool emit_event(struct emit *given)
{
	struct emit emit;
	void *record = emit_reserve(given, &emit, sizeof(emit.ev));

	if (!record)
		return false;
	emit_commit(&emit, record);
	return true;
}

/* Tell that a journey ended without its end having been seen. */
PART bool emit_reused(struct emit *given)
{
	struct emit emit;
	struct nt_end *record = emit_reserve(given, &emit, sizeof(*record));

	if (!record)
		return false;
	record->ev.kind = (emit.ev.kind & ~NT_KIND_MASK) | NT_END;
	record->how = NT_END_REUSED;
	record->into = 0;
	emit_commit(&emit, record);
	return true;
}

#endif
