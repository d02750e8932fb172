/* SPDX-License-Identifier: GPL-2.0 */
/* Which rows are attached, with which program, and why not the others. */
#include "plan_kit.h"

static int begin(void **state)
{
	(void)state;
	have_everything(NULL);
	return 0;
}

static void make_plan(enum backend backend)
{
	probe_plan_make(backend, NULL, facts_kit, NULL, NULL, &plan_kit);
}

/* The entry's program with this backend, or why there is none. */
static const char *planned(enum backend backend, unsigned int probe)
{
	const struct probe_plan_entry *entry = &plan_kit.entries[probe];

	make_plan(backend);
	assert_int_equal(entry->attach, probe_plan_state(entry) == PROBE_ATTACHES);
	return entry->attach ? entry->program : entry->skipped;
}

#define expect(backend, probe, text) assert_string_equal(planned(BACKEND_##backend, NT_PROBE_##probe), text)

/* What each backend wants, counted row by row. */
static void kinds(void **state)
{
	(void)state;
	for (enum backend backend = BACKEND_KPROBE_MULTI; backend < BACKEND_COUNT; backend++) {
		unsigned int n_attached = 0;

		make_plan(backend);
		assert_int_equal(plan_kit.backend, backend);
		assert_int_equal(plan_kit.n_entries, NT_PROBE_COUNT);
		for (unsigned int i = 0; i < NT_PROBE_COUNT; i++) {
			const struct probe_plan_entry *entry = &plan_kit.entries[i];
			enum probe_kind kind = probe_table_row(NULL, i)->kind;
			bool want = kind == PROBE_TP || (kind == PROBE_FN && backend != BACKEND_TRACEPOINT) ||
				    (kind == PROBE_TPA && backend == BACKEND_TRACEPOINT);

			assert_int_equal(entry->probe, i);
			assert_int_equal(entry->attach, want);
			assert_int_equal(entry->wanted, want);
			assert_int_equal(probe_plan_state(entry), want ? PROBE_ATTACHES : PROBE_UNUSED);
			assert_int_equal(*entry->skipped != 0, !want);
			n_attached += want;
		}
		assert_int_equal(plan_kit.n_attached, n_attached);
		assert_int_equal(plan_kit.n_skipped, 0);
	}
	expect(KPROBE, process_backlog,
	       "it has no packet: the next function to see one is __netif_receive_skb_core");
	expect(TRACEPOINT, process_backlog,
	       "it has no packet: the next function to see one is __netif_receive_skb_core");
	expect(KPROBE, netif_receive_skb, "functions show this stage better");
	expect(TRACEPOINT, netif_receive_skb, "tp_netif_receive_skb");
	expect(TRACEPOINT, ip_rcv, "the tracepoint backend has no functions");
	expect(FENTRY, consume_skb, "tp_consume_skb");
}

/* A program per class of row and position, but with fentry one per row. */
static void programs(void **state)
{
	(void)state;
	expect(KPROBE, ip_rcv, "fn_plain_arg0");
	expect(KPROBE_MULTI, ip_output, "fn_plain_arg2");
	expect(KPROBE, raw_rcv, "fn_seek_arg1");
	expect(KPROBE, __ip_local_out, "fn_start_arg2");
	expect(KPROBE, __netif_receive_skb_core, "fn_start_data_pp0");
	expect(KPROBE, br_handle_frame, "fn_plain_pp0");
	expect(KPROBE, skb_segment, "fn_cut_arg0");
	expect(KPROBE, ip_do_fragment, "fn_cut_arg2");
	expect(KPROBE, udp_send_skb, "fn_origin_arg0");
	expect(KPROBE, __tcp_transmit_skb, "fn_origin_arg1");
	expect(KPROBE, skb_gro_receive, "fn_merge");
	expect(KPROBE, skb_morph, "fn_morph");
	expect(KPROBE, nf_hook_slow, "fn_hook");
	expect(KPROBE, nft_do_chain, "fn_chain");
	expect(KPROBE, ipt_do_table, "fn_xtable");
	expect(FENTRY, nf_hook_slow, "fx_nf_hook_slow");
	expect(FENTRY, ip_output, "fx_ip_output");
	expect(KPROBE, kfree_skb, "tp_kfree_skb");
}

