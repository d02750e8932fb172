/* SPDX-License-Identifier: GPL-2.0 */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "reason.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Columns of what is behind a label, and of the reasons below a stage. */
#define LABEL_WIDTH 18
#define INDENT "                  "

/*
 * kprobe.multi costs a hit least and attaches at once. Of the rest, kprobe comes before
 * fentry: on stock kernels an empty kprobe costs no more than an empty fentry
 * program where both exist (6.1, a round trip of 28 us over 28 hits: 36 with
 * kprobe, 37 with fentry), and it reaches functions that BTF does not have or that the
 * compiler changed (.constprop). Tracepoints show fewer stages, and come last.
 */
const enum backend check_order[CHECK_BACKENDS] = {
	BACKEND_KPROBE_MULTI,
	BACKEND_KPROBE,
	BACKEND_FENTRY,
	BACKEND_TRACEPOINT,
};

static bool has(u64 capabilities, unsigned int bit)
{
	return capabilities >> bit & 1;
}

/* CAP_SYS_ADMIN includes both, as it did before they were split from it. */
const char *check_missing_capabilities(u64 capabilities)
{
	bool bpf = has(capabilities, CHECK_CAP_BPF), perfmon = has(capabilities, CHECK_CAP_PERFMON);

	if (has(capabilities, CHECK_CAP_SYS_ADMIN) || (bpf && perfmon))
		return "";
	if (bpf || perfmon)
		return bpf ? "CAP_PERFMON" : "CAP_BPF";
	return "CAP_BPF and CAP_PERFMON";
}

static void label(struct out *out, const char *name)
{
	out_printf(out, "%-*s", LABEL_WIDTH, name);
}

static void line(struct out *out, const char *name, const char *text)
{
	label(out, name);
	out_printf(out, "%s\n", text);
}

/* " CAP_BPF CAP_SYSLOG": those that are there, or those that are not. */
static unsigned int list_capabilities(struct out *out, u64 capabilities, bool there)
{
	static const struct {
		const char *name;
		unsigned int bit;
	} known[] = {
		{"CAP_BPF", CHECK_CAP_BPF},		{"CAP_PERFMON", CHECK_CAP_PERFMON},
		{"CAP_NET_ADMIN", CHECK_CAP_NET_ADMIN}, {"CAP_SYS_ADMIN", CHECK_CAP_SYS_ADMIN},
		{"CAP_SYSLOG", CHECK_CAP_SYSLOG},
	};
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (has(capabilities, known[i].bit) == there)
			out_printf(out, "%s%s", n++ ? ", " : there ? "has " : "lacks ", known[i].name);
	return n;
}

static void render_capabilities(struct out *out, u64 capabilities)
{
	const char *missing = check_missing_capabilities(capabilities);
	u64 all = 1ull << CHECK_CAP_BPF | 1ull << CHECK_CAP_PERFMON | 1ull << CHECK_CAP_NET_ADMIN |
		  1ull << CHECK_CAP_SYS_ADMIN | 1ull << CHECK_CAP_SYSLOG;

	label(out, "capabilities");
	if (list_capabilities(out, capabilities, true) && (capabilities & all) != all)
		out_string(out, "; ");
	list_capabilities(out, capabilities, false);
	if (*missing)
		out_printf(out, "; tracing needs %s", missing);
	out_string(out, "\n");
}

static void render_types(struct out *out, const struct check_facts *facts)
{
	label(out, "types (BTF)");
	if (facts->btf)
		out_printf(out, "no: %s; the kernel needs CONFIG_DEBUG_INFO_BTF, /sys must be mounted\n",
			   reason_of(facts->btf));
	else if (facts->module_btfs)
		out_printf(out, "of the kernel and of %u modules\n", facts->module_btfs);
	else
		out_string(out, "of the kernel, none of modules: arguments of their functions are taken from the "
				"probe table\n");
}

static void render_lockdown(struct out *out, enum check_lockdown lockdown)
{
	static const char *const texts[] = {
		[LOCKDOWN_UNTOLD] = "not known: no /sys/kernel/security/lockdown",
		[LOCKDOWN_NONE] = "off",
		[LOCKDOWN_INTEGRITY] = "integrity, which does not forbid tracing",
		[LOCKDOWN_CONFIDENTIALITY] =
			"confidentiality: the kernel forbids reading its memory, so nothing can be traced",
	};

	line(out, "lockdown", texts[lockdown]);
}

/* What a backend wants, where its absence is no matter of rights. */
static const char *needs(enum backend backend)
{
	switch (backend) {
	case BACKEND_KPROBE_MULTI:
		return "CONFIG_FPROBE, from 5.18 on";
	case BACKEND_KPROBE:
		return "CONFIG_KPROBES and CONFIG_KPROBE_EVENTS";
	case BACKEND_FENTRY:
		return "BTF and CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS";
	default:
		return "CONFIG_BPF_EVENTS";
	}
}

