/* SPDX-License-Identifier: GPL-2.0 */
/* Taking a batch of records apart (struct nt_batch of track_abi.h). */
#ifndef NT_BATCH_H
#define NT_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "track_abi.h"

/* False: no more. */
typedef bool (*batch_entry_fn)(void *user, const void *record, u32 size, u32 cpu);

/*
 * Call on_entry for each record of a batch of that many bytes. An entry that does not fit, as an interrupted
 * write may leave it, ends it; so does on_entry.
 */
static inline void batch_each(const struct nt_batch *batch, size_t size, batch_entry_fn on_entry, void *user)
{
	const size_t head = offsetof(struct nt_batch, bytes);
	const struct nt_batch_entry *entry;
	size_t used, at = 0;

	if (size < head)
		return;
	used = batch->used_bytes < size - head ? batch->used_bytes : size - head;
	while (used - at > sizeof(*entry)) {
		entry = (const void *)&batch->bytes[at];
		at += sizeof(*entry);
		if (entry->size_bytes < sizeof(struct nt_event) || entry->size_bytes > NT_RECORD_MAX_BYTES ||
		    entry->size_bytes > used - at || !on_entry(user, entry + 1, entry->size_bytes, entry->cpu))
			return;
		at += (entry->size_bytes + 7u) & ~(size_t)7;
		if (at > used)
			return;
	}
}

#endif