static void positions(void **state)
{
	(void)state;
	/* BTF knows better than the table */
	facts_kit[NT_PROBE_ip_output].arg = 4;
	expect(KPROBE, ip_output, "fn_plain_arg4");
	assert_int_equal(plan_kit.entries[NT_PROBE_ip_output].arg, 4);
	facts_kit[NT_PROBE_raw_rcv].arg = 3;
	expect(KPROBE, raw_rcv, "fn_seek_arg3");
	facts_kit[NT_PROBE_ipt_do_table].arg = 1; /* from 5.16 */
	expect(KPROBE, ipt_do_table, "fn_xtable");
	/* and if it knows nothing, the table */
	facts_kit[NT_PROBE_ip_output].arg = PROBE_ARG_UNKNOWN;
	expect(KPROBE, ip_output, "fn_plain_arg2");
	assert_int_equal(plan_kit.entries[NT_PROBE_ip_output].arg, 2);

	facts_kit[NT_PROBE_ip_output].arg = 5;
	expect(KPROBE, ip_output, "on this kernel the packet is argument 5");
	facts_kit[NT_PROBE_raw_rcv].arg = 4;
	expect(KPROBE, raw_rcv, "on this kernel the packet is argument 4");
	facts_kit[NT_PROBE_skb_segment].arg = 1;
	expect(KPROBE, skb_segment, "on this kernel the packet is argument 1");
	facts_kit[NT_PROBE_udp_send_skb].arg = 2;
	expect(KPROBE, udp_send_skb, "on this kernel the packet is argument 2");
	facts_kit[NT_PROBE_skb_gro_receive].arg = 0;
	expect(KPROBE, skb_gro_receive, "on this kernel the packet is argument 0");
	facts_kit[NT_PROBE_ip_rcv].arg = 64;
	expect(KPROBE, ip_rcv, "on this kernel the packet is argument 64");
	facts_kit[NT_PROBE_ip_rcv].arg = PROBE_ARG_NONE;
	expect(KPROBE, ip_rcv, "on this kernel it takes no packet");
	assert_int_equal(plan_kit.n_skipped, 6);
	assert_int_equal(probe_plan_state(&plan_kit.entries[NT_PROBE_ip_rcv]), PROBE_SKIPPED);
}

static void variants(void **state)
{
	struct symbol_match *symbol;

	(void)state;
	for (unsigned int i = 0; i < NT_PROBE_COUNT; i++) {
		symbol = &facts_kit[i].symbol;
		symbol->n = 2;
		symbol->n_exact = 0;
		strcat(symbol->places[0].name, ".isra.0");
	}
	/* what begins a journey would follow a wrong pointer, unless it is the first anyway */
	expect(KPROBE, __ip_local_out, "the compiler changed its arguments (__ip_local_out.isra.0)");
	expect(KPROBE, __dev_queue_xmit, "fn_start_arg0");
	expect(KPROBE, ip_output, "fn_plain_arg2");
	assert_int_equal(plan_kit.entries[NT_PROBE_ip_output].n_places, 2);
	assert_ptr_equal(plan_kit.entries[NT_PROBE_ip_output].places,
			 facts_kit[NT_PROBE_ip_output].symbol.places);
	/* each place of its own is one thing, a name that several functions have another */
	facts_kit[NT_PROBE_ip_output].symbol.n_exact = 2;
	expect(KPROBE, ip_output, "2 functions have this name");
	facts_kit[NT_PROBE_ip_output].symbol.n = 0;
	expect(KPROBE, ip_output, "this kernel has no such function (inlined, or its module is not loaded)");
}

