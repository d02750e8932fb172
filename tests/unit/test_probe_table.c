/* SPDX-License-Identifier: GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "probe_table.h"

#define ALL_FLAGS                                                                      \
	(NT_P_START | NT_P_FRESH | NT_P_END | NT_P_SEEK | NT_P_CLONES | NT_P_REHEADS | \
	 NT_P_AT_DATA | NT_P_NO_DEV | NT_P_TASK | NT_P_CUTS | NT_P_TCP | \
	 NT_P_UDP | NT_P_ICMP | NT_P_REWRITES | NT_P_READS | NT_P_QUEUES)

static void known_rows(void **state)
{
	const struct probe_row *row = probe_table_row(NULL, NT_PROBE_napi_gro_receive_entry);

	(void)state;
	assert_string_equal(row->name, "napi_gro_receive_entry");
	assert_string_equal(row->program, "SKB");
	assert_int_equal(row->kind, PROBE_TP);
	assert_int_equal(row->stage, NT_STAGE_GRO);
	assert_int_equal(row->access, PROBE_SKB_ARG);
	assert_int_equal(row->arg, 0);
	assert_int_equal(row->flags, NT_P_START | NT_P_AT_DATA);
	assert_null(row->note);

	row = probe_table_row(NULL, NT_PROBE_consume_skb);
	assert_int_equal(row->flags & NT_P_END, NT_P_END);
	assert_string_equal(row->note, "packet is freed (normally)");
}

static void accesses(void **state)
{
	(void)state;
	assert_int_equal(probe_table_row(NULL, NT_PROBE___netif_receive_skb_core)->access, PROBE_SKB_PP);
	assert_int_equal(probe_table_row(NULL, NT_PROBE___netif_receive_skb_core)->arg, 0);
	assert_int_equal(probe_table_row(NULL, NT_PROBE_nft_do_chain)->access, PROBE_SKB_NFT);
	assert_string_equal(probe_table_row(NULL, NT_PROBE_nft_do_chain)->program, "CHAIN");
	assert_int_equal(probe_table_row(NULL, NT_PROBE_ip_output)->access, PROBE_SKB_ARG);
	assert_int_equal(probe_table_row(NULL, NT_PROBE_ip_output)->arg, 2);
	assert_int_equal(probe_table_row(NULL, NT_PROBE_icmp_reply)->arg, 1);
	assert_int_equal(probe_table_row(NULL, NT_PROBE_net_dev_queue)->kind, PROBE_TPA);
	assert_int_equal(probe_table_row(NULL, NT_PROBE_ip_rcv)->kind, PROBE_FN);
}

static void beyond_the_table(void **state)
{
	(void)state;
	assert_non_null(probe_table_row(NULL, NT_PROBE_COUNT - 1));
	assert_null(probe_table_row(NULL, NT_PROBE_COUNT));
	assert_null(probe_table_row(NULL, UINT_MAX));
}

/* What must hold for any row, also for those yet to be written. */
static void every_row(void **state)
{
	bool starts = false, ends = false;

	(void)state;
	for (unsigned int i = 0; i < NT_PROBE_COUNT; i++) {
		const struct probe_row *row = probe_table_row(NULL, i);

		assert_true(row->name && *row->name);
		assert_true(row->program && *row->program);
		assert_in_range(row->kind, PROBE_FN, PROBE_NO);
		if (row->kind == PROBE_NO)
			assert_non_null(row->note);
		assert_in_range(row->stage, NT_STAGE_UNKNOWN + 1, NT_STAGE_COUNT - 1);
		assert_in_range(row->arg, 0, 4); /* arguments in registers, on every architecture */
		assert_int_equal(row->flags & ~ALL_FLAGS, 0);
		if (row->flags & NT_P_FRESH)
			assert_true(row->flags & NT_P_START);
		if (row->flags & NT_P_START)
			assert_false(row->flags & NT_P_END);
		if (row->alias)
			assert_non_null(*row->alias ? row->alias : NULL);
		if (row->note)
			assert_null(strpbrk(row->note, "*\n"));
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(row->name, probe_table_row(NULL, j)->name);
		starts |= row->flags & NT_P_START;
		ends |= (row->flags & NT_P_END) != 0;
	}
	assert_true(starts && ends);
}

static void stages(void **state)
{
	(void)state;
	assert_string_equal(stage_name(NT_STAGE_LINK_IN), "link-in");
	assert_string_equal(stage_name(NT_STAGE_COMPLETION), "TX completion");
	assert_string_equal(stage_name(NT_STAGE_UNKNOWN), "unknown");
	assert_string_equal(stage_name(NT_STAGE_COUNT), "unknown");
	assert_string_equal(stage_name(UINT_MAX), "unknown");
	for (unsigned int i = 0; i < NT_STAGE_COUNT; i++)
		assert_true(*stage_name(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_rows),	    cmocka_unit_test(accesses),
		cmocka_unit_test(beyond_the_table), cmocka_unit_test(every_row),
		cmocka_unit_test(stages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
