/* SPDX-License-Identifier: GPL-2.0 */
/* The recent past of the CPU that runs here: written by its observers (delay.bpf.h), read and written where packets arrive. */
#ifndef NT_CPU_BPF_H
#define NT_CPU_BPF_H

#include "cpu_abi.h"
#include "kernel.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct nt_cpu);
} cpus SEC(".maps");

/* By thread. A task that was forgotten is learned again when the next packet wakes it. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, NT_READERS_MAX);
	__type(key, u32);
	__type(value, struct nt_reader);
} readers SEC(".maps");

/* Not on a program's stack, which is small. */
const volatile u8 new_reader[sizeof(struct nt_reader)] = {};

static __always_inline struct nt_cpu *cpu_here(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&cpus, &zero);
}

#endif