static void conditions_of_fentry(void **state)
{
	struct probe_facts *facts = &facts_kit[NT_PROBE_ip_output];

	(void)state;
	facts->n_args = 6;
	expect(FENTRY, ip_output, "fx_ip_output");
	facts->n_args = 7;
	expect(FENTRY, ip_output, "it has 7 arguments");
	expect(KPROBE, ip_output, "fn_plain_arg2");
	facts->n_args = PROBE_ARG_UNKNOWN;
	expect(FENTRY, ip_output, "its types are not in the kernel's BTF");
	expect(KPROBE_MULTI, ip_output, "fn_plain_arg2");
	facts->n_args = 3;
	facts->symbol.n_exact = 0;
	strcpy(facts->symbol.places[0].name, "ip_output.constprop.0");
	expect(FENTRY, ip_output, "the compiler changed it (ip_output.constprop.0)");
	expect(KPROBE, ip_output, "fn_plain_arg2");
	/* an older name is no change: the program is named for the row and attached to the place */
	facts = &facts_kit[NT_PROBE_br_nf_forward_ip];
	strcpy(facts->symbol.places[0].name, "br_nf_forward");
	expect(FENTRY, br_nf_forward_ip, "fx_br_nf_forward_ip");
	assert_string_equal(plan_kit.entries[NT_PROBE_br_nf_forward_ip].places[0].name, "br_nf_forward");
}

static void added_rows(void **state)
{
	struct probe_table *probes = probe_table_new();
	const struct probe_plan_entry *entry = &plan_kit.entries[NT_PROBE_COUNT];

	(void)state;
	assert_int_equal(probe_table_add(probes, "tcp_v4_fill_cb"), NT_PROBE_COUNT);
	have_everything(probes);
	facts_kit[NT_PROBE_COUNT].arg = 4;
	for (enum backend backend = BACKEND_KPROBE_MULTI; backend < BACKEND_COUNT; backend++) {
		bool attach = backend == BACKEND_KPROBE || backend == BACKEND_KPROBE_MULTI;

		probe_plan_make(backend, probes, facts_kit, NULL, NULL, &plan_kit);
		assert_int_equal(plan_kit.n_entries, NT_PROBE_COUNT + 1);
		assert_int_equal(entry->attach, attach);
		if (attach)
			assert_string_equal(entry->program, "fn_plain_arg4");
		else if (backend == BACKEND_FENTRY)
			assert_string_equal(entry->skipped,
					    "the fentry backend takes no functions that are added");
		else
			assert_string_equal(entry->skipped, "the tracepoint backend has no functions");
	}
	probe_plan_make(BACKEND_KPROBE, probes, facts_kit, "tcp_v4_fill_cb", NULL, &plan_kit);
	assert_string_equal(entry->skipped, "excluded");
	probe_table_free(probes);
}

/* How many rows a list leaves out. */
static unsigned int excluded(const char *list)
{
	unsigned int n = 0;

	probe_plan_make(BACKEND_KPROBE, NULL, facts_kit, list, NULL, &plan_kit);
	for (unsigned int i = 0; i < NT_PROBE_COUNT; i++) {
		if (strcmp(plan_kit.entries[i].skipped, "excluded"))
			continue;
		assert_int_equal(probe_plan_state(&plan_kit.entries[i]), PROBE_UNUSED);
		n++;
	}
	return n;
}

static void exclude(void **state)
{
	(void)state;
	assert_int_equal(excluded(NULL), 0);
	assert_int_equal(excluded(""), 0);
	assert_int_equal(excluded("ip_rcv"), 1);
	assert_false(plan_kit.entries[NT_PROBE_ip_rcv].attach);
	assert_true(plan_kit.entries[NT_PROBE_ip_rcv_core].attach);
	assert_int_equal(excluded("ip_rcv_core,consume_skb,tcp_ack"), 3);
	assert_true(plan_kit.entries[NT_PROBE_ip_rcv].attach);
	assert_false(plan_kit.entries[NT_PROBE_consume_skb].attach);
	assert_false(plan_kit.entries[NT_PROBE_tcp_ack].attach);
	assert_int_equal(excluded("gro_complete"), 1); /* by its alias */
	assert_false(plan_kit.entries[NT_PROBE_napi_gro_complete].attach);
	assert_int_equal(excluded("ip_rc,ip_rcv_,p_rcv,IP_RCV,,"), 0);
	assert_int_equal(excluded(",ip_rcv,"), 1);
	/* what is never attached has its own reason */
	assert_int_equal(excluded("process_backlog"), 0);
}

static unsigned int attached_for(u8 protocol, u32 match)
{
	struct nt_filter filter = {.match = match, .l4_proto = protocol};

	probe_plan_make(BACKEND_KPROBE, NULL, facts_kit, NULL, &filter, &plan_kit);
	return plan_kit.n_attached;
}

