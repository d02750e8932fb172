/* SPDX-License-Identifier: GPL-2.0 */
/* What happens at every probe: find the packet's journey, send the event, end what ends here. */
#ifndef NT_HIT_BPF_H
#define NT_HIT_BPF_H

#include "annotate.bpf.h"
#include "blocked.bpf.h"
#include "cpu.bpf.h"
#include "emit.bpf.h"
#include "filter.bpf.h"
#include "latency.bpf.h"
#include "relatives.bpf.h"

/* Flags of each probe's row, for programs that serve many rows. */
const volatile u32 probe_flags[NT_PROBE_MAX] = {};

const volatile u32 want_task = TASK_NEVER;
const volatile bool want_stack = false;
const volatile bool want_arrival = false; /* delay.bpf.h is at work */

static __always_inline struct nt_tracked *find_tracked(struct sk_buff *skb)
{
	return maybe_tracked((u64)skb) ? skb_find((u64)skb) : NULL;
}

static __always_inline bool same_header(const struct nt_sight *sight, u64 print, u64 known, const struct nt_flow *flow,
					const struct nt_tracked *t)
{
	if (!print || !known) /* the headers are, or were, in page fragments where a probe looked */
		return sight->tracked ? sight->same_head : sight->head_shared;
	/* NAT may have rewritten addresses, but not under a head that was replaced unseen */
	if (sight->tracked && !sight->same_head && !sight->announced)
		return print == known;
	/* nor is the rest enough where there is next to nothing of it, unless NAT was seen at work */
	if (is_anonymous(flow) && !(t && (t->flags & NT_T_RESHOW)))
		return print == known;
	return (u32)print == (u32)known;
}

/*
 * Another header, but further up or down, and the one that is known still there: a
 * tunnel put its own in front, or took it away. An skb that was reused for another
 * packet has been written over. Who made room for a tunnel's header in a new head has told where
 * the inner ones are (iptunnel_handle_offloads); pulling makes a new head in which nothing has moved.
 */
static __always_inline bool moved_layer(struct sk_buff *skb, u64 head, u32 network, const struct nt_tracked *t)
{
	u32 inner = READ(skb, inner_network_header), known = t->network;
	struct nt_flow flow = {};

	if (head != t->head && inner)
		known = inner;
	if (network == known)
		return false;
	read_flow_at((u64)skb, head, known, swap16(t->l3_proto), &flow);
	return (u32)flow_print(&flow) == (u32)t->print;
}

/* The skb of which TCP sends clones, and which waits for their acknowledgement. */
static __always_inline bool is_original(struct sk_buff *skb)
{
	return READ_BITFIELD(skb, nohdr);
}

/* The first fragment may be the whole packet's own sk_buff; IPv6 puts a header into it then. */
static __always_inline bool is_first_piece(struct sk_buff *skb, const struct nt_flow *flow, u32 probe)
{
	struct cut *cut = cut_here();

	return cut && cut->skb == (u64)skb && is_piece(flow, probe);
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
	held = maybe_head(head) ? held_find(head) : NULL;
	if (!held)
		return 0;
	sight->head_known = 1;
	sight->original = is_original(skb);
	sight->head_shared = head_is_shared(skb, head);
	return held->print;
}

/* The index is stale: what it says of this skb, or else of its head, was another packet's. */
static __always_inline void forget(struct sk_buff *skb, u64 head, u32 probe, const struct nt_tracked *t)
{
	struct nt_tracked stale = {};
	struct nt_held *held;
	struct emit emit;

	if (t) {
		emit_begin(&emit, skb, probe, t);
		emit.ev.kind |= track_end(skb, t) ? NT_F_SHARED : 0;
	} else {
		held = held_find(head);
		stale.id = held ? held->id : 0;
		emit_begin(&emit, NULL, probe, &stale); /* no skb: whoever was awaited on this head */
		held_delete(head);
	}
	if (emit.ev.skb_id)
		emit_reused(&emit);
}

/*
 * Nothing that the rules of lifetime.h ask for has changed, which is so at most hits: CONTINUE. At a START
 * the header has to be the one that is known; where a quick look does not tell, the long way does.
 */
