/* SPDX-License-Identifier: GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dict.h"

static int make_dict(void **state)
{
	*state = dict_new();
	return *state ? 0 : -1;
}

static int free_dict(void **state)
{
	dict_free(*state);
	return 0;
}

static void empty(void **state)
{
	assert_null(dict_get(*state, DICT_SYMBOL, 0));
	assert_null(dict_get(*state, DICT_IFNAME, UINT64_MAX));
	dict_free(NULL);
}

static void kinds_are_apart(void **state)
{
	struct dict *dict = *state;

	assert_int_equal(dict_set(dict, DICT_SYMBOL, 2, "ip_rcv"), 0);
	assert_int_equal(dict_set(dict, DICT_DROP_REASON, 2, "NOT_SPECIFIED"), 0);
	assert_null(dict_get(dict, DICT_IFNAME, 2));
	assert_int_equal(dict_set(dict, DICT_IFNAME, 2, ""), 0);
	assert_string_equal(dict_get(dict, DICT_SYMBOL, 2), "ip_rcv");
	assert_string_equal(dict_get(dict, DICT_DROP_REASON, 2), "NOT_SPECIFIED");
	assert_string_equal(dict_get(dict, DICT_IFNAME, 2), "");
	assert_null(dict_get(dict, DICT_SYMBOL, 3));
}

/* One key in every kind, so often that some land in the same slot. */
static void same_key_in_every_kind(void **state)
{
	(void)state;
	for (u64 key = 0; key < 2000; key++) {
		struct dict *dict = dict_new();
		char name[2] = "0";

		for (int kind = 0; kind < DICT_KIND_COUNT; kind++, name[0]++)
			assert_int_equal(dict_set(dict, (enum dict_kind)kind, key, name), 0);
		name[0] = '0';
		for (int kind = 0; kind < DICT_KIND_COUNT; kind++, name[0]++)
			assert_string_equal(dict_get(dict, (enum dict_kind)kind, key), name);
		dict_free(dict);
	}
}

static void interface_keys(void **state)
{
	struct dict *dict = *state;

	assert_int_equal(dict_set(dict, DICT_IFNAME, dict_ifname_key(0xf0000000, 2), "eth0"), 0);
	assert_int_equal(dict_set(dict, DICT_IFNAME, dict_ifname_key(2, 0xf0000000), "eth1"), 0);
	assert_string_equal(dict_get(dict, DICT_IFNAME, dict_ifname_key(0xf0000000, 2)), "eth0");
	assert_string_equal(dict_get(dict, DICT_IFNAME, dict_ifname_key(2, 0xf0000000)), "eth1");
}

static void names_are_copied_and_replaced(void **state)
{
	struct dict *dict = *state;
	char name[] = "first";

	assert_int_equal(dict_set(dict, DICT_SYMBOL, 0, name), 0);
	name[0] = 'x';
	assert_string_equal(dict_get(dict, DICT_SYMBOL, 0), "first");
	assert_int_equal(dict_set(dict, DICT_SYMBOL, 0, "second"), 0);
	assert_string_equal(dict_get(dict, DICT_SYMBOL, 0), "second");
	/* even by itself */
	assert_int_equal(dict_set(dict, DICT_SYMBOL, 0, dict_get(dict, DICT_SYMBOL, 0)), 0);
	assert_string_equal(dict_get(dict, DICT_SYMBOL, 0), "second");
}

static void names_stay_where_they_are(void **state)
{
	struct dict *dict = *state;
	const char *name;

	assert_int_equal(dict_set(dict, DICT_SYMBOL, 1, "kept"), 0);
	name = dict_get(dict, DICT_SYMBOL, 1);
	for (u64 key = 2; key < 5000; key++)
		assert_int_equal(dict_set(dict, DICT_SYMBOL, key, "other"), 0);
	assert_ptr_equal(dict_get(dict, DICT_SYMBOL, 1), name);
	assert_string_equal(name, "kept");
}

/* Keys as the kernel makes them, aligned and alike in their high bits, past the limit. */
static void full(void **state)
{
	const u64 base = 0xffffffff81000000, stride = 4096;
	struct dict *dict = *state;
	char name[32];

	for (u64 i = 0; i < DICT_MAX_ENTRIES; i++) {
		snprintf(name, sizeof(name), "f%u", (unsigned int)i);
		if (dict_set(dict, (enum dict_kind)(i % DICT_KIND_COUNT), base + i * stride, name))
			fail_msg("entry %u is refused", (unsigned int)i);
	}
	assert_int_equal(dict_set(dict, DICT_SYMBOL, 1, "one too many"), -E2BIG);
	assert_null(dict_get(dict, DICT_SYMBOL, 1));
	assert_int_equal(dict_set(dict, DICT_SYMBOL, base, "replaced"), 0);
	assert_string_equal(dict_get(dict, DICT_SYMBOL, base), "replaced");
	for (u64 i = 1; i < DICT_MAX_ENTRIES; i++) {
		enum dict_kind kind = (enum dict_kind)(i % DICT_KIND_COUNT);
		const char *found = dict_get(dict, kind, base + i * stride);

		snprintf(name, sizeof(name), "f%u", (unsigned int)i);
		if (!found || strcmp(found, name) != 0)
			fail_msg("%s is found as %s", name, found ? found : "nothing");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(empty, make_dict, free_dict),
		cmocka_unit_test_setup_teardown(kinds_are_apart, make_dict, free_dict),
		cmocka_unit_test(same_key_in_every_kind),
		cmocka_unit_test_setup_teardown(interface_keys, make_dict, free_dict),
		cmocka_unit_test_setup_teardown(names_are_copied_and_replaced, make_dict,
						free_dict),
		cmocka_unit_test_setup_teardown(names_stay_where_they_are, make_dict, free_dict),
		cmocka_unit_test_setup_teardown(full, make_dict, free_dict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