static bool is_refusal(int err)
{
	return err == -EPERM || err == -EACCES;
}

static void render_trial(struct out *out, const struct check_facts *facts, enum backend backend)
{
	int err = facts->trials[backend];
	const char *missing = check_missing_capabilities(facts->capabilities);

	label(out, backend_name(backend));
	if (!err)
		out_string(out, "works\n");
	else if (!is_refusal(err))
		out_printf(out, "no: %s; it needs %s\n", reason_of(err), needs(backend));
	else if (*missing)
		out_printf(out, "no: %s; this process lacks %s\n", reason_of(err), missing);
	else
		out_printf(out, "no: %s; %s\n", reason_of(err),
			   facts->lockdown == LOCKDOWN_CONFIDENTIALITY
				   ? "the kernel is locked down"
				   : "the kernel's policy, since this process has the capabilities");
}

static void render_kernel(struct out *out, const struct check_facts *facts)
{
	label(out, "kernel");
	out_printf(out, "%s, %s\n", facts->release, facts->machine);
	render_capabilities(out, facts->capabilities);
	render_lockdown(out, facts->lockdown);
	render_types(out, facts);
	for (size_t i = 0; i < CHECK_BACKENDS; i++)
		render_trial(out, facts, check_order[i]);
}

static void render_context(struct out *out, const struct check_facts *facts)
{
	const char *text = "unknown: /proc/kallsyms lacks the kernel's variables (CONFIG_KALLSYMS_ALL)";

	if (!facts->addresses_shown)
		text = "unknown: /proc/kallsyms hides addresses";
	if (facts->context_told)
		text = "told: hard interrupt, softirq, ksoftirqd, NAPI thread or task";
	line(out, "context of events", text);
}

/* What only a process that may read the kernel's types and symbols learns. */
static void render_details(struct out *out, const struct check_facts *facts)
{
	line(out, "attach cookies",
	     *check_missing_capabilities(facts->capabilities) ? "not known, since nothing may be attached"
	     : facts->cookies ? "yes" : "no: a kprobe is told by the address it is at, which costs a lookup");
	line(out, "kernel addresses",
	     facts->addresses_shown ? "shown"
				    : "hidden: where a packet was dropped stays a number (CAP_SYSLOG, "
				      "/proc/sys/kernel/kptr_restrict)");
	label(out, "drop reasons");
	if (facts->drop_reasons)
		out_printf(out, "told, %u of them\n", facts->drop_reasons);
	else
		out_string(out, "not told by this kernel, only where a packet was dropped\n");
	render_context(out, facts);
	line(out, "missed hits",
	     facts->misses_counted || facts->chosen == BACKEND_TRACEPOINT
		     ? "counted"
		     : "not counted: a probe hit while another runs on its CPU is lost without a trace");
	line(out, "times", "CLOCK_MONOTONIC: seconds since boot, time asleep left out");
	label(out, "perf clock");
	if (facts->perf_clock)
		out_printf(out, "no: %s\n", reason_of(facts->perf_clock));
	else
		out_string(out, "works; this version does without\n");
}

static void render_choice(struct out *out, const struct check_facts *facts)
{
	size_t i;

	label(out, "backend");
	if (facts->chosen == BACKEND_AUTO && facts->wanted == BACKEND_AUTO)
		out_string(out, "none works\n");
	else if (facts->chosen == BACKEND_AUTO)
		out_printf(out, "none: %s was asked for\n", backend_name(facts->wanted));
	else if (facts->wanted != BACKEND_AUTO)
		out_printf(out, "%s, as asked for\n", backend_name(facts->chosen));
	else
		out_printf(out, "%s, the first that works, in the order of what a hit costs and of what is seen:\n",
			   backend_name(facts->chosen));
	if (facts->chosen == BACKEND_AUTO || facts->wanted != BACKEND_AUTO)
		return;
	out_string(out, INDENT);
	for (i = 0; i < CHECK_BACKENDS; i++)
		out_printf(out, "%s%s", i ? ", " : "", backend_name(check_order[i]));
	out_string(out, "\n");
}

struct stage_count {
	unsigned int attached, wanted, rows;
};

static bool in_stage(const struct probe_plan *plan, unsigned int i, unsigned int stage)
{
	const struct probe_row *row = probe_table_row(plan->probes, i);

	return row->stage == stage && row->kind != PROBE_NO;
}

static struct stage_count count_stage(const struct probe_plan *plan, unsigned int stage)
{
	struct stage_count count = {};
	unsigned int i;

