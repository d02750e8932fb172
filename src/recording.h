/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Recordings: a trace in a file, with all that is needed to tell it again elsewhere.
 *
 * A recording is a header and chunks. Each chunk is compressed by itself and has a
 * length and a checksum, so a file that was cut anywhere can be read up to the last whole one. The
 * layout is described in recording_format.h.
 */
#ifndef NT_RECORDING_H
#define NT_RECORDING_H

#include <signal.h>
#include <stddef.h>

#include "dict.h"
#include "event.h"
#include "probe_table.h"
#include "trace.h"

/* --- writing */

struct recording_writer;

struct recording_options {
	const char *path; /* "-": standard output; outlives the writer */
	u64 rotate_bytes; /* begin another file when this one is as large; 0: never */
	u64 rotate_ns;	  /* or as old */
	u32 keep;	  /* files, the current one included; 0: all */
};

/*
 * Create the file, or truncate it, and start the thread that compresses and writes. The
 * table and the dictionary must outlive the writer; names that come into the dictionary later are written before
 * the records that need them. 0 or negative errno.
 */
int recording_create(const struct recording_options *options, const struct trace_facts *facts,
		     const struct probe_table *probes, const struct dict *dict, struct recording_writer **ret_writer);

/* Append a record, of size bytes, from the ring of a CPU; in order of time. 0 or what went wrong before. */
int recording_add(struct recording_writer *writer, const struct nt_event *record, size_t size, u32 cpu);

/* Append a pair of clock readings: once a minute, so that setting the clock can be told. */
int recording_add_clock(struct recording_writer *writer, u64 monotonic_ns, u64 realtime_ns);

/* Append the totals so far, which are what is known of a recording whose end is missing. */
int recording_add_totals(struct recording_writer *writer, const struct trace_totals *totals, u64 now_ns);

/*
 * Hand what has gathered to the thread if that was done a second ago or longer. now_ns is CLOCK_MONOTONIC; files, too,
 * are as old as it says. 0, or the first error of writing as negative errno: then nothing more is written, and
 * the file ends with its last whole chunk.
 */
int recording_flush(struct recording_writer *writer, u64 now_ns);

/* Write what is left, the totals if there are any, and close. 0 or the first error. NULL is fine. */
int recording_close(struct recording_writer *writer, const struct trace_totals *totals);

/* --- reading */

struct recording_reader;

/* What a recording holds, in its order. Any may be NULL; non-zero stops and is returned. */
struct recording_sink {
	int (*record)(void *user, const struct nt_event *record, size_t size, u32 cpu);
	int (*clock)(void *user, u64 monotonic_ns, u64 realtime_ns);
	/* All so far, as of then; 0: as of the end. The last that come before an end are those of the whole trace. */
	int (*totals)(void *user, const struct trace_totals *totals, u64 monotonic_ns);
	void *user;
};

enum recording_state {
	RECORDING_MORE,	    /* not read to its end */
	RECORDING_COMPLETE, /* it has an end */
	RECORDING_ROTATED,  /* it goes on in another file */
	RECORDING_CUT,	    /* the end is missing: what came before is whole */
	RECORDING_DAMAGED   /* a chunk has a wrong checksum, or nonsense in it: what came before is whole */
};

/*
 * Open a recording, "-" for standard input, and read its beginning. 0, or negative errno with a sentence in
 * `error`: no such file, no recording, of a newer version, of a machine with another byte order. Once *stop is
 * not zero, a signal ends any waiting for a pipe with -EINTR, here and later; NULL: it is waited on.
 */
int recording_open(const char *path, const volatile sig_atomic_t *stop, struct recording_reader **ret_reader,
		   char *error, size_t error_size);
void recording_reader_free(struct recording_reader *reader);

/* Both live as long as the reader. The part counts from 0 within a session that was rotated. */
const struct trace_facts *recording_facts(const struct recording_reader *reader);
u32 recording_part(const struct recording_reader *reader);

/*
 * The recording's probes: numbers of records refer to this table, whatever they were when it
 * was written. Those that this version does not have are added. Lives as long as the reader.
 */
const struct probe_table *recording_probes(const struct recording_reader *reader);

/* Names go into this dictionary from now on, those of the beginning at once. */
int recording_use_dict(struct recording_reader *reader, struct dict *dict);

/*
 * Read the next chunk and hand on what is in it. 0 while there may be more, 1 at the end whatever
 * it is, negative errno if reading failed, or what the sink returned.
 */
int recording_read(struct recording_reader *reader, const struct recording_sink *sink);

enum recording_state recording_state(const struct recording_reader *reader);

/* Records that were skipped because they make no sense. */
u64 recording_malformed(const struct recording_reader *reader);

/* Bytes read of the file, and its size, 0 if that is not known. */
void recording_progress(const struct recording_reader *reader, u64 *ret_bytes, u64 *ret_of);

#endif
