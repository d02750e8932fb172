/* SPDX-License-Identifier: GPL-2.0 */
/* Observers of tasks that packets wake, which read sockets or poll a NIC: when they were ready to run, and who ran instead. */
#ifndef NT_READERS_BPF_H
#define NT_READERS_BPF_H

#include "delay.bpf.h"

/* void sched_waking(struct task_struct *p): of one that sleeps; its state has to be one that this ends */
SEC("raw_tp/sched_waking") int cpu_waking(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct nt_reader *reader;
	struct nt_cpu *cpu = cpu_here();
	u32 pid = READ(task, pid);

	if (!cpu)
		return 0;
	if (compat_is_ksoftirqd(bpf_get_smp_processor_id(), pid)) {
		cpu->ksoftirqd_woken = moment_of(cpu, bpf_ktime_get_ns());
		return 0;
	}
	reader = bpf_map_lookup_elem(&readers, &pid);
	if (!reader && cpu->queueing) {
		bpf_map_update_elem(&readers, &pid, (const void *)&new_reader, BPF_NOEXIST);
		reader = bpf_map_lookup_elem(&readers, &pid);
	}
	if (!reader)
		return 0;
	reader->woken_ns = reader->ready_ns = bpf_ktime_get_ns();
	reader->n_waits = 0;
	return 0;
}

static __always_inline struct nt_reader *reader_of(struct task_struct *task)
{
	u32 pid = READ(task, pid);

	return pid ? bpf_map_lookup_elem(&readers, &pid) : NULL;
}

static __always_inline void reader_off(struct task_struct *task, struct nt_cpu *cpu, u64 now_ns)
{
	struct nt_reader *reader = reader_of(task);
	u32 state;

	if (!reader)
		return;
	state = compat_task_state(task);
	if (state)
		reader->state = state;
	else
		reader->ready_ns = now_ns;
	if (reader->is_napi)
		cpu->thread_raised_ns = 0;
}

/* The poll that begins now had to wait for whoever ran instead; what others of a NIC's threads waited meanwhile is told already. */
static __always_inline void late_thread(struct nt_cpu *cpu, u64 ready_ns, const struct nt_reader_wait *wait, u64 now_ns)
{
	u64 start_ns = later(ready_ns, cpu->threads_told_ns), longest_ns = 0, all_ns = ~0ull;
	u64 own_ns = now_ns - start_ns - told_since(cpu, start_ns, &all_ns);
	struct nt_blocked *record;

	cpu->thread_raised_ns = ready_ns;
	if (!wait || (s64)own_ns < (s64)NT_BLOCKED_MIN_NS)
		return;
	record = blocked_begin(cpu, NT_CAUSE_NAPI_THREAD_STARVED, start_ns, start_ns, now_ns, own_ns);
	cpu->threads_told_ns = now_ns;
	if (!record)
		return;
	record->pid = wait->before_pid;
	__builtin_memcpy(record->comm, wait->before_comm, sizeof(record->comm));
	if (start_ns != ready_ns)
		blame_run(cpu, start_ns, &longest_ns, &record->pid, record->comm);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/* The task ran until now. */
static __always_inline void note_run(struct nt_cpu *cpu, struct task_struct *task, u64 now_ns)
{
	u32 pid = READ(task, tgid);
	struct nt_run *run;

	if (!pid || now_ns - cpu->task_on_ns < NT_BLOCKED_MIN_NS)
		return;
	run = &cpu->runs[cpu->next_run % NT_RUNS];
	cpu->next_run++;
	run->from_ns = cpu->task_on_ns;
	run->to_ns = now_ns;
	run->pid = pid;
	bpf_probe_read_kernel(run->comm, sizeof(run->comm), task->comm);
}

static __always_inline u64 length_of(const struct nt_reader_wait *wait)
{
	return wait->to_ns - wait->from_ns;
}

/*
 * Room for a wait of that length. Whatever time ends now, the longest wait in it is among those that are kept: they grow
 * shorter towards now. Where there are too many, a short one goes.
 */
static __always_inline struct nt_reader_wait *new_wait(struct nt_reader *reader, u64 length_ns)
{
	u32 n = reader->n_waits, i;

#pragma unroll
	for (i = 0; i < NT_READER_WAITS; i++)
		if (n && length_of(&reader->waits[(n - 1) % NT_READER_WAITS]) <= length_ns)
			n--;
	if (n >= NT_READER_WAITS)
		n = NT_READER_WAITS - 1;
	reader->n_waits = n + 1;
	barrier_var(n); /* the compiler knows it, the verifier does not */
	return &reader->waits[n % NT_READER_WAITS];
}

static __always_inline void note_wait(struct nt_reader_wait *wait, struct task_struct *before, struct nt_cpu *cpu, u64 ready_ns,
				      u64 now_ns)
{
	wait->from_ns = ready_ns;
	wait->to_ns = now_ns;
	wait->before_ns = now_ns - later(ready_ns, cpu->task_on_ns);
	wait->before_pid = READ(before, tgid);
	bpf_probe_read_kernel(wait->before_comm, sizeof(wait->before_comm), before->comm);
	blame_run(cpu, ready_ns, &wait->before_ns, &wait->before_pid, wait->before_comm);
}

static __always_inline void reader_on(struct task_struct *task, struct task_struct *before, struct nt_cpu *cpu, u64 now_ns)
{
	struct nt_reader *reader = reader_of(task);
	struct nt_reader_wait *wait = NULL;
	u64 ready_ns;

	if (!reader || !reader->ready_ns)
		return;
	ready_ns = reader->ready_ns;
	if ((s64)(now_ns - ready_ns) >= (s64)READER_WAIT_MIN_NS) {
		wait = new_wait(reader, now_ns - ready_ns);
		note_wait(wait, before, cpu, ready_ns, now_ns);
	}
	if (reader->is_napi)
		late_thread(cpu, ready_ns, wait, now_ns);
}

/* void sched_switch(bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state since 5.18) */
SEC("raw_tp/sched_switch") int cpu_switch(u64 *ctx)
{
	struct nt_cpu *cpu = cpu_here();
	u64 now_ns = bpf_ktime_get_ns();

	if (!cpu)
		return 0;
	sign_of_life(cpu, now_ns);
	cpu->softirqs_on = moment_of(cpu, now_ns);
	cpu->queueing = 0;
	reader_off((void *)ctx[1], cpu, now_ns);
	note_run(cpu, (void *)ctx[1], now_ns);
	reader_on((void *)ctx[2], (void *)ctx[1], cpu, now_ns);
	cpu->task_on_ns = now_ns;
	cpu->polls = moment_of(cpu, now_ns);
	return 0;
}

#endif
