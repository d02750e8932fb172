// SPDX-License-Identifier: GPL-2.0
/*
 * Faults as a driver makes them: who writes "KIND MILLISECONDS" to /sys/module/fault/parameters/run keeps its CPU for so long
 * with interrupts off (irqs), softirqs off (softirqs) or preemption off (preemption). When it was can be read there then:
 * "START_NS END_NS PID", by CLOCK_MONOTONIC.
 */
#include <linux/bottom_half.h>
#include <linux/compiler.h>
#include <linux/init.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/string.h>

#define LONGEST_MS 2000

static u64 start_ns, end_ns;
static int who;

static void spend(unsigned int ms)
{
	start_ns = ktime_get_mono_fast_ns();
	do
		end_ns = ktime_get_mono_fast_ns();
	while (end_ns - start_ns < ms * 1000000ull);
	who = task_tgid_nr(current);
}

/* By their names they are told, so they stay functions, and do not leave the last call to be jumped to. */

static noinline void culprit_irqs_off(unsigned int ms)
{
	local_irq_disable();
	spend(ms);
	local_irq_enable();
	barrier();
}

static noinline void culprit_softirqs_off(unsigned int ms)
{
	local_bh_disable();
	spend(ms);
	local_bh_enable();
	barrier();
}

static noinline void culprit_preemption_off(unsigned int ms)
{
	preempt_disable();
	spend(ms);
	preempt_enable();
	barrier();
}

static int run_set(const char *text, const struct kernel_param *param)
{
	unsigned int ms;
	char kind[16];

	if (sscanf(text, "%15s %u", kind, &ms) != 2 || ms > LONGEST_MS)
		return -EINVAL;
	if (!strcmp(kind, "irqs"))
		culprit_irqs_off(ms);
	else if (!strcmp(kind, "softirqs"))
		culprit_softirqs_off(ms);
	else if (!strcmp(kind, "preemption"))
		culprit_preemption_off(ms);
	else
		return -EINVAL;
	return 0;
}

static int run_get(char *text, const struct kernel_param *param)
{
	return sprintf(text, "%llu %llu %d\n", start_ns, end_ns, who);
}

static const struct kernel_param_ops run_ops = {.set = run_set, .get = run_get};

module_param_cb(run, &run_ops, NULL, 0600);

static int __init fault_init(void)
{
	return 0;
}

static void __exit fault_exit(void)
{
}

module_init(fault_init);
module_exit(fault_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("faults of a known cause and length, for tests");
