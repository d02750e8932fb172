/* SPDX-License-Identifier: GPL-2.0 */
/* One ring per CPU, which carries its records to userspace. */
#ifndef NT_RING_BPF_H
#define NT_RING_BPF_H

#include "kernel.bpf.h"

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024); /* userspace sets the size that the budget allows */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1); /* userspace: one per possible CPU */
	__type(key, u32);
	__array(values, struct ring);
} rings SEC(".maps");

static __always_inline void *ring_here(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&rings, &cpu);
}

#endif
