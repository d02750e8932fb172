/* SPDX-License-Identifier: GPL-2.0 */
/* Who is to blame, told from stacks and registers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cause.h"

static struct dict *dict;
static u64 next_address;

static int setup(void **state)
{
	(void)state;
	dict = dict_new();
	next_address = 0xffffffff81000000;
	return dict ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	dict_free(dict);
	return 0;
}

static u64 symbol(const char *name)
{
	next_address += 16;
	assert_int_equal(dict_set(dict, DICT_SYMBOL, next_address, name), 0);
	return next_address;
}

static struct nt_blocked blocked(enum nt_cause cause, const char *const *frames)
{
	struct nt_blocked b = {.cause = cause, .pid = 7, .comm = "worker", .flags = NT_B_REGS | NT_B_ENABLED};

	for (size_t i = 0; frames && frames[i]; i++)
		b.frames[i] = symbol(frames[i]);
	return b;
}

#define FRAMES(...) (const char *const[]){__VA_ARGS__, NULL}
#define INTERRUPT "bpf_trace_run2+0x1", "hrtimer_interrupt+0x1", "sysvec_apic_timer_interrupt+0x1", "asm_sysvec_apic_timer_interrupt+0x1a"

static void assert_told(const struct nt_blocked *b, enum nt_cause cause, const char *expected)
{
	char text[CAUSE_TEXT_BYTES];
	size_t length = cause_text(b, dict, text, sizeof(text));

	assert_int_equal(cause_of(b, dict), cause);
	assert_int_equal(length, strlen(text));
	assert_string_equal(text, expected);
}

#define UNKNOWN "unknown: the CPU took no interrupts, and nobody is seen who kept them off (host, firmware or hardware?)"
#define PENDING "unknown: the softirq NET_RX was served late, and nobody is seen who kept it off (host, firmware or hardware?)"

static void interrupts_off(void **state)
{
	struct nt_blocked b = blocked(NT_CAUSE_IRQS_OFF, FRAMES(INTERRUPT, "_raw_spin_unlock_irqrestore+0x3", "culprit+0x4b [mod]", "kthread+0x1"));

	(void)state;
	assert_told(&b, NT_CAUSE_IRQS_OFF, "interrupts off by worker[7] in culprit+0x4b [mod]");
	b.softirq = 9 + 1;
	assert_told(&b, NT_CAUSE_IRQS_OFF, "interrupts off by softirq RCU in culprit+0x4b [mod]");
}

/* Who runs now did not keep interrupts away while the one before was left. */
static void task_switch(void **state)
{
	struct nt_blocked b = blocked(NT_CAUSE_IRQS_OFF, FRAMES(INTERRUPT, "_raw_spin_unlock_irq+0x3", "finish_task_switch.isra.0+0x9b", "__schedule+0x1"));

	(void)state;
	assert_false(cause_is_task_known(&b, dict));
	assert_told(&b, NT_CAUSE_IRQS_OFF, "interrupts off by the task that ran before worker[7] in finish_task_switch.isra.0+0x9b");
	b = blocked(NT_CAUSE_IRQS_OFF, FRAMES(INTERRUPT, "culprit+0x4b", "finish_task_switch.isra.0+0x9b"));
	assert_true(cause_is_task_known(&b, dict));
	b.cause = NT_CAUSE_LONG_IRQ;
	assert_true(cause_is_task_known(&b, dict));
}

/* Another interrupt came first, and the softirq at its end: the timer's comes upon that. */
static void two_interrupts(void **state)
{
	struct nt_blocked b = blocked(NT_CAUSE_IRQS_OFF, FRAMES(INTERRUPT, "handle_softirqs+0x9", "__irq_exit_rcu+0x1",
						      "common_interrupt+0x1", "asm_common_interrupt+0x22", "culprit+0x4b"));

	(void)state;
	assert_told(&b, NT_CAUSE_IRQS_OFF, "interrupts off by worker[7] in culprit+0x4b");
	/* 5.10 */
	b = blocked(NT_CAUSE_IRQS_OFF, FRAMES(INTERRUPT, "__softirqentry_text_start+0x9", "asm_call_sysvec_on_stack+0xf", "do_softirq_own_stack+0x37",
					      "irq_exit_rcu+0x1", "common_interrupt+0x1", "asm_common_interrupt+0x1e", "culprit+0x4b"));
	assert_told(&b, NT_CAUSE_IRQS_OFF, "interrupts off by worker[7] in culprit+0x4b");
}

