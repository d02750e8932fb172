/* SPDX-License-Identifier: GPL-2.0 */
#include "cause.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "annotation.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define WHO_BYTES 120
#define BH_ENABLE "__local_bh_enable_ip"

const char *cause_name(unsigned int cause)
{
	static const char *const names[NT_CAUSE_COUNT] = {
		[NT_CAUSE_UNKNOWN] = "unknown",
		[NT_CAUSE_IRQS_OFF] = "irqs_off",
		[NT_CAUSE_LONG_IRQ] = "long_irq",
		[NT_CAUSE_LONG_TIMER] = "long_timer",
		[NT_CAUSE_SOFTIRQS_OFF] = "softirqs_off",
		[NT_CAUSE_LONG_SOFTIRQ] = "long_softirq",
		[NT_CAUSE_KSOFTIRQD_STARVED] = "ksoftirqd_starved",
		[NT_CAUSE_HOST_PAUSE] = "host_pause",
		[NT_CAUSE_NAPI_BUDGET] = "napi_budget",
		[NT_CAUSE_NAPI_THREAD_STARVED] = "napi_thread_starved",
		[NT_CAUSE_BACKLOG] = "backlog",
		[NT_CAUSE_GRO_HOLD] = "gro_hold",
		[NT_CAUSE_NETFILTER] = "netfilter",
		[NT_CAUSE_DEFRAG] = "defrag",
		[NT_CAUSE_NEIGHBOUR] = "neighbour",
		[NT_CAUSE_QDISC_SHAPER] = "qdisc_shaper",
		[NT_CAUSE_QDISC_DRIVER_FULL] = "qdisc_driver_full",
		[NT_CAUSE_QDISC_BQL] = "qdisc_bql",
		[NT_CAUSE_READER_BUSY] = "reader_busy",
		[NT_CAUSE_READER_NOT_SCHEDULED] = "reader_not_scheduled",
	};

	return cause < NT_CAUSE_COUNT ? names[cause] : names[NT_CAUSE_UNKNOWN];
}

/* The length of a function's name without "+0x4b [module]", "" if it is not known. */
static const char *function_at(const struct dict *dict, u64 address, size_t *ret_length)
{
	const char *name = dict ? dict_get(dict, DICT_SYMBOL, address) : NULL;

	*ret_length = name ? strcspn(name, "+ ") : 0;
	return name ? name : "";
}

static bool begins_with_one_of(const char *name, size_t length, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(words[i]) <= length && !strncmp(name, words[i], strlen(words[i])))
			return true;
	return false;
}

/* Where an interrupt, or the softirq after local_bh_enable, comes in: what is beneath was interrupted. */
static bool is_entry(const char *name, size_t length)
{
	static const char *const entries[] = {"asm_sysvec_", "asm_common_interrupt", "apic_timer_interrupt",
					      BH_ENABLE, "el1_irq", "el1h_64_irq", "el0_irq"};

	return begins_with_one_of(name, length, entries, ARRAY_SIZE(entries));
}

/* They let the interrupt come, and did not keep it away. */
static bool lets_come(const char *name, size_t length)
{
	static const char *const words[] = {"_raw_spin_unlock", "_raw_read_unlock", "_raw_write_unlock",
					    "__raw_spin_unlock", "__local_bh_enable", "local_bh_enable",
					    "arch_local_irq", "raw_local_irq", "trace_hardirqs_on", "do_softirq"};

	return begins_with_one_of(name, length, words, ARRAY_SIZE(words));
}

/*
 * A softirq that ran between two interrupts, and the first of them: what is beneath that was kept from both. 5.10 calls
 * __do_softirq by the name of its section.
 */
static bool is_between(const char *name, size_t length)
{
	static const char *const words[] = {"__do_softirq", "__softirqentry_text_start", "handle_softirqs", "do_softirq_own_stack",
					    "irq_exit", "__irq_exit", "sysvec_", "__sysvec_", "common_interrupt",
					    "__common_interrupt", "asm_call_", "run_ksoftirqd"};

	return begins_with_one_of(name, length, words, ARRAY_SIZE(words));
}

/* The first frame beneath the next entry; n if there is none. */
static size_t skip_entry(const struct nt_blocked *blocked, const struct dict *dict, size_t at, size_t n)
{
	const char *name;
	size_t length;

	while (at < n) {
		name = function_at(dict, blocked->frames[at++], &length);
		if (is_entry(name, length))
			break;
	}
	return at;
}

