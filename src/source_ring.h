/* SPDX-License-Identifier: GPL-2.0 */
/* The live source of records: one BPF ring buffer per CPU, put in order of time. */
#ifndef NT_SOURCE_RING_H
#define NT_SOURCE_RING_H

#include <stdbool.h>
#include <stddef.h>

#include "event.h"

struct source_ring;

/* Called with each record, in order of time. Non-zero stops and is returned. */
typedef int (*source_record_fn)(void *user, const struct nt_event *record, size_t size, u32 cpu);

/*
 * Map the rings whose file descriptors are given, one per CPU; the descriptors
 * stay the caller's. ring_bytes is the size of each. 0 or negative errno.
 */
int source_ring_new(const int *fds, unsigned int n, size_t ring_bytes, struct source_ring **ret_source);
void source_ring_free(struct source_ring *source);

/*
 * Take what the rings hold and hand on everything older than this call. With
 * `last`, everything: call it so when no program is attached any more; -EAGAIN then
 * means that one was still writing. Returns the number of records taken from the rings, or
 * negative errno, or what the callback returned if that was not 0.
 */
long source_ring_read(struct source_ring *source, bool last, source_record_fn on_record, void *user);

#endif