static void the_cpu_did_not_run(void **state)
{
	struct nt_blocked b = blocked(NT_CAUSE_IRQS_OFF, FRAMES(INTERRUPT, "culprit+0x4b"));

	(void)state;
	b.flags = NT_B_REGS; /* in the middle of something */
	assert_told(&b, NT_CAUSE_UNKNOWN, UNKNOWN);
	b.flags = NT_B_REGS | NT_B_USER;
	assert_told(&b, NT_CAUSE_UNKNOWN, UNKNOWN);
	b.flags = NT_B_REGS | NT_B_ENABLED | NT_B_IDLE;
	assert_told(&b, NT_CAUSE_UNKNOWN, UNKNOWN);
	b = blocked(NT_CAUSE_IRQS_OFF, FRAMES(INTERRUPT));
	assert_told(&b, NT_CAUSE_UNKNOWN, UNKNOWN);
	b = blocked(NT_CAUSE_IRQS_OFF, FRAMES(INTERRUPT, "irqentry_exit_to_user_mode+0x78", "asm_sysvec_reschedule_ipi+0x1a"));
	assert_told(&b, NT_CAUSE_UNKNOWN, UNKNOWN);
}

static void registers_unknown(void **state)
{
	struct nt_blocked b = blocked(NT_CAUSE_IRQS_OFF, FRAMES(INTERRUPT, "culprit+0x4b"));

	(void)state;
	b.flags = 0;
	assert_told(&b, NT_CAUSE_IRQS_OFF, "interrupts off by worker[7] in culprit+0x4b");
}

static void softirqs_off(void **state)
{
	struct nt_blocked b = blocked(NT_CAUSE_SOFTIRQS_OFF, FRAMES("bpf_trace_run1+0x1", "handle_softirqs+0x1", "do_softirq+0x5",
							 "__local_bh_enable_ip+0x7", "culprit+0x4b"));

	(void)state;
	assert_told(&b, NT_CAUSE_SOFTIRQS_OFF, "softirqs off by worker[7] in culprit+0x4b");
	/* 5.10's have a stack of their own */
	b = blocked(NT_CAUSE_SOFTIRQS_OFF, FRAMES("bpf_trace_run1+0x1", "__softirqentry_text_start+0x1", "asm_call_sysvec_on_stack+0xf",
						  "do_softirq_own_stack+0x37", "do_softirq+0x5", "__local_bh_enable_ip+0x7", "culprit+0x4b"));
	assert_told(&b, NT_CAUSE_SOFTIRQS_OFF, "softirqs off by worker[7] in culprit+0x4b");
}

/* Who has softirqs off is not interrupted by them. */
static void softirqs_on(void **state)
{
	struct nt_blocked b = blocked(NT_CAUSE_SOFTIRQS_OFF, FRAMES("bpf_trace_run1+0x1", "handle_softirqs+0x1", "__irq_exit_rcu+0x5",
							 "sysvec_apic_timer_interrupt+0x71", "asm_sysvec_apic_timer_interrupt+0x1a", "sched_exec+0xdf"));

	(void)state;
	assert_told(&b, NT_CAUSE_UNKNOWN, PENDING);
	b = blocked(NT_CAUSE_SOFTIRQS_OFF, FRAMES("__softirqentry_text_start+0x1", "asm_call_sysvec_on_stack+0xf", "do_softirq_own_stack+0x37", "irq_exit_rcu+0x5",
						  "common_interrupt+0x7", "asm_common_interrupt+0x1e", "__local_bh_enable_ip+0x7", "bystander+0x1"));
	assert_told(&b, NT_CAUSE_UNKNOWN, PENDING);
	b = blocked(NT_CAUSE_SOFTIRQS_OFF, FRAMES("handle_softirqs+0x1", "run_ksoftirqd+0x5", "smpboot_thread_fn+0x1"));
	assert_told(&b, NT_CAUSE_UNKNOWN, PENDING);
	b = blocked(NT_CAUSE_SOFTIRQS_OFF, FRAMES("handle_softirqs+0x1", "do_softirq+0x5", "netif_rx_ni+0x7"));
	assert_told(&b, NT_CAUSE_UNKNOWN, PENDING);
}

/* What is not known of it begins when it was raised. */
static void settled(void **state)
{
	struct nt_blocked b = blocked(NT_CAUSE_SOFTIRQS_OFF, FRAMES("handle_softirqs+0x1", "__irq_exit_rcu+0x5", "asm_sysvec_apic_timer_interrupt+0x1a"));

	(void)state;
	b.start_lo_ns = 100;
	b.start_hi_ns = 900;
	b.end_ns = 1000;
	b.own_ns = 850;
	cause_settle(&b, dict);
	assert_int_equal(b.start_lo_ns, 900);
	assert_int_equal(b.own_ns, 100);
	assert_told(&b, NT_CAUSE_UNKNOWN, PENDING);
	b = blocked(NT_CAUSE_IRQS_OFF, FRAMES(INTERRUPT));
	cause_settle(&b, dict);
	assert_told(&b, NT_CAUSE_UNKNOWN, UNKNOWN);
}

