/* SPDX-License-Identifier: GPL-2.0 */
#include "journey_outcome.h"

#include <string.h>

#include "annotations.h"
#include "probe_table.h"

const char *outcome_name(enum outcome outcome)
{
	static const char *const names[] = {
		[OUTCOME_INCOMPLETE] = "incomplete",   [OUTCOME_EVICTED] = "evicted",
		[OUTCOME_MERGED] = "merged",	       [OUTCOME_DROPPED] = "dropped",
		[OUTCOME_CONSUMED] = "consumed",       [OUTCOME_TRANSMITTED] = "transmitted",
		[OUTCOME_DELIVERED] = "delivered",
	};

	return (unsigned int)outcome < OUTCOME_COUNT ? names[outcome] : "unknown";
}

const char *context_name(unsigned int context)
{
	static const char *const names[NT_CTX_COUNT] = {
		[NT_CTX_TASK] = "task",		    [NT_CTX_SOFTIRQ] = "softirq",
		[NT_CTX_KSOFTIRQD] = "ksoftirqd",   [NT_CTX_NAPI_THREAD] = "napi_thread",
		[NT_CTX_HARDIRQ] = "hardirq",	    [NT_CTX_NMI] = "nmi",
	};

	return context < NT_CTX_COUNT ? names[context] : NULL;
}

/* Raw and ping sockets queue the packet, and the process that reads it frees it. */
static bool is_socket_queue(const struct journey *journey, u64 skb)
{
	for (size_t i = journey->n_events; i-- > 0;) {
		const struct journey_event *event = &journey->events[i];
		const struct probe_row *row = probe_table_row(journey->probes, event->probe);

		if (event->skb == skb && row && row->stage != NT_STAGE_LIFE)
			return event->probe == NT_PROBE_raw_rcv || event->probe == NT_PROBE_rawv6_rcv ||
			       event->probe == NT_PROBE_ping_rcv;
	}
	return false;
}

/* GRO frees what it has merged like any other packet, right after. */
static bool just_merged(const struct journey *journey, u64 skb)
{
	for (size_t i = journey->n_events; i-- > 0;) {
		const struct journey_event *event = &journey->events[i];

		if (event->skb == skb && !(event->flags & NT_F_END))
			return event->probe == NT_PROBE_skb_gro_receive ||
			       event->probe == NT_PROBE_skb_gro_receive_list;
	}
	return false;
}

static const struct nt_anno_DROP *drop_of(const struct journey_event *event)
{
	for (const struct journey_note *note = event->notes; note; note = note->next)
		if (note->type == NT_ANNO_DROP)
			return note->payload;
	return NULL;
}

static bool has_reason(const struct journey *journey, const struct nt_anno_DROP *drop)
{
	const char *reason = journey->dict ? dict_get(journey->dict, DICT_DROP_REASON, drop->reason) : NULL;

	return drop->reason != NT_DROP_REASON_UNKNOWN && (!reason || strcmp(reason, "NOT_SPECIFIED") != 0);
}

/*
 * Some handlers free what they have used with kfree_skb and no reason: until 6.1
 * icmpv6_rcv, and since 5.17, outside of established connections, tcp_rcv_state_process. What was
 * handed to the handler behind them was used; of a segment only the acknowledgement was.
 */
static bool is_used(const struct journey *journey, u64 skb)
{
	const struct journey_event *end = &journey->events[journey->n_events - 1];
	const struct nt_anno_DROP *drop = drop_of(end);

	if (!drop || journey->n_events < 2 || end[-1].skb != skb)
		return false;
	if (end[-1].probe == NT_PROBE_tcp_queue_rcv) /* a FIN is queued when it has done its work, and not read */
		return journey->n_flows && !journey->flows[end->flow].payload_bytes;
	if (has_reason(journey, drop))
		return false;
	switch (end[-1].probe) {
	case NT_PROBE_icmpv6_echo_reply:
	case NT_PROBE_icmpv6_notify:
	case NT_PROBE_ndisc_rcv:
		return true;
	case NT_PROBE_tcp_ack:
		return drop->reason != NT_DROP_REASON_UNKNOWN && journey->n_flows &&
		       !journey->flows[end->flow].payload_bytes;
	default:
		return false;
	}
}

