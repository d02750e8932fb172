/* SPDX-License-Identifier: GPL-2.0 */
/* Taking batches apart, also those that nobody would write. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "batch.h"

#define HEAD_BYTES offsetof(struct nt_batch, bytes)

static struct nt_batch batch;
static u32 seen[64], cpus[64], n_seen, enough;

static void clear(void)
{
	memset(&batch, 0xee, sizeof(batch));
	batch.used_bytes = 0;
	n_seen = 0;
	enough = 64;
}

static struct nt_batch_entry *add(u32 size, u32 cpu)
{
	struct nt_batch_entry *entry = (void *)&batch.bytes[batch.used_bytes];

	entry->size_bytes = size;
	entry->cpu = cpu;
	batch.used_bytes += sizeof(*entry) + ((size + 7) & ~7u);
	return entry;
}

static bool on_entry(void *user, const void *record, u32 size, u32 cpu)
{
	const u8 *bytes = record;

	assert_ptr_equal(user, &batch);
	assert_true(bytes >= batch.bytes && bytes + size <= batch.bytes + sizeof(batch.bytes));
	seen[n_seen] = size;
	cpus[n_seen++] = cpu;
	return n_seen < enough;
}

static void take(size_t size) { batch_each(&batch, size, on_entry, &batch); }

static void each_in_order(void **state)
{
	(void)state;
	clear();
	add(32, 3);
	add(41, 1);
	add(184, 0);
	take(HEAD_BYTES + batch.used_bytes);
	assert_int_equal(n_seen, 3);
	assert_int_equal(seen[0], 32);
	assert_int_equal(cpus[0], 3);
	assert_int_equal(seen[1], 41);
	assert_int_equal(seen[2], 184);
}

static void until_enough(void **state)
{
	(void)state;
	clear();
	add(32, 0);
	add(32, 0);
	enough = 1;
	take(sizeof(batch));
	assert_int_equal(n_seen, 1);
}

/* What is said to be used may be more than there is. */
static void no_further_than_its_size(void **state)
{
	(void)state;
	clear();
	add(32, 0);
	add(32, 0);
	for (size_t size = 0; size < HEAD_BYTES + batch.used_bytes; size++) {
		n_seen = 0;
		take(size);
		assert_int_equal(n_seen, size >= HEAD_BYTES + 40);
	}
	batch.used_bytes = ~0u;
	n_seen = 0;
	take(sizeof(batch)); /* 0xee is no size that a record has */
	assert_int_equal(n_seen, 2);
}

static void impossible_sizes(void **state)
{
	static const u32 sizes[] = {0, 1, 31, NT_RECORD_MAX_BYTES + 1, 0x7fffffff, ~0u, ~6u};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		clear();
		add(40, 0);
		add(32, 0)->size_bytes = sizes[i];
		take(sizeof(batch));
		assert_int_equal(n_seen, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_in_order),
		cmocka_unit_test(until_enough),
		cmocka_unit_test(no_further_than_its_size),
		cmocka_unit_test(impossible_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
