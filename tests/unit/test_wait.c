/* SPDX-License-Identifier: GPL-2.0 */
/* Waits of packets in the stack, and what their events say of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "annotations.h"
#include "probes.h"
#include "wait.h"

#define MS 1000000ull
#define T0 (1000 * MS)

static struct probe_table *probes;

/* A packet of up to four events, each with a note. */
struct packet {
	struct journey journey;
	struct journey_event events[4];
	struct journey_note notes[4];
	struct nt_flow flow;
};

static int setup(void **state)
{
	(void)state;
	probes = probe_table_new();
	return probes ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	probe_table_free(probes);
	return 0;
}

static void make(struct packet *p)
{
	memset(p, 0, sizeof(*p));
	p->journey = (struct journey){.probes = probes, .start_ns = T0, .events = p->events, .flows = &p->flow, .n_flows = 1};
}

static struct journey_event *add(struct packet *p, u64 ts_ns, unsigned int probe, u64 skb)
{
	struct journey_event *event = &p->events[p->journey.n_events++];

	*event = (struct journey_event){.ts_ns = ts_ns, .probe = (u16)probe, .skb = skb};
	p->journey.end_ns = ts_ns;
	return event;
}

static void annotate(struct packet *p, struct journey_event *event, unsigned int type, const void *payload)
{
	struct journey_note *note = &p->notes[event - p->events];

	*note = (struct journey_note){.type = (u16)type, .payload = payload};
	event->notes = note;
}

/* The delay that ends with the last event, and its text. */
static bool judge(struct packet *p, struct journey_delay *delay, char text[WAIT_TEXT_BYTES])
{
	size_t length;

	if (!wait_judge(&p->journey, p->journey.n_events - 1, delay))
		return false;
	length = wait_text(&p->journey, delay, text, WAIT_TEXT_BYTES);
	assert_int_equal(length, strlen(text)); /* the macro evaluates its arguments more than once */
	return true;
}

static void expect(struct packet *p, enum nt_cause cause, u64 delay_ns, const char *wanted)
{
	char text[WAIT_TEXT_BYTES];
	struct journey_delay delay;

	assert_true(judge(p, &delay, text));
	assert_int_equal(delay.cause, cause);
	assert_int_equal(delay.delay_ns, delay_ns);
	assert_int_equal(delay.low_ns, delay_ns);
	assert_int_equal(delay.high_ns, delay_ns);
	assert_false(delay.upper);
	assert_string_equal(text, wanted);
}

/* As lines and comments have it. */
static void with_its_length(void **state)
{
	struct nt_blocked blocked = {.cause = NT_CAUSE_LONG_SOFTIRQ, .number = 1};
	struct journey_delay delay = {.delay_ns = 3 * MS, .low_ns = 2 * MS, .high_ns = 4 * MS, .cpu = 7, .blocked = &blocked};
	char text[DELAY_TEXT_BYTES];
	struct packet p;

	(void)state;
	make(&p);
	assert_true(delay_text(&p.journey, &delay, text, sizeof(text)) == strlen(text));
	assert_string_equal(text, "3.000 ms (2.000 ms–4.000 ms) on cpu 7: softirq TIMER");
	delay.upper = true;
	delay_text(&p.journey, &delay, text, sizeof(text));
	assert_string_equal(text, "≤ 3.000 ms on cpu 7: softirq TIMER");
}

static void expect_none(struct packet *p)
{
	char text[WAIT_TEXT_BYTES];
	struct journey_delay delay;

	assert_false(judge(p, &delay, text));
}

static void queued(const char *kind, u32 state, u64 ms, struct packet *p, struct nt_anno_QUEUE *queue)
{
	make(p);
	*queue = (struct nt_anno_QUEUE){.handle = 0x80010000, .state = state};
	memcpy(queue->kind, kind, strlen(kind));
	annotate(p, add(p, T0, NT_PROBE_qdisc_enqueue, 64), NT_ANNO_QUEUE, queue);
	add(p, T0 + ms * MS, NT_PROBE_qdisc_dequeue, 64);
}

