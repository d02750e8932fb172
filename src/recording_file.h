/* SPDX-License-Identifier: GPL-2.0 */
/* The files of a recording as they are written: chunks, rotation, and what is left when a disk is full. For recording_*.c only. */
#ifndef NT_RECORDING_FILE_H
#define NT_RECORDING_FILE_H

#include "recording.h"
#include "recording_buffer.h"
#include "recording_format.h"

struct recording_file;

/* What each file begins with. */
struct recording_start {
	struct buffer facts, probes, annotations;
};

/* Takes the buffers over, also on failure. Files are as old as now_ns, here and later, says. 0 or negative errno. */
int recording_file_new(const struct recording_options *options, struct recording_start *start, u64 now_ns,
		       struct recording_file **ret_file);

/* Begin another file if this one is large or old enough. 0 or negative errno. */
int recording_file_rotate(struct recording_file *file, u64 now_ns);

/*
 * Write a chunk, none if it is empty. 0 or negative errno: then the file has been cut back to its last
 * whole chunk.
 */
int recording_file_chunk(struct recording_file *file, enum recording_chunk_type type, const void *bytes, size_t size);

/* A chunk of names, which are repeated in each file that follows. */
int recording_file_names(struct recording_file *file, const void *bytes, size_t size);

/* `complete`: write the END. Frees the file. */
int recording_file_close(struct recording_file *file, bool complete);
void recording_file_free(struct recording_file *file);

#endif