/*
 * Is it freed with a packet that has it in its list of fragments? Reassembly and GRO of
 * lists make such; the function that frees them tells, since the kernel calls it a drop without a reason.
 */
static bool is_listed(const struct journey *journey)
{
	const struct nt_anno_DROP *drop = drop_of(&journey->events[journey->n_events - 1]);
	const char *place = drop && journey->dict ? dict_get(journey->dict, DICT_SYMBOL, drop->location) : NULL;

	return place && (!strncmp(place, "skb_release_data", strlen("skb_release_data")) ||
			 !strncmp(place, "kfree_skb_list", strlen("kfree_skb_list")));
}

/*
 * dev_kfree_skb_any, with which some drivers (vmxnet3, for one) free a packet when it has been
 * sent, looks like a drop without a reason; as does the free of one that they could not send.
 */
static bool is_sent(const struct journey *journey, const struct journey_member *member)
{
	const struct nt_anno_DROP *drop = drop_of(&journey->events[journey->n_events - 1]);

	return member->stage == NT_STAGE_DRIVER && drop && !drop->in_xmit && !has_reason(journey, drop);
}

enum outcome member_outcome(const struct journey *journey, const struct journey_member *member,
			    const struct nt_event *end)
{
	switch (end->probe) {
	case NT_PROBE_kfree_skb:
		if (is_listed(journey))
			return OUTCOME_MERGED;
		if (is_sent(journey, member))
			return OUTCOME_TRANSMITTED;
		return is_used(journey, member->skb) ? OUTCOME_CONSUMED : OUTCOME_DROPPED;
	case NT_PROBE_napi_reuse_skb:
	case NT_PROBE_skb_morph:
	case NT_PROBE_kfree_skb_partial:
	case NT_PROBE_napi_skb_free_stolen_head:
		return OUTCOME_MERGED;
	case NT_PROBE___kfree_skb:
	case NT_PROBE___napi_kfree_skb:
		if (just_merged(journey, member->skb))
			return OUTCOME_MERGED;
		break;
	default:
		break;
	}
	if (member->tap)
		return OUTCOME_DELIVERED;
	switch (member->stage) {
	case NT_STAGE_SOCKET:
	case NT_STAGE_READER:
		return OUTCOME_DELIVERED;
	case NT_STAGE_QDISC:
	case NT_STAGE_DRIVER:
	case NT_STAGE_COMPLETION:
		return OUTCOME_TRANSMITTED;
	case NT_STAGE_TRANSPORT_IN:
		return end->context == NT_CTX_TASK && is_socket_queue(journey, member->skb)
			       ? OUTCOME_DELIVERED
			       : OUTCOME_CONSUMED;
	default:
		return OUTCOME_CONSUMED;
	}
}

/*
 * A clone that no stage ever saw was not worked on by the stack: where packet
 * sockets have no probe, their clones look like this. The packet itself is none.
 */
bool member_is_onlooker(const struct journey *journey, const struct journey_member *member)
{
	return member->tap ||
	       (member->stage == NT_STAGE_UNKNOWN && member != &journey->members[0]);
}

/*
 * Which member speaks for the packet. A drop is what happened only if nothing
 * else did: the original is dropped with NO_SOCKET after a raw socket took its clone. And a
 * member whose end is unknown may have fared better than one that was dropped.
 */
static const u8 weight[OUTCOME_COUNT] = {
	[OUTCOME_DROPPED] = 0,	[OUTCOME_INCOMPLETE] = 1,  [OUTCOME_EVICTED] = 2,
	[OUTCOME_MERGED] = 3,	[OUTCOME_CONSUMED] = 4,	   [OUTCOME_TRANSMITTED] = 5,
	[OUTCOME_DELIVERED] = 6,
};

