/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Faults of a known cause and length: programs that keep a CPU busy where it already cannot do other work. Each does so
 * once, on the CPU that was asked for, and remembers from when to when.
 */
#include "kernel.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define COPY_BYTES (256 * 1024)
#define COPIES_MAX 4000 /* more would be too much for the verifier of 5.10 */

char copy_from[COPY_BYTES], copy_to[COPY_BYTES];

u32 wanted_cpu = 0;
u32 wanted = 0; /* the process, interrupt or softirq; 0: any */
u32 wanted_wakee = 0;
u64 length_ns = 0;
volatile bool armed = false;
u64 start_ns = 0, end_ns = 0;
u32 who = 0;

static __always_inline int block(void)
{
	u64 until_ns;
	u32 i;

	if (!armed || bpf_get_smp_processor_id() != wanted_cpu)
		return 0;
	armed = false;
	who = bpf_get_current_pid_tgid() >> 32;
	start_ns = bpf_ktime_get_ns();
	until_ns = start_ns + length_ns;
	for (i = 0; i < COPIES_MAX; i++) {
		if (bpf_ktime_get_ns() >= until_ns)
			break;
		bpf_probe_read_kernel(copy_to, sizeof(copy_to), copy_from);
	}
	end_ns = bpf_ktime_get_ns();
	return 0;
}

/*
 * Who wakes another has interrupts off: try_to_wake_up() holds pi_lock. Of interrupts that come upon the waker, who
 * wake others, nothing is wanted.
 */
SEC("raw_tp/sched_waking") int inject_irqs_off(u64 *ctx)
{
	struct task_struct *wakee = (void *)ctx[0];

	if (wanted != (u32)(bpf_get_current_pid_tgid() >> 32) || wanted_wakee != (u32)BPF_CORE_READ(wakee, pid))
		return 0;
	return block();
}

SEC("raw_tp/irq_handler_entry") int inject_irq(u64 *ctx)
{
	return wanted == (u32)ctx[0] ? block() : 0;
}

SEC("raw_tp/call_function_single_entry") int inject_ipi(void *ctx)
{
	(void)ctx;
	return block();
}

SEC("raw_tp/hrtimer_expire_entry") int inject_timer(void *ctx)
{
	(void)ctx;
	return block();
}

SEC("raw_tp/softirq_entry") int inject_softirq(u64 *ctx)
{
	return wanted == (u32)ctx[0] ? block() : 0;
}

/* __dev_queue_xmit() has softirqs off; in a task, as one that sends is. */
SEC("raw_tp/net_dev_queue") int inject_softirqs_off(void *ctx)
{
	(void)ctx;
	return wanted == (u32)(bpf_get_current_pid_tgid() >> 32) ? block() : 0;
}

/*
 * Who counts the pages of a process that is being made or unmade holds the lock of a page table: preemption is off, interrupts
 * and softirqs are on.
 */
SEC("raw_tp/rss_stat") int inject_preempt_off(void *ctx)
{
	(void)ctx;
	return wanted == (u32)(bpf_get_current_pid_tgid() >> 32) ? block() : 0;
}

/* Who reads a TCP socket has it locked while it copies. */
SEC("raw_tp/skb_copy_datagram_iovec") int inject_copy(void *ctx)
{
	(void)ctx;
	return wanted == (u32)(bpf_get_current_pid_tgid() >> 32) ? block() : 0;
}
