/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writing a recording. The caller's thread gathers records and lists the names that are
 * new; another one compresses and writes, so that a slow disk is felt only when the queue between them is full:
 * then the caller waits, and what the rings lose meanwhile is counted there.
 */
#include <pthread.h>
#include <stdio.h>

#include "annotation.h"
#include "recording.h"
#include "recording_buffer.h"
#include "recording_facts.h"
#include "recording_file.h"
#include "recording_format.h"

#define CHUNK_BYTES (256u << 10)
#define FLUSH_INTERVAL_NS 1000000000ull
#define QUEUE_LENGTH 8

/* What goes to the writing thread at a time. */
struct batch {
	struct buffer names, records, clock, totals;
	u64 now_ns;
	bool last;
};

struct recording_writer {
	struct recording_file *file;
	const struct dict *dict;
	size_t n_names; /* of the dictionary that were handed on */
	struct batch gathering;
	u64 now_ns;	/* as far as the caller has said */
	u64 flushed_ns;

	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct batch queue[QUEUE_LENGTH];
	unsigned int queued, first;
	int error; /* the first */
};

static void batch_free(struct batch *batch)
{
	buffer_free(&batch->names);
	buffer_free(&batch->records);
	buffer_free(&batch->clock);
	buffer_free(&batch->totals);
}

/* --- what comes first in each file */

static void put_facts(struct buffer *buffer, const struct trace_facts *facts)
{
	buffer_put_value(buffer, u32, 0); /* the part's number, which each file puts there */
	for (size_t i = 0; i < n_fact_rows; i++) {
		const struct fact_row *row = &fact_rows[i];
		const char *value = (const char *)facts + row->offset;
		u16 size = row->is_text ? (u16)strnlen(value, row->size_bytes) : row->size_bytes;

		buffer_put_value(buffer, u16, row->tag);
		buffer_put_value(buffer, u16, size);
		buffer_put(buffer, value, size);
	}
}

static void put_probes(struct buffer *buffer, const struct probe_table *probes)
{
	for (unsigned int i = 0; i < probe_table_count(probes); i++) {
		const struct probe_row *row = probe_table_row(probes, i);

		buffer_put_value(buffer, u16, i);
		buffer_put_value(buffer, u8, row->stage);
		buffer_put_name(buffer, row->name);
		buffer_put_value(buffer, u32, row->flags);
		buffer_put_name(buffer, row->note);
	}
}

static void put_annotations(struct buffer *buffer)
{
	const struct annotation_type *type;

	for (unsigned int i = 0; (type = annotation_type(i)); i++) {
		buffer_put_value(buffer, u16, i);
		buffer_put_value(buffer, u16, type->size_bytes);
		buffer_put_name(buffer, type->name);
	}
}

/* --- the writing thread */

static int write_batch(struct recording_file *file, const struct batch *batch)
{
	int err = batch->records.used ? recording_file_rotate(file, batch->now_ns) : 0;

	if (!err)
		err = recording_file_names(file, batch->names.bytes, batch->names.used);
	if (!err)
		err = recording_file_chunk(file, RECORDING_CLOCK, batch->clock.bytes, batch->clock.used);
	if (!err)
		err = recording_file_chunk(file, RECORDING_RECORDS, batch->records.bytes, batch->records.used);
	if (!err)
		err = recording_file_chunk(file, RECORDING_TOTALS, batch->totals.bytes, batch->totals.used);
	return err;
}

/* After an error batches are taken and dropped, so that nobody waits for ever. */
static void *write_batches(void *user)
{
	struct recording_writer *writer = user;
	struct batch batch;
	bool last = false;
	int err;

	pthread_mutex_lock(&writer->mutex);
	while (!last) {
		while (!writer->queued)
			pthread_cond_wait(&writer->changed, &writer->mutex);
		batch = writer->queue[writer->first];
		err = writer->error;
		pthread_mutex_unlock(&writer->mutex);
		if (!err)
			err = write_batch(writer->file, &batch);
		last = batch.last;
		batch_free(&batch);
		pthread_mutex_lock(&writer->mutex);
		if (!writer->error)
			writer->error = err;
		writer->first = (writer->first + 1) % QUEUE_LENGTH;
		writer->queued--;
		pthread_cond_signal(&writer->changed);
	}
	pthread_mutex_unlock(&writer->mutex);
	return NULL;
}

/* --- the caller's side */

static void gather_names(struct recording_writer *writer)
{
	struct buffer *names = &writer->gathering.names;
	enum dict_kind kind;
	const char *name;
	u64 key;

	for (; dict_at(writer->dict, writer->n_names, &kind, &key, &name); writer->n_names++) {
		buffer_put_value(names, u8, kind);
		buffer_put_name(names, name);
		buffer_put_value(names, u64, key);
	}
}

