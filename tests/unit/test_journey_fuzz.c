/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records of all kinds that are nearly what a kernel sends, in an order that it never would, through the
 * set of journeys and both forms of the timeline. To be built with sanitizers too, which see what is wrong.
 */
#include "journey_kit.h"

#include <malloc.h>

#include "annotation.h"
#include "journey_open.h"
#include "render.h"
#include "text_kit.h"

#define RECORDS 100000
#define IDS 24
#define SKBS 8

union record {
	struct nt_event ev;
	struct nt_snapshot snapshot;
	struct nt_annotation annotation;
	struct nt_end end;
	struct nt_loss loss;
	u8 bytes[NT_RECORD_MAX_BYTES];
};

static struct out *out;
static struct render_env env;
static u64 random_state;
static size_t n_outcomes[OUTCOME_COUNT], n_merged, n_parts, n_repeats, n_origins, n_events;

static u32 below(u32 n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (u32)(random_state >> 20) % n;
}

static bool one_in(u32 n)
{
	return !below(n);
}

/* A segment, a datagram, a ping or anything, cut anywhere. */
static size_t make_snapshot(union record *record)
{
	static const u8 protocols[] = {6, 6, 6, 17, 1, 58, 0};
	struct nt_snapshot *s = &record->snapshot;
	bool ipv6 = one_in(4);
	size_t ip = ipv6 ? 40 : 20;

	for (size_t i = 0; i < sizeof(s->bytes); i++)
		s->bytes[i] = one_in(3) ? (u8)below(256) : 0;
	s->network = s->link = (u16)below(2);
	s->network *= 14;
	s->transport = one_in(2) ? NT_NO_LAYER : (u16)(s->network + ip);
	s->protocol = ipv6 ? 0xdd86 : one_in(9) ? 0x0608 : 0x0008;
	s->captured_bytes = (u16)(one_in(4) ? below(NT_SNAPSHOT_BYTES + 2) : NT_SNAPSHOT_BYTES);
	s->len_bytes = one_in(50) ? below(~0u) : below(3000);
	s->bytes[s->network] = ipv6 ? 0x60 : 0x45;
	s->bytes[s->network + (ipv6 ? 6 : 9)] = protocols[below(sizeof(protocols))];
	if (one_in(2)) { /* of few connections, so that some segments are sent twice */
		memset(s->bytes + s->network + ip - (ipv6 ? 32 : 8), 0, (ipv6 ? 32 : 8) + 12);
		s->bytes[s->network + ip + 3] = (u8)below(3);
		s->bytes[s->network + ip + 6] = (u8)below(20);
		s->bytes[s->network + ip + 12] = 0x50;
	}
	return sizeof(*s);
}

static size_t make_annotation(union record *record)
{
	unsigned int type = one_in(500) ? NT_ANNO_COUNT + below(3) : below(NT_ANNO_COUNT);
	size_t size = type < NT_ANNO_COUNT ? annotation_type(type)->size_bytes : below(64);
	u8 *payload = record->bytes + sizeof(record->annotation);

	record->annotation.type = (u16)type;
	record->annotation.size_bytes = (u16)(size + one_in(500));
	for (size_t i = 0; i < size; i++)
		payload[i] = one_in(4) ? (u8)below(256) : (u8)('a' + below(26));
	if (type == NT_ANNO_ORIGIN) {
		struct nt_anno_ORIGIN origin = {.ts_ns = record->ev.ts_ns - below(3000) + below(100),
						.probe = (u16)below(NT_PROBE_COUNT + one_in(9) * 1000)};

		memcpy(payload, &origin, sizeof(origin));
	} else if (type == NT_ANNO_PARENT || type == NT_ANNO_MERGE) {
		struct nt_anno_PARENT link = {.skb = below(SKBS), .id = below(IDS)};

		memcpy(payload, &link, sizeof(link));
	} else if (type == NT_ANNO_DROP) {
		struct nt_anno_DROP drop = {.location = below(4), .reason = below(4)};

		memcpy(payload, &drop, sizeof(drop));
	}
	return sizeof(record->annotation) + size;
}

