/* SPDX-License-Identifier: GPL-2.0 */
/* What the running kernel has and allows: asked by trial and from BTF, never from its version. */
#ifndef NT_KERNEL_H
#define NT_KERNEL_H

#include <stdbool.h>

#include "dict.h"
#include "options.h"
#include "probe_plan.h"

struct kernel;

/* Read the kernel's BTF. 0, -ENOENT if there is none, or negative errno. */
int kernel_open(struct kernel **ret_kernel);
void kernel_free(struct kernel *kernel);

/* Are hits counted that function probes missed because another program ran (6.7)? */
bool kernel_counts_misses(const struct kernel *kernel);

/* Does the tracepoint kfree_skb tell a reason (5.17)? */
bool kernel_has_drop_reason(const struct kernel *kernel);

/* Do programs read with plain loads here? Tried with each kind of program that probes run. */
bool kernel_has_direct_reads(const struct kernel *kernel);

/* What the kernel side has to know of the kernel, without its types, which take megabytes. */
struct kernel_abilities {
	bool direct_reads, parts, drop_reason, counts_misses;
};

void kernel_find_abilities(const struct kernel *kernel, struct kernel_abilities *ret_abilities);

/* How many reasons it has names for; 0 if it tells none. */
unsigned int kernel_count_drop_reasons(const struct kernel *kernel);

/* Addresses of variables that tell in what context code runs, and whose, and of the tick's callback; 0: not known on this kernel. */
struct kernel_variables {
	u64 preempt_count, pcpu_hot, per_cpu_offset, irq_regs, current_task, softnet_data, tick;
	bool addresses_shown; /* false: the kernel hides all addresses from this process */
};

/* Do they suffice to tell it? The BPF side decides by the same (compat_preempt_count). */
bool kernel_tells_context(const struct kernel *kernel, const struct kernel_variables *variables);

/*
 * Fill facts[], one per row of the table, and the addresses of variables. A kernel that
 * hides addresses still tells names; then all addresses are 0. Reads the types of modules whose functions
 * are among the rows. 0 or negative errno.
 */
int kernel_gather_facts(struct kernel *kernel, const struct probe_table *probes,
			struct probe_facts *ret_facts, struct kernel_variables *ret_variables);

/* Put the names of enum skb_drop_reason into the dictionary. */
int kernel_name_drop_reasons(const struct kernel *kernel, struct dict *dict);

/*
 * Trials, in kernel_trial.c: what works is found by doing it once. Not by asking for a
 * version, since distributions build features in, out, and patch them back.
 */

/* Try whether probes can be attached in this way, by attaching one. 0 or the negative errno of the trial. */
int kernel_try(enum backend backend);

/* Do kprobe programs learn which probe called them (5.15)? */
bool kernel_has_cookie(void);

/* Can programs format an address as a name (bpf_snprintf, 5.13)? */
bool kernel_has_snprintf(void);

/*
 * May programs read the kernel's memory with plain loads (bpf_rdonly_cast, 6.2)? The ids are those of the kernel's BTF:
 * of that function and of struct sk_buff.
 */
bool kernel_try_direct_reads(u32 function_id, u32 skb_id);

/* May a function that is verified by itself be given a pointer to memory (5.12)? */
bool kernel_has_parts(void);

/* Can a CPU be sampled by the clock of perf events? 0 or the negative errno of the trial. */
int kernel_try_perf_clock(void);

#endif