static void in_qdiscs(void **state)
{
	struct nt_anno_QUEUE queue;
	struct packet p;

	(void)state;
	queued("tbf", 0, 12, &p, &queue);
	expect(&p, NT_CAUSE_QDISC_SHAPER, 12 * MS, "qdisc tbf 8001: let it go later");
	queued("tbf", 1, 12, &p, &queue);
	expect(&p, NT_CAUSE_QDISC_DRIVER_FULL, 12 * MS, "qdisc tbf 8001: kept it: the driver's ring was full");
	queued("pfifo_fast", 2, 12, &p, &queue);
	expect(&p, NT_CAUSE_QDISC_BQL, 12 * MS,
	       "qdisc pfifo_fast 8001: kept it: the driver had as many bytes as its queue limits (BQL) allow");
	queued("pfifo_fast", 0, 12, &p, &queue);
	expect(&p, NT_CAUSE_UNKNOWN, 12 * MS, "qdisc pfifo_fast 8001: kept it, unknown why");
	queued("pfifo_fast", 0, 9, &p, &queue);
	expect_none(&p);
}

/* 5.10 tells the queue only when the packet leaves it. */
static void queue_known_at_the_end(void **state)
{
	struct nt_anno_QUEUE queue = {.handle = 0x10000, .kind = "netem"};
	struct packet p;

	(void)state;
	make(&p);
	add(&p, T0, NT_PROBE___dev_queue_xmit, 64);
	annotate(&p, add(&p, T0 + 3 * MS, NT_PROBE_qdisc_dequeue, 64), NT_ANNO_QUEUE, &queue);
	expect(&p, NT_CAUSE_QDISC_SHAPER, 3 * MS, "qdisc netem 1: let it go later");
}

/* Sent past the queue, to a driver that took none, and put into it. */
static void put_back(void **state)
{
	struct nt_anno_QUEUE found = {.state = 2, .kind = "fq_codel"}, left = {.kind = "fq_codel"};
	struct packet p;

	(void)state;
	make(&p);
	add(&p, T0, NT_PROBE___dev_queue_xmit, 64);
	annotate(&p, add(&p, T0 + 1000, NT_PROBE_sch_direct_xmit, 64), NT_ANNO_QUEUE, &found);
	add(&p, T0 + 2000, NT_PROBE_validate_xmit_skb, 64);
	annotate(&p, add(&p, T0 + 20 * MS, NT_PROBE_qdisc_dequeue, 64), NT_ANNO_QUEUE, &left);
	expect(&p, NT_CAUSE_QDISC_BQL, 20 * MS - 2000,
	       "qdisc fq_codel 0: kept it: the driver had as many bytes as its queue limits (BQL) allow");
}

static void hostile_names(void **state)
{
	struct nt_anno_QUEUE queue;
	struct packet p;

	(void)state;
	queued("a\033[2J0123456789b", 0, 12, &p, &queue);
	expect(&p, NT_CAUSE_UNKNOWN, 12 * MS, "qdisc a\\x1b[2J0123456789b 8001: kept it, unknown why");
}

static void in_the_stack(void **state)
{
	struct packet p;

	(void)state;
	make(&p);
	add(&p, T0, NT_PROBE___neigh_event_send, 64);
	add(&p, T0 + 200 * MS, NT_PROBE___dev_queue_xmit, 64);
	expect(&p, NT_CAUSE_NEIGHBOUR, 200 * MS, "the link-layer address of the next hop was not known");
	make(&p);
	add(&p, T0, NT_PROBE_ip_finish_output, 64);
	add(&p, T0 + 200 * MS, NT_PROBE___dev_queue_xmit, 64);
	expect_none(&p);
	make(&p);
	add(&p, T0, NT_PROBE_dev_gro_receive, 64);
	add(&p, T0 + 5 * MS, NT_PROBE_napi_gro_complete, 64);
	expect(&p, NT_CAUSE_GRO_HOLD, 5 * MS,
	       "GRO kept it for more of its flow (gro_flush_timeout, napi_defer_hard_irqs)");
	make(&p);
	add(&p, T0, NT_PROBE_dev_gro_receive, 64);
	add(&p, T0 + 15 * MS, NT_PROBE___netif_receive_skb_core, 64);
	expect(&p, NT_CAUSE_UNKNOWN, 15 * MS, "unknown: in GRO");
	/* where no probe tells that RPS handed it on */
	make(&p);
	add(&p, T0, NT_PROBE_napi_gro_receive_entry, 64);
	add(&p, T0 + 15 * MS, NT_PROBE_netif_receive_skb, 64);
	p.events[1].cpu = 1;
	expect(&p, NT_CAUSE_BACKLOG, 15 * MS, "in the backlog of cpu 1");
	make(&p);
	add(&p, T0, NT_PROBE_ip_defrag, 64);
	add(&p, T0 + 999999, NT_PROBE_ip_local_deliver_finish, 64);
	expect_none(&p);
}