/* The best outcome among onlookers or the others; false if there are none. */
static bool best_outcome(const struct journey *journey, bool onlookers, enum outcome *ret_best)
{
	bool found = false;

	for (size_t i = 0; i < journey->n_members; i++) {
		const struct journey_member *member = &journey->members[i];

		if (member_is_onlooker(journey, member) != onlookers)
			continue;
		if (!found || weight[member->outcome] > weight[*ret_best])
			*ret_best = member->outcome;
		found = true;
	}
	return found;
}

void journey_settle(struct journey *journey, const struct nt_anno_DROP *const drops[2])
{
	bool onlookers = !best_outcome(journey, false, &journey->outcome);

	if (onlookers)
		best_outcome(journey, true, &journey->outcome);
	if (journey->outcome != OUTCOME_MERGED)
		journey->merged_into = (struct journey_link){0};
	journey->drop = journey->outcome == OUTCOME_DROPPED ? drops[onlookers] : NULL;
}

u64 journey_took_ns(const struct journey *journey)
{
	const struct journey_delay *before = &journey->before;
	u64 before_ns = before->upper && before->proven_ns < before->delay_ns ? before->proven_ns : before->delay_ns;

	return before_ns + (journey->end_ns - journey->start_ns);
}

bool journey_slowest(const struct journey *journey, size_t *ret_from, u64 *ret_span_ns)
{
	u64 slowest = 0;
	size_t from = 0;

	if (journey->n_events < 2)
		return false;
	for (size_t i = 0; i + 1 < journey->n_events; i++) {
		u64 span = journey->events[i + 1].ts_ns - journey->events[i].ts_ns;

		if (span > slowest) {
			slowest = span;
			from = i;
		}
	}
	*ret_from = from;
	*ret_span_ns = slowest;
	return true;
}

bool journey_slowest_before(const struct journey *journey)
{
	u64 span_ns = 0;
	size_t from;

	journey_slowest(journey, &from, &span_ns);
	return journey->before.blocked && journey->before.delay_ns > span_ns;
}

enum nt_stage journey_stage(const struct journey *journey, size_t at)
{
	enum nt_stage others = NT_STAGE_UNKNOWN;

	for (size_t i = at + 1; i-- > 0;) {
		const struct probe_row *row = probe_table_row(journey->probes, journey->events[i].probe);

		if (!row || row->stage == NT_STAGE_LIFE)
			continue;
		if (journey->events[i].skb == journey->events[at].skb)
			return row->stage;
		if (others == NT_STAGE_UNKNOWN)
			others = row->stage;
	}
	return others;
}

static bool records_lost(const struct journey *journey)
{
	for (size_t i = 0; i < journey->n_events; i++)
		if (journey->events[i].flags & NT_F_LOST)
			return true;
	return false;
}

static bool end_unseen(const struct journey *journey)
{
	for (size_t i = 0; i < journey->n_members; i++) {
		enum outcome outcome = journey->members[i].outcome;

		if (outcome == OUTCOME_INCOMPLETE || outcome == OUTCOME_EVICTED)
			return true;
	}
	return journey->outcome == OUTCOME_INCOMPLETE;
}

bool journey_has_gap(const struct journey *journey, enum journey_gap gap)
{
	if (!journey->incomplete)
		return false;
	switch (gap) {
	case GAP_START:
		return !journey->n_events || !(journey->events[0].flags & NT_F_START);
	case GAP_RECORDS:
		return records_lost(journey);
	case GAP_END:
		return end_unseen(journey);
	case GAP_ROOM:
		return !journey_has_gap(journey, GAP_START) && !journey_has_gap(journey, GAP_RECORDS) &&
		       !journey_has_gap(journey, GAP_END);
	default:
		return false;
	}
}
