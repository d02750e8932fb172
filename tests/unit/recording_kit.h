/* SPDX-License-Identifier: GPL-2.0 */
/* For tests of recordings: one is written, changed, and read back. */
#ifndef NT_TEST_RECORDING_KIT_H
#define NT_TEST_RECORDING_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "annotations.h"
#include "probes.h"
#include "recording.h"
#include "recording_format.h"

#define KEPT_MAX 4096

/* A record as it was handed on. */
struct kept {
	union {
		struct nt_event ev;
		char bytes[NT_RECORD_MAX_BYTES];
	};
	size_t size;
	u32 cpu;
};

static struct kept kept[KEPT_MAX];
static size_t n_kept;
static struct trace_totals totals;
static bool totals_came;
static u64 totals_ns;
static u64 clocks[2];
static char directory[] = "/tmp/nettrace-test-XXXXXX";
static char path[64];
static struct dict *names, *names_read;
static struct probe_table *probes;
static struct trace_facts facts;

static inline int setup(void **state)
{
	(void)state;
	memcpy(directory + sizeof(directory) - 7, "XXXXXX", 6);
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/a", directory);
	names = dict_new();
	names_read = dict_new();
	probes = probe_table_new();
	facts = (struct trace_facts){.kernel = "6.1", .filter = "icmp", .session = 7, .start_ns = 5, .clock_offset_ns = -3};
	n_kept = 0;
	totals_came = false;
	return 0;
}

static inline int teardown(void **state)
{
	char command[128];

	(void)state;
	dict_free(names);
	dict_free(names_read);
	probe_table_free(probes);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

static inline int keep_record(void *user, const struct nt_event *record, size_t size, u32 cpu)
{
	struct kept *k = &kept[n_kept % KEPT_MAX];

	(void)user;
	memcpy(k->bytes, record, size);
	k->size = size;
	k->cpu = cpu;
	n_kept++;
	return 0;
}

static inline int keep_totals(void *user, const struct trace_totals *came, u64 monotonic_ns)
{
	(void)user;
	totals = *came;
	totals_ns = monotonic_ns;
	totals_came = true;
	return 0;
}

static inline int keep_clock(void *user, u64 monotonic_ns, u64 realtime_ns)
{
	(void)user;
	clocks[0] = monotonic_ns;
	clocks[1] = realtime_ns;
	return 0;
}

static const struct recording_sink sink = {.record = keep_record, .totals = keep_totals, .clock = keep_clock};

static inline struct recording_writer *create(u64 rotate_bytes, u32 keep)
{
	const struct recording_options options = {.path = path, .rotate_bytes = rotate_bytes, .keep = keep};
	struct recording_writer *writer = NULL;

	assert_int_equal(recording_create(&options, &facts, probes, names, &writer), 0);
	return writer;
}

static inline struct nt_event event(u64 ts_ns, unsigned int probe)
{
	return (struct nt_event){.ts_ns = ts_ns, .skb = 0xffff888000001000, .skb_id = 4, .probe = (u16)probe, .ifindex = 2};
}

/* All of a file; its state, or -1 if it was refused. */
static inline int read_file(const char *file)
{
	struct recording_reader *reader;
	char error[256];
	int state;

	n_kept = 0;
	totals_came = false;
	if (recording_open(file, NULL, &reader, error, sizeof(error))) {
		assert_true(*error);
		return -1;
	}
	assert_int_equal(recording_use_dict(reader, names_read), 0);
	while (!recording_read(reader, &sink))
		;
	state = recording_state(reader);
	recording_reader_free(reader);
	return state;
}

/* The file's bytes; *ret_size of them. */
static inline char *slurp(const char *file, size_t *ret_size)
{
	static char bytes[1 << 20];
	FILE *f = fopen(file, "rb");

	assert_non_null(f);
	*ret_size = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	return bytes;
}

static inline void spill(const char *file, const char *bytes, size_t size)
{
	FILE *f = fopen(file, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
