/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel side's indexes of packets, which userspace clears of what is old. */
#ifndef NT_INDEX_H
#define NT_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include "track_abi.h"

#define INDEX_VALUE_MAX_BYTES sizeof(struct nt_tracked)
_Static_assert(sizeof(struct nt_held) <= INDEX_VALUE_MAX_BYTES, "the largest value");

struct index {
	int map_fd;	/* of a hash, or of an array of sets */
	bool in_memory; /* the array: struct nt_skb_set or struct nt_head_set */
	size_t value_bytes, id_offset;
	u32 *counts; /* of the prefilter, shared with the kernel side */
};

/* Is this entry, a copy, to be removed? */
typedef bool (*index_fn)(void *user, const void *value);
/* It has been. 0 or negative errno, which ends the sieving. */
typedef int (*index_gone_fn)(void *user, u64 key, const void *value);

/* Look at each entry, and remove those chosen, while packets go on. 0 or negative errno, also of `gone`. */
int index_sieve(const struct index *index, index_fn choose, index_gone_fn gone, void *user);

#endif
