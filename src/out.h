/* SPDX-License-Identifier: GPL-2.0 */
/* Where output goes: one buffered sink for stdout or a file. */
#ifndef NT_OUT_H
#define NT_OUT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct out;

/*
 * Open path, or stdout when path is NULL or "-". 0 with *ret_out set, or negative errno.
 * A file is created or truncated. -EBADF if stdout cannot be written to.
 */
int out_open(const char *path, struct out **ret_out);

/* Flush and close; 0 or the first error that any write met. NULL is fine. */
int out_close(struct out *out);

/* Append bytes. Errors are remembered (out_error) so callers need not check each write. */
void out_write(struct out *out, const void *bytes, size_t size);
void out_string(struct out *out, const char *string);
void out_printf(struct out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Write all of it to a descriptor, which may be a non-blocking one. 0 or negative errno. */
int out_write_all(int fd, const char *bytes, size_t size);

/* Write what is buffered. Called after each reading of records, so that nobody waits for what is known. */
int out_flush(struct out *out);

/* 0, or the first error as negative errno; -EPIPE means the reader has gone. */
int out_error(const struct out *out);

#endif
