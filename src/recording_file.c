/* SPDX-License-Identifier: GPL-2.0 */
#include "recording_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "out.h"

/* The fastest of the usual levels: records are small and alike, more effort gains little. */
#define ZSTD_LEVEL 1

struct recording_file {
	struct recording_options options;
	struct recording_start start;
	struct buffer names; /* all so far */
	ZSTD_CCtx *zstd;
	struct buffer stored; /* a chunk as it goes into the file */
	int fd;
	bool regular;
	u64 written; /* bytes of whole chunks */
	u64 created_ns;
	u32 part, n_chunks;
};

static bool to_stdout(const struct recording_file *file)
{
	return !strcmp(file->options.path, "-");
}

/* All or nothing, as far as the file allows. */
static int write_whole(struct recording_file *file, const void *bytes, size_t size)
{
	int err = out_write_all(file->fd, bytes, size);

	if (!err)
		file->written += size;
	else if (file->regular && ftruncate(file->fd, (off_t)file->written))
		return err; /* the reader finds where the last whole chunk ends */
	return err;
}

/* Make file->stored the chunk: compressed, unless that makes it larger. */
static int store(struct recording_file *file, enum recording_chunk_type type, const void *bytes, size_t size)
{
	size_t bound = ZSTD_compressBound(size), stored;
	struct recording_chunk *chunk;

	if (file->stored.room < sizeof(*chunk) + bound) {
		buffer_free(&file->stored);
		file->stored.bytes = malloc(sizeof(*chunk) + bound);
		if (!file->stored.bytes)
			return -ENOMEM;
		file->stored.room = sizeof(*chunk) + bound;
	}
	chunk = (void *)file->stored.bytes;
	*chunk = (struct recording_chunk){
		.type = type, .raw_bytes = (u32)size, .number = file->n_chunks, .flags = RECORDING_ZSTD,
	};
	stored = ZSTD_compressCCtx(file->zstd, chunk + 1, bound, bytes, size, ZSTD_LEVEL);
	if (ZSTD_isError(stored) || stored >= size) {
		memcpy(chunk + 1, bytes, size);
		chunk->flags = 0;
		stored = size;
	}
	chunk->stored_bytes = (u32)stored;
	file->stored.used = sizeof(*chunk) + stored;
	chunk->crc = (u32)crc32(0, (void *)chunk, (uInt)file->stored.used);
	return 0;
}

static int put_chunk(struct recording_file *file, enum recording_chunk_type type, const void *bytes, size_t size)
{
	int err = store(file, type, bytes, size);

	if (!err)
		err = write_whole(file, file->stored.bytes, file->stored.used);
	if (!err)
		file->n_chunks++;
	return err;
}

/* In pieces that a reader takes; names are not cut, as pieces end where names do not. */
static int put_names(struct recording_file *file, const char *bytes, size_t size)
{
	size_t at = 0, end;
	int err = 0;

	while (!err && at < size) {
		for (end = at; end < size && end - at < RECORDING_CHUNK_MAX_BYTES / 2;)
			end += 2 + (u8)bytes[end + 1] + sizeof(u64);
		err = put_chunk(file, RECORDING_NAMES, bytes + at, end - at);
		at = end;
	}
	return err;
}

static int put_start(struct recording_file *file)
{
	struct recording_header header = {
		.magic = RECORDING_MAGIC,
		.major = RECORDING_MAJOR,
		.minor = RECORDING_MINOR,
		.byte_order = RECORDING_BYTE_ORDER,
	};
	int err = write_whole(file, &header, sizeof(header));

	/* the part's number is in front of the facts */
	memcpy(file->start.facts.bytes, &file->part, sizeof(file->part));
	if (!err)
		err = put_chunk(file, RECORDING_FACTS, file->start.facts.bytes, file->start.facts.used);
	if (!err)
		err = put_chunk(file, RECORDING_PROBES, file->start.probes.bytes, file->start.probes.used);
	if (!err)
		err = put_chunk(file, RECORDING_ANNOTATIONS, file->start.annotations.bytes,
				file->start.annotations.used);
	return err ? err : put_names(file, file->names.bytes, file->names.used);
}