/* Its size. Records often tell more of the event before, since only so are they put together. */
static size_t make_record(union record *record)
{
	static const u8 kinds[] = {
		NT_EVENT,      NT_EVENT,      NT_EVENT, NT_SNAPSHOT, NT_SNAPSHOT, NT_ANNOTATION,
		NT_ANNOTATION, NT_ANNOTATION, NT_END,	NT_LOSS,     NT_SILENT,   NT_BLOCKED,
	};
	static const unsigned int ends[] = {
		NT_PROBE_kfree_skb,	    NT_PROBE_consume_skb,    NT_PROBE___kfree_skb,
		NT_PROBE_kfree_skb_partial, NT_PROBE_napi_reuse_skb, NT_PROBE_skb_morph,
	};
	struct nt_event before = record->ev;
	bool begins = one_in(6), ends_here = !begins && one_in(3);

	memset(record, 0, sizeof(*record));
	record->ev = before;
	if (!one_in(3)) {
		now_ns += one_in(50) ? 0 : below(2000);
		record->ev = header(one_in(400) ? 0 : 1 + below(IDS), below(NT_PROBE_COUNT),
				    1 + below(SKBS), 0);
		record->ev.ts_ns -= one_in(100) ? below(5000) : 0;
		record->ev.context = (u8)below(NT_CTX_COUNT + 1);
		record->ev.ifindex = below(3);
		record->ev.netns = below(3);
		if (ends_here)
			record->ev.probe = (u16)ends[below(sizeof(ends) / sizeof(ends[0]))];
		else if (one_in(30))
			record->ev.probe = (u16)(NT_PROBE_COUNT + below(2));
		else if (one_in(400))
			record->ev.probe = NT_PROBE_MAX;
	}
	record->ev.kind = kinds[below(sizeof(kinds))];
	record->ev.kind |= (u8)((begins ? START : 0) | (ends_here ? END : 0) | (one_in(6) ? SHARED : 0) |
				(one_in(50) ? NT_F_LOST : 0));
	switch (nt_event_kind(&record->ev)) {
	case NT_SNAPSHOT:
		return make_snapshot(record);
	case NT_ANNOTATION:
		return make_annotation(record);
	case NT_END:
		record->end.how = below(4);
		record->end.into = below(IDS);
		record->ev.skb = below(SKBS + 1);
		return sizeof(record->end);
	default:
		return sizeof(record->ev);
	}
}

static int render(void *user, const struct journey *journey)
{
	(void)user;
	for (size_t i = 1; i < journey->n_events; i++)
		assert_true(journey->events[i].ts_ns >= journey->events[i - 1].ts_ns);
	for (size_t i = 0; i < journey->n_events; i++)
		assert_true(journey->events[i].flow < journey->n_flows);
	assert_true(journey->n_events && journey->start_ns == journey->events[0].ts_ns);
	assert_true((journey->outcome == OUTCOME_MERGED) || !journey->merged_into.id);
	assert_true(journey->outcome == OUTCOME_DROPPED || !journey->drop);
	assert_true(!journey->retransmit_of.id || journey->retransmit_of.id != journey->id);
	render_text_journey(out, &env, journey);
	n_outcomes[journey->outcome]++;
	n_merged += journey->merged_into.id != 0;
	n_parts += journey->part_of.id != 0;
	n_repeats += journey->retransmit_of.id != 0;
	n_origins += journey->n_events > 1 && journey->events[0].flags == START &&
		     !journey->events[0].notes && journey->events[1].notes &&
		     journey->events[1].notes->type == NT_ANNO_ORIGIN;
	return 0;
}

static int render_event(void *user, const struct journey *journey, const struct journey_event *event)
{
	(void)user;
	render_text_event(out, &env, journey, event);
	n_events++;
	return 0;
}

static int prepare(void **state)
{
	struct dict *dict = dict_new();

	(void)state;
	random_state = 88172645463325252u;
	now_ns = 1000000000;
	context = NT_CTX_SOFTIRQ;
	if (!dict || out_open("/dev/null", &out))
		return -1;
	env = (struct render_env){.dict = dict};
	return dict_set(dict, DICT_DROP_REASON, 2, "NOT_SPECIFIED") ||
	       dict_set(dict, DICT_SYMBOL, 1, "skb_release_data+0x1") ||
	       dict_set(dict, DICT_SYMBOL, 2, "a name\033[0m") ||
	       dict_set(dict, DICT_IFNAME, dict_ifname_key(1, 1), "eth0");
}

static int clean_up(void **state)
{
	(void)state;
	dict_free((struct dict *)env.dict);
	return out_close(out);
}

