/* SPDX-License-Identifier: GPL-2.0 */
/* Blockages of this CPU, as they are told: by its observers (delay.bpf.h), and by a packet that had to wait behind others. */
#ifndef NT_BLOCKED_BPF_H
#define NT_BLOCKED_BPF_H

#include "compat.bpf.h"
#include "cpu.bpf.h"

#define NET_RX_SOFTIRQ 3 /* include/linux/interrupt.h */

/* One ring for all CPUs, of which no packets take the room: each has at most one record a millisecond to tell. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, NT_BLOCKAGES_BYTES);
} blockages SEC(".maps");

static __always_inline u64 later(u64 a, u64 b)
{
	return a > b ? a : b;
}

static __always_inline u64 lesser(u64 a, u64 b)
{
	return a < b ? a : b;
}

/*
 * For how long others were told since then, of those told last, which are looked at until *left_ns is used up; what is left is
 * of those before them.
 */
static __always_inline u64 told_since(const struct nt_cpu *cpu, u64 since_ns, u64 *left_ns)
{
	u64 sum_ns = 0, own_ns;
	u32 i;

#pragma unroll
	for (i = 1; i <= NT_TOLD; i++) {
		const struct nt_told *told = &cpu->told[(cpu->next_told - i) % NT_TOLD];

		own_ns = lesser(told->own_ns, *left_ns);
		*left_ns -= own_ns;
		if (told->end_ns > since_ns)
			sum_ns += lesser(own_ns, told->end_ns - since_ns);
	}
	return sum_ns;
}

static __always_inline struct nt_moment moment_of(const struct nt_cpu *cpu, u64 now_ns)
{
	return (struct nt_moment){.ns = now_ns, .told_ns = cpu->told_ns};
}

/* What of the time since then was not told of. What was told since may have been before, in part or as a whole. */
static __always_inline u64 untold_ns(const struct nt_cpu *cpu, const struct nt_moment *since, u64 now_ns)
{
	u64 left_ns = cpu->told_ns - since->told_ns;

	if (!left_ns)
		return now_ns - since->ns;
	return now_ns - since->ns - told_since(cpu, since->ns, &left_ns) - left_ns;
}

static __always_inline void note_told(struct nt_cpu *cpu, u64 end_ns, u64 own_ns)
{
	struct nt_told *told = &cpu->told[cpu->next_told % NT_TOLD];

	cpu->next_told++;
	cpu->told_ns += own_ns;
	told->end_ns = end_ns;
	told->own_ns = own_ns;
}

/* What is told is complete but for the culprit. NULL if there is no room. */
static __always_inline struct nt_blocked *blocked_begin(struct nt_cpu *cpu, enum nt_cause cause, u64 start_lo_ns,
							u64 start_hi_ns, u64 end_ns, u64 own_ns)
{
	struct nt_blocked *record = bpf_ringbuf_reserve(&blockages, sizeof(*record), 0);

	/* between two that follow each other a timer may expire, as in userspace's leads_to() */
	if (later(start_lo_ns, start_hi_ns - NT_BUSY_TICK_NS) > cpu->blocked_end_ns + NT_ARRIVAL_SLACK_NS)
		cpu->chain_told_ns = cpu->told_ns;
	cpu->blocked_start_ns = start_hi_ns;
	cpu->blocked_end_ns = later(cpu->blocked_end_ns, end_ns);
	note_told(cpu, end_ns, own_ns);
	if (!record) {
		cpu->lost++;
		return NULL;
	}
	__builtin_memset(record, 0, sizeof(*record));
	record->ev.ts_ns = bpf_ktime_get_ns(); /* after the reservation, as all records (emit.bpf.h) */
	record->ev.kind = NT_BLOCKED;
	record->start_lo_ns = start_lo_ns;
	record->start_hi_ns = start_hi_ns;
	record->end_ns = end_ns;
	record->own_ns = own_ns;
	record->cpu = bpf_get_smp_processor_id();
	record->cause = cause;
	record->softirq = cpu->softirq;
	return record;
}

static __always_inline u64 processed_here(void)
{
	u32 packets = 0;

	compat_processed(bpf_get_smp_processor_id(), &packets);
	return packets;
}

/* What comes from now on waits for what NET_RX is at; how often that was interrupted by its budget is counted from here. */
static __always_inline void begin_behind(struct nt_cpu *cpu, u64 now_ns)
{
	cpu->behind = moment_of(cpu, now_ns);
	cpu->squeezed_times = 0;
	cpu->behind_processed = processed_here();
}

/*
 * NET_RX comes to a packet, after others; or begins, and finds what it left behind. If there were no others, something else took
 * the time: a host, perhaps. If there was no sign of life for longer than ticks are apart, the CPU stood still, and a timer is
 * about to tell of that.
 */
static __always_inline void late_behind(struct nt_cpu *cpu, u64 now_ns)
{
	u64 own_ns = untold_ns(cpu, &cpu->behind, now_ns);
	struct nt_blocked *record;

	if (!cpu->behind.ns || (s64)own_ns < (s64)NT_BLOCKED_MIN_NS ||
	    (s64)(now_ns - cpu->alive_ns) > (s64)(NT_BUSY_TICK_NS + NT_BLOCKED_MIN_NS))
		return;
	if (cpu->squeezed_times || cpu->behind_processed != processed_here()) {
		record = blocked_begin(cpu, NT_CAUSE_NAPI_BUDGET, cpu->behind.ns, cpu->behind.ns, now_ns, own_ns);
		if (record) {
			record->number = (u16)cpu->squeezed_times;
			bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
		}
	}
	begin_behind(cpu, now_ns);
}

#endif