static __always_inline bool is_unchanged(struct sk_buff *skb, u64 head, u32 flags, const struct nt_tracked *t)
{
	struct linear from = {.head = (void *)head};
	u32 network;

	if (t->head != head || (t->flags & NT_T_ANNOUNCED) || (flags & NT_P_FRESH))
		return false;
	if (!(flags & NT_P_START))
		return true;
	if (!t->print)
		return false;
	network = network_offset(skb, from.head, flags);
	from.tail = READ(skb, tail);
	return network == t->network && quick_print(&from, network) == t->print;
}

/* Keep what was read of the header, if anything was. */
static __always_inline void track_header(struct nt_tracked *t, u64 print, u32 network, const struct nt_flow *flow)
{
	if (!t || !print)
		return;
	t->print = print;
	t->network = network;
	t->l3_proto = flow->l3_proto;
}

/* The CPU was blocked until just before the softirq, or the thread, that reads its packets was raised then; else 0. */
static __always_inline u64 raised_after_blockage(const struct nt_cpu *cpu)
{
	u64 raised_ns = cpu->net_rx_raised_ns ?: cpu->thread_raised_ns;

	return cpu->blocked_end_ns && cpu->blocked_end_ns + NT_ARRIVAL_SLACK_NS >= raised_ns ? raised_ns : 0;
}

/* The last poll that left nothing behind where this packet comes from; its time is 0 if that is not known. */
static __always_inline struct nt_moment drained_before(const struct nt_cpu *cpu, struct sk_buff *skb)
{
	/* without CONFIG_NET_RX_BUSY_POLL it is not told whose poll that was */
	u32 id = bpf_core_field_exists(skb->napi_id) ? READ(skb, napi_id) : 0, slot = id % NT_NAPIS;

	return cpu->napis[slot].id == id ? cpu->napis[slot].drained : (struct nt_moment){};
}

/*
 * A packet that is received begins: since when it may have waited. That is slow, too. It came when its queue had been empty, and
 * NET_RX, or the NAPI thread, had begun to be busy; of the time since then it waited for what others are told for.
 */
static __always_inline u64 waits_since(struct sk_buff *skb, u32 flags, u64 now_ns)
{
	struct nt_cpu *cpu = want_arrival && want_shelves && (flags & NT_P_AT_DATA) ? cpu_here() : NULL;
	bool in_net_rx = cpu && cpu->softirq == NET_RX_SOFTIRQ + 1;
	struct nt_moment since;

	if (!cpu || !raised_after_blockage(cpu))
		return now_ns;
	since = drained_before(cpu, skb);
	since.told_ns = later(since.told_ns, in_net_rx ? cpu->run_told_ns : cpu->chain_told_ns);
	since.ns = later(since.ns, in_net_rx ? cpu->all_taken_ns : 0);
	return now_ns - lesser(cpu->told_ns - since.told_ns, now_ns - since.ns);
}

/* Of what is received, not of what is sent in NET_RX: an answer. */
static __always_inline void arrives_behind(u32 flags, u64 now_ns)
{
	struct nt_cpu *cpu = want_arrival && (flags & NT_P_AT_DATA) ? cpu_here() : NULL;

	if (cpu && cpu->softirq == NET_RX_SOFTIRQ + 1)
		late_behind(cpu, now_ns);
}

/* A journey begins. */
static __always_inline void begin(struct sk_buff *skb, struct nt_tracked *t, u32 flags, u32 probe)
{
	u64 from_ns;

	arrives_behind(flags, t->last_ns);
	from_ns = waits_since(skb, flags, t->last_ns);
	if (want_latency)
		latency_begin(t, from_ns, probe);
	shelf_begin(t->id, origins_begin(skb) ?: from_ns, probe);
}

/* The journey this skb belongs to after the rules of lifetime.h; NULL: nobody's. */
static __always_inline struct nt_tracked *track(struct sk_buff *skb, u32 flags, u32 probe,
						struct nt_tracked *t)
{
	u64 head = READ_ADDRESS(skb, head), known, print = 0;
	struct nt_sight sight = {};
	struct nt_flow flow = {};
	u32 network = 0, protocol;
	bool piece;