/*
 * Bytes in use. What malloc keeps at hand counts as used, up to 7 pieces of each small size: have all
 * of these. A sanitizer's malloc says 0, and tells of leaks by itself.
 */
static size_t used_bytes(void)
{
	void *pieces[7];

	for (size_t size = 24; size <= 1032; size += 16) {
		for (size_t i = 0; i < 7; i++)
			pieces[i] = malloc(size);
		for (size_t i = 0; i < 7; i++)
			free(pieces[i]);
	}
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

/* A chunk that is cut out of a larger one takes along what would be too little to be a chunk. */
static void assert_used(size_t before)
{
	assert_in_range(used_bytes(), before - 64, before + 64);
}

static void feed(bool events)
{
	union record *record = calloc(1, sizeof(*record));
	u8 *exact;

	for (int i = 0; i < RECORDS; i++) {
		size_t size = make_record(record);
		int err;

		if (one_in(500))
			size = below((u32)size);
		/* in memory of its own, so that reading behind it is seen */
		exact = malloc(size ? size : 1);
		memcpy(exact, record, size);
		err = journey_set_add(set, (const struct nt_event *)exact, size, below(4));
		assert_true(!err || err == -EINVAL);
		free(exact);
		if (events && one_in(20))
			assert_int_equal(journey_set_flush(set), 0);
		env.detail = one_in(2);
		env.color = one_in(2);
		env.date = one_in(2);
	}
	free(record);
}

static void run(bool events)
{
	struct probe_table *probes = probe_table_new();
	size_t before;

	assert_non_null(probes);
	assert_true(probe_table_add(probes, "a_function_of_the_user") >= 0);
	n_merged = n_parts = n_repeats = n_origins = n_events = 0;
	memset(n_outcomes, 0, sizeof(n_outcomes));
	before = used_bytes();
	set = journey_set_new(probes, env.dict, render, NULL);
	assert_non_null(set);
	if (events)
		journey_set_on_event(set, render_event);
	feed(events);
	assert_int_equal(journey_set_finish(set), 0);
	assert_int_equal(journey_set_open(set), 0);
	journey_set_free(set);
	assert_used(before);
	probe_table_free(probes);
	/* it would prove little if the records were all refused */
	for (int i = 0; i < OUTCOME_COUNT; i++)
		assert_true(n_outcomes[i] > 10);
	assert_true(n_merged > 10 && n_parts > 10 && n_repeats > 10 && n_origins > 10);
	assert_int_equal(n_events > 10, events);
}

static void blocks(void **state)
{
	(void)state;
	run(false);
}

static void lines(void **state)
{
	(void)state;
	run(true);
}

/* A set that is given up in the middle, as by a signal, leaves nothing either. */
static void given_up(void **state)
{
	size_t before = used_bytes();

	(void)state;
	set = journey_set_new(NULL, env.dict, render, NULL);
	assert_non_null(set);
	feed(false);
	assert_true(journey_set_open(set) > 0);
	journey_set_free(set);
	assert_used(before);
}

static void memory_of_one(void **state)
{
	union record *record = calloc(1, sizeof(*record));
	size_t bytes = 0, chunk = 0, rest;
	struct open_journey *open;

	(void)state;
	for (int round = 0; round < 20; round++) {
		open = open_journey_new(&bytes);
		assert_non_null(open);
		for (int i = 0; i < 3000; i++) {
			size_t size = make_record(record);
			enum nt_kind kind = nt_event_kind(&record->ev);

			if (kind == NT_EVENT || kind == NT_SNAPSHOT || kind == NT_ANNOTATION)
				open_journey_add(open, &record->ev, size, 0, &bytes);
			rest = bytes - sizeof(*open) - open->events_room * sizeof(*open->journey.events) -
			       open->members_room * sizeof(*open->journey.members) -
			       open->flows_room * sizeof(*open->journey.flows);
			if (!chunk)
				chunk = rest;
			assert_true(!chunk || rest % chunk == 0);
			if (one_in(100))
				open_journey_recycle(open);
		}
		open_journey_free(open, &bytes);
		assert_int_equal(bytes, 0);
	}
	free(record);
}

#undef test
#define test(f) cmocka_unit_test_setup_teardown(f, prepare, clean_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(blocks),
		test(lines),
		test(given_up),
		test(memory_of_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
