/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Observers of each CPU: times in which it did not come to packets, and who is to blame. What is noticed:
 *
 *   interrupts off   an hrtimer expires late, and there was no sign of life since it should have
 *   long interrupt   between the entry and the exit of its handler, also of one that another CPU sent
 *   long timer       between the entry and the exit of an hrtimer's callback
 *   long softirq     between the entry and the exit of one that is not NET_RX
 *   softirqs off     between the first raise of NET_RX and its entry
 *   NAPI budget      while NET_RX is at packets that came before, or ends before its queues are empty
 *   napi thread      between its wakeup and its running
 *
 * And while it lasts, from another CPU: one that has network work, and does not tick any more.
 *
 * They can lie in each other. What is told of the inner one is no blockage of the outer one's own.
 */
#ifndef NT_DELAY_BPF_H
#define NT_DELAY_BPF_H

#include "blocked.bpf.h"
#include "compat.bpf.h"

#define HRTIMER_BASE_MONOTONIC 0
#define HRTIMER_BASE_MONOTONIC_SOFT 4 /* from here on they expire in a softirq */
#define READER_WAIT_MIN_NS 100000ull /* shorter waits explain none that is told */
#define OPCODE_STI 0xfb
#define OPCODE_POPF 0x9d

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct irqaction {
	void *handler;
	const char *name;
};

struct timerqueue_node {
	s64 expires;
};

struct hrtimer_clock_base {
	unsigned int index;
};

struct hrtimer {
	struct timerqueue_node node;
	void *function;
	struct hrtimer_clock_base *base;
};

struct napi_struct {
	unsigned int napi_id;
};

#pragma clang attribute pop

/* By CPU, for the watch: its last tick, the one whose silence was told, who looks after whom (one more than the number). */
u64 ticks_ns[NT_MAX_CPUS] = {};
u64 told_silent_ns[NT_MAX_CPUS] = {};
u32 looks_after[NT_MAX_CPUS] = {};

/* By CPU: when NET_RX, or a NAPI thread, ran there last. Userspace has those watched that have such work. */
u64 net_rx_ns[NT_MAX_CPUS] = {};

/* Registers that the interrupt under way has saved (set_irq_regs). */
const volatile u64 address_of_irq_regs = 0;

/* The callback of a CPU's tick, which is never armed for a time that has passed, as a task may arm its timers. */
const volatile u64 address_of_tick = 0;

/* Interrupts were on a moment ago. Signs after a long silence do not hide it: several interrupts wait for its end. */
static __always_inline void sign_of_life(struct nt_cpu *cpu, u64 now_ns)
{
	u64 alive_ns = cpu->alive_ns;

	cpu->alive_ns = now_ns;
	if (now_ns - alive_ns < NT_BLOCKED_MIN_NS)
		return;
	cpu->gap_from_ns = alive_ns;
	cpu->gap_to_ns = now_ns;
	if (now_ns - alive_ns < cpu->silence_to_ns - cpu->silence_from_ns && alive_ns - cpu->silence_to_ns < NT_BUSY_TICK_NS)
		return;
	cpu->silence_from_ns = alive_ns;
	cpu->silence_to_ns = now_ns;
}

static __always_inline void blame_task(void *ctx, struct nt_blocked *record)
{
	record->pid = bpf_get_current_pid_tgid() >> 32;
	record->flags |= (u32)bpf_get_current_pid_tgid() ? 0 : NT_B_IDLE;
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	bpf_get_stack(ctx, record->frames, sizeof(record->frames), 0);
}

/*
 * Does the instruction before this one switch interrupts on? popf does so at its end, sti one instruction later
 * (Intel SDM, volume 2B, STI), of which x86 has none longer than 15 bytes. Elsewhere it is not known.
 */
static __always_inline bool follows_enabling(u64 ip)
{
	u8 code[16];
	u32 i;

	if (bpf_probe_read_kernel(code, sizeof(code), (void *)(ip - sizeof(code))))
		return false;
	if (code[15] == OPCODE_POPF)
		return true;
#pragma unroll
	for (i = 0; i < sizeof(code); i++)
		if (code[i] == OPCODE_STI)
			return true;
	return false;
}

/*
 * What the interrupt came upon. A CPU that its host did not let run stands somewhere, too, and whoever is there is
 * innocent: one that kept interrupts off has just switched them on.
 */
