/* SPDX-License-Identifier: GPL-2.0 */
/* What is written is read back; what is broken is told up to there. */
#include "recording_kit.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

/* One record of each kind, as large as it can be, and a name that comes between them. */
static size_t write_every_kind(void)
{
	struct recording_writer *writer = create(0, 0);
	const struct trace_totals end = {.journeys = 1, .events = 9, .lost_ring = 3, .recursion = 2, .recursion_known = true};
	char bytes[NT_RECORD_MAX_BYTES];
	size_t n = 0;

	dict_set(names, DICT_DROP_REASON, 8, "NETFILTER_DROP");
	for (unsigned int kind = NT_EVENT; kind < NT_KIND_COUNT; kind++) {
		static const size_t sizes[] = {32, 184, 0, 96, sizeof(struct nt_silent), 48, 40};
		struct nt_event *ev = (void *)bytes;
		size_t size = sizes[kind];

		if (kind == NT_ANNOTATION)
			continue;
		for (size_t i = 0; i < size; i++)
			bytes[i] = (char)(i * 7 + kind);
		*ev = event(100 + kind, NT_PROBE_ip_rcv);
		ev->kind = (u8)(kind | NT_F_START);
		assert_int_equal(recording_add(writer, ev, size, kind), 0);
		n++;
		dict_set(names, DICT_IFNAME, kind, "eth0");
		assert_int_equal(recording_flush(writer, (kind + 1) * 1000000000ull + facts.start_ns), 0);
	}
	assert_int_equal(recording_add_clock(writer, 11, 12), 0);
	assert_int_equal(recording_close(writer, &end), 0);
	return n;
}

static void round_trip(void **state)
{
	struct recording_reader *reader;
	char error[256];
	size_t n = write_every_kind();

	(void)state;
	assert_int_equal(read_file(path), RECORDING_COMPLETE);
	assert_int_equal(n_kept, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(kept[i].ev.probe, NT_PROBE_ip_rcv);
		assert_int_equal(kept[i].cpu, nt_event_kind(&kept[i].ev));
		for (size_t k = sizeof(struct nt_event); k < kept[i].size; k++)
			assert_int_equal(kept[i].bytes[k], (char)(k * 7 + kept[i].cpu));
	}
	assert_true(totals_came);
	assert_int_equal(totals.lost_ring, 3);
	assert_true(totals.recursion_known);
	assert_true(clocks[0] == 11 && clocks[1] == 12);
	assert_string_equal(dict_get(names_read, DICT_DROP_REASON, 8), "NETFILTER_DROP");
	assert_string_equal(dict_get(names_read, DICT_IFNAME, NT_END), "eth0");
	assert_int_equal(recording_open(path, NULL, &reader, error, sizeof(error)), 0);
	assert_memory_equal(recording_facts(reader), &facts, sizeof(facts));
	assert_int_equal(recording_part(reader), 0);
	recording_reader_free(reader);
}

/* A file that ends at any of its bytes gives what was whole before, and is said to be cut. */
static void cut_anywhere(void **state)
{
	size_t n = write_every_kind(), size, before = 0;
	char *bytes = slurp(path, &size);

	(void)state;
	for (size_t at = 0; at < size; at++) {
		int how;

		spill(path, bytes, at);
		how = read_file(path);
		assert_true(how == RECORDING_CUT || (how == -1 && !n_kept));
		assert_true(n_kept >= before && n_kept <= n);
		before = n_kept;
	}
	assert_int_equal(before, n);
}

/* Whatever bit is wrong, no record comes that was not written. */
static void damaged_anywhere(void **state)
{
	size_t n = write_every_kind(), size;
	char *bytes = slurp(path, &size);

	(void)state;
	for (size_t at = 0; at < size; at++) {
		int how;

		bytes[at] ^= (char)(1 << at % 8);
		spill(path, bytes, size);
		how = read_file(path);
		bytes[at] ^= (char)(1 << at % 8);
		/* a minor version and what is reserved may be anything */
		if (at >= 10 && at < sizeof(struct recording_header))
			continue;
		assert_true(how == -1 || how == RECORDING_DAMAGED || how == RECORDING_CUT);
		assert_true(n_kept <= n);
		for (size_t i = 0; i < n_kept; i++)
			assert_int_equal(kept[i].ev.ts_ns, 100 + kept[i].cpu);
	}
}