static bool batch_failed(const struct batch *batch)
{
	return batch->names.failed || batch->records.failed || batch->clock.failed || batch->totals.failed;
}

static int hand_over(struct recording_writer *writer, bool last)
{
	int err;

	gather_names(writer);
	writer->gathering.last = last;
	writer->gathering.now_ns = writer->flushed_ns = writer->now_ns;
	pthread_mutex_lock(&writer->mutex);
	if (batch_failed(&writer->gathering) && !writer->error)
		writer->error = -ENOMEM;
	while (writer->queued == QUEUE_LENGTH)
		pthread_cond_wait(&writer->changed, &writer->mutex);
	writer->queue[(writer->first + writer->queued++) % QUEUE_LENGTH] = writer->gathering;
	pthread_cond_signal(&writer->changed);
	err = writer->error;
	pthread_mutex_unlock(&writer->mutex);
	memset(&writer->gathering, 0, sizeof(writer->gathering));
	return err;
}

int recording_add(struct recording_writer *writer, const struct nt_event *record, size_t size, u32 cpu)
{
	struct recording_record_head head = {.size_bytes = (u16)size, .cpu = (u16)cpu};
	struct buffer *records = &writer->gathering.records;
	static const char padding[8];

	if (size > NT_RECORD_MAX_BYTES)
		return -EINVAL;
	buffer_put(records, &head, sizeof(head));
	buffer_put(records, record, size);
	buffer_put(records, padding, -size & 7);
	if (record->ts_ns > writer->now_ns)
		writer->now_ns = record->ts_ns;
	return records->used >= CHUNK_BYTES ? hand_over(writer, false) : 0;
}

int recording_add_clock(struct recording_writer *writer, u64 monotonic_ns, u64 realtime_ns)
{
	struct buffer *clock = &writer->gathering.clock;

	clock->used = 0;
	buffer_put_value(clock, u64, monotonic_ns);
	buffer_put_value(clock, u64, realtime_ns);
	return 0;
}

int recording_add_totals(struct recording_writer *writer, const struct trace_totals *totals, u64 now_ns)
{
	const u64 numbers[] = {
		totals->journeys,  totals->incomplete, totals->events,	  totals->malformed,	   totals->lost_ring,
		totals->lost_map,  totals->lost_id,    totals->recursion, totals->recursion_known, now_ns,
	};
	struct buffer *buffer = &writer->gathering.totals;

	buffer->used = 0;
	buffer_put(buffer, numbers, sizeof(numbers));
	return 0;
}

int recording_flush(struct recording_writer *writer, u64 now_ns)
{
	int err;

	if (now_ns > writer->now_ns)
		writer->now_ns = now_ns;
	if (writer->gathering.records.used && writer->now_ns - writer->flushed_ns >= FLUSH_INTERVAL_NS)
		return hand_over(writer, false);
	pthread_mutex_lock(&writer->mutex);
	err = writer->error;
	pthread_mutex_unlock(&writer->mutex);
	return err;
}

static void writer_free(struct recording_writer *writer)
{
	batch_free(&writer->gathering);
	recording_file_free(writer->file);
	pthread_cond_destroy(&writer->changed);
	pthread_mutex_destroy(&writer->mutex);
	free(writer);
}

int recording_create(const struct recording_options *options, const struct trace_facts *facts,
		     const struct probe_table *probes, const struct dict *dict, struct recording_writer **ret_writer)
{
	struct recording_writer *writer = calloc(1, sizeof(*writer));
	struct recording_start start = {0};
	int err;

	if (!writer)
		return -ENOMEM;
	writer->dict = dict;
	writer->now_ns = writer->flushed_ns = facts->start_ns;
	pthread_mutex_init(&writer->mutex, NULL);
	pthread_cond_init(&writer->changed, NULL);
	put_facts(&start.facts, facts);
	put_probes(&start.probes, probes);
	put_annotations(&start.annotations);
	if (start.facts.failed || start.probes.failed || start.annotations.failed)
		err = -ENOMEM;
	else
		err = recording_file_new(options, &start, facts->start_ns, &writer->file);
	if (!err)
		err = -pthread_create(&writer->thread, NULL, write_batches, writer);
	if (err) {
		writer_free(writer);
		return err;
	}
	*ret_writer = writer;
	return 0;
}

int recording_close(struct recording_writer *writer, const struct trace_totals *totals)
{
	int err, closed;

	if (!writer)
		return 0;
	if (totals)
		recording_add_totals(writer, totals, writer->now_ns);
	hand_over(writer, true);
	pthread_join(writer->thread, NULL);
	err = writer->error;
	closed = recording_file_close(writer->file, !err && totals);
	writer->file = NULL;
	writer_free(writer);
	return err ? err : closed;
}