/* The frames beneath the interrupt or the softirq, without the functions that let them come. */
static const u64 *interrupted_frames(const struct nt_blocked *blocked, const struct dict *dict, size_t *ret_n)
{
	size_t n = 0, first = 0, length;
	const char *name;

	while (n < NT_BLOCKED_FRAMES && blocked->frames[n])
		n++;
	first = skip_entry(blocked, dict, 0, n);
	while (first < n) {
		name = function_at(dict, blocked->frames[first], &length);
		if (is_between(name, length))
			first = skip_entry(blocked, dict, first, n);
		else if (lets_come(name, length))
			first++;
		else
			break;
	}
	*ret_n = n - first;
	return blocked->frames + first;
}

/*
 * The ways into the kernel and out of it have interrupts off for a few instructions only, and so have those into the maps
 * of BPF programs, in which a packet is likely to be while it is traced. Who is found there did not run.
 */
static bool is_brief(const char *name, size_t length)
{
	static const char *const words[] = {"irqentry_", "exit_to_user_mode", "syscall_exit_", "syscall_enter_",
					    "do_user_addr_fault", "exc_page_fault", "asm_", "entry_", "ret_from_",
					    "htab_map_", "__htab_map_", "htab_lru_map_", "bpf_ringbuf_", "__bpf_ringbuf_", "bpf_prog_"};

	return begins_with_one_of(name, length, words, ARRAY_SIZE(words));
}

/* Nothing speaks for it that the task kept interrupts away for so long, rather than that the CPU did not run. */
static bool is_innocent(const struct nt_blocked *blocked, const struct dict *dict)
{
	const char *name;
	const u64 *frames;
	size_t n, length;

	frames = interrupted_frames(blocked, dict, &n);
	if (!n)
		return true;
	name = function_at(dict, frames[0], &length);
	return is_brief(name, length) || ((blocked->flags & NT_B_REGS) && !(blocked->flags & NT_B_ENABLED));
}

/*
 * Softirqs that a task has off are served where it has them on again: in __local_bh_enable_ip. What is served at the exit of
 * an interrupt, or in ksoftirqd, was kept off by nobody who is on the stack: the interrupt would have left it to the task.
 */
static bool is_served_at_once(const struct nt_blocked *blocked, const struct dict *dict)
{
	const char *name;
	size_t length;

	for (size_t i = 0; i < NT_BLOCKED_FRAMES && blocked->frames[i]; i++) {
		name = function_at(dict, blocked->frames[i], &length);
		if (is_entry(name, length))
			return length == strlen(BH_ENABLE) && !strncmp(name, BH_ENABLE, length);
	}
	return false;
}

enum nt_cause cause_of(const struct nt_blocked *blocked, const struct dict *dict)
{
	if (blocked->cause >= NT_CAUSE_COUNT)
		return NT_CAUSE_UNKNOWN;
	if (blocked->cause != NT_CAUSE_IRQS_OFF && blocked->cause != NT_CAUSE_SOFTIRQS_OFF)
		return (enum nt_cause)blocked->cause;
	/* a user's code cannot keep interrupts away, and the idle task sleeps with them: the CPU itself stood still */
	if (blocked->flags & (NT_B_IDLE | NT_B_USER))
		return NT_CAUSE_UNKNOWN;
	if (blocked->cause == NT_CAUSE_IRQS_OFF && is_innocent(blocked, dict))
		return NT_CAUSE_UNKNOWN;
	if (blocked->cause == NT_CAUSE_SOFTIRQS_OFF && !is_served_at_once(blocked, dict))
		return NT_CAUSE_UNKNOWN;
	return (enum nt_cause)blocked->cause;
}

bool cause_has_culprit(const struct nt_blocked *blocked, const struct dict *dict)
{
	enum nt_cause cause = cause_of(blocked, dict);

	return cause != NT_CAUSE_UNKNOWN && cause != NT_CAUSE_HOST_PAUSE && cause != NT_CAUSE_NAPI_BUDGET;
}

const u64 *cause_frames(const struct nt_blocked *blocked, const struct dict *dict, size_t *ret_n)
{
	const u64 *frames = interrupted_frames(blocked, dict, ret_n);

	if (!cause_has_culprit(blocked, dict))
		*ret_n = 0;
	return frames;
}

