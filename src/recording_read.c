/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading a recording. Nothing in it is trusted: sizes are bounded before memory is taken, and a
 * record is handed on only if it is as large as it says and its probe is one of the table.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "annotation.h"
#include "recording.h"
#include "recording_facts.h"
#include "recording_format.h"

#define NO_PROBE 0xffff

/* A payload of the recording's version: what this one calls it, if it does. */
struct payload {
	u16 size_bytes; /* in the recording */
	u16 type;	/* here, or NT_ANNO_NONE */
};

struct recording_reader {
	int fd;
	const volatile sig_atomic_t *stop;
	u64 bytes, of;
	struct trace_facts facts;
	u32 part;
	u32 n_chunks;
	struct probe_table *probes;
	u16 probe_map[NT_PROBE_MAX]; /* by the recording's numbers */
	struct payload payloads[NT_ANNO_NONE];
	struct dict *dict;
	enum recording_state state;
	u64 malformed;
	char *stored, *raw; /* of the current chunk */
	size_t raw_bytes;
	ZSTD_DCtx *zstd;
};

/* What is left of a chunk's payload. */
struct view {
	const char *at;
	size_t left;
};

static bool take(struct view *view, void *to, size_t size)
{
	if (size > view->left)
		return false;
	memcpy(to, view->at, size);
	view->at += size;
	view->left -= size;
	return true;
}

/* A length of one byte and as many bytes; an end is put behind them. */
static bool take_name(struct view *view, char name[RECORDING_NAME_MAX_BYTES + 1])
{
	u8 length;

	if (!take(view, &length, sizeof(length)) || !take(view, name, length))
		return false;
	name[length] = '\0';
	return true;
}

/* --- chunks */

/* How many bytes came, fewer than asked for at the end only; or negative errno. */
static ssize_t read_all(struct recording_reader *reader, void *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		struct pollfd poller = {.fd = reader->fd, .events = POLLIN};
		/* read() would be restarted after a signal, which poll() never is */
		ssize_t got = poll(&poller, 1, -1);

		if (got >= 0)
			got = read(reader->fd, (char *)to + done, size - done);
		if (got < 0 && errno == EINTR && !(reader->stop && *reader->stop))
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		done += (size_t)got;
	}
	reader->bytes += done;
	return (ssize_t)done;
}

static int end(struct recording_reader *reader, enum recording_state state)
{
	reader->state = state;
	return 1;
}

static bool unpack(struct recording_reader *reader, const struct recording_chunk *chunk)
{
	size_t size = chunk->stored_bytes;

	if (chunk->flags & RECORDING_ZSTD)
		size = ZSTD_decompressDCtx(reader->zstd, reader->raw, chunk->raw_bytes, reader->stored + sizeof(*chunk),
					   chunk->stored_bytes);
	else if (size == chunk->raw_bytes)
		memcpy(reader->raw, reader->stored + sizeof(*chunk), size);
	reader->raw_bytes = chunk->raw_bytes;
	return size == chunk->raw_bytes; /* an error of zstd is larger than any size */
}

/* The next chunk, its payload in reader->raw. 0, 1 at the end whatever it is, or negative errno. */
static int read_chunk(struct recording_reader *reader, u32 *ret_type)
{
	struct recording_chunk *chunk = (void *)reader->stored;
	ssize_t got = read_all(reader, chunk, sizeof(*chunk));
	u32 crc;

	if (got < 0)
		return (int)got;
	if (got < (ssize_t)sizeof(*chunk))
		return end(reader, RECORDING_CUT);
	if (chunk->raw_bytes > RECORDING_CHUNK_MAX_BYTES || chunk->stored_bytes > chunk->raw_bytes ||
	    chunk->number != reader->n_chunks)
		return end(reader, RECORDING_DAMAGED);
	got = read_all(reader, chunk + 1, chunk->stored_bytes);
	if (got < 0)
		return (int)got;
	if ((size_t)got < chunk->stored_bytes)
		return end(reader, RECORDING_CUT);
	crc = chunk->crc;
	chunk->crc = 0;
	if ((u32)crc32(0, (void *)chunk, (uInt)(sizeof(*chunk) + chunk->stored_bytes)) != crc || !unpack(reader, chunk))
		return end(reader, RECORDING_DAMAGED);
	reader->n_chunks++;
	*ret_type = chunk->type;
	return 0;
}

/* --- the beginning */