	if (t && is_unchanged(skb, head, flags, t))
		return t;
	known = take_sight(&sight, skb, head, t);
	forget_u64(&sight);
	if ((flags & NT_P_START) || nt_life_needs_header(flags, &sight)) {
		network = network_offset(skb, (void *)head, flags);
		protocol = READ(skb, protocol) | (flags & NT_P_AT_DATA ? FLOW_RECEIVED : 0);
		read_flow_at((u64)skb, head, network, protocol, &flow);
		print = flow_print(&flow);
		sight.same_header = same_header(&sight, print, known, &flow, t);
	}
	if ((flags & NT_P_START) && t && !sight.same_header &&
	    (moved_layer(skb, head, network, t) || (sight.same_head && is_first_piece(skb, &flow, probe)))) {
		sight.same_header = 1;
		t->flags |= NT_T_RESHOW;
	}
	in_memory(&flow);
	/* the verifier is not to walk each way of deciding to its end; that t is there then, it does not know */
	switch (opaque(nt_life_decide(flags, &sight))) {
	case NT_LIFE_CONTINUE:
		if (!t)
			return NULL;
		if (sight.announced)
			track_restore(t, probe);
		if (print && print != t->print) /* NAT whose function has no probe here */
			t->flags |= NT_T_RESHOW;
		track_header(t, print, network, &flow);
		return t;
	case NT_LIFE_REHEAD:
		if (!t)
			return NULL;
		track_rehead(t, head, probe);
		track_header(t, print, network, &flow);
		return t;
	case NT_LIFE_JOIN:
		t = track_join((u64)skb, head, probe);
		track_header(t, print, network, &flow);
		return t;
	case NT_LIFE_RESTART:
		forget(skb, head, probe, t);
		break;
	case NT_LIFE_START:
		break;
	default:
		return NULL;
	}
	if (!(flags & NT_P_START))
		return NULL;
	piece = is_piece(&flow, probe);
	if (!piece && !filter_wants(&flow))
		return NULL;
	t = track_start((u64)skb, head, print, probe);
	if (!t)
		return NULL;
	begin(skb, t, flags, probe);
	if (piece)
		t->flags |= NT_T_PIECE;
	track_header(t, print, network, &flow);
	return t;
}

/* A hit on a packet of ours, between finding its journey and having sent its event. */
struct hit {
	struct emit emit;
	void *ctx;
	struct nt_tracked *t; /* NULL once the skb has ended */
	u32 flags;
	bool late; /* long after the event before */
	bool sent; /* the record that every event has */
	bool lost; /* another record */
};

/* Where the packet comes from, told once, with its first event. */
static __always_inline void tell_origins(struct hit *hit, struct emit *emit, struct sk_buff *skb)
{
	struct origins *o = origins_of(skb);
	u32 i;

	if (!o)
		return;
#pragma unroll
	for (i = 0; i < ORIGINS_MAX; i++)
		if (i < o->n && !annotate_origin(emit, o->events[i].ts_ns, o->events[i].probe))
			hit->lost = true;
	o->n = 0;
}

static __always_inline void tell_parent(struct hit *hit, struct emit *emit)
{
	struct cut *cut = cut_here();

	if (!cut)
		return;
	cut->left -= cut->left != 0;
	if (!annotate_link(emit, NT_ANNO_PARENT, cut->skb, cut->id))
		hit->lost = true;
}

/* It may have waited for a CPU that was blocked. */
static __always_inline void tell_arrival(struct hit *hit, struct emit *emit, struct sk_buff *skb)
{
	struct nt_cpu *cpu = cpu_here();
	u64 raised_ns = cpu ? raised_after_blockage(cpu) : 0;

	if (raised_ns && !annotate_arrival(emit, drained_before(cpu, skb).ns, raised_ns))
		hit->lost = true;
}

/* Who reads the packet, where that comes late. */
static __always_inline void tell_reader(struct hit *hit, struct emit *emit)
{
	learn_reader((u32)bpf_get_current_pid_tgid());
	if (hit->late && !annotate_read(emit, hit->t ? hit->t->last_ns : 0))
		hit->lost = true;
}