void cause_settle(struct nt_blocked *blocked, const struct dict *dict)
{
	enum nt_cause cause = cause_of(blocked, dict);

	if (blocked->cause == NT_CAUSE_SOFTIRQS_OFF && cause == NT_CAUSE_UNKNOWN) {
		blocked->flags |= NT_B_PENDING;
		blocked->start_lo_ns = blocked->start_hi_ns; /* before nothing was late */
		if (blocked->own_ns > blocked->end_ns - blocked->start_lo_ns)
			blocked->own_ns = blocked->end_ns - blocked->start_lo_ns;
	}
	blocked->cause = (u16)cause;
}

static const char *softirq_name(unsigned int vector)
{
	/* enum of include/linux/interrupt.h, the same since 2.6.31 */
	static const char *const names[] = {"HI",   "TIMER",  "NET_TX", "NET_RX",  "BLOCK",
					    "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"};

	return vector < ARRAY_SIZE(names) ? names[vector] : "?";
}

bool cause_is_task_known(const struct nt_blocked *blocked, const struct dict *dict)
{
	static const char *const words[] = {"finish_task_switch"};
	const char *name;
	const u64 *frames;
	size_t n, length;

	if (blocked->cause != NT_CAUSE_IRQS_OFF || blocked->softirq)
		return true;
	frames = cause_frames(blocked, dict, &n);
	name = function_at(dict, n ? frames[0] : 0, &length);
	return !begins_with_one_of(name, length, words, ARRAY_SIZE(words));
}

/* The task, "[pid]" behind its name, or the interrupt; "" if nobody is known. */
static void who_text(const struct nt_blocked *blocked, const struct dict *dict, char text[WHO_BYTES])
{
	char comm[sizeof(blocked->comm) + 1], plain[4 * sizeof(comm)];

	memcpy(comm, blocked->comm, sizeof(blocked->comm));
	comm[sizeof(blocked->comm)] = 0;
	annotation_plain_text(comm, plain, sizeof(plain));
	if (!cause_is_task_known(blocked, dict))
		snprintf(text, WHO_BYTES, "the task that ran before %s[%u]", plain, blocked->pid);
	else if (blocked->cause == NT_CAUSE_LONG_IRQ && (blocked->flags & NT_B_IPI))
		snprintf(text, WHO_BYTES, "IPI %s", plain);
	else if (blocked->cause == NT_CAUSE_LONG_IRQ)
		snprintf(text, WHO_BYTES, "irq %u (%s)", blocked->number, plain);
	else if (blocked->cause == NT_CAUSE_IRQS_OFF && blocked->softirq)
		snprintf(text, WHO_BYTES, "softirq %s", softirq_name(blocked->softirq - 1u));
	else if (blocked->cause == NT_CAUSE_IRQS_OFF || blocked->cause == NT_CAUSE_SOFTIRQS_OFF ||
		 ((blocked->cause == NT_CAUSE_NAPI_THREAD_STARVED || blocked->cause == NT_CAUSE_KSOFTIRQD_STARVED) && *comm))
		snprintf(text, WHO_BYTES, "%s[%u]", plain, blocked->pid);
	else
		text[0] = 0;
}

/* The function that is to blame, as far as the dictionary knows it. */
static bool function_text(const struct nt_blocked *blocked, const struct dict *dict, char *text, size_t size)
{
	u64 address = blocked->function;
	const u64 *frames;
	const char *name;
	char *start;
	size_t n;

	if (!address) {
		frames = cause_frames(blocked, dict, &n);
		address = n ? frames[0] : 0;
	}
	name = address && dict ? dict_get(dict, DICT_SYMBOL, address) : NULL;
	if (!name)
		return false;
	annotation_plain_text(name, text, size);
	start = strstr(text, "+0x0");
	if (start && blocked->function) /* a function, not a place in it */
		memmove(start, start + 4, strlen(start + 4) + 1);
	return true;
}

static int unknown_text(const struct nt_blocked *blocked, char *text, size_t size)
{
	bool pending = (blocked->flags & NT_B_PENDING) || blocked->cause == NT_CAUSE_SOFTIRQS_OFF;

	return snprintf(text, size, "unknown: %s, and nobody is seen who kept %s off (host, firmware or hardware?)",
			pending ? "the softirq NET_RX was served late" : "the CPU took no interrupts", pending ? "it" : "them");
}

