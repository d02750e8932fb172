/* SPDX-License-Identifier: GPL-2.0 */
/* Bytes that grow. For recording_*.c only. */
#ifndef NT_RECORDING_BUFFER_H
#define NT_RECORDING_BUFFER_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "types.h"

struct buffer {
	char *bytes;
	size_t used, room;
	bool failed; /* for want of memory: what was put since is missing */
};

static inline void buffer_put(struct buffer *buffer, const void *bytes, size_t size)
{
	if (buffer->used + size > buffer->room) {
		size_t room = 2 * (buffer->room + size);
		char *more = realloc(buffer->bytes, room);

		if (!more) {
			buffer->failed = true;
			return;
		}
		buffer->bytes = more;
		buffer->room = room;
	}
	memcpy(buffer->bytes + buffer->used, bytes, size);
	buffer->used += size;
}

#define buffer_put_value(buffer, type, value) \
	do {                                  \
		type put_value = (type)(value); \
		buffer_put(buffer, &put_value, sizeof(put_value)); \
	} while (0)

/* A length of one byte, and so many bytes of the string; it may be NULL. */
static inline void buffer_put_name(struct buffer *buffer, const char *name)
{
	size_t length = name ? strlen(name) : 0;

	if (length > 255)
		length = 255;
	buffer_put_value(buffer, u8, length);
	buffer_put(buffer, name, length);
}

static inline void buffer_free(struct buffer *buffer)
{
	free(buffer->bytes);
	memset(buffer, 0, sizeof(*buffer));
}

#endif