/* Reassembly goes on with the sk_buff that came last; otherwise another sk_buff is another matter. */
static void of_the_same_sk_buff(void **state)
{
	struct packet p;

	(void)state;
	make(&p);
	add(&p, T0, NT_PROBE_ip_defrag, 64);
	add(&p, T0 + 100 * MS, NT_PROBE_ip_local_deliver_finish, 128);
	expect(&p, NT_CAUSE_DEFRAG, 100 * MS, "other fragments of it came late");
	make(&p);
	add(&p, T0, NT_PROBE_ipv6_frag_rcv, 64);
	add(&p, T0 + 100 * MS, NT_PROBE_icmpv6_rcv, 128);
	expect(&p, NT_CAUSE_DEFRAG, 100 * MS, "other fragments of it came late");
	make(&p);
	add(&p, T0, NT_PROBE_nf_ct_frag6_gather, 64);
	add(&p, T0 + 100 * MS, NT_PROBE_ip6_rcv_finish, 128);
	expect(&p, NT_CAUSE_DEFRAG, 100 * MS, "other fragments of it came late");
	make(&p);
	add(&p, T0, NT_PROBE___sock_queue_rcv_skb, 64);
	add(&p, T0 + 8000 * MS, NT_PROBE_skb_copy_datagram_iovec, 128);
	expect_none(&p);
}

/* What frees a packet long after it was sent says nothing of a wait, and hides none. */
static void lives_are_no_places(void **state)
{
	struct packet p;

	(void)state;
	make(&p);
	add(&p, T0, NT_PROBE_net_dev_start_xmit, 64);
	add(&p, T0 + 100 * MS, NT_PROBE_consume_skb, 64);
	expect_none(&p);
	make(&p);
	add(&p, T0, NT_PROBE_dev_gro_receive, 64);
	add(&p, T0 + 1 * MS, NT_PROBE_skb_clone, 64);
	add(&p, T0 + 5 * MS, NT_PROBE_napi_gro_complete, 64);
	expect(&p, NT_CAUSE_GRO_HOLD, 5 * MS,
	       "GRO kept it for more of its flow (gro_flush_timeout, napi_defer_hard_irqs)");
}

static void behind_backlog(void **state)
{
	struct packet p;

	(void)state;
	make(&p);
	add(&p, T0, NT_PROBE_enqueue_to_backlog, 64);
	add(&p, T0 + 4 * MS, NT_PROBE___netif_receive_skb_core, 64)->cpu = 3;
	expect(&p, NT_CAUSE_BACKLOG, 4 * MS, "in the backlog of cpu 3");
	make(&p);
	add(&p, T0, NT_PROBE_enqueue_to_backlog, 64);
	add(&p, T0 + 14 * MS, NT_PROBE___netif_receive_skb_core, 64);
	expect(&p, NT_CAUSE_UNKNOWN, 14 * MS, "unknown: in the backlog of cpu 0");
}

static void in_netfilter(void **state)
{
	struct nt_anno_TABLE table = {.table = "t", .chain = "c"};
	struct nt_anno_RULES rules = {.rules = 5000};
	struct journey_note more;
	struct packet p;

	(void)state;
	make(&p);
	annotate(&p, add(&p, T0, NT_PROBE_nft_do_chain, 64), NT_ANNO_TABLE, &table);
	more = (struct journey_note){.type = NT_ANNO_RULES, .payload = &rules};
	p.notes[0].next = &more;
	add(&p, T0 + 2 * MS, NT_PROBE_ip_local_deliver_finish, 64);
	expect(&p, NT_CAUSE_NETFILTER, 2 * MS, "netfilter, iptables table:t, chain:c, 5000 rules");
}