static int queue_text(const struct nt_blocked *blocked, char *text, size_t size)
{
	if (!blocked->number)
		return snprintf(text, size, "NET_RX was at others that came before");
	return snprintf(text, size,
			"more packets than one NET_RX takes: its budget (net.core.netdev_budget, _usecs) was used up %u time%s",
			blocked->number, blocked->number == 1 ? "" : "s");
}

size_t cause_text(const struct nt_blocked *blocked, const struct dict *dict, char *text, size_t size)
{
	char who[WHO_BYTES], function[CAUSE_NAME_BYTES];
	bool known = function_text(blocked, dict, function, sizeof(function));
	const char *in = known ? " in " : "";
	int length = 0;

	if (!known)
		function[0] = 0;
	who_text(blocked, dict, who);
	switch (cause_of(blocked, dict)) {
	case NT_CAUSE_IRQS_OFF:
		length = snprintf(text, size, "interrupts off by %s%s%s", who, in, function);
		break;
	case NT_CAUSE_SOFTIRQS_OFF:
		length = snprintf(text, size, "softirqs off by %s%s%s", who, in, function);
		break;
	case NT_CAUSE_LONG_IRQ:
		length = snprintf(text, size, "interrupt handler of %s%s%s", who, in, function);
		break;
	case NT_CAUSE_LONG_TIMER:
		length = snprintf(text, size, "timer callback %s", known ? function : "(unknown)");
		break;
	case NT_CAUSE_LONG_SOFTIRQ:
		length = snprintf(text, size, "softirq %s", softirq_name(blocked->number));
		break;
	case NT_CAUSE_KSOFTIRQD_STARVED:
		length = snprintf(text, size, "ksoftirqd was ready to run, but %s had the CPU", *who ? who : "another task");
		break;
	case NT_CAUSE_NAPI_BUDGET:
		length = queue_text(blocked, text, size);
		break;
	case NT_CAUSE_NAPI_THREAD_STARVED:
		length = snprintf(text, size, "the NIC's napi thread was ready to run, but %s had the CPU", *who ? who : "another task");
		break;
	case NT_CAUSE_HOST_PAUSE:
		length = snprintf(text, size, "the host stood still");
		break;
	default:
		length = unknown_text(blocked, text, size);
	}
	return length < 0 ? 0 : (size_t)length < size ? (size_t)length : size - 1;
}

/* Who called the function that is to blame. */
static size_t add_callers(const struct nt_blocked *blocked, const struct dict *dict, char *text, size_t size, size_t used)
{
	char name[CAUSE_NAME_BYTES];
	const char *known;
	const u64 *frames;
	size_t n;

	if (blocked->function)
		return used;
	frames = cause_frames(blocked, dict, &n);
	for (size_t i = 1; i < n && i < CALLERS_MAX; i++) {
		known = dict ? dict_get(dict, DICT_SYMBOL, frames[i]) : NULL;
		if (known)
			annotation_plain_text(known, name, sizeof(name));
		used += (size_t)snprintf(text + used, size - used, " < %s", known ? name : "?");
	}
	return used;
}

u64 blocked_least_ns(const struct nt_blocked *blocked)
{
	u64 length_ns = blocked->end_ns - blocked->start_hi_ns;

	return length_ns < blocked->own_ns ? length_ns : blocked->own_ns;
}

u64 blocked_most_ns(const struct nt_blocked *blocked)
{
	return blocked->end_ns - blocked->start_lo_ns;
}

size_t blocked_text(const struct nt_blocked *blocked, const struct dict *dict, char text[BLOCKED_TEXT_BYTES])
{
	u64 least = blocked_least_ns(blocked) / 100000, most = blocked_most_ns(blocked) / 100000;
	size_t used;

	used = (size_t)snprintf(text, BLOCKED_TEXT_BYTES, "cpu %u was blocked for %" PRIu64 ".%" PRIu64 " ms", blocked->cpu,
				least / 10, least % 10);
	if (most != least)
		used += (size_t)snprintf(text + used, BLOCKED_TEXT_BYTES - used, " (at most %" PRIu64 ".%" PRIu64 " ms)", most / 10,
					 most % 10);
	used += (size_t)snprintf(text + used, BLOCKED_TEXT_BYTES - used, ": ");
	used += cause_text(blocked, dict, text + used, BLOCKED_TEXT_BYTES - used);
	return add_callers(blocked, dict, text, BLOCKED_TEXT_BYTES, used);
}
