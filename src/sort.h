/* SPDX-License-Identifier: GPL-2.0 */
/* Putting records of several rings in order of time. */
#ifndef NT_SORT_H
#define NT_SORT_H

#include <stddef.h>

#include "event.h"

struct sort_item {
	u64 ts_ns;
	const struct nt_event *record;
	u32 size_bytes;
	u32 cpu;
};

/*
 * Stable merge sort by ts_ns, which takes advantage of runs that are in order
 * already: rings are, but for nested interrupts. scratch has room for n items.
 */
void sort_items(struct sort_item *items, size_t n, struct sort_item *scratch);

#endif
