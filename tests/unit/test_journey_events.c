/* SPDX-License-Identifier: GPL-2.0 */
/* Events handed on one by one, while their journeys are under way. */
#include "journey_kit.h"

#include <stdio.h>

static char told[4096];
static int event_returns;

/* "1:ip_rcv+2 " is an event of journey 1 with two notes; "1. " the end of the journey, made by done(). */
static int tell(void *user, const struct journey *journey, const struct journey_event *event)
{
	const struct probe_row *row = probe_table_row(journey->probes, event->probe);
	size_t used = strlen(told), notes = 0;

	assert_ptr_equal(user, &n_kept);
	assert_ptr_equal(event, &journey->events[journey->n_events - 1]);
	assert_true(event->flow < journey->n_flows);
	for (const struct journey_note *note = event->notes; note; note = note->next)
		notes++;
	snprintf(told + used, sizeof(told) - used, "%u:%s", journey->id, row->name);
	used = strlen(told);
	snprintf(told + used, sizeof(told) - used, notes ? "+%zu " : " ", notes);
	return event_returns;
}

static int done(void *user, const struct journey *journey)
{
	size_t used = strlen(told);

	snprintf(told + used, sizeof(told) - used, "%u. ", journey->id);
	return keep(user, journey);
}

static int begin(void **state)
{
	if (setup(state))
		return -1;
	journey_set_free(set);
	set = journey_set_new(NULL, NULL, done, &n_kept);
	if (!set)
		return -1;
	journey_set_on_event(set, tell);
	*told = '\0';
	event_returns = 0;
	return 0;
}

/* More of the event that came last: a note, which does not take time. */
static void note(u32 id, unsigned int probe, u64 skb, unsigned int flags)
{
	struct {
		struct nt_annotation annotation;
		struct nt_anno_HOOK hook;
	} record = {.annotation = {.type = NT_ANNO_HOOK, .size_bytes = sizeof(record.hook)}};

	record.annotation.ev = header(id, probe, skb, NT_ANNOTATION | flags);
	assert_int_equal(journey_set_add(set, &record.annotation.ev, sizeof(record.annotation) + sizeof(record.hook), 0),
			 0);
}

/* An event is told when the next one comes, of whichever journey. */
static void in_order_of_time(void **state)
{
	(void)state;
	assert_int_equal(add(1, NT_PROBE_ip_rcv, SKB_A, START), 0);
	assert_string_equal(told, "");
	assert_int_equal(add(2, NT_PROBE_ip_output, SKB_B, START), 0);
	assert_string_equal(told, "1:ip_rcv ");
	assert_int_equal(add(1, NT_PROBE_icmp_rcv, SKB_A, 0), 0);
	assert_int_equal(add(1, NT_PROBE_consume_skb, SKB_A, END), 0);
	assert_int_equal(add(2, NT_PROBE_consume_skb, SKB_B, END), 0);
	assert_string_equal(told, "1:ip_rcv 2:ip_output 1:icmp_rcv 1:consume_skb 1. 2:consume_skb 2. ");
	assert_int_equal(journey_set_flush(set), 0);
	assert_int_equal(n_kept, 2);
	assert_int_equal(kept[0].journey.n_events, 3);
}

static void with_all_its_notes(void **state)
{
	(void)state;
	add_snapshot(NT_PROBE_nf_hook_slow, SKB_A, 1, START);
	note(1, NT_PROBE_nf_hook_slow, SKB_A, 0);
	note(1, NT_PROBE_nf_hook_slow, SKB_A, 0);
	assert_string_equal(told, "");
	now_ns += 1000;
	note(1, NT_PROBE_kfree_skb, SKB_A, 0);
	assert_string_equal(told, "1:nf_hook_slow+2 ");
	note(1, NT_PROBE_kfree_skb, SKB_A, END);
	assert_string_equal(told, "1:nf_hook_slow+2 1:kfree_skb+2 1. ");
}

/* The same instant and function: an event each, if the packets are two. */
static void at_the_same_time(void **state)
{
	(void)state;
	now_ns += 1000;
	note(1, NT_PROBE_ip_rcv, SKB_A, START);
	note(2, NT_PROBE_ip_rcv, SKB_A, START);
	note(2, NT_PROBE_ip_rcv, SKB_B, 0);
	assert_int_equal(journey_set_flush(set), 0);
	assert_string_equal(told, "1:ip_rcv+1 2:ip_rcv+1 2:ip_rcv+1 ");
}

static void flush(void **state)
{
	(void)state;
	assert_int_equal(journey_set_flush(set), 0);
	assert_int_equal(add(1, NT_PROBE_ip_rcv, SKB_A, START), 0);
	assert_int_equal(journey_set_flush(set), 0);
	assert_int_equal(journey_set_flush(set), 0);
	assert_string_equal(told, "1:ip_rcv ");
	assert_int_equal(add(1, NT_PROBE_icmp_rcv, SKB_A, 0), 0);
	assert_int_equal(journey_set_finish(set), 0);
	assert_string_equal(told, "1:ip_rcv 1:icmp_rcv 1. ");
	assert_true(kept[0].journey.incomplete);
}

/* An end that no probe saw, and an id that is used again. */
static void before_the_journey_ends(void **state)
{
	(void)state;
	assert_int_equal(add(1, NT_PROBE_ip_rcv, SKB_A, START), 0);
	assert_int_equal(end_record(1, 0, NT_END_EVICTED, 0), 0);
	assert_string_equal(told, "1:ip_rcv 1. ");
	assert_int_equal(add(1, NT_PROBE_ip_rcv, SKB_A, START), 0);
	assert_int_equal(add(1, NT_PROBE_ip_output, SKB_B, START), 0);
	assert_int_equal(journey_set_finish(set), 0);
	assert_string_equal(told, "1:ip_rcv 1. 1:ip_rcv 1. 1:ip_output 1. ");
}

static void a_stop(void **state)
{
	(void)state;
	assert_int_equal(add(1, NT_PROBE_ip_rcv, SKB_A, START), 0);
	event_returns = 5;
	assert_int_equal(add(1, NT_PROBE_icmp_rcv, SKB_A, 0), 5);
	assert_int_equal(add(2, NT_PROBE_consume_skb, SKB_B, START | END), 5);
	assert_int_equal(n_kept, 0);
	event_returns = 0;
	assert_int_equal(journey_set_finish(set), 0);
	assert_string_equal(told, "1:ip_rcv 2:consume_skb 1. 2. ");
}

/* What is not kept is not told, and what was told is not told again. */
static void too_many(void **state)
{
	(void)state;
	assert_int_equal(add(1, NT_PROBE_ip_rcv, SKB_A, START), 0);
	for (int i = 1; i < 5000; i++) {
		*told = '\0';
		assert_int_equal(add(1, NT_PROBE_ip_rcv, SKB_A, 0), 0);
		assert_string_equal(told, i <= 4096 ? "1:ip_rcv " : "");
	}
	assert_int_equal(journey_set_finish(set), 0);
	assert_string_equal(told, "1. ");
}

#undef test
#define test(f) cmocka_unit_test_setup_teardown(f, begin, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(in_order_of_time), test(with_all_its_notes), test(at_the_same_time), test(flush),
		test(before_the_journey_ends), test(a_stop), test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