/* A function that only packets of another protocol reach is not attached. */
static void rows_of_other_protocols(void **state)
{
	static const struct {
		u8 protocol;
		bool tcp, udp, icmp;
	} cases[] = {{NT_IP_TCP, true, false, false},
		     {NT_IP_ICMP, false, false, true},
		     {NT_IP_ICMPV6, false, false, true}};
	unsigned int all = attached_for(0, 0);

	(void)state;
	assert_int_equal(attached_for(NT_IP_TCP, NT_MATCH_L3 | NT_MATCH_SPORT), all);
	/* a tunnel's packets become others on their way: VXLAN's, GRE's */
	assert_int_equal(attached_for(NT_IP_UDP, NT_MATCH_L4), all);
	assert_int_equal(attached_for(47, NT_MATCH_L4), all);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(attached_for(cases[i].protocol, NT_MATCH_L4 | NT_MATCH_LEN) < all);
		assert_int_equal(plan_kit.entries[NT_PROBE_tcp_ack].attach, cases[i].tcp);
		assert_int_equal(plan_kit.entries[NT_PROBE_tcp_bad_csum].attach, cases[i].tcp);
		assert_int_equal(plan_kit.entries[NT_PROBE_udp_send_skb].attach, cases[i].udp);
		assert_int_equal(plan_kit.entries[NT_PROBE_icmp_rcv].attach, cases[i].icmp);
		assert_int_equal(plan_kit.entries[NT_PROBE_icmpv6_rcv].attach, cases[i].icmp);
		assert_true(plan_kit.entries[NT_PROBE_ip_rcv].attach);
		assert_true(plan_kit.entries[NT_PROBE_raw_rcv].attach);
		if (!cases[i].tcp)
			assert_string_equal(plan_kit.entries[NT_PROBE_tcp_ack].skipped,
					    "the filter asks for other packets");
		assert_int_equal(plan_kit.n_skipped, 0);
	}
}

static struct symbol_match match(const char *wanted, unsigned int n, unsigned int n_exact)
{
	return (struct symbol_match){.wanted = wanted, .n = n, .n_exact = n_exact};
}

/* What is taken of two matches, in whichever order they come. */
static void expect_match(struct symbol_match first, struct symbol_match second, const char *want)
{
	const struct probe_row *row = probe_table_row(NULL, NT_PROBE_napi_gro_complete);

	for (int i = 0; i < 2; i++) {
		struct probe_facts facts = {0};

		probe_facts_match(&facts, row, i ? &second : &first);
		probe_facts_match(&facts, row, i ? &first : &second);
		if (want)
			assert_string_equal(facts.symbol.wanted, want);
		else
			assert_int_equal(facts.symbol.n, 0);
	}
}

static void names_and_aliases(void **state)
{
	const char *name = "napi_gro_complete", *alias = "gro_complete";

	(void)state;
	expect_match(match(name, 0, 0), match(alias, 0, 0), NULL);
	expect_match(match(name, 1, 1), match(alias, 0, 0), name);
	expect_match(match(name, 0, 0), match(alias, 1, 1), alias);
	expect_match(match(name, 1, 1), match(alias, 1, 1), name);
	expect_match(match(name, 1, 1), match(alias, 3, 3), name); /* functions of modules, say */
	expect_match(match(name, 1, 0), match(alias, 1, 1), alias);
	expect_match(match(name, 1, 0), match(alias, 2, 0), name);
	expect_match(match(name, 0, 0), match(alias, 2, 0), alias);
	expect_match(match(name, 2, 2), match(alias, 2, 0), name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(kinds, begin),
		cmocka_unit_test_setup(programs, begin),
		cmocka_unit_test_setup(positions, begin),
		cmocka_unit_test_setup(variants, begin),
		cmocka_unit_test_setup(conditions_of_fentry, begin),
		cmocka_unit_test_setup(added_rows, begin),
		cmocka_unit_test_setup(exclude, begin),
		cmocka_unit_test_setup(rows_of_other_protocols, begin),
		cmocka_unit_test(names_and_aliases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
