/* SPDX-License-Identifier: GPL-2.0 */
/* For tests of attribution: blockages, and packets that are held by them. */
#ifndef NT_TEST_ATTRIBUTION_KIT_H
#define NT_TEST_ATTRIBUTION_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "annotations.h"
#include "attribution.h"
#include "probes.h"

#define MS 1000000ull
#define T0 (100000000 * MS)
#define SYMBOL 0xffffffff81000010u
#define ENTRY 0xffffffff81000020u
#define BH_ENABLE 0xffffffff81000030u

static struct probe_table *probes;
static struct dict *dict;
static struct attribution *attribution;
static struct incident first_told, last_told;
static unsigned int n_begun, n_over;

static inline int on_incident(void *user, const struct incident *incident, bool over)
{
	(void)user;
	if (over) {
		n_over++;
		last_told = *incident;
	} else {
		n_begun++;
		first_told = *incident;
	}
	return 0;
}

static inline int setup(void **state)
{
	(void)state;
	probes = probe_table_new();
	dict = dict_new();
	dict_set(dict, DICT_SYMBOL, SYMBOL, "culprit+0x4b");
	dict_set(dict, DICT_SYMBOL, ENTRY, "asm_sysvec_apic_timer_interrupt+0x1a");
	dict_set(dict, DICT_SYMBOL, BH_ENABLE, "__local_bh_enable_ip+0x69");
	attribution = attribution_new(dict, 0, on_incident, NULL);
	n_begun = n_over = 0;
	return attribution ? 0 : -1;
}

static inline int teardown(void **state)
{
	(void)state;
	attribution_free(attribution);
	dict_free(dict);
	probe_table_free(probes);
	return 0;
}

static inline struct nt_blocked blocked(enum nt_cause cause, u32 cpu, u64 lo_ns, u64 hi_ns, u64 end_ns)
{
	return (struct nt_blocked){
		.ev = {.ts_ns = end_ns, .kind = NT_BLOCKED},
		.start_lo_ns = lo_ns,
		.start_hi_ns = hi_ns,
		.end_ns = end_ns,
		.own_ns = end_ns - lo_ns,
		.cpu = cpu,
		.cause = cause,
		.flags = NT_B_REGS | NT_B_ENABLED,
		.frames = {cause == NT_CAUSE_SOFTIRQS_OFF ? BH_ENABLE : ENTRY, SYMBOL},
	};
}

static inline int add(const struct nt_blocked *b)
{
	return attribution_add(attribution, &b->ev, sizeof(*b));
}

static inline void block(enum nt_cause cause, u32 cpu, u64 lo_ns, u64 hi_ns, u64 end_ns)
{
	struct nt_blocked b = blocked(cause, cpu, lo_ns, hi_ns, end_ns);

	assert_int_equal(add(&b), 0);
}

/* A packet, with two events. */
struct packet {
	struct journey journey;
	struct journey_event events[2];
	struct journey_note note;
	struct nt_anno_ARRIVAL arrival;
	struct nt_snapshot snapshot;
	struct nt_flow flow;
};

/* One that was received on CPU 1 then, after a poll and a raise; polled_ns ~0: it came to a CPU that nothing had blocked. */
static inline void make_received(struct packet *p, u64 ts_ns, u64 polled_ns, u64 raised_ns)
{
	memset(p, 0, sizeof(*p));
	p->arrival = (struct nt_anno_ARRIVAL){.polled_ns = polled_ns, .raised_ns = raised_ns};
	p->note = (struct journey_note){.type = NT_ANNO_ARRIVAL, .payload = &p->arrival};
	p->events[0] = (struct journey_event){.ts_ns = ts_ns, .cpu = 1, .probe = NT_PROBE_napi_gro_receive_entry};
	p->events[0].notes = polled_ns != ~0ull ? &p->note : NULL;
	p->events[1] = (struct journey_event){.ts_ns = ts_ns + 1000, .cpu = 1, .probe = NT_PROBE_ip_rcv};
	p->journey = (struct journey){.probes = probes, .start_ns = ts_ns, .end_ns = ts_ns + 1000, .events = p->events,
				      .n_events = 2, .flows = &p->flow, .n_flows = 1};
}

static inline void judge(struct packet *p)
{
	attribution_judge(attribution, &p->journey);
	assert_int_equal(attribution_hold(attribution, &p->journey), 0);
}

static inline void assert_waited(struct packet *p, enum nt_cause cause, u64 most_ns, u64 proven_ns)
{
	judge(p);
	assert_int_equal(p->journey.before.cause, cause);
	assert_int_equal(p->journey.before.high_ns, most_ns);
	assert_int_equal(p->journey.before.proven_ns, proven_ns);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