static __always_inline void look_at_interrupted(struct nt_blocked *record)
{
	u64 where = per_cpu_address(record->cpu, address_of_irq_regs);
	struct pt_regs *regs;
	u64 ip = 0;

	regs = where ? (void *)read_u64(where) : NULL;
	if (!regs || bpf_probe_read_kernel(&ip, sizeof(ip), &regs->ip) || !ip)
		return;
	record->flags |= NT_B_REGS;
	if ((s64)ip > 0)
		record->flags |= NT_B_USER;
	else if (follows_enabling(ip))
		record->flags |= NT_B_ENABLED;
}

/*
 * A timer that should have expired at `expires_ns`, and does only now. Who arms one whose time has passed has
 * given a sign of life since then. Where signs came back before the tick, as those of a virtual CPU do whose host lets it go on
 * first and then sees to its timers, the CPU stood still until they did, and who is interrupted now has nothing to do with it.
 */
static __always_inline void late_timer(void *ctx, struct nt_cpu *cpu, u64 expires_ns, bool is_tick, u64 now_ns)
{
	u64 alive_ns = cpu->alive_ns, end_ns = now_ns, all_ns = ~0ull;
	struct nt_blocked *record;
	bool bystander;

	if (expires_ns <= cpu->blocked_end_ns) {
		if (expires_ns >= cpu->blocked_start_ns)
			return;
		end_ns = cpu->blocked_start_ns; /* what is told came upon the end of this */
	}
	if (alive_ns > expires_ns && now_ns - cpu->gap_to_ns < NT_BLOCKED_MIN_NS)
		alive_ns = cpu->gap_from_ns;
	bystander = is_tick && alive_ns > expires_ns;
	if (bystander) {
		alive_ns = cpu->silence_from_ns;
		end_ns = cpu->silence_to_ns < end_ns ? cpu->silence_to_ns : end_ns;
	}
	if ((s64)(end_ns - expires_ns) < (s64)NT_BLOCKED_MIN_NS)
		return;
	if (bystander && told_since(cpu, expires_ns, &all_ns) + NT_BLOCKED_MIN_NS > end_ns - expires_ns)
		return;
	if (end_ns == now_ns && alive_ns < cpu->blocked_end_ns)
		alive_ns = cpu->blocked_end_ns;
	if (!alive_ns || alive_ns > expires_ns)
		return;
	record = blocked_begin(cpu, bystander ? NT_CAUSE_UNKNOWN : NT_CAUSE_IRQS_OFF, alive_ns, expires_ns, end_ns, end_ns - alive_ns);
	if (!record)
		return;
	if (!bystander) {
		blame_task(ctx, record);
		look_at_interrupted(record);
	}
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/* void hrtimer_expire_entry(struct hrtimer *timer, ktime_t now): until 6.12 a pointer to now */
SEC("raw_tp/hrtimer_expire_entry") int cpu_timer_entry(u64 *ctx)
{
	struct hrtimer *timer = (void *)ctx[0];
	u32 index = READ(timer, base, index);
	u64 now_ns = bpf_ktime_get_ns(), function = READ_ADDRESS(timer, function);
	struct nt_cpu *cpu = cpu_here();
	struct nt_timer_run *run;

	if (!cpu)
		return 0;
	if (index == HRTIMER_BASE_MONOTONIC)
		late_timer(ctx, cpu, READ(timer, node.expires), function == address_of_tick, now_ns);
	if (index < HRTIMER_BASE_MONOTONIC_SOFT)
		sign_of_life(cpu, now_ns);
	run = index < HRTIMER_BASE_MONOTONIC_SOFT ? &cpu->timers[0] : &cpu->timers[1];
	run->timer = (u64)timer;
	run->function = function;
	run->start = moment_of(cpu, now_ns);
	return 0;
}

/* The end of what began then; NULL if too little of it is left that others are not to blame for. */
static __always_inline struct nt_blocked *took_long(struct nt_cpu *cpu, enum nt_cause cause, const struct nt_moment *start,
						    u64 now_ns)
{
	u64 own_ns = untold_ns(cpu, start, now_ns);

	if (!start->ns || (s64)own_ns < (s64)NT_BLOCKED_MIN_NS)
		return NULL;
	return blocked_begin(cpu, cause, start->ns, start->ns, now_ns, own_ns);
}

static __always_inline void end_timer(struct nt_cpu *cpu, struct nt_timer_run *run, u64 now_ns)
{
	struct nt_blocked *record = took_long(cpu, NT_CAUSE_LONG_TIMER, &run->start, now_ns);

	run->timer = 0;
	if (!record)
		return;
	record->function = run->function;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

SEC("raw_tp/hrtimer_expire_exit") int cpu_timer_exit(u64 *ctx)
{
	u64 timer = ctx[0], now_ns = bpf_ktime_get_ns();
	struct nt_cpu *cpu = cpu_here();

	if (!cpu || !timer)
		return 0;
	if (cpu->timers[0].timer == timer)
		end_timer(cpu, &cpu->timers[0], now_ns);
	else if (cpu->timers[1].timer == timer)
		end_timer(cpu, &cpu->timers[1], now_ns);
	return 0;
}

SEC("raw_tp/irq_handler_entry") int cpu_irq_entry(u64 *ctx)
{
	struct nt_cpu *cpu = cpu_here();
	u64 now_ns = bpf_ktime_get_ns();

	(void)ctx;
	if (!cpu)
		return 0;
	sign_of_life(cpu, now_ns);
	cpu->irq_start = moment_of(cpu, now_ns);
	return 0;
}

/* void irq_handler_exit(int irq, struct irqaction *action, int ret) */
SEC("raw_tp/irq_handler_exit") int cpu_irq_exit(u64 *ctx)
{
	struct irqaction *action = (void *)ctx[1];
	struct nt_cpu *cpu = cpu_here();
	u64 now_ns = bpf_ktime_get_ns();
	struct nt_blocked *record;

	if (!cpu)
		return 0;
	record = took_long(cpu, NT_CAUSE_LONG_IRQ, &cpu->irq_start, now_ns);
	if (!record)
		return 0;
	record->number = (u16)ctx[0];
	record->function = READ_ADDRESS(action, handler);
	bpf_probe_read_kernel_str(record->comm, sizeof(record->comm), (void *)READ_ADDRESS(action, name));
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

/*
 * What other CPUs have this one do (smp_call_function, irq_work), of which irq_handler_entry does not tell; nor does one come
 * upon the other. The tracepoints are x86's.
 */
static __always_inline int begin_ipi(void)
{
	struct nt_cpu *cpu = cpu_here();

	/* no sign of life: the higher vector comes first, and the timer behind them has to find that it is late */
	if (cpu)
		cpu->irq_start = moment_of(cpu, bpf_ktime_get_ns());
	return 0;
}

static __always_inline void end_ipi(u16 vector, const char name[16])
{
	struct nt_cpu *cpu = cpu_here();
	struct nt_blocked *record;

	if (!cpu)
		return;
	record = took_long(cpu, NT_CAUSE_LONG_IRQ, &cpu->irq_start, bpf_ktime_get_ns());
	if (!record)
		return;
	record->number = vector;
	record->flags |= NT_B_IPI;
	__builtin_memcpy(record->comm, name, sizeof(record->comm));
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

SEC("raw_tp/call_function_entry") int cpu_ipi_all(void *ctx)
{
	(void)ctx;
	return begin_ipi();
}

SEC("raw_tp/call_function_single_entry") int cpu_ipi_one(void *ctx)
{
	(void)ctx;
	return begin_ipi();
}

SEC("raw_tp/irq_work_entry") int cpu_ipi_work(void *ctx)
{
	(void)ctx;
	return begin_ipi();
}

/* Global: libbpf does not know where static ones are. */
const char call_function[16] = "call_function", irq_work[16] = "irq_work";

/* void call_function_exit(int vector) */
SEC("raw_tp/call_function_exit") int cpu_ipi_all_end(u64 *ctx)
{
	end_ipi((u16)ctx[0], call_function);
	return 0;
}

SEC("raw_tp/call_function_single_exit") int cpu_ipi_one_end(u64 *ctx)
{
	end_ipi((u16)ctx[0], call_function);
	return 0;
}

SEC("raw_tp/irq_work_exit") int cpu_ipi_work_end(u64 *ctx)
{
	end_ipi((u16)ctx[0], irq_work);
	return 0;
}

SEC("raw_tp/softirq_raise") int cpu_softirq_raise(u64 *ctx)
{
	struct nt_cpu *cpu;

	if ((u32)ctx[0] != NET_RX_SOFTIRQ)
		return 0;
	cpu = cpu_here();
	if (!cpu || cpu->raised.ns)
		return 0;
	cpu->raised = moment_of(cpu, bpf_ktime_get_ns());
	cpu->raised_on = cpu->softirqs_on;
	if (cpu->softirq != NET_RX_SOFTIRQ + 1)
		cpu->run_told_ns = cpu->raised.ns > cpu->blocked_end_ns + NT_ARRIVAL_SLACK_NS ? cpu->told_ns : cpu->chain_told_ns;
	return 0;
}

/* Something was ready to run since then, and others ran: which of them did for longest, if that is more than *longest_ns. */
static __always_inline void blame_run(const struct nt_cpu *cpu, u64 ready_ns, u64 *longest_ns, u32 *ret_pid, char *ret_comm)
{
	u32 i;

#pragma unroll
	for (i = 0; i < NT_RUNS; i++) {
		const struct nt_run *run = &cpu->runs[i];
		u64 from_ns = later(ready_ns, run->from_ns);

		if (run->to_ns <= from_ns || run->to_ns - from_ns <= *longest_ns)
			continue;
		*longest_ns = run->to_ns - from_ns;
		*ret_pid = run->pid;
		__builtin_memcpy(ret_comm, run->comm, sizeof(run->comm));
	}
}

/*
 * NET_RX was raised and did not begin for long, without what others in between were told for. Whoever has softirqs off
 * had them off when it was raised, and not yet when the last one ended or tasks were switched.
 */
static __always_inline void late_net_rx(void *ctx, struct nt_cpu *cpu, u64 now_ns)
{
	u64 on_ns = cpu->raised_on.ns, raised_ns = cpu->raised.ns, own_ns, own_on_ns;
	struct nt_blocked *record;

	if (!raised_ns)
		return;
	own_ns = untold_ns(cpu, &cpu->raised, now_ns);
	if ((s64)own_ns < (s64)NT_BLOCKED_MIN_NS)
		return;
	own_on_ns = untold_ns(cpu, &cpu->raised_on, now_ns);
	if (on_ns && (s64)own_on_ns > (s64)own_ns) /* what was told since may have been before */
		own_ns = own_on_ns;
	record = blocked_begin(cpu, NT_CAUSE_SOFTIRQS_OFF, on_ns ?: raised_ns, raised_ns, now_ns, own_ns);
	if (!record)
		return;
	blame_task(ctx, record);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/*
 * NET_RX was left to ksoftirqd, which did not have its CPU. It is woken at the end of the softirqs in which NET_RX was
 * raised; what those took is not the fault of who ran instead of it.
 */
static __always_inline void late_ksoftirqd(struct nt_cpu *cpu, u64 now_ns)
{
	const struct nt_moment *ready = cpu->ksoftirqd_woken.ns > cpu->raised.ns ? &cpu->ksoftirqd_woken : &cpu->raised;
	u64 own_ns = untold_ns(cpu, ready, now_ns), longest_ns = 0;
	struct nt_blocked *record;

	if (!cpu->raised.ns || (s64)own_ns < (s64)NT_BLOCKED_MIN_NS)
		return;
	record = blocked_begin(cpu, NT_CAUSE_KSOFTIRQD_STARVED, ready->ns, ready->ns, now_ns, own_ns);
	if (!record)
		return;
	blame_run(cpu, ready->ns, &longest_ns, &record->pid, record->comm);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/*
 * NET_RX ends. If it had to leave packets behind (softnet_data.time_squeeze), which is the case if it was raised again
 * meanwhile, then they wait on; else it took all.
 */
static __always_inline void note_squeeze(struct nt_cpu *cpu)
{
	u64 before = cpu->squeezes;
	u32 times;

	cpu->squeezes = compat_time_squeeze(bpf_get_smp_processor_id(), &times) ? (u64)times + 1 : 0;
	if (before && cpu->squeezes > before && cpu->raised.ns)
		cpu->squeezed_times++;
	else
		cpu->behind.ns = 0;
}

static __always_inline void begin_net_rx(void *ctx, struct nt_cpu *cpu, u64 now_ns)
{
	if (compat_is_ksoftirqd(bpf_get_smp_processor_id(), (u32)bpf_get_current_pid_tgid()))
		late_ksoftirqd(cpu, now_ns);
	else
		late_net_rx(ctx, cpu, now_ns);
	late_behind(cpu, now_ns);
	if (!cpu->behind.ns)
		begin_behind(cpu, now_ns);
	net_rx_ns[bpf_get_smp_processor_id() & (NT_MAX_CPUS - 1)] = now_ns;
	cpu->polls = moment_of(cpu, now_ns);
	cpu->net_rx_raised_ns = cpu->raised.ns ?: now_ns;
	cpu->raised.ns = 0;
}

SEC("raw_tp/softirq_entry") int cpu_softirq_entry(u64 *ctx)
{
	struct nt_cpu *cpu = cpu_here();
	u64 now_ns = bpf_ktime_get_ns();

	if (!cpu)
		return 0;
	cpu->softirq_start = moment_of(cpu, now_ns);
	cpu->softirq = (u32)ctx[0] + 1;
	if ((u32)ctx[0] == NET_RX_SOFTIRQ)
		begin_net_rx(ctx, cpu, now_ns);
	sign_of_life(cpu, now_ns);
	return 0;
}

SEC("raw_tp/softirq_exit") int cpu_softirq_exit(u64 *ctx)
{
	struct nt_cpu *cpu = cpu_here();
	u64 now_ns = bpf_ktime_get_ns();
	struct nt_blocked *record;

	if (!cpu)
		return 0;
	if ((u32)ctx[0] == NET_RX_SOFTIRQ && cpu->raised.ns) /* what came meanwhile has waited for this */
		late_behind(cpu, now_ns);
	sign_of_life(cpu, now_ns);
	cpu->softirqs_on = moment_of(cpu, now_ns);
	cpu->softirq = 0;
	cpu->queueing = 0;
	if ((u32)ctx[0] == NET_RX_SOFTIRQ) {
		note_squeeze(cpu);
		if (!cpu->raised.ns)
			cpu->all_taken_ns = cpu->softirq_start.ns;
		cpu->net_rx_raised_ns = 0;
		return 0;
	}
	record = took_long(cpu, NT_CAUSE_LONG_SOFTIRQ, &cpu->softirq_start, now_ns);
	if (!record)
		return 0;
	record->number = (u16)ctx[0];
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline void learn_napi_thread(void)
{
	u32 pid = (u32)bpf_get_current_pid_tgid();
	struct nt_reader *reader = bpf_map_lookup_elem(&readers, &pid);

	if (!reader) {
		bpf_map_update_elem(&readers, &pid, (const void *)&new_reader, BPF_NOEXIST);
		reader = bpf_map_lookup_elem(&readers, &pid);
	}
	if (reader)
		reader->is_napi = 1;
}

/*
 * void napi_poll(struct napi_struct *napi, int work, int budget), at the end of a poll. After it has found its queue empty it
 * goes on with what it has taken, for long if there are many rules: what comes then is left to the next poll.
 */
SEC("raw_tp/napi_poll") int cpu_napi_poll(u64 *ctx)
{
	struct napi_struct *napi = (void *)ctx[0];
	u64 now_ns = bpf_ktime_get_ns();
	struct nt_moment began;
	struct nt_cpu *cpu;
	u32 id;

	cpu = cpu_here();
	if (!cpu)
		return 0;
	if (!cpu->softirq && compat_in_napi_thread()) {
		learn_napi_thread();
		net_rx_ns[bpf_get_smp_processor_id() & (NT_MAX_CPUS - 1)] = now_ns;
	}
	began = cpu->polls;
	cpu->polls = moment_of(cpu, now_ns);
	if ((int)ctx[1] >= (int)ctx[2])
		return 0;
	id = bpf_core_field_exists(napi->napi_id) ? READ(napi, napi_id) : 0;
	cpu->napis[id % NT_NAPIS].id = id;
	cpu->napis[id % NT_NAPIS].drained = began;
	return 0;
}

static __always_inline void count_lost(void)
{
	struct nt_cpu *cpu = cpu_here();

	if (cpu)
		cpu->lost++;
}

static __always_inline void tell_silent(u32 cpu, u64 since_ns)
{
	struct task_struct *task = compat_task_on(cpu);
	u32 pid = task ? READ(task, tgid) : 0;
	struct nt_silent *record;

	if (!pid) /* an idle CPU keeps nobody waiting: its host does, or it was switched off */
		return;
	record = bpf_ringbuf_reserve(&blockages, sizeof(*record), 0);
	if (!record) {
		count_lost();
		return;
	}
	__builtin_memset(record, 0, sizeof(*record));
	record->ev.ts_ns = bpf_ktime_get_ns();
	record->ev.kind = NT_SILENT;
	record->since_ns = since_ns;
	record->cpu = cpu;
	record->pid = pid;
	bpf_probe_read_kernel(record->comm, sizeof(record->comm), task->comm);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/*
 * A tick of a CPU that is watched, or looks after one. Who was away itself cannot tell: a machine that stood still as a whole
 * has nobody to blame.
 */
SEC("perf_event") int cpu_tick(void *ctx)
{
	u32 cpu = bpf_get_smp_processor_id() & (NT_MAX_CPUS - 1), other;
	u64 now_ns = bpf_ktime_get_ns(), before_ns = ticks_ns[cpu], since_ns;

	(void)ctx;
	ticks_ns[cpu] = now_ns;
	other = looks_after[cpu];
	if (!before_ns || now_ns - before_ns > 2 * NT_TICK_NS || !other)
		return 0;
	other = (other - 1) & (NT_MAX_CPUS - 1);
	since_ns = ticks_ns[other];
	if (!since_ns || (s64)(now_ns - since_ns) < (s64)NT_SILENCE_NS || told_silent_ns[other] == since_ns)
		return 0;
	told_silent_ns[other] = since_ns;
	tell_silent(other, since_ns);
	return 0;
}

#endif
