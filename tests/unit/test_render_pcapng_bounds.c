/* SPDX-License-Identifier: GPL-2.0 */
/* Whatever a trace holds, its capture file is well formed and bounded. */
#include "pcapng_kit.h"

/* Offsets, lengths and types of any value, and every number of captured bytes. */
static void hostile_snapshots(void **state)
{
	static const u16 offsets[] = {0, 1, 13, 14, 18, 127, 128, 129, 0xffff};
	static const u16 protocols[] = {0, 8, 0xdd86, 0x0081, 0xa888, 0x0608, 0xffff};
	size_t n = 0;

	(void)state;
	start(NT_STAGE_UNKNOWN);
	for (u32 size = 0; size <= NT_SNAPSHOT_BYTES + 1; size++) {
		for (size_t i = 0; i < 9; i++, n++) {
			struct nt_snapshot snapshot = {.captured_bytes = (u16)(size > 128 ? 0xffff : size),
						       .len_bytes = n % 2 ? 0xffffffff : 0, .link = (u16)(n % 3),
						       .network = offsets[i], .protocol = protocols[n % 7],
						       .vlan_tci = (u16)(n % 5 ? n * 77 : 0)};
			struct journey_event event = {.probe = (u16)(n % 600), .snapshot = &snapshot,
						      .context = (u8)n};
			struct journey journey = make((u32)n, &event, 1);

			memset(snapshot.bytes, (int)(n * 37), sizeof(snapshot.bytes));
			render_pcapng.journey(render, &journey);
		}
	}
	assert_int_equal(parse(NULL), n + 1 + 3);
	for (size_t i = 0; i < n + 4; i++) {
		if (blocks[i].type != EPB)
			continue;
		assert_true(captured_of(&blocks[i]) <= NT_SNAPSHOT_BYTES + 16);
		assert_true(original_of(&blocks[i]) >= captured_of(&blocks[i]));
	}
}

/* More of everything than a block takes: what is left is well formed, and what matters is there. */
static void too_many_notes(void **state)
{
	static struct nt_anno_STACK frames;
	static struct journey_note notes[100];
	static struct journey_event events[1000];
	struct nt_snapshot raw = packet(NT_ETH_IPV4, NT_LINK_NONE, echo_request, sizeof(echo_request), 84);
	struct journey journey;
	char name[200];

	(void)state;
	memset(name, 0xff, sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (u64 i = 0; i < 24; i++) {
		frames.frames[i] = i + 1;
		dict_set(dict, DICT_SYMBOL, i + 1, name);
	}
	for (size_t i = 0; i < 100; i++)
		notes[i] = (struct journey_note){.type = NT_ANNO_STACK, .payload = &frames,
						 .next = i < 99 ? &notes[i + 1] : NULL};
	for (size_t i = 0; i < 1000; i++)
		events[i] = (struct journey_event){.probe = P(ip_rcv), .notes = notes};
	events[0].snapshot = &raw;
	journey = make(1, events, 1000);
	start(NT_STAGE_UNKNOWN);
	render_pcapng.journey(render, &journey);
	assert_int_equal(parse(NULL), 3);
	assert_true(begins(&blocks[2], "then: ip_rcv +0 ns, "));
	assert_comment(&blocks[2], "outcome: delivered");
	assert_true(begins(&blocks[2], "note: stack: \\xff\\xff"));
	assert_true(file_bytes < 40000);
}

/* Texts of any bytes, as long as they may be. */
static void hostile_names(void **state)
{
	struct nt_snapshot raw = packet(NT_ETH_IPV4, NT_LINK_NONE, echo_request, sizeof(echo_request), 84);
	struct journey_event events[] = {{.probe = P(ip_rcv), .ifindex = 1, .snapshot = &raw},
					 {.probe = P(ip_rcv), .ifindex = 2, .snapshot = &raw}};
	struct journey journey = make(1, events, 2);
	struct trace_facts kept = facts;
	static char long_name[9000];

	(void)state;
	memset(long_name, 'x', sizeof(long_name) - 1);
	dict_set(dict, DICT_IFNAME, dict_ifname_key(0, 1), "e\n\x1b[31m\xc3");
	dict_set(dict, DICT_IFNAME, dict_ifname_key(0, 2), long_name);
	memset(facts.filter, 0x80, sizeof(facts.filter) - 1);
	memset(facts.kernel, 0xc3, sizeof(facts.kernel) - 1);
	memset(facts.host, '\n', sizeof(facts.host) - 1);
	facts.machine[0] = '\0';
	start(NT_STAGE_UNKNOWN);
	facts = kept;
	render_pcapng.journey(render, &journey);
	assert_int_equal(parse(NULL), 5);
	assert_true(has(&blocks[1], 2, "e\\x0a\\x1b[31m\\xc3"));
	assert_int_equal(blocks[3].options[0].size, 4095);
}

static void no_names(void **state)
{
	struct nt_snapshot raw = packet(NT_ETH_IPV4, NT_LINK_NONE, echo_request, sizeof(echo_request), 84);
	struct nt_anno_DROP drop = {.location = 0xff, .reason = 8};
	struct journey_event event = {.probe = NT_PROBE_MAX - 1, .ifindex = 1, .snapshot = &raw};
	struct journey journey = make(1, &event, 1);

	(void)state;
	journey.drop = &drop;
	start_with(NT_STAGE_UNKNOWN, NULL);
	render_pcapng.journey(render, &journey);
	assert_int_equal(parse(NULL), 3);
	assert_true(has(&blocks[1], 2, "if 1"));
	assert_comment(&blocks[2], "probe: probe 511");
	assert_comment(&blocks[2], "drop: 8 at 0xff");
}

/* Beyond thousands of interfaces the rest is told of none. */
static void too_many_interfaces(void **state)
{
	struct nt_snapshot raw = packet(NT_ETH_IPV4, NT_LINK_NONE, echo_request, sizeof(echo_request), 84);
	struct journey_event event = {.probe = P(ip_rcv), .snapshot = &raw};
	struct journey journey = make(1, &event, 1);
	size_t n_interfaces = 0, n;

	(void)state;
	start(NT_STAGE_UNKNOWN);
	for (event.ifindex = 1; event.ifindex <= 4110; event.ifindex++)
		render_pcapng.journey(render, &journey);
	n = parse(NULL);
	for (size_t i = 0; i < n; i++) {
		if (blocks[i].type == EPB)
			assert_true(le32(blocks[i].body) < n_interfaces);
		n_interfaces += blocks[i].type == IDB;
	}
	assert_int_equal(n, 1 + 4110 + n_interfaces);
	assert_int_equal(n_interfaces, 4094);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(hostile_snapshots), test(too_many_notes), test(hostile_names), test(no_names),
		test(too_many_interfaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