static void handlers(void **state)
{
	struct nt_blocked b = blocked(NT_CAUSE_LONG_IRQ, NULL);

	(void)state;
	b.number = 25;
	assert_told(&b, NT_CAUSE_LONG_IRQ, "interrupt handler of irq 25 (worker)");
	b.function = symbol("vring_interrupt+0x0 [virtio_ring]");
	assert_told(&b, NT_CAUSE_LONG_IRQ, "interrupt handler of irq 25 (worker) in vring_interrupt [virtio_ring]");
	b = blocked(NT_CAUSE_LONG_IRQ, NULL);
	b.number = 0xfb;
	b.flags = NT_B_IPI;
	assert_told(&b, NT_CAUSE_LONG_IRQ, "interrupt handler of IPI worker");
	b = blocked(NT_CAUSE_LONG_TIMER, NULL);
	assert_told(&b, NT_CAUSE_LONG_TIMER, "timer callback (unknown)");
	b.function = symbol("tick+0x0");
	assert_told(&b, NT_CAUSE_LONG_TIMER, "timer callback tick");
	b = blocked(NT_CAUSE_LONG_SOFTIRQ, NULL);
	b.number = 1;
	assert_told(&b, NT_CAUSE_LONG_SOFTIRQ, "softirq TIMER");
	b.number = 77;
	assert_told(&b, NT_CAUSE_LONG_SOFTIRQ, "softirq ?");
	b = blocked(NT_CAUSE_NAPI_BUDGET, NULL);
	assert_told(&b, NT_CAUSE_NAPI_BUDGET, "NET_RX was at others that came before");
	b.number = 3;
	assert_told(&b, NT_CAUSE_NAPI_BUDGET,
		    "more packets than one NET_RX takes: its budget (net.core.netdev_budget, _usecs) was used up 3 times");
}

static void assert_line(const struct nt_blocked *b, const char *expected)
{
	char text[BLOCKED_TEXT_BYTES];
	size_t length = blocked_text(b, dict, text);

	assert_string_equal(text, expected);
	assert_int_equal(length, strlen(text));
}

/* All that is known, in one line; who called the function is of interest, but not whence the system call came. */
static void in_one_line(void **state)
{
	struct nt_blocked b = blocked(NT_CAUSE_IRQS_OFF, FRAMES(INTERRUPT, "_raw_spin_unlock_irqrestore+0x3", "culprit+0x4b [mod]", "two+0x1",
						      "three+0x1", "four+0x1", "five+0x1", "six+0x1"));

	(void)state;
	b.cpu = 3;
	b.start_lo_ns = 1000000;
	b.start_hi_ns = 4400000;
	b.end_ns = 451800000;
	b.own_ns = b.end_ns - b.start_lo_ns;
	assert_line(&b, "cpu 3 was blocked for 447.4 ms (at most 450.8 ms): interrupts off by worker[7] in culprit+0x4b [mod]"
			" < two+0x1 < three+0x1 < four+0x1 < five+0x1");
	b.start_lo_ns = b.start_hi_ns - 1;
	b.frames[7] = 1;
	b.frames[8] = 0;
	assert_line(&b, "cpu 3 was blocked for 447.4 ms: interrupts off by worker[7] in culprit+0x4b [mod] < two+0x1 < ?");
	b.flags |= NT_B_IDLE;
	assert_line(&b, "cpu 3 was blocked for 447.4 ms: " UNKNOWN);
	b.cause = NT_CAUSE_HOST_PAUSE;
	assert_line(&b, "cpu 3 was blocked for 447.4 ms: the host stood still");
	/* others in between were told for the rest */
	b.own_ns = 100 * 1000000;
	assert_line(&b, "cpu 3 was blocked for 100.0 ms (at most 447.4 ms): the host stood still");
	assert_false(cause_has_culprit(&b, dict));
	b = blocked(NT_CAUSE_LONG_IRQ, NULL);
	assert_true(cause_has_culprit(&b, dict));
	b.end_ns = b.own_ns = 1000000;
	assert_line(&b, "cpu 0 was blocked for 1.0 ms: interrupt handler of irq 0 (worker)");
}

/* Recordings come from strangers. */
static void hostile(void **state)
{
	char text[CAUSE_TEXT_BYTES], line[BLOCKED_TEXT_BYTES], small[8];
	struct nt_blocked b;

	(void)state;
	memset(&b, 0xff, sizeof(b));
	assert_int_equal(cause_of(&b, dict), NT_CAUSE_UNKNOWN);
	for (unsigned int cause = 0; cause < NT_CAUSE_COUNT + 2; cause++) {
		b.cause = (u16)cause;
		assert_true(cause_text(&b, dict, text, sizeof(text)) < sizeof(text));
		assert_true(cause_text(&b, NULL, text, sizeof(text)) < sizeof(text));
		assert_int_equal(cause_text(&b, dict, small, sizeof(small)), sizeof(small) - 1);
		for (const char *c = text; *c; c++)
			assert_in_range(*c, ' ', '~');
		assert_non_null(cause_name(cause));
		assert_true(blocked_text(&b, dict, line) < sizeof(line));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interrupts_off), cmocka_unit_test(two_interrupts), cmocka_unit_test(task_switch),
		cmocka_unit_test(the_cpu_did_not_run), cmocka_unit_test(registers_unknown),
		cmocka_unit_test(softirqs_off), cmocka_unit_test(softirqs_on), cmocka_unit_test(settled), cmocka_unit_test(handlers), cmocka_unit_test(in_one_line),
		cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
