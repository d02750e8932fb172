/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel side's indexes of packets (bpf/index.bpf.h), looked through and thinned out from userspace. */
#include "index.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * Of an index in shared memory so many sets are mapped at a time: what is mapped counts as this process's memory. Their
 * bytes are a multiple of any page size up to 64 KiB.
 */
#define WINDOW_SETS 1024

static void count_out(u32 *counts, u64 key)
{
	__atomic_fetch_sub(&counts[nt_prefilter_slot(key)], 1, __ATOMIC_RELAXED);
}

static size_t set_bytes(const struct index *index)
{
	return NT_INDEX_WAYS * (sizeof(u64) + index->value_bytes);
}

/* Whoever puts 0 in the key's place has deleted the entry. */
static int sieve_set(const struct index *index, u64 *keys, index_fn choose, index_gone_fn gone, void *user)
{
	char *values = (char *)(keys + NT_INDEX_WAYS);
	_Alignas(u64) char copy[INDEX_VALUE_MAX_BYTES];
	int err = 0;

	for (unsigned int way = 0; !err && way < NT_INDEX_WAYS; way++) {
		u64 key = __atomic_load_n(&keys[way], __ATOMIC_ACQUIRE);

		if (!key || key & NT_INDEX_CLAIM)
			continue;
		memcpy(copy, values + way * index->value_bytes, index->value_bytes);
		if (!choose(user, copy) ||
		    !__atomic_compare_exchange_n(&keys[way], &key, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		count_out(index->counts, key);
		err = gone(user, key, copy);
	}
	return err;
}

static int sieve_memory(const struct index *index, index_fn choose, index_gone_fn gone, void *user)
{
	size_t window_bytes = WINDOW_SETS * set_bytes(index);
	int err = 0;

	for (u32 first = 0; !err && first < NT_INDEX_SETS; first += WINDOW_SETS) {
		char *window = mmap(NULL, window_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, index->map_fd,
				    (off_t)(first * set_bytes(index)));

		if (window == MAP_FAILED)
			return -errno;
		for (u32 set = 0; !err && set < WINDOW_SETS; set++)
			err = sieve_set(index, (u64 *)(window + set * set_bytes(index)), choose, gone, user);
		munmap(window, window_bytes);
	}
	return err;
}

/* Since the entry was copied, the address may have become another packet's. */
static bool delete_same(const struct index *index, u64 key, const char *copied)
{
	_Alignas(u64) char now[INDEX_VALUE_MAX_BYTES];

	return !bpf_map_lookup_elem(index->map_fd, &key, now) &&
	       !memcmp(now + index->id_offset, copied + index->id_offset, sizeof(u32)) &&
	       !bpf_map_delete_elem(index->map_fd, &key);
}

static int sieve_copies(const struct index *index, const u64 *keys, const char *values, u32 n, index_fn choose,
			index_gone_fn gone, void *user)
{
	int err = 0;

	for (u32 i = 0; !err && i < n; i++, values += index->value_bytes) {
		if (!choose(user, values) || !delete_same(index, keys[i], values))
			continue;
		count_out(index->counts, keys[i]);
		err = gone(user, keys[i], values);
	}
	return err;
}

/* Copied in one go, in batches: each system call on such a map keeps probes off a CPU. */
static int sieve_hash(const struct index *index, index_fn choose, index_gone_fn gone, void *user)
{
	u64 *keys = malloc(NT_TRACKED_MAX * sizeof(*keys));
	char *values = malloc(NT_TRACKED_MAX * index->value_bytes);
	u32 batch = 0, n = 0, count;
	bool first = true;
	int err = keys && values ? 0 : -ENOMEM;

	while (!err && n < NT_TRACKED_MAX) {
		count = NT_TRACKED_MAX - n;
		err = bpf_map_lookup_batch(index->map_fd, first ? NULL : &batch, &batch, keys + n,
					   values + n * index->value_bytes, &count, NULL);
		if (!err || err == -ENOENT) /* which says that this was the last batch */
			n += count;
		first = false;
	}
	if (!err || err == -ENOENT)
		err = sieve_copies(index, keys, values, n, choose, gone, user);
	free(keys);
	free(values);
	return err;
}

int index_sieve(const struct index *index, index_fn choose, index_gone_fn gone, void *user)
{
	return index->in_memory ? sieve_memory(index, choose, gone, user) : sieve_hash(index, choose, gone, user);
}