	for (i = 0; i < plan->n_entries; i++) {
		if (!in_stage(plan, i, stage))
			continue;
		count.rows++;
		count.attached += plan->entries[i].attach;
		count.wanted += plan->entries[i].wanted;
	}
	return count;
}

/* May rows i and j be told in one line: of the same stage and state, for the same reason? */
static bool same_reason(const struct probe_plan *plan, unsigned int i, unsigned int j)
{
	const struct probe_plan_entry *a = &plan->entries[i], *b = &plan->entries[j];

	return probe_table_row(plan->probes, i)->stage == probe_table_row(plan->probes, j)->stage &&
	       probe_plan_state(a) == probe_plan_state(b) && !strcmp(a->skipped, b->skipped);
}

/* The first row with the reason that row i has. */
static unsigned int first_of_reason(const struct probe_plan *plan, unsigned int i)
{
	unsigned int first = 0;

	while (!same_reason(plan, first, i))
		first++;
	return first;
}

/* Each reason why rows of the stage are in that state; below the stage with all their names, or alone. */
static void render_reasons(struct out *out, const struct probe_plan *plan, unsigned int stage,
			   enum probe_state state)
{
	unsigned int i, j, n = 0;

	for (i = 0; i < plan->n_entries; i++) {
		if (!in_stage(plan, i, stage) ||
		    probe_plan_state(&plan->entries[i]) != state || first_of_reason(plan, i) != i)
			continue;
		if (state == PROBE_UNUSED) {
			out_printf(out, "%s%s", n++ ? ", " : "", plan->entries[i].skipped);
			continue;
		}
		out_printf(out, INDENT "%s: %s", plan->entries[i].skipped, probe_table_row(plan->probes, i)->name);
		for (j = i + 1; j < plan->n_entries; j++)
			if (same_reason(plan, i, j))
				out_printf(out, ", %s", probe_table_row(plan->probes, j)->name);
		out_string(out, "\n");
	}
	out_string(out, state == PROBE_UNUSED ? "\n" : "");
}

static void render_stage(struct out *out, const struct probe_plan *plan, unsigned int stage,
			 const struct stage_count *count)
{
	out_printf(out, "  %-*s", LABEL_WIDTH - 2, stage_name(stage));
	if (count->wanted)
		out_printf(out, "%u of %u probes attach\n", count->attached, count->wanted);
	render_reasons(out, plan, stage, count->wanted ? PROBE_SKIPPED : PROBE_UNUSED);
}

static void render_stages(struct out *out, const struct probe_plan *plan, bool seen)
{
	unsigned int stage, n = 0;

	for (stage = 0; stage < NT_STAGE_COUNT; stage++) {
		struct stage_count count = count_stage(plan, stage);

		if (!count.rows || (count.attached > 0) != seen)
			continue;
		if (!n++)
			out_printf(out, "\nstages that will %sbe seen\n", seen ? "" : "not ");
		render_stage(out, plan, stage, &count);
	}
}

/* Packets are seen if a journey can begin. */
bool check_can_trace(const struct check_facts *facts)
{
	unsigned int i;

	for (i = 0; !facts->load && facts->plan && i < facts->plan->n_entries; i++)
		if (facts->plan->entries[i].attach && probe_table_row(facts->plan->probes, i)->flags & NT_P_START)
			return true;
	return false;
}

static void render_verdict(struct out *out, const struct check_facts *facts)
{
	const char *missing = check_missing_capabilities(facts->capabilities);

	if (check_can_trace(facts))
		out_printf(out, "\ntracing works: %s backend, %u probes (%u skipped)\n", backend_name(facts->chosen),
			   facts->plan->n_attached, facts->plan->n_skipped);
	else if (facts->btf)
		out_string(out, "\ntracing does not work: the kernel's types are missing\n");
	else if (facts->lockdown == LOCKDOWN_CONFIDENTIALITY)
		out_string(out, "\ntracing does not work: the kernel is locked down\n");
	else if (*missing)
		out_printf(out, "\ntracing does not work: run as root, or with %s\n", missing);
	else if (facts->chosen == BACKEND_AUTO)
		out_printf(out, "\ntracing does not work: %s\n",
			   facts->wanted == BACKEND_AUTO ? "no backend does" : "try --backend auto");
	else
		out_printf(out, "\ntracing does not work: %s%s%s\n",
			   facts->load ? reason_of(facts->load) : "no probe attaches where journeys begin",
			   *facts->complaint ? ": " : "", facts->complaint);
}

void check_render(struct out *out, const struct check_facts *facts)
{
	render_kernel(out, facts);
	if (!facts->btf)
		render_details(out, facts);
	render_choice(out, facts);
	if (facts->plan) {
		render_stages(out, facts->plan, true);
		render_stages(out, facts->plan, false);
	}
	render_verdict(out, facts);
}
