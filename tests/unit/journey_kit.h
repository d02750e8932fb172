/* SPDX-License-Identifier: GPL-2.0 */
/* For tests of journeys: make records, and look at what is handed on. */
#ifndef NT_TEST_JOURNEY_KIT_H
#define NT_TEST_JOURNEY_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "annotations.h"
#include "journey.h"
#include "probes.h"

#define SKB_A 0xffff888000001000
#define SKB_B 0xffff888000001100
#define SKB_C 0xffff888000001200

#define START NT_F_START
#define END NT_F_END
#define SHARED NT_F_SHARED

/* The journeys handed on, copied: the originals are gone when the callback returns. */
#define KEPT_MAX 16
#define KEPT_EVENTS 64

struct kept {
	struct journey journey;
	struct journey_event events[KEPT_EVENTS];
	struct journey_member members[KEPT_EVENTS];
	struct nt_flow flows[8];
	struct nt_anno_DROP drop;
	struct nt_anno_TABLE table; /* of the last event that has one */
	size_t n_notes, n_tasks;
};

static struct kept kept[KEPT_MAX];
static size_t n_kept;
static int callback_returns;
static struct journey_set *set;
static struct dict *names;
static u64 now_ns;
static u8 context;

static inline void keep_notes(struct kept *k, const struct journey_event *event)
{
	for (const struct journey_note *note = event->notes; note; note = note->next) {
		k->n_notes++;
		k->n_tasks += note->type == NT_ANNO_TASK;
		if (note->type == NT_ANNO_TABLE)
			memcpy(&k->table, note->payload, sizeof(k->table));
	}
}

static inline int keep(void *user, const struct journey *journey)
{
	struct kept *k = &kept[n_kept % KEPT_MAX];

	assert_ptr_equal(user, &n_kept);
	assert_true(journey->n_flows >= 1);
	memset(k, 0, sizeof(*k));
	k->journey = *journey;
	for (size_t i = 0; i < journey->n_events; i++) {
		assert_true(journey->events[i].flow < journey->n_flows);
		if (i)
			assert_true(journey->events[i].ts_ns >= journey->events[i - 1].ts_ns);
		if (i < KEPT_EVENTS)
			k->events[i] = journey->events[i];
		keep_notes(k, &journey->events[i]);
	}
	for (size_t i = 0; i < journey->n_members && i < KEPT_EVENTS; i++)
		k->members[i] = journey->members[i];
	for (size_t i = 0; i < journey->n_flows && i < 8; i++)
		k->flows[i] = journey->flows[i];
	if (journey->drop)
		k->drop = *journey->drop;
	n_kept++;
	return callback_returns;
}

static inline int setup(void **state)
{
	(void)state;
	n_kept = 0;
	callback_returns = 0;
	now_ns = 1000000000;
	context = NT_CTX_SOFTIRQ;
	set = journey_set_new(NULL, names, keep, &n_kept);
	return set ? 0 : -1;
}

static inline int teardown(void **state)
{
	(void)state;
	journey_set_free(set);
	return 0;
}

static inline struct nt_event header(u32 id, unsigned int probe, u64 skb, unsigned int kind)
{
	return (struct nt_event){.ts_ns = now_ns,
				 .skb = skb,
				 .skb_id = id,
				 .probe = (u16)probe,
				 .context = context,
				 .kind = (u8)kind};
}

static inline int add(u32 id, unsigned int probe, u64 skb, unsigned int flags)
{
	struct nt_event ev;

	now_ns += 1000;
	ev = header(id, probe, skb, NT_EVENT | flags);
	return journey_set_add(set, &ev, sizeof(ev), 0);
}

/* An event of journey 1 that must be taken. */
#define event(probe, skb, flags) assert_int_equal(add(1, NT_PROBE_##probe, skb, flags), 0)

/* A drop of journey 1, with its annotation. */
static inline void drop(u64 skb, u32 reason, unsigned int flags)
{
	struct {
		struct nt_annotation annotation;
		struct nt_anno_DROP drop;
	} record = {.drop = {.location = 0xffffffff81000000, .reason = reason}};

	now_ns += 1000;
	record.annotation.ev = header(1, NT_PROBE_kfree_skb, skb, NT_ANNOTATION | END | flags);
	record.annotation.type = NT_ANNO_DROP;
	record.annotation.size_bytes = sizeof(record.drop);
	assert_int_equal(journey_set_add(set, &record.annotation.ev, sizeof(record), 0), 0);
}

static inline int end_record(u32 id, u64 skb, u32 how, u32 into)
{
	struct nt_end end = {.ev = header(id, 0, skb, NT_END), .how = how, .into = into};

	return journey_set_add(set, &end.ev, sizeof(end), 0);
}

/* An ICMP echo request with this sequence number. */
static inline struct nt_snapshot snapshot(unsigned int probe, u64 skb, u8 seq, unsigned int flags)
{
	static const u8 packet[] = {0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0, 10, 0,
				    0,	  1, 10, 0, 0, 2, 8, 0, 0,  0, 0, 7, 0, 0};
	struct nt_snapshot s = {.ev = header(1, probe, skb, NT_SNAPSHOT | flags)};

	s.len_bytes = s.captured_bytes = sizeof(packet);
	s.transport = 20;
	s.protocol = 8; /* 0x0800 in network byte order on little-endian machines */
	memcpy(s.bytes, packet, sizeof(packet));
	s.bytes[27] = seq;
	return s;
}

static inline void add_snapshot(unsigned int probe, u64 skb, u8 seq, unsigned int flags)
{
	struct nt_snapshot s = snapshot(probe, skb, seq, flags);

	assert_int_equal(journey_set_add(set, &s.ev, sizeof(s), 3), 0);
}

static inline void expect_one(enum outcome outcome, size_t n_events, size_t n_members,
			      bool incomplete)
{
	assert_int_equal(n_kept, 1);
	assert_string_equal(outcome_name(kept[0].journey.outcome), outcome_name(outcome));
	assert_int_equal(kept[0].journey.n_events, n_events);
	assert_int_equal(kept[0].journey.n_members, n_members);
	assert_int_equal(kept[0].journey.incomplete, incomplete);
	assert_int_equal(journey_set_open(set), 0);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