static bool take_fact(struct recording_reader *reader, u16 tag, const char *bytes, u16 size)
{
	for (size_t i = 0; i < n_fact_rows; i++) {
		const struct fact_row *row = &fact_rows[i];
		char *field = (char *)&reader->facts + row->offset;

		if (row->tag != tag)
			continue;
		if (row->is_text ? size >= row->size_bytes : size != row->size_bytes)
			return false;
		memcpy(field, bytes, size);
	}
	return true;
}

static bool take_facts(struct recording_reader *reader)
{
	struct view view = {reader->raw, reader->raw_bytes};
	u16 tag, size;

	if (!take(&view, &reader->part, sizeof(reader->part)))
		return false;
	while (view.left) {
		if (!take(&view, &tag, sizeof(tag)) || !take(&view, &size, sizeof(size)) || size > view.left ||
		    !take_fact(reader, tag, view.at, size))
			return false;
		view.at += size;
		view.left -= size;
	}
	return true;
}

static bool take_probes(struct recording_reader *reader)
{
	char name[RECORDING_NAME_MAX_BYTES + 1], note[RECORDING_NAME_MAX_BYTES + 1];
	struct view view = {reader->raw, reader->raw_bytes};
	u16 number;
	u32 flags;
	u8 stage;
	int here;

	while (view.left) {
		if (!take(&view, &number, sizeof(number)) || !take(&view, &stage, sizeof(stage)) ||
		    !take_name(&view, name) || !take(&view, &flags, sizeof(flags)) || !take_name(&view, note) ||
		    number >= NT_PROBE_MAX || !*name)
			return false;
		here = probe_table_adopt(reader->probes, name, stage, flags, *note ? note : NULL);
		if (here >= 0)
			reader->probe_map[number] = (u16)here;
	}
	return true;
}

static u16 annotation_named(const char *name)
{
	const struct annotation_type *type;

	for (u16 i = 0; (type = annotation_type(i)); i++)
		if (!strcmp(type->name, name))
			return i;
	return NT_ANNO_NONE;
}

static bool take_annotations(struct recording_reader *reader)
{
	struct view view = {reader->raw, reader->raw_bytes};
	char name[RECORDING_NAME_MAX_BYTES + 1];
	u16 type, size;

	while (view.left) {
		if (!take(&view, &type, sizeof(type)) || !take(&view, &size, sizeof(size)) || !take_name(&view, name) ||
		    type >= NT_ANNO_NONE)
			return false;
		reader->payloads[type] = (struct payload){.size_bytes = size, .type = annotation_named(name)};
	}
	return true;
}

/* --- what follows */

static int take_names(struct recording_reader *reader)
{
	struct view view = {reader->raw, reader->raw_bytes};
	char name[RECORDING_NAME_MAX_BYTES + 1];
	u8 kind;
	u64 key;

	while (view.left) {
		if (!take(&view, &kind, sizeof(kind)) || !take_name(&view, name) || !take(&view, &key, sizeof(key)))
			return end(reader, RECORDING_DAMAGED);
		/* names beyond what a dictionary holds stay unknown, as do those of kinds that came later */
		if (reader->dict && kind < DICT_KIND_COUNT && dict_set(reader->dict, (enum dict_kind)kind, key, name) == -ENOMEM)
			return -ENOMEM;
	}
	return 0;
}

/* A record as this version has it. */
struct translated {
	struct nt_annotation head;
	char payload[NT_RECORD_MAX_BYTES];
};

/* The note in this version's layout: new fields are zero, those it does not know are left out. False: not a note. */
static bool translate_note(const struct recording_reader *reader, const struct nt_annotation *note, size_t size,
			   struct translated *ret_note, size_t *ret_size)
{
	const struct payload *from = note->type < NT_ANNO_NONE ? &reader->payloads[note->type] : NULL;
	const struct annotation_type *to = from ? annotation_type(from->type) : NULL;
	struct nt_anno_ORIGIN *origin = (void *)ret_note->payload;
	size_t common;

	if (!to || size < sizeof(*note) + from->size_bytes || note->size_bytes != from->size_bytes)
		return false;
	common = from->size_bytes < to->size_bytes ? from->size_bytes : to->size_bytes;
	ret_note->head = *note;
	ret_note->head.type = from->type;
	ret_note->head.size_bytes = (u16)to->size_bytes;
	memset(ret_note->payload, 0, to->size_bytes);
	memcpy(ret_note->payload, note + 1, common);
	if (from->type == NT_ANNO_ORIGIN)
		origin->probe = origin->probe < NT_PROBE_MAX ? reader->probe_map[origin->probe] : NO_PROBE;
	*ret_size = sizeof(*note) + to->size_bytes;
	return true;
}