/* In softirq context the process is an onlooker, and where the context is unknown only a reader is certain. */
static __always_inline bool tells_task(const struct hit *hit)
{
	if (want_task != TASK_AT_ENDS)
		return want_task == TASK_ALWAYS;
	if (!(hit->flags & NT_P_TASK))
		return false;
	return hit->emit.ev.context == NT_CTX_TASK || (hit->emit.ev.context == NT_CTX_UNKNOWN && !(hit->flags & NT_P_START));
}

/* More about the event than its one record says, in records of their own that never end the packet. */
static __always_inline void tell_more(struct hit *hit, struct sk_buff *skb, u32 flags, u32 state)
{
	struct emit emit;

	if (!want_stack && !(want_arrival && (flags & NT_P_READS)) && !tells_task(hit) &&
	    !((flags & NT_P_START) && (state & (NT_T_NEW | NT_T_PIECE))))
		return;
	emit = hit->emit;
	emit.ev.kind &= ~(NT_F_END | NT_F_SHARED | NT_F_START);
	if ((flags & NT_P_START) && (state & NT_T_NEW))
		tell_origins(hit, &emit, skb);
	if ((flags & NT_P_START) && (state & NT_T_PIECE))
		tell_parent(hit, &emit);
	if (want_arrival && (flags & NT_P_START) && (state & NT_T_NEW))
		tell_arrival(hit, &emit, skb);
	if (want_arrival && (flags & NT_P_READS))
		tell_reader(hit, &emit);
	if (tells_task(hit) && !annotate_task(&emit))
		hit->lost = true;
	if (want_stack && !annotate_stack(&emit, hit->ctx))
		hit->lost = true;
	hit->emit.ev.ts_ns = emit.ev.ts_ns;
}

/*
 * Find the journey, and send the event if it is plain or begins the journey; an
 * `annotated` event is sent by the caller, with its payload. False: nothing
 * more to send; then, as always, hit_close has been or must be called exactly once.
 */
static __always_inline bool hit_open(struct hit *hit, void *ctx, struct sk_buff *skb, u32 flags, u32 probe,
				     struct nt_tracked *t, bool annotated)
{
	u32 state;

	t = track(skb, flags, probe, t);
	hit->t = NULL;
	if (!t)
		return false;
	if (!(flags & (NT_P_END | NT_P_NO_DEV)))
		refresh_device(skb, t);
	emit_begin(&hit->emit, skb, probe, t);
	state = t->flags;
	hit->late = want_arrival && (flags & NT_P_READS) && bpf_ktime_get_ns() - t->last_ns >= NT_BLOCKED_MIN_NS;
	if (state & NT_T_NEW)
		hit->emit.ev.kind |= NT_F_START;
	if (want_latency)
		latency_step(t, probe, flags & NT_P_END);
	if (flags & NT_P_END)
		hit->emit.ev.kind |= NT_F_END | (track_end(skb, t) ? NT_F_SHARED : 0);
	else
		hit->t = t;
	if (want_latency && (flags & NT_P_END) && !(hit->emit.ev.kind & NT_F_SHARED))
		latency_end(hit->emit.ev.skb_id);
	hit->ctx = ctx;
	hit->flags = flags;
	hit->sent = true;
	hit->lost = false;
	if (state & (NT_T_NEW | NT_T_RESHOW)) {
		hit->sent = emit_snapshot(&hit->emit, (u64)skb, flags, annotated || (flags & NT_P_END));
		hit->emit.ev.kind &= ~NT_F_START; /* told, or to be told by the next event */
	}
	tell_more(hit, skb, flags, state);
	if (!annotated && (!(state & (NT_T_NEW | NT_T_RESHOW)) || (flags & NT_P_END)))
		hit->sent = emit_event(&hit->emit);
	return hit->sent || (flags & NT_P_END);
}

/* Whoever is woken now is woken by this packet, or by another that is as welcome. */
static __always_inline void note_queueing(void)
{
	struct nt_cpu *cpu = cpu_here();

	if (cpu)
		cpu->queueing = 1;
}

