/* SPDX-License-Identifier: GPL-2.0 */
/* --probes: its lines, and the plan's states that they show. */
#include "plan_kit.h"

#include "probe_list.h"

static const char *list(enum backend backend, const struct probe_table *probes, const char *exclude)
{
	struct out *out = text_begin();

	probe_plan_make(backend, probes, facts_kit, exclude, NULL, &plan_kit);
	probe_list_render(out, &plan_kit);
	return text_end(out);
}

static int begin(void **state)
{
	(void)state;
	have_everything(NULL);
	return 0;
}

/* The line of that name, with its blanks made one. */
static const char *line_of(const char *text, const char *name)
{
	static char squeezed[256];
	size_t used = 0;
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "%s ", name);
	for (const char *c = lines_with(text, prefix); *c && used < sizeof(squeezed) - 1; c++)
		if (*c != ' ' || !used || squeezed[used - 1] != ' ')
			squeezed[used++] = *c;
	squeezed[used] = 0;
	return squeezed;
}

static void columns(void **state)
{
	const char *text = list(BACKEND_KPROBE, NULL, NULL), *stage = strstr(text, "  gro");
	size_t column;

	(void)state;
	assert_non_null(stage);
	column = (size_t)(stage + 2 - text);
	for (unsigned int i = 0; i < NT_PROBE_COUNT; i++) {
		const struct probe_row *row = probe_table_row(NULL, i);

		assert_memory_equal(text, row->name, strlen(row->name));
		assert_int_equal(text[strlen(row->name)], ' ');
		assert_memory_equal(text + column, stage_name(row->stage), strlen(stage_name(row->stage)));
		text = strchr(text, '\n') + 1;
	}
	assert_null(strchr(strchr(text, '\n') + 1, '\n'));
}

static void where_it_attaches(void **state)
{
	struct symbol_match *variants = &facts_kit[NT_PROBE_ip_rcv_core].symbol;
	const char *text;

	(void)state;
	variants->n = 2;
	variants->n_exact = 0;
	strcpy(variants->places[0].name, "ip_rcv_core.isra.0");
	strcpy(variants->places[1].name, "ip_rcv_core.constprop.0");
	strcpy(facts_kit[NT_PROBE_br_forward].symbol.places[0].module, "bridge");
	text = list(BACKEND_KPROBE, NULL, NULL);
	assert_string_equal(line_of(text, "ip_rcv_core"),
			    "ip_rcv_core attach function ip-in ip_rcv_core.isra.0, ip_rcv_core.constprop.0\n");
	assert_string_equal(line_of(text, "br_forward"), "br_forward attach function bridge br_forward [bridge]\n");
	assert_string_equal(line_of(text, "kfree_skb"), "kfree_skb attach tracepoint life kfree_skb\n");
}

static void why_it_does_not(void **state)
{
	const char *text;
	char totals[100];

	(void)state;
	facts_kit[NT_PROBE_ip_rcv].symbol.n = facts_kit[NT_PROBE_ip_rcv].symbol.n_exact = 0;
	facts_kit[NT_PROBE_netif_rx].tracepoint = false;
	facts_kit[NT_PROBE_raw_rcv].symbol.n_exact = 2;
	text = list(BACKEND_KPROBE, NULL, "consume_skb");
	assert_string_equal(line_of(text, "ip_rcv"), "ip_rcv skip function ip-in this kernel has no such function "
						     "(inlined, or its module is not loaded)\n");
	assert_string_equal(line_of(text, "netif_rx"),
			    "netif_rx skip tracepoint link-in this kernel has no such tracepoint\n");
	assert_string_equal(line_of(text, "raw_rcv"),
			    "raw_rcv skip function transport-in 2 functions have this name\n");
	assert_string_equal(line_of(text, "consume_skb"), "consume_skb unused tracepoint life excluded\n");
	assert_string_equal(line_of(text, "net_dev_queue"),
			    "net_dev_queue unused tracepoint qdisc functions show this stage better\n");
	snprintf(totals, sizeof(totals), "%u probes, kprobe backend: %u attach, 3 skip, %u unused\n", NT_PROBE_COUNT,
		 plan_kit.n_attached, NT_PROBE_COUNT - 3 - plan_kit.n_attached);
	assert_string_equal(strstr(text, totals), totals);
	text = list(BACKEND_TRACEPOINT, NULL, NULL);
	assert_string_equal(line_of(text, "ip_output"),
			    "ip_output unused function ip-out the tracepoint backend has no functions\n");
	assert_string_equal(line_of(text, "net_dev_queue"), "net_dev_queue attach tracepoint qdisc net_dev_queue\n");
}

static void refused_by_the_kernel(void **state)
{
	struct out *out = text_begin();
	unsigned int attached;
	const char *text;

	(void)state;
	probe_plan_make(BACKEND_KPROBE_MULTI, NULL, facts_kit, NULL, NULL, &plan_kit);
	attached = plan_kit.n_attached;
	probe_plan_refused(&plan_kit, NT_PROBE_ip_rcv, -EINVAL);
	probe_plan_refused(&plan_kit, NT_PROBE_ip_rcv, -EINVAL); /* once is enough */
	assert_int_equal(plan_kit.n_attached, attached - 1);
	assert_int_equal(plan_kit.n_skipped, 1);
	probe_list_render(out, &plan_kit);
	text = text_end(out);
	assert_string_equal(line_of(text, "ip_rcv"),
			    "ip_rcv skip function ip-in the kernel allows no probe there: Invalid argument\n");
}

static void added(void **state)
{
	struct probe_table *probes = probe_table_new();
	const char *text;

	(void)state;
	assert_int_equal(probe_table_add(probes, "a_function_with_quite_a_long_name_indeed"), NT_PROBE_COUNT);
	have_everything(probes);
	text = list(BACKEND_KPROBE, probes, NULL);
	assert_string_equal(line_of(text, "a_function_with_quite_a_long_name_indeed"),
			    "a_function_with_quite_a_long_name_indeed attach function life "
			    "a_function_with_quite_a_long_name_indeed\n");
	assert_string_equal(line_of(text, "ip_rcv"), "ip_rcv attach function ip-in ip_rcv\n");
	probe_table_free(probes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(columns, begin),
		cmocka_unit_test_setup(where_it_attaches, begin),
		cmocka_unit_test_setup(why_it_does_not, begin),
		cmocka_unit_test_setup(refused_by_the_kernel, begin),
		cmocka_unit_test_setup(added, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
