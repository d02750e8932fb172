/* SPDX-License-Identifier: GPL-2.0 */
/* The live source of records: rings that BPF programs fill, put in order of time. */
#ifndef NT_SOURCE_RING_H
#define NT_SOURCE_RING_H

#include <stdbool.h>
#include <stddef.h>

#include "event.h"
#include "ring_abi.h"

struct source_ring;

/* Called with each record, in order of time. Non-zero stops and is returned. */
typedef int (*source_record_fn)(void *user, const struct nt_event *record, size_t size, u32 cpu);

/* With room for so many rings, none of them there yet. 0 or negative errno. */
int source_ring_new(unsigned int n, struct source_ring **ret_source);

/*
 * Add a ring whose records are of one CPU: a BPF_MAP_TYPE_RINGBUF by its descriptor, or a ring in memory that userspace and
 * BPF share (ring_abi.h). Descriptor and memory stay the caller's. `bytes` is the ring's size. 0 or negative errno.
 */
int source_ring_add_map(struct source_ring *source, int fd, size_t bytes, u32 cpu);
int source_ring_add_memory(struct source_ring *source, struct nt_ring *memory, size_t bytes, u32 cpu);

/* Once all rings are there. 0 or negative errno. */
int source_ring_begin(struct source_ring *source);
void source_ring_free(struct source_ring *source);

/*
 * Take what the rings hold and hand on everything older than this call. With
 * `last`, everything: call it so when no program is attached any more; -EAGAIN then
 * means that one was still writing. Returns the number of records taken from the rings, or
 * negative errno, or what the callback returned if that was not 0.
 */
long source_ring_read(struct source_ring *source, bool last, source_record_fn on_record, void *user);

#endif
