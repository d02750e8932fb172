/* SPDX-License-Identifier: GPL-2.0 */
/* What happens at every probe: find the packet's journey, send the event, end what ends here. */
#ifndef NT_HIT_BPF_H
#define NT_HIT_BPF_H

#include "emit.bpf.h"
#include "filter.bpf.h"

/* Flags of each probe's row, for programs that serve many rows. */
const volatile u32 probe_flags[NT_PROBE_MAX] = {};

static __always_inline struct nt_tracked *find_tracked(struct sk_buff *skb)
{
	u64 key = (u64)skb;

	return maybe_tracked(key) ? bpf_map_lookup_elem(&skbs, &key) : NULL;
}

static __always_inline bool same_header(const struct nt_sight *sight, u64 print, u64 known)
{
	if (!print || !known) /* the headers are, or were, in page fragments where a probe looked */
		return sight->tracked ? sight->same_head : sight->head_shared;
	/* NAT may have rewritten addresses, but not under a head that was replaced unseen */
	if (sight->tracked && !sight->same_head && !sight->announced)
		return print == known;
	return (u32)print == (u32)known;
}

/* Everything but the header, which is expensive. */
static __always_inline u64 take_sight(struct nt_sight *sight, struct sk_buff *skb, u64 head,
				      const struct nt_tracked *t)
{
	struct nt_held *held;

	if (t) {
		sight->tracked = 1;
		sight->same_head = t->head == head;
		sight->announced = (t->flags & NT_T_ANNOUNCED) != 0;
		return t->print;
	}
	held = maybe_head(head) ? bpf_map_lookup_elem(&heads, &head) : NULL;
	if (!held)
		return 0;
	sight->head_known = 1;
	sight->head_shared = head_is_shared(skb, head);
	return held->print;
}

/* The index is stale: what it says of this skb, or else of its head, was another packet's. */
static __always_inline void forget(struct sk_buff *skb, u64 head, u32 probe, const struct nt_tracked *t)
{
	struct nt_event ev;

	if (!t) {
		head_delete(head);
		return;
	}
	fill_event(&ev, skb, probe, t);
	ev.kind |= track_end(skb, t) ? NT_F_SHARED : 0;
	emit_reused(&ev);
}

/* The journey this skb belongs to after the rules of lifetime.h; NULL: nobody's. */
static __always_inline struct nt_tracked *track(struct sk_buff *skb, u32 flags, u32 probe,
						struct nt_tracked *t)
{
	u64 head = (u64)BPF_CORE_READ(skb, head), known, print = 0;
	struct nt_sight sight = {};
	struct nt_flow flow;

	known = take_sight(&sight, skb, head, t);
	if ((flags & NT_P_START) || nt_life_needs_header(flags, &sight)) {
		read_flow(skb, flags, &flow);
		print = flow_print(&flow);
		sight.same_header = same_header(&sight, print, known);
	}
	switch (nt_life_decide(flags, &sight)) {
	case NT_LIFE_CONTINUE:
		if (sight.announced)
			track_restore(t);
		if (print)
			t->print = print;
		return t;
	case NT_LIFE_REHEAD:
		track_rehead(t, head);
		return t;
	case NT_LIFE_JOIN:
		return track_join((u64)skb, head);
	case NT_LIFE_RESTART:
		forget(skb, head, probe, t);
		break;
	case NT_LIFE_START:
		break;
	default:
		return NULL;
	}
	if (!(flags & NT_P_START) || !filter_wants(&flow))
		return NULL;
	return track_start((u64)skb, head, print, probe);
}

/*
 * One probe hit for a packet that may be ours. Returns whether it is, with the
 * event in *ev. `annotated`: the caller sends it, with its payload.
 */
static __always_inline bool on_hit(struct sk_buff *skb, u32 flags, u32 probe, struct nt_tracked *t,
				   bool annotated, struct nt_event *ev)
{
	bool is_new, sent = true;

	t = track(skb, flags, probe, t);
	if (!t)
		return false;
	if (!(flags & (NT_P_END | NT_P_NO_DEV)))
		refresh_device(skb, t);
	fill_event(ev, skb, probe, t);
	is_new = t->flags & NT_T_NEW;
	if (is_new)
		ev->kind |= NT_F_START;
	if (flags & NT_P_END)
		ev->kind |= NT_F_END | (track_end(skb, t) ? NT_F_SHARED : 0);
	if (is_new)
		sent = emit_snapshot(ev, skb, flags, annotated);
	else if (!annotated)
		sent = emit_event(ev);
	if (flags & NT_P_END)
		return true;
	if (ev->ts_ns) /* not of an event that is yet to be sent, or found no room */
		t->last_ns = ev->ts_ns;
	t->flags = (t->flags & ~(sent ? NT_T_NEW | NT_T_LOST : 0)) | (sent ? 0 : NT_T_LOST);
	if (flags & NT_P_CLONES)
		head_hold(t);
	if (flags & NT_P_REHEADS)
		track_announce(t);
	return true;
}

#endif
