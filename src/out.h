/* SPDX-License-Identifier: GPL-2.0 */
/* Where output goes: one buffered sink for stdout, a file or memory. */
#ifndef NT_OUT_H
#define NT_OUT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "digits.h"

/* Here for the functions that are inline. */
struct out {
	int fd;	     /* OUT_MEMORY: none */
	int error;   /* the first, as negative errno; nothing is written after it */
	bool opened; /* by us, so ours to close */
	size_t used;
	char *kept; /* in memory: what does not fit in the buffer */
	size_t n_kept;
	char buffer[64 * 1024];
};

#define OUT_MEMORY (-1)

/*
 * Open path, or stdout when path is NULL or "-". 0 with *ret_out set, or negative errno.
 * A file is created or truncated. -EBADF if stdout cannot be written to.
 */
int out_open(const char *path, struct out **ret_out);

/* One that keeps what is written. NULL without memory. Not to be flushed, but closed as others are. */
struct out *out_memory(void);

/* Write what was written into memory. */
void out_copy(struct out *out, const struct out *memory);

/* Flush and close; 0 or the first error that any write met. NULL is fine. */
int out_close(struct out *out);

/* What out_write does when the buffer is full. */
void out_write_through(struct out *out, const void *bytes, size_t size);

/* Append bytes. Errors are remembered (out_error) so callers need not check each write. */
static inline void out_write(struct out *out, const void *bytes, size_t size)
{
	if (size > sizeof(out->buffer) - out->used) {
		out_write_through(out, bytes, size);
		return;
	}
	memcpy(out->buffer + out->used, bytes, size);
	out->used += size;
}

static inline void out_string(struct out *out, const char *string)
{
	out_write(out, string, strlen(string));
}

#define out_literal(out, literal) out_write(out, literal, sizeof(literal) - 1)

/* At least min_digits, with leading zeros. */
void out_decimal(struct out *out, u64 number, size_t min_digits);

void out_printf(struct out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Write all of it to a descriptor, which may be a non-blocking one. 0 or negative errno. */
int out_write_all(int fd, const char *bytes, size_t size);

/* Write what is buffered. Called after each reading of records, so that nobody waits for what is known. */
int out_flush(struct out *out);

/* 0, or the first error as negative errno; -EPIPE means the reader has gone. */
int out_error(const struct out *out);

#endif