/* Killed, it has the totals that were written last; those of the end replace them. */
static void running_totals(void **state)
{
	struct trace_totals sofar = {.lost_ring = 1, .recursion = 2, .recursion_known = true};
	struct recording_writer *writer = create(0, 0);
	struct nt_event ev;

	(void)state;
	for (u64 second = 1; second <= 3; second++) {
		ev = event(second * 1000000000, NT_PROBE_ip_rcv);
		assert_int_equal(recording_add(writer, &ev, sizeof(ev), 0), 0);
		sofar.lost_ring = second;
		assert_int_equal(recording_add_totals(writer, &sofar, ev.ts_ns + 1), 0);
		assert_int_equal(recording_flush(writer, ev.ts_ns + facts.start_ns), 0);
	}
	assert_int_equal(recording_close(writer, NULL), 0);
	assert_int_equal(read_file(path), RECORDING_CUT);
	assert_true(totals_came && totals.recursion_known);
	assert_int_equal(totals.lost_ring, 3);
	assert_int_equal(totals_ns, 3000000001);
	writer = create(0, 0);
	assert_int_equal(recording_add_totals(writer, &sofar, 1), 0);
	sofar.lost_ring = 9;
	assert_int_equal(recording_close(writer, &sofar), 0);
	assert_int_equal(read_file(path), RECORDING_COMPLETE);
	assert_int_equal(totals.lost_ring, 9);
}

static void expect_refusal(const char *file, const char *words)
{
	struct recording_reader *reader;
	char error[256] = "";

	assert_true(recording_open(file, NULL, &reader, error, sizeof(error)) < 0);
	if (!strstr(error, words))
		fail_msg("'%s' is not in '%s'", words, error);
}

static void refused(void **state)
{
	size_t size;
	char *bytes;

	(void)state;
	write_every_kind();
	bytes = slurp(path, &size);
	bytes[8] = 9;
	spill(path, bytes, size);
	expect_refusal(path, "version 9.1");
	bytes[8] = RECORDING_MAJOR;
	for (int i = 0; i < 2; i++) { /* the other byte order */
		char swap = bytes[12 + i];

		bytes[12 + i] = bytes[15 - i];
		bytes[15 - i] = swap;
	}
	spill(path, bytes, size);
	expect_refusal(path, "byte order");
	spill(path, "GIF89a, and so on and on and on.....", 36);
	expect_refusal(path, "not a recording");
	spill(path, "", 0);
	expect_refusal(path, "empty");
	expect_refusal("/nonexistent/file", "No such file");
	expect_refusal(directory, "directory");
}

/* Numbers of probes are the writer's: names decide, and what this version does not have is added. */
static void foreign_probes(void **state)
{
	struct recording_writer *writer;
	struct recording_reader *reader;
	struct nt_event ev;
	char error[256];
	int added;

	(void)state;
	added = probe_table_add(probes, "my_function");
	assert_true(added >= 0);
	writer = create(0, 0);
	ev = event(1, (unsigned int)added);
	assert_int_equal(recording_add(writer, &ev, sizeof(ev), 0), 0);
	ev = event(2, NT_PROBE_MAX - 1); /* of no row */
	assert_int_equal(recording_add(writer, &ev, sizeof(ev), 0), 0);
	assert_int_equal(recording_close(writer, NULL), 0);
	assert_int_equal(recording_open(path, NULL, &reader, error, sizeof(error)), 0);
	while (!recording_read(reader, &sink))
		;
	assert_int_equal(n_kept, 1);
	assert_int_equal(recording_malformed(reader), 1);
	assert_string_equal(probe_table_row(recording_probes(reader), kept[0].ev.probe)->name, "my_function");
	assert_int_equal(recording_state(reader), RECORDING_CUT); /* it was closed without totals, so without an end */
	recording_reader_free(reader);
}

static void notes(void **state)
{
	struct {
		struct nt_annotation head;
		struct nt_anno_DROP drop;
	} note = {.drop = {.location = 0xffffffff81000000, .reason = 8, .in_xmit = 1}};
	struct {
		struct nt_annotation head;
		struct nt_anno_ORIGIN origin;
	} origin = {.origin = {.ts_ns = 3, .probe = NT_PROBE_ip_output}};
	struct recording_writer *writer = create(0, 0);

	(void)state;
	note.head = (struct nt_annotation){event(1, NT_PROBE_kfree_skb), NT_ANNO_DROP, sizeof(note.drop), 0};
	note.head.ev.kind = NT_ANNOTATION | NT_F_END;
	recording_add(writer, &note.head.ev, sizeof(note), 1);
	origin.head = (struct nt_annotation){event(2, NT_PROBE_ip_output), NT_ANNO_ORIGIN, sizeof(origin.origin), 0};
	origin.head.ev.kind = NT_ANNOTATION;
	recording_add(writer, &origin.head.ev, sizeof(origin), 1);
	/* one that says another size than it has */
	note.head.size_bytes = 8;
	recording_add(writer, &note.head.ev, sizeof(note), 1);
	assert_int_equal(recording_close(writer, NULL), 0);
	read_file(path);
	assert_int_equal(n_kept, 3);
	note.head.size_bytes = sizeof(note.drop);
	assert_int_equal(kept[0].size, sizeof(note));
	assert_memory_equal(kept[0].bytes, &note, sizeof(note));
	assert_memory_equal(kept[1].bytes, &origin, sizeof(origin));
	/* the event stays, with what it says of the packet's end */
	assert_int_equal(kept[2].size, sizeof(struct nt_event));
	assert_int_equal(kept[2].ev.kind, NT_EVENT | NT_F_END);
}

