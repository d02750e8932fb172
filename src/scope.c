/* SPDX-License-Identifier: GPL-2.0 */
/* Learned flows are a ring of slots, so that the oldest is known, and a hash table of chains through them. */
#include "scope.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "annotations.h"

#define BUCKETS SCOPE_FLOWS_MAX
#define NONE 0xffffu

_Static_assert(SCOPE_FLOWS_MAX < NONE, "a slot's number fits");

/* The ends in the order of their bytes, so that both directions are one. Compared as bytes: no padding. */
struct flow_key {
	u32 addr[2][4];
	u16 port[2]; /* of a ping: its identifier, twice */
	u32 l4_proto;
	u32 netns; /* private addresses are used in many namespaces */
};

struct slot {
	struct flow_key key;
	u16 next; /* in its bucket */
	bool seen; /* since it was last considered for replacement */
};

struct scope {
	struct scope_terms terms;
	u32 n, hand; /* slots in use; the next to be replaced */
	u16 buckets[BUCKETS];
	struct slot slots[SCOPE_FLOWS_MAX];
};

struct scope *scope_new(const struct scope_terms *terms)
{
	struct scope *scope = calloc(1, sizeof(*scope));

	if (!scope)
		return NULL;
	scope->terms = *terms;
	memset(scope->buckets, 0xff, sizeof(scope->buckets));
	return scope;
}

void scope_free(struct scope *scope)
{
	free(scope);
}

/* False if the packet does not tell which flow it belongs to. */
static bool make_key(const struct nt_flow *flow, u32 netns, struct flow_key *key)
{
	u16 sport = flow->sport, dport = flow->dport;
	int order = memcmp(flow->saddr, flow->daddr, sizeof(flow->saddr));
	bool turned;

	if (nt_flow_is_echo(flow))
		sport = dport = flow->echo_id;
	else if (!nt_flow_has_ports(flow))
		return false;
	turned = order > 0 || (!order && sport > dport);
	memset(key, 0, sizeof(*key));
	memcpy(key->addr[turned], flow->saddr, sizeof(flow->saddr));
	memcpy(key->addr[!turned], flow->daddr, sizeof(flow->daddr));
	key->port[turned] = sport;
	key->port[!turned] = dport;
	key->l4_proto = flow->l4_proto;
	key->netns = netns;
	return true;
}

/* The scope's own address, which no sender knows, makes a collision a guess. */
static u16 *bucket_of(struct scope *scope, const struct flow_key *key)
{
	u64 h = (uintptr_t)scope;
	u32 words[sizeof(*key) / sizeof(u32)];
	size_t i;

	memcpy(words, key, sizeof(words));
	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		h = (h ^ words[i]) * 0xff51afd7ed558ccdULL;
		h ^= h >> 33;
	}
	return &scope->buckets[h % BUCKETS];
}

static struct slot *find(struct scope *scope, const struct flow_key *key)
{
	u16 i = *bucket_of(scope, key);

	while (i != NONE && memcmp(&scope->slots[i].key, key, sizeof(*key)) != 0)
		i = scope->slots[i].next;
	return i == NONE ? NULL : &scope->slots[i];
}

static void unlink_slot(struct scope *scope, u16 number)
{
	u16 *link = bucket_of(scope, &scope->slots[number].key);

	while (*link != number)
		link = &scope->slots[*link].next;
	*link = scope->slots[number].next;
}

/* An empty slot, or that of the oldest flow. A flow with packets since the last round is passed over once. */
static u16 take_slot(struct scope *scope)
{
	u16 number;

	if (scope->n < SCOPE_FLOWS_MAX)
		return (u16)scope->n++;
	while (scope->slots[scope->hand].seen) {
		scope->slots[scope->hand].seen = false;
		scope->hand = (scope->hand + 1) % SCOPE_FLOWS_MAX;
	}
	number = (u16)scope->hand;
	scope->hand = (scope->hand + 1) % SCOPE_FLOWS_MAX;
	unlink_slot(scope, number);
	return number;
}

static void learn(struct scope *scope, const struct flow_key *key)
{
	struct slot *slot = find(scope, key);
	u16 number, *bucket;

	if (slot) {
		slot->seen = true;
		return;
	}
	number = take_slot(scope);
	bucket = bucket_of(scope, key);
	scope->slots[number] = (struct slot){.key = *key, .next = *bucket};
	*bucket = number;
}

/* The event's namespace; where it is unknown, that of the events before, else behind. */
static u32 netns_near(const struct journey *journey, size_t event)
{
	size_t i;

	for (i = event + 1; i-- > 0;)
		if (journey->events[i].netns)
			return journey->events[i].netns;
	for (i = event; i < journey->n_events; i++)
		if (journey->events[i].netns)
			return journey->events[i].netns;
	return 0;
}

