/* SPDX-License-Identifier: GPL-2.0 */
/* One buffered sink for stdout, a file or memory. stdio would hide which write failed, and why. */
#include "out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_writable(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

static struct out *out_new(int fd)
{
	struct out *out = malloc(sizeof(*out));

	if (!out)
		return NULL;
	out->fd = fd;
	out->error = 0;
	out->opened = false;
	out->used = out->n_kept = 0;
	out->kept = NULL;
	return out;
}

struct out *out_memory(void)
{
	return out_new(OUT_MEMORY);
}

int out_open(const char *path, struct out **ret_out)
{
	bool to_file = path && strcmp(path, "-") != 0;
	struct out *out;

	if (!to_file && !is_writable(STDOUT_FILENO))
		return -EBADF;
	out = out_new(STDOUT_FILENO);
	if (!out)
		return -ENOMEM;
	out->opened = to_file;
	if (to_file) {
		out->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
		if (out->fd < 0) {
			int err = -errno;

			free(out);
			return err;
		}
	}
	*ret_out = out;
	return 0;
}

static void remember(struct out *out, int err)
{
	if (!out->error)
		out->error = err;
}

/* Wait until a non-blocking descriptor takes more. Its errors show in the next write. */
static int wait_writable(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLOUT};

	return poll(&poller, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

int out_write_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t written = write(fd, bytes, size);
		int err = 0;

		if (written > 0) {
			bytes += written;
			size -= (size_t)written;
		} else if (!written) {
			err = -EIO; /* no progress and no reason: do not spin */
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			err = wait_writable(fd);
		} else if (errno != EINTR) {
			err = -errno;
		}
		if (err)
			return err;
	}
	return 0;
}

static int keep(struct out *out, const char *bytes, size_t size)
{
	char *kept = realloc(out->kept, out->n_kept + size + 1);

	if (!kept)
		return -ENOMEM;
	memcpy(kept + out->n_kept, bytes, size);
	out->kept = kept;
	out->n_kept += size;
	return 0;
}

static int pass_on(struct out *out, const char *bytes, size_t size)
{
	return out->fd == OUT_MEMORY ? keep(out, bytes, size) : out_write_all(out->fd, bytes, size);
}

int out_flush(struct out *out)
{
	if (!out->error)
		remember(out, pass_on(out, out->buffer, out->used));
	out->used = 0;
	return out->error;
}

void out_copy(struct out *out, const struct out *memory)
{
	if (memory->error)
		remember(out, memory->error);
	if (memory->n_kept)
		out_write(out, memory->kept, memory->n_kept);
	out_write(out, memory->buffer, memory->used);
}

int out_close(struct out *out)
{
	int err;

	if (!out)
		return 0;
	out_flush(out);
	/* After EINTR the descriptor is gone all the same, and nothing is known to be lost. */
	if (out->opened && close(out->fd) && errno != EINTR)
		remember(out, -errno);
	err = out->error;
	free(out->kept);
	free(out);
	return err;
}

void out_write_through(struct out *out, const void *bytes, size_t size)
{
	if (out_flush(out))
		return;
	if (size >= sizeof(out->buffer)) {
		remember(out, pass_on(out, bytes, size));
		return;
	}
	memcpy(out->buffer, bytes, size);
	out->used = size;
}

void out_decimal(struct out *out, u64 number, size_t min_digits)
{
	char digits[DECIMAL_BYTES], *end = digits + sizeof(digits), *at = decimal_before(end, number, min_digits);

	out_write(out, at, (size_t)(end - at));
}

/* What did not fit in the buffer is formatted again, in memory of its own. */
__attribute__((format(printf, 3, 0))) static void print_long(struct out *out, size_t length,
							     const char *format, va_list args)
{
	char *string = malloc(length + 1);

	if (!string) {
		remember(out, -ENOMEM);
		return;
	}
	vsnprintf(string, length + 1, format, args);
	out_write(out, string, length);
	free(string);
}

void out_printf(struct out *out, const char *format, ...)
{
	size_t room = sizeof(out->buffer) - out->used;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(out->buffer + out->used, room, format, args);
	va_end(args);
	if (length < 0) {
		remember(out, -errno);
	} else if ((size_t)length < room) {
		out->used += (size_t)length;
	} else {
		va_start(args, format);
		print_long(out, (size_t)length, format, args);
		va_end(args);
	}
}

int out_error(const struct out *out)
{
	return out->error;
}