static int open_file(struct recording_file *file, u64 now_ns)
{
	struct stat status;

	file->fd = to_stdout(file) ? STDOUT_FILENO
				   : open(file->options.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
	if (file->fd < 0)
		return -errno;
	file->regular = !to_stdout(file) && !fstat(file->fd, &status) && S_ISREG(status.st_mode);
	file->written = 0;
	file->n_chunks = 0;
	file->created_ns = now_ns;
	return put_start(file);
}

static int close_file(struct recording_file *file)
{
	int err = 0;

	if (file->fd > STDERR_FILENO && close(file->fd) && errno != EINTR)
		err = -errno;
	file->fd = -1;
	return err;
}

/* --- rotation */

/* FILE.n, or FILE for 0. False if the name is too long. */
static bool numbered(const struct recording_file *file, unsigned int n, char *path, size_t size)
{
	int length = n ? snprintf(path, size, "%s.%u", file->options.path, n)
		       : snprintf(path, size, "%s", file->options.path);

	return length > 0 && (size_t)length < size;
}

/* Each file gets the next number, from the oldest on; what has too high a one goes. */
static int shift_files(const struct recording_file *file)
{
	char from[4096], to[4096];
	unsigned int n = 0;

	while (numbered(file, n, from, sizeof(from)) && !access(from, F_OK))
		n++;
	while (n--) {
		if (!numbered(file, n, from, sizeof(from)) || !numbered(file, n + 1, to, sizeof(to)))
			return -ENAMETOOLONG;
		if (file->options.keep && n + 1 >= file->options.keep ? unlink(from) : rename(from, to))
			return -errno;
	}
	return 0;
}

static bool is_time(const struct recording_file *file, u64 now_ns)
{
	return (file->options.rotate_bytes && file->written >= file->options.rotate_bytes) ||
	       (file->options.rotate_ns && now_ns - file->created_ns >= file->options.rotate_ns);
}

static int put_end(struct recording_file *file, bool rotated)
{
	u32 how = rotated;

	return put_chunk(file, RECORDING_END, &how, sizeof(how));
}

static int rotate(struct recording_file *file, u64 now_ns)
{
	int err = put_end(file, true), closed = close_file(file);

	if (!err)
		err = closed;
	if (!err)
		err = shift_files(file);
	file->part++;
	return err ? err : open_file(file, now_ns);
}

/* --- for the writer */

int recording_file_new(const struct recording_options *options, struct recording_start *start, u64 now_ns,
		       struct recording_file **ret_file)
{
	struct recording_file *file = calloc(1, sizeof(*file));
	int err = -ENOMEM;

	if (!file)
		return -ENOMEM;
	file->options = *options;
	file->start = *start;
	memset(start, 0, sizeof(*start));
	file->fd = -1;
	file->zstd = ZSTD_createCCtx();
	if (file->zstd)
		err = open_file(file, now_ns);
	if (err) {
		recording_file_free(file);
		return err;
	}
	*ret_file = file;
	return 0;
}

int recording_file_chunk(struct recording_file *file, enum recording_chunk_type type, const void *bytes, size_t size)
{
	return size ? put_chunk(file, type, bytes, size) : 0;
}

int recording_file_rotate(struct recording_file *file, u64 now_ns)
{
	return is_time(file, now_ns) ? rotate(file, now_ns) : 0;
}

int recording_file_names(struct recording_file *file, const void *bytes, size_t size)
{
	if (!size)
		return 0;
	buffer_put(&file->names, bytes, size);
	return file->names.failed ? -ENOMEM : put_names(file, bytes, size);
}

int recording_file_close(struct recording_file *file, bool complete)
{
	int err = complete ? put_end(file, false) : 0, closed = close_file(file);

	recording_file_free(file);
	return err ? err : closed;
}

void recording_file_free(struct recording_file *file)
{
	if (!file)
		return;
	close_file(file);
	ZSTD_freeCCtx(file->zstd);
	buffer_free(&file->start.facts);
	buffer_free(&file->start.probes);
	buffer_free(&file->start.annotations);
	buffer_free(&file->names);
	buffer_free(&file->stored);
	free(file);
}