static int hand_on(struct recording_reader *reader, const struct recording_sink *sink, struct nt_event *record,
		   size_t size, u32 cpu)
{
	enum nt_kind kind = nt_event_kind(record);
	struct translated note;

	if (kind <= NT_ANNOTATION || kind == NT_LOSS) {
		record->probe = record->probe < NT_PROBE_MAX ? reader->probe_map[record->probe] : NO_PROBE;
		if (record->probe == NO_PROBE) {
			reader->malformed++;
			return 0;
		}
	}
	if (kind != NT_ANNOTATION)
		return sink->record(sink->user, record, size, cpu);
	if (size >= sizeof(note.head) && translate_note(reader, (void *)record, size, &note, &size))
		return sink->record(sink->user, &note.head.ev, size, cpu);
	/* a note of another kind: the event it is attached to is one all the same */
	record->kind = (u8)((record->kind & ~NT_KIND_MASK) | NT_EVENT);
	return sink->record(sink->user, record, sizeof(*record), cpu);
}

static int take_records(struct recording_reader *reader, const struct recording_sink *sink)
{
	struct recording_record_head head;
	size_t at = 0, padded;
	int ret = 0;

	while (!ret && at + sizeof(head) <= reader->raw_bytes) {
		memcpy(&head, reader->raw + at, sizeof(head));
		at += sizeof(head);
		padded = (head.size_bytes + 7u) & ~7u;
		if (head.size_bytes < sizeof(struct nt_event) || head.size_bytes > NT_RECORD_MAX_BYTES ||
		    padded > reader->raw_bytes - at)
			return end(reader, RECORDING_DAMAGED);
		if (sink->record)
			ret = hand_on(reader, sink, (void *)(reader->raw + at), head.size_bytes, head.cpu);
		at += padded;
	}
	return ret;
}

static int take_clock(struct recording_reader *reader, const struct recording_sink *sink)
{
	struct view view = {reader->raw, reader->raw_bytes};
	u64 clocks[2];

	if (!take(&view, clocks, sizeof(clocks)))
		return end(reader, RECORDING_DAMAGED);
	return sink->clock ? sink->clock(sink->user, clocks[0], clocks[1]) : 0;
}

static int take_totals(struct recording_reader *reader, const struct recording_sink *sink)
{
	struct view view = {reader->raw, reader->raw_bytes};
	struct trace_totals totals;
	u64 n[9], monotonic_ns;

	if (!take(&view, n, sizeof(n)))
		return end(reader, RECORDING_DAMAGED);
	totals = (struct trace_totals){
		.journeys = n[0], .incomplete = n[1], .events = n[2],	 .malformed = n[3],	  .lost_ring = n[4],
		.lost_map = n[5], .lost_id = n[6],    .recursion = n[7], .recursion_known = n[8],
	};
	if (!take(&view, &monotonic_ns, sizeof(monotonic_ns)))
		monotonic_ns = 0;
	return sink->totals ? sink->totals(sink->user, &totals, monotonic_ns) : 0;
}

static int take_end(struct recording_reader *reader)
{
	struct view view = {reader->raw, reader->raw_bytes};
	u32 rotated;

	if (!take(&view, &rotated, sizeof(rotated)))
		return end(reader, RECORDING_DAMAGED);
	return end(reader, rotated ? RECORDING_ROTATED : RECORDING_COMPLETE);
}

int recording_read(struct recording_reader *reader, const struct recording_sink *sink)
{
	u32 type;
	int ret;

	if (reader->state != RECORDING_MORE)
		return 1;
	ret = read_chunk(reader, &type);
	if (ret)
		return ret;
	switch (type) {
	case RECORDING_NAMES:
		return take_names(reader);
	case RECORDING_RECORDS:
		return take_records(reader, sink);
	case RECORDING_CLOCK:
		return take_clock(reader, sink);
	case RECORDING_TOTALS:
		return take_totals(reader, sink);
	case RECORDING_END:
		return take_end(reader);
	default: /* of a later minor version */
		return 0;
	}
}

/* --- opening */

__attribute__((format(printf, 4, 5))) static int refuse(char *error, size_t size, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, size, format, args);
	va_end(args);
	return err;
}