/* A packet that was read 300 ms after it had been queued. */
static void make_read(struct packet *p, const struct nt_anno_READ *read)
{
	make(p);
	add(p, T0, NT_PROBE___udp_enqueue_schedule_skb, 64);
	annotate(p, add(p, T0 + 300 * MS, NT_PROBE_skb_copy_datagram_iovec, 64), NT_ANNO_READ, read);
}

static void readers(void **state)
{
	struct nt_anno_READ read = {.pid = 7, .comm = "app"};
	struct packet p;

	(void)state;
	make_read(&p, &read);
	expect(&p, NT_CAUSE_READER_BUSY, 300 * MS, "its reader app[7] did not wait for it");
	read.woken_ns = T0 - 1;
	expect(&p, NT_CAUSE_READER_BUSY, 300 * MS, "its reader app[7] was busy");
	read.woken_ns = T0 + 298 * MS;
	read.state = 0x104;
	expect(&p, NT_CAUSE_READER_BUSY, 300 * MS, "its reader app[7] was stopped");
	read.state = 1;
	expect(&p, NT_CAUSE_READER_BUSY, 300 * MS, "its reader app[7] slept, but did not wait for it");
	read.woken_ns = read.wait_from_ns = T0 + 1 * MS;
	read.wait_to_ns = T0 + 299 * MS;
	read.before_ns = 250 * MS;
	read.before_pid = 9;
	memcpy(read.before_comm, "hog", 3);
	expect(&p, NT_CAUSE_READER_NOT_SCHEDULED, 300 * MS,
	       "its reader app[7] was ready to run for 298.0 ms, 250.0 ms of which hog[9] had its CPU");
	read.before_ns = 800 * MS; /* it waited before the packet came, too */
	expect(&p, NT_CAUSE_READER_NOT_SCHEDULED, 300 * MS,
	       "its reader app[7] was ready to run for 298.0 ms, 298.0 ms of which hog[9] had its CPU");
	read.before_pid = 0;
	expect(&p, NT_CAUSE_READER_NOT_SCHEDULED, 300 * MS,
	       "its reader app[7] was ready to run for 298.0 ms, but its CPU was idle");
	read.wait_to_ns = T0 - 1; /* it waited before the packet came */
	read.wait_from_ns = T0 - 500 * MS;
	expect(&p, NT_CAUSE_READER_BUSY, 300 * MS, "its reader app[7] was busy");
}

/* The reader sleeps until the segments before it have come. */
static void out_of_order(void **state)
{
	struct nt_anno_READ read = {.pid = 7, .comm = "app", .state = 1, .woken_ns = T0 + 290 * MS};
	struct packet p;

	(void)state;
	make_read(&p, &read);
	p.events[0].probe = NT_PROBE_tcp_data_queue_ofo;
	expect(&p, NT_CAUSE_UNKNOWN, 300 * MS, "segments before it came late");
	p.events[1].notes = NULL;
	expect(&p, NT_CAUSE_UNKNOWN, 300 * MS, "segments before it came late");
	annotate(&p, &p.events[1], NT_ANNO_READ, &read);
	read.woken_ns = T0 - 1; /* whatever it did, it could not have read this one */
	expect(&p, NT_CAUSE_UNKNOWN, 300 * MS, "segments before it came late");
	read.woken_ns = T0 + 290 * MS;
	read.state = 0x104;
	expect(&p, NT_CAUSE_READER_BUSY, 300 * MS, "its reader app[7] was stopped");
	read = (struct nt_anno_READ){.pid = 7, .comm = "app", .woken_ns = T0 + 50 * MS, .wait_from_ns = T0 + 50 * MS, .wait_to_ns = T0 + 299 * MS};
	expect(&p, NT_CAUSE_READER_NOT_SCHEDULED, 300 * MS,
	       "its reader app[7] was ready to run for 249.0 ms, but its CPU was idle");
}

/* It becomes part of the segment before, when that has come; in vain before. */
static void out_of_order_and_merged(void **state)
{
	struct packet p;

	(void)state;
	make(&p);
	add(&p, T0, NT_PROBE_tcp_data_queue_ofo, 64);
	add(&p, T0 + 200 * MS, NT_PROBE_skb_try_coalesce, 64);
	expect_none(&p);
	add(&p, T0 + 200 * MS + 1000, NT_PROBE_kfree_skb_partial, 64);
	expect(&p, NT_CAUSE_UNKNOWN, 200 * MS + 1000, "segments before it came late");
	make(&p);
	add(&p, T0, NT_PROBE_tcp_queue_rcv, 64);
	add(&p, T0 + 200 * MS, NT_PROBE_kfree_skb_partial, 64);
	expect_none(&p);
	make(&p);
	add(&p, T0, NT_PROBE___neigh_event_send, 64);
	add(&p, T0 + 200 * MS, NT_PROBE_kfree_skb_partial, 64);
	expect_none(&p);
}