static void rotation(void **state)
{
	struct recording_writer *writer = create(64 << 10, 3);
	struct recording_reader *reader;
	char part[80], error[256];
	u64 expected = 0;

	(void)state;
	dict_set(names, DICT_IFNAME, 5, "eth5");
	for (u64 i = 0; i < 200000; i++) {
		struct nt_event ev = event(i * 0x9e3779b9, NT_PROBE_ip_rcv);

		ev.skb = i * 0x9e3779b97f4a7c15; /* so that it takes some room */
		assert_int_equal(recording_add(writer, &ev, sizeof(ev), 0), 0);
	}
	assert_int_equal(recording_close(writer, &(struct trace_totals){0}), 0);
	snprintf(part, sizeof(part), "%s.3", path);
	assert_int_equal(access(part, F_OK), -1);
	for (int i = 2; i >= 0; i--) {
		snprintf(part, sizeof(part), i ? "%s.%d" : "%s", path, i);
		assert_int_equal(read_file(part), i ? RECORDING_ROTATED : RECORDING_COMPLETE);
		assert_true(n_kept > 1000);
		assert_string_equal(dict_get(names_read, DICT_IFNAME, 5), "eth5");
		assert_int_equal(recording_open(part, NULL, &reader, error, sizeof(error)), 0);
		assert_true(!expected || recording_part(reader) == expected);
		expected = recording_part(reader) + 1;
		assert_int_equal(recording_facts(reader)->session, 7);
		recording_reader_free(reader);
	}
}

/* The time is that of the records, and what the caller says when there are none. */
static void rotation_by_age(void **state)
{
	const struct recording_options options = {.path = path, .rotate_ns = 10000000000};
	struct recording_writer *writer;
	struct nt_event ev;
	char part[80];

	(void)state;
	assert_int_equal(recording_create(&options, &facts, probes, names, &writer), 0);
	for (u64 second = 1; second <= 25; second++) {
		ev = event(second * 1000000000, NT_PROBE_ip_rcv);
		assert_int_equal(recording_add(writer, &ev, sizeof(ev), 0), 0);
		assert_int_equal(recording_flush(writer, ev.ts_ns + 5), 0);
	}
	assert_int_equal(recording_close(writer, &(struct trace_totals){0}), 0);
	snprintf(part, sizeof(part), "%s.2", path);
	assert_int_equal(read_file(part), RECORDING_ROTATED);
	assert_int_equal(n_kept, 9); /* that of the tenth second begins the next */
	assert_int_equal(read_file(path), RECORDING_COMPLETE);
	assert_int_equal(kept[0].ev.ts_ns, 20000000000);
	assert_int_equal(n_kept, 6);
}

/* As when a disk is full: what was whole stays, and the error is told. */
static void no_room(void **state)
{
	struct rlimit before, small;
	struct recording_writer *writer;
	int err = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small = before;
	small.rlim_cur = 100000;
	writer = create(0, 0);
	setrlimit(RLIMIT_FSIZE, &small);
	for (u64 i = 0; !err && i < 1000000; i++) {
		struct nt_event ev = event(i, NT_PROBE_ip_rcv);

		ev.skb = i * 0x9e3779b97f4a7c15;
		err = recording_add(writer, &ev, sizeof(ev), 0);
	}
	assert_int_equal(err, -EFBIG);
	assert_int_equal(recording_close(writer, &(struct trace_totals){0}), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(read_file(path), RECORDING_CUT);
}

static void no_place(void **state)
{
	const struct recording_options options = {.path = "/nonexistent/a"}, full = {.path = "/dev/full"};
	struct recording_writer *writer;

	(void)state;
	assert_int_equal(recording_create(&options, &facts, probes, names, &writer), -ENOENT);
	assert_int_equal(recording_create(&full, &facts, probes, names, &writer), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(round_trip),     test(cut_anywhere), test(damaged_anywhere), test(refused), test(foreign_probes),
		test(notes),	      test(rotation),	  test(rotation_by_age), test(no_room),	  test(no_place),
		test(running_totals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
