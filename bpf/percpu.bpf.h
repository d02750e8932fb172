/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Per-CPU variables by address, which userspace reads from kallsyms, and not as BTF-typed externs: 5.10's
 * BTF has none of them, and a kernel without CONFIG_KALLSYMS_ALL has their types but refuses the program.
 */
#ifndef NT_PERCPU_BPF_H
#define NT_PERCPU_BPF_H

#include "read.bpf.h"
#include "track_abi.h"

const volatile u64 address_of_per_cpu_offset = 0;

/* Where each CPU's variables are, from __per_cpu_offset[], read at the CPU's first hit. */
u64 per_cpu_base[NT_MAX_CPUS] = {};

/* Where this CPU has the variable of that address in kallsyms; 0 if that is not known. */
static __always_inline u64 per_cpu_address(u64 cpu, u64 address)
{
	u64 base;

	/* the mask after the barrier is what the verifier of 6.1 understands as a bound */
	if (cpu >= NT_MAX_CPUS || !address || !address_of_per_cpu_offset)
		return 0;
	barrier_var(cpu);
	cpu &= NT_MAX_CPUS - 1;
	base = per_cpu_base[cpu];
	if (!base) {
		base = read_u64(address_of_per_cpu_offset + cpu * sizeof(base));
		per_cpu_base[cpu] = base;
	}
	return base + address;
}

#endif