/* Where the function that queues it has no probe: what is in order is seen in another. */
static void out_of_order_unseen(void **state)
{
	static const unsigned int probes_before[] = {NT_PROBE_tcp_rcv_established, NT_PROBE_tcp_ack};
	struct nt_anno_READ read = {.pid = 7, .comm = "app", .state = 1, .woken_ns = T0 + 290 * MS};
	struct packet p;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		make_read(&p, &read);
		p.events[0].probe = (u16)probes_before[i];
		expect(&p, NT_CAUSE_UNKNOWN, 300 * MS, "segments before it came late");
		p.events[1].probe = NT_PROBE_kfree_skb_partial;
		p.events[1].notes = NULL;
		expect(&p, NT_CAUSE_UNKNOWN, 300 * MS, "segments before it came late");
		p.events[1].probe = NT_PROBE_kfree_skb;
		expect_none(&p);
	}
}

static void socket_in_use(void **state)
{
	struct packet p;

	(void)state;
	make(&p);
	add(&p, T0, NT_PROBE_tcp_add_backlog, 64);
	add(&p, T0 + 20 * MS, NT_PROBE_tcp_v4_do_rcv, 64);
	expect(&p, NT_CAUSE_READER_BUSY, 20 * MS, "its socket was in use by a process");
	p.events[1].probe = NT_PROBE_skb_copy_datagram_iovec; /* where nothing in between has a probe */
	expect(&p, NT_CAUSE_UNKNOWN, 20 * MS, "unknown: in the socket's queue");
}

/* A recording may say anything. */
static void hostile_reads(void **state)
{
	struct nt_anno_READ read = {.pid = 7, .woken_ns = T0, .wait_from_ns = ~0ull, .wait_to_ns = T0 + 1};
	struct packet p;

	(void)state;
	memset(read.comm, 'x', sizeof(read.comm));
	make_read(&p, &read);
	expect(&p, NT_CAUSE_READER_BUSY, 300 * MS, "its reader xxxxxxxxxxxxxxxx[7] was busy");
	read.woken_ns = read.wait_to_ns = ~0ull;
	expect(&p, NT_CAUSE_READER_BUSY, 300 * MS, "its reader xxxxxxxxxxxxxxxx[7] slept, but did not wait for it");
	read.woken_ns = read.wait_from_ns = 0;
	expect(&p, NT_CAUSE_READER_NOT_SCHEDULED, 300 * MS,
	       "its reader xxxxxxxxxxxxxxxx[7] was ready to run for 300.0 ms, but its CPU was idle");
	p.events[1].notes = NULL;
	expect(&p, NT_CAUSE_UNKNOWN, 300 * MS, "unknown: in the socket's queue");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_qdiscs, setup, teardown),
		cmocka_unit_test_setup_teardown(queue_known_at_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(put_back, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_names, setup, teardown),
		cmocka_unit_test_setup_teardown(in_the_stack, setup, teardown),
		cmocka_unit_test_setup_teardown(of_the_same_sk_buff, setup, teardown),
		cmocka_unit_test_setup_teardown(lives_are_no_places, setup, teardown),
		cmocka_unit_test_setup_teardown(behind_backlog, setup, teardown),
		cmocka_unit_test_setup_teardown(in_netfilter, setup, teardown),
		cmocka_unit_test_setup_teardown(with_its_length, setup, teardown),
		cmocka_unit_test_setup_teardown(readers, setup, teardown),
		cmocka_unit_test_setup_teardown(out_of_order, setup, teardown),
		cmocka_unit_test_setup_teardown(out_of_order_and_merged, setup, teardown),
		cmocka_unit_test_setup_teardown(out_of_order_unseen, setup, teardown),
		cmocka_unit_test_setup_teardown(socket_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_reads, setup, teardown),
	};

	return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