/* Headers may come after the event: TCP builds them late. */
static void learn_event(struct scope *scope, const struct journey *journey, size_t event)
{
	u32 netns = netns_near(journey, event);
	struct flow_key key;
	size_t i;

	for (i = journey->events[event].flow; i < journey->n_flows; i++) {
		if (make_key(&journey->flows[i], netns, &key)) {
			learn(scope, &key);
			return;
		}
	}
}

/* In interrupts the task is whoever was interrupted. Where the context is unknown, the note's sender knew. */
static bool is_by(const struct journey_event *event, u32 pid)
{
	const struct journey_note *note;

	if (event->context != NT_CTX_TASK && event->context != NT_CTX_UNKNOWN)
		return false;
	for (note = event->notes; note; note = note->next)
		if (note->type == NT_ANNO_TASK && ((const struct nt_anno_TASK *)note->payload)->pid == pid)
			return true;
	return false;
}

static bool is_learned(struct scope *scope, const struct journey *journey)
{
	const struct journey_event *event = journey->events, *last = NULL;
	struct flow_key key;
	struct slot *slot;
	size_t i;

	for (i = 0; scope->n && i < journey->n_events; i++, last = event++) {
		if (last && last->flow == event->flow && last->netns == event->netns)
			continue;
		slot = make_key(&journey->flows[event->flow], event->netns, &key) ? find(scope, &key) : NULL;
		if (slot) {
			slot->seen = true;
			return true;
		}
	}
	return false;
}

/*
 * A raw socket is given every packet of its protocol, other processes' answers to pings among them: who
 * reads there tells nothing, but the answer to what the process sent is of a flow that was learned.
 */
static bool is_overheard(const struct journey *journey, const struct journey_event *event)
{
	const struct probe_row *row = probe_table_row(journey->probes, event->probe);

	return row && row->stage == NT_STAGE_READER && !nt_flow_has_ports(&journey->flows[event->flow]);
}

static bool is_of_process(struct scope *scope, const struct journey *journey)
{
	bool found = false;
	size_t i;

	for (i = 0; i < journey->n_events; i++) {
		if (is_by(&journey->events[i], scope->terms.pid) && !is_overheard(journey, &journey->events[i])) {
			learn_event(scope, journey, i);
			found = true;
		}
	}
	return found || is_learned(scope, journey);
}

static bool is_in_netns(const struct journey *journey, const struct dict *dict, const struct scope_terms *terms)
{
	const char *name;
	u32 netns, last = 0;
	size_t i;

	if (!terms->netns && !terms->netns_name)
		return true;
	for (i = 0; i < journey->n_events; i++, last = netns) {
		netns = journey->events[i].netns;
		if (!netns || netns == last)
			continue;
		name = terms->netns_name ? dict_get(dict, DICT_NETNS, netns) : NULL;
		if (netns == terms->netns || (name && !strcmp(name, terms->netns_name)))
			return true;
	}
	return false;
}

static bool is_on_interface(const struct journey *journey, const struct dict *dict, const char *ifname)
{
	const struct journey_event *event = journey->events, *last = NULL;
	const char *name;
	size_t i;

	for (i = 0; i < journey->n_events; i++, last = event++) {
		if (!event->ifindex || (last && last->ifindex == event->ifindex && last->netns == event->netns))
			continue;
		name = dict_get(dict, DICT_IFNAME, dict_ifname_key(event->netns, event->ifindex));
		if (name && !strcmp(name, ifname))
			return true;
	}
	return false;
}

bool scope_wants(struct scope *scope, const struct dict *dict, const struct journey *journey)
{
	const struct scope_terms *terms = &scope->terms;
	/* First: it learns, also from journeys that the other terms reject. */
	bool wanted = !terms->pid || is_of_process(scope, journey);

	if (wanted)
		wanted = is_in_netns(journey, dict, terms);
	if (wanted && terms->ifname)
		wanted = is_on_interface(journey, dict, terms->ifname);
	/* how long one took whose end was not seen is unknown: too long perhaps, and told */
	return wanted && (journey->incomplete || journey_took_ns(journey) >= terms->min_latency_ns);
}

bool scope_wants_event(const struct scope *scope, const struct dict *dict, const struct journey_event *event)
{
	struct journey alone = {.events = (struct journey_event *)event, .n_events = 1};

	if (!is_in_netns(&alone, dict, &scope->terms))
		return false;
	return !scope->terms.ifname || is_on_interface(&alone, dict, scope->terms.ifname);
}
