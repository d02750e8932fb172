/* SPDX-License-Identifier: GPL-2.0 */
/* Kernel drift: structures and variables that came, went or changed, each with the kernel that did it. */
#ifndef NT_COMPAT_BPF_H
#define NT_COMPAT_BPF_H

#include "event.h"
#include "percpu.bpf.h"
#include "read.bpf.h"
#include "track_abi.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* x86 keeps these in here from 6.2 to 6.14, before and after in __preempt_count and current_task. */
struct pcpu_hot {
	struct task_struct *current_task;
	int preempt_count;
};

struct softnet_data {
	unsigned int processed;
	unsigned int time_squeeze;
};

/* 5.14 (commit 2f064a59a11f) gave it two underscores and 32 bits. */
struct task_struct___v5_13 {
	long state;
};

/* nf_tables and x_tables are modules: their BTF is there from 5.11, if loaded before us. */
struct nft_table {
	char *name;
};

struct nft_chain {
	struct nft_table *table;
	u32 use;
	char *name;
};

struct xt_table {
	char name[32];
};

/* Until 6.1 vlan_tci keeps what was there when the tag is gone; since 6.2 it is cleared then. */
struct sk_buff___v6_1 {
	u8 vlan_present : 1;
};

#pragma clang attribute pop

/*
 * 5.10 has no module BTF. These offsets are its structures' on 64-bit machines
 * (include/net/netfilter/nf_tables.h and include/linux/netfilter/x_tables.h of
 * v5.10); annotate.bpf.h checks that a name found through them reads like one.
 */
struct nft_chain_v5_10 {
	char before_table[64];
	char *table;
	u64 handle;
	u32 use;
	u32 flags;
	char *name;
};
#define NFT_TABLE_NAME_V5_10 240
#define XT_TABLE_NAME_V5_10 56

const volatile u64 address_of_preempt_count = 0;
const volatile u64 address_of_current_task = 0;
const volatile u64 address_of_pcpu_hot = 0;
const volatile u64 address_of_softnet_data = 0;

/* Which /proc/PID is ksoftirqd of a CPU; filled by userspace, 0 if unknown. */
u32 ksoftirqd_pid[NT_MAX_CPUS] = {};

/* Layout of preempt_count(), include/linux/preempt.h: bits since 4.x the same. */
#define PREEMPT_SOFTIRQ_SERVING 0x00000100
#define PREEMPT_SOFTIRQ_MASK 0x0000ff00
#define PREEMPT_HARDIRQ_MASK 0x000f0000
#define PREEMPT_NMI_MASK 0x00f00000
#define PF_KTHREAD 0x00200000

/* The tag that is beside the packet, not in it; 0 if none. */
static __always_inline u16 compat_vlan_tci(struct sk_buff *skb)
{
	struct sk_buff___v6_1 *old = (void *)skb;

	if (bpf_core_field_exists(old->vlan_present) && !READ_BITFIELD(old, vlan_present))
		return 0;
	return READ(skb, vlan_tci);
}

static __always_inline bool compat_preempt_count(u32 cpu, int *ret_count)
{
	u64 address = address_of_preempt_count, here;

	if (address_of_pcpu_hot && bpf_core_field_exists(struct pcpu_hot, preempt_count))
		address = address_of_pcpu_hot + bpf_core_field_offset(struct pcpu_hot, preempt_count);
	here = per_cpu_address(cpu, address);
	return here && read_bytes(ret_count, sizeof(*ret_count), here);
}

/* Who is on that CPU at this moment; NULL: not known. */
static __always_inline struct task_struct *compat_task_on(u32 cpu)
{
	u64 address = address_of_current_task, here;

	if (address_of_pcpu_hot && bpf_core_field_exists(struct pcpu_hot, current_task))
		address = address_of_pcpu_hot + bpf_core_field_offset(struct pcpu_hot, current_task);
	here = per_cpu_address(cpu, address);
	return here ? (void *)read_u64(here) : NULL;
}

/* How often NET_RX ended there before its queues were empty: by its budget, or by its time (net_rx_action). */
static __always_inline bool compat_time_squeeze(u32 cpu, u32 *ret_times)
{
	u64 here = per_cpu_address(cpu, address_of_softnet_data);

	return here && read_bytes(ret_times, sizeof(*ret_times),
				  here + bpf_core_field_offset(struct softnet_data, time_squeeze));
}

/* How many packets were taken into the stack there (__netif_receive_skb_core), with which rules are asked. */
static __always_inline bool compat_processed(u32 cpu, u32 *ret_packets)
{
	u64 here = per_cpu_address(cpu, address_of_softnet_data);

	return here && read_bytes(ret_packets, sizeof(*ret_packets),
				  here + bpf_core_field_offset(struct softnet_data, processed));
}

/* Of the bits beyond 32 there are none of interest. */
static __always_inline u32 compat_task_state(struct task_struct *task)
{
	struct task_struct___v5_13 *old = (void *)task;

	return bpf_core_field_exists(task->__state) ? READ(task, __state) : (u32)READ(old, state);
}

static __always_inline bool compat_is_ksoftirqd(u64 cpu, u32 pid)
{
	if (!pid || cpu >= NT_MAX_CPUS)
		return false;
	barrier_var(cpu); /* as in per_cpu_address() */
	return ksoftirqd_pid[cpu & (NT_MAX_CPUS - 1)] == pid;
}

/* Bottom halves are off: a packet being sent by a task, or a NAPI thread at work. */
static __always_inline bool compat_in_napi_thread(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	char comm[16];

	if (!(READ(task, flags) & PF_KTHREAD) || bpf_get_current_comm(comm, sizeof(comm)))
		return false;
	return comm[0] == 'n' && comm[1] == 'a' && comm[2] == 'p' && comm[3] == 'i' && comm[4] == '/';
}

/* What kind of code runs here: enum nt_context. */
static __always_inline u8 compat_context(void)
{
	u32 cpu = bpf_get_smp_processor_id();
	int count = 0;

	if (!compat_preempt_count(cpu, &count))
		return NT_CTX_UNKNOWN;
	if (count & PREEMPT_NMI_MASK)
		return NT_CTX_NMI;
	if (count & PREEMPT_HARDIRQ_MASK)
		return NT_CTX_HARDIRQ;
	if (count & PREEMPT_SOFTIRQ_SERVING)
		return compat_is_ksoftirqd(cpu, (u32)bpf_get_current_pid_tgid()) ? NT_CTX_KSOFTIRQD : NT_CTX_SOFTIRQ;
	if ((count & PREEMPT_SOFTIRQ_MASK) && compat_in_napi_thread())
		return NT_CTX_NAPI_THREAD;
	return NT_CTX_TASK;
}

#endif