/* Remember what became of the event. */
static __always_inline void hit_close(struct hit *hit)
{
	struct nt_tracked *t = hit->t;

	if (!t)
		return;
	t->last_ns = hit->emit.ev.ts_ns ?: t->last_ns;
	if (hit->sent)
		t->flags &= ~(NT_T_NEW | NT_T_LOST | NT_T_RESHOW | NT_T_PIECE);
	if (!hit->sent || hit->lost)
		t->flags |= NT_T_LOST;
	if (hit->flags & NT_P_REWRITES)
		t->flags |= NT_T_RESHOW;
	if (want_arrival && (hit->flags & NT_P_QUEUES))
		note_queueing();
	if (hit->flags & NT_P_CLONES)
		head_hold(t);
	if (hit->flags & NT_P_REHEADS)
		track_announce(t);
}

/* Whoever is made of this packet in the function that begins here. */
static __always_inline void note_cut(struct sk_buff *skb, u32 probe, const struct nt_tracked *t)
{
	void *head = (void *)READ_ADDRESS(skb, head);
	struct skb_shared_info *shared = shared_info(skb, (u64)head);
	u32 piece_bytes = FRAGMENT_LEAST_BYTES;
	struct cut *cut = cut_here();

	if (!cut)
		return;
	cut->skb = (u64)skb;
	cut->ts_ns = bpf_ktime_get_ns();
	cut->id = t->id;
	cut->segments = probe == NT_PROBE_skb_segment;
	if (cut->segments)
		piece_bytes = READ(shared, gso_size);
	cut->left = READ(skb, len) / (piece_bytes ?: 1) + 1;
	read_flow_at((u64)skb, (u64)head, READ(skb, network_header), READ(skb, protocol), &cut->flow);
}

/*
 * An untracked packet is nobody's, as most are on a busy host: this is what it costs where a journey may begin, or a clone
 * may show itself.
 */
static __always_inline bool is_nobodys(struct sk_buff *skb, u32 flags)
{
	u64 head;

	if (!skb || !nt_life_seeks(flags))
		return true;
	head = READ_ADDRESS(skb, head);
	if (maybe_head(head))
		return false;
	return !(flags & NT_P_START) || (!cut_pending() && !filter_may_want(skb, head, flags));
}

/* What an event has to do besides being told, or is to be told with it. */
#define NOT_QUICK (NT_P_FRESH | NT_P_END | NT_P_CLONES | NT_P_REHEADS | NT_P_CUTS | NT_P_REWRITES | NT_P_READS | NT_P_QUEUES)

/*
 * Most hits of packets that are followed: nothing has changed since the last one, and the event says nothing but itself.
 * False, and nothing was done: it is not such a hit.
 */
static __always_inline bool quick_hit(struct sk_buff *skb, u32 flags, u32 probe, struct nt_tracked *t)
{
	struct nt_event *record;
	u64 now_ns;

	if (want_shelves || want_latency || want_stack || want_task == TASK_ALWAYS || (flags & NOT_QUICK) || t->flags)
		return false;
	if (!is_unchanged(skb, READ_ADDRESS(skb, head), flags, t))
		return false;
	if (want_task == TASK_AT_ENDS && (flags & NT_P_TASK))
		return false;
	if (!(flags & NT_P_NO_DEV))
		refresh_device(skb, t);
	record = ring_reserve(sizeof(*record));
	if (!record)
		return false;
	now_ns = bpf_ktime_get_ns();
	record->ts_ns = t->last_ns = now_ns;
	record->skb = (u64)skb;
	record->skb_id = t->id;
	record->probe = probe;
	record->context = compat_context();
	record->kind = NT_EVENT;
	record->ifindex = t->ifindex;
	record->netns = t->netns;
	ring_submit(record, sizeof(*record));
	return true;
}

/* A hit whose event carries nothing but itself, the long way. */
static __always_inline void slow_hit(void *ctx, struct sk_buff *skb, u32 flags, u32 probe, struct nt_tracked *t)
{
	struct hit hit;

	hit_open(&hit, ctx, skb, flags, probe, t, false);
	if (hit.t && (flags & NT_P_CUTS))
		note_cut(skb, probe, hit.t);
	hit_close(&hit);
}

static __always_inline void on_hit(void *ctx, struct sk_buff *skb, u32 flags, u32 probe, struct nt_tracked *t)
{
	if (!t || !quick_hit(skb, flags, probe, t))
		slow_hit(ctx, skb, flags, probe, t);
}

#endif