static int check_header(struct recording_reader *reader, char *error, size_t size)
{
	struct recording_header header;
	ssize_t got = read_all(reader, &header, sizeof(header));

	if (got < 0)
		return refuse(error, size, (int)got, "%s", strerror((int)-got));
	if (!got)
		return refuse(error, size, -EINVAL, "the file is empty");
	if (got < (ssize_t)sizeof(header.magic) || memcmp(header.magic, RECORDING_MAGIC, sizeof(header.magic)) != 0)
		return refuse(error, size, -EINVAL, "this is not a recording of nettrace");
	if (got < (ssize_t)sizeof(header))
		return refuse(error, size, -EINVAL, "the recording is cut in its first bytes");
	if (header.byte_order == __builtin_bswap32(RECORDING_BYTE_ORDER))
		return refuse(error, size, -EINVAL, "it was recorded on a machine with another byte order; read it on such a one");
	if (header.byte_order != RECORDING_BYTE_ORDER)
		return refuse(error, size, -EINVAL, "the recording is damaged in its first bytes");
	if (header.major != RECORDING_MAJOR)
		return refuse(error, size, -EINVAL,
			      "it has version %u.%u of the format, and this nettrace reads %u; use the one that recorded it",
			      header.major, header.minor, RECORDING_MAJOR);
	return 0;
}

static int read_start(struct recording_reader *reader, char *error, size_t size)
{
	static const u32 order[] = {RECORDING_FACTS, RECORDING_PROBES, RECORDING_ANNOTATIONS};
	static bool (*const takers[])(struct recording_reader *) = {take_facts, take_probes, take_annotations};
	u32 type;
	int ret;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		ret = read_chunk(reader, &type);
		if (ret < 0)
			return refuse(error, size, ret, "%s", strerror(-ret));
		if (ret)
			return refuse(error, size, -EINVAL, "the recording is %s before its first packet",
				      reader->state == RECORDING_CUT ? "cut" : "damaged");
		if (type != order[i] || !takers[i](reader))
			return refuse(error, size, -EINVAL, "the recording is damaged before its first packet");
	}
	return 0;
}

static int allocate(struct recording_reader *reader)
{
	memset(reader->probe_map, 0xff, sizeof(reader->probe_map));
	for (size_t i = 0; i < NT_ANNO_NONE; i++)
		reader->payloads[i].type = NT_ANNO_NONE;
	reader->stored = malloc(sizeof(struct recording_chunk) + RECORDING_CHUNK_MAX_BYTES);
	reader->raw = malloc(RECORDING_CHUNK_MAX_BYTES);
	reader->zstd = ZSTD_createDCtx();
	reader->probes = probe_table_new();
	return reader->stored && reader->raw && reader->zstd && reader->probes ? 0 : -ENOMEM;
}

static int open_path(struct recording_reader *reader, const char *path)
{
	struct stat status;

	reader->fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : STDIN_FILENO;
	if (reader->fd < 0)
		return -errno;
	if (!fstat(reader->fd, &status) && S_ISREG(status.st_mode))
		reader->of = (u64)status.st_size;
	return 0;
}

int recording_open(const char *path, const volatile sig_atomic_t *stop, struct recording_reader **ret_reader,
		   char *error, size_t error_size)
{
	struct recording_reader *reader = calloc(1, sizeof(*reader));
	int err = reader ? allocate(reader) : -ENOMEM;

	if (reader) {
		reader->fd = -1;
		reader->stop = stop;
	}
	if (!err)
		err = open_path(reader, path);
	if (err)
		refuse(error, error_size, err, "%s", strerror(-err));
	if (!err)
		err = check_header(reader, error, error_size);
	if (!err)
		err = read_start(reader, error, error_size);
	if (err) {
		recording_reader_free(reader);
		return err;
	}
	*ret_reader = reader;
	return 0;
}

void recording_reader_free(struct recording_reader *reader)
{
	if (!reader)
		return;
	if (reader->fd > STDERR_FILENO)
		close(reader->fd);
	probe_table_free(reader->probes);
	ZSTD_freeDCtx(reader->zstd);
	free(reader->stored);
	free(reader->raw);
	free(reader);
}

const struct trace_facts *recording_facts(const struct recording_reader *reader)
{
	return &reader->facts;
}

u32 recording_part(const struct recording_reader *reader)
{
	return reader->part;
}

const struct probe_table *recording_probes(const struct recording_reader *reader)
{
	return reader->probes;
}

int recording_use_dict(struct recording_reader *reader, struct dict *dict)
{
	reader->dict = dict;
	return 0;
}

enum recording_state recording_state(const struct recording_reader *reader)
{
	return reader->state;
}

u64 recording_malformed(const struct recording_reader *reader)
{
	return reader->malformed;
}

void recording_progress(const struct recording_reader *reader, u64 *ret_bytes, u64 *ret_of)
{
	*ret_bytes = reader->bytes;
	*ret_of = reader->of;
}
