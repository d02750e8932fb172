/* SPDX-License-Identifier: GPL-2.0 */
/* --check: the exact text. */
#include "plan_kit.h"

#include "check.h"

#define CAPABILITIES                                                                                           \
	(1ull << CHECK_CAP_BPF | 1ull << CHECK_CAP_PERFMON | 1ull << CHECK_CAP_NET_ADMIN |                     \
	 1ull << CHECK_CAP_SYS_ADMIN | 1ull << CHECK_CAP_SYSLOG)

static struct check_facts facts;

/* A kernel that allows everything. */
static int allow_all(void **state)
{
	(void)state;
	memset(&facts, 0, sizeof(facts));
	strcpy(facts.release, "6.12.9");
	strcpy(facts.machine, "x86_64");
	facts.capabilities = CAPABILITIES;
	facts.lockdown = LOCKDOWN_NONE;
	facts.module_btfs = 45;
	facts.cookies = facts.addresses_shown = facts.context_told = facts.misses_counted = true;
	facts.drop_reasons = 89;
	facts.chosen = BACKEND_KPROBE_MULTI;
	facts.complaint = "";
	facts.plan = &plan_kit;
	have_everything(NULL);
	probe_plan_make(facts.chosen, NULL, facts_kit, NULL, NULL, &plan_kit);
	return 0;
}

static void plan_with(enum backend backend, const char *exclude)
{
	facts.chosen = backend;
	probe_plan_make(backend, NULL, facts_kit, exclude, NULL, &plan_kit);
}

static const char *render(void)
{
	struct out *out = text_begin();

	check_render(out, &facts);
	return text_end(out);
}

static void assert_line(const char *prefix, const char *expected)
{
	assert_string_equal(lines_with(render(), prefix), expected);
}

/* Up to the stages, whose numbers change with the table. */
static void everything_works(void **state)
{
	const char *text = render(), *end = strstr(text, "\n\nstages that will be seen\n  gro ");
	char verdict[100];

	(void)state;
	assert_non_null(end);
	text_kit[end - text] = 0;
	assert_string_equal(text, "kernel            6.12.9, x86_64\n"
				  "capabilities      has CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SYSLOG\n"
				  "lockdown          off\n"
				  "types (BTF)       of the kernel and of 45 modules\n"
				  "kprobe-multi      works\n"
				  "kprobe            works\n"
				  "fentry            works\n"
				  "tracepoint        works\n"
				  "attach cookies    yes\n"
				  "kernel addresses  shown\n"
				  "drop reasons      told, 89 of them\n"
				  "context of events told: hard interrupt, softirq, ksoftirqd, NAPI thread or task\n"
				  "missed hits       counted\n"
				  "times             CLOCK_MONOTONIC: seconds since boot, time asleep left out\n"
				  "perf clock        works; this version does without\n"
				  "backend           kprobe-multi, the first that works, in the order of what a hit costs and of "
				  "what is seen:\n"
				  "                  kprobe-multi, kprobe, fentry, tracepoint");
	assert_true(check_can_trace(&facts));
	assert_null(strstr(render(), "not be seen"));
	snprintf(verdict, sizeof(verdict), "tracing works: kprobe-multi backend, %u probes (0 skipped)\n",
		 plan_kit.n_attached);
	assert_line("tracing", verdict);
}

static void why_not_each_backend(void **state)
{
	(void)state;
	facts.trials[BACKEND_KPROBE_MULTI] = -EOPNOTSUPP;
	facts.trials[BACKEND_KPROBE] = -EOPNOTSUPP;
	facts.trials[BACKEND_FENTRY] = -524;
	assert_line("kprobe-multi",
		    "kprobe-multi      no: Operation not supported; it needs CONFIG_FPROBE, from 5.18 on\n");
	assert_line("kprobe  ", "kprobe            no: Operation not supported; it needs CONFIG_KPROBES and "
			      "CONFIG_KPROBE_EVENTS\n");
	assert_line("fentry", "fentry            no: Operation not supported; it needs BTF and "
			    "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS\n");
	facts.trials[BACKEND_FENTRY] = -EPERM;
	assert_line("fentry", "fentry            no: Operation not permitted; the kernel's policy, since this process "
			    "has the capabilities\n");
	facts.lockdown = LOCKDOWN_CONFIDENTIALITY;
	assert_line("fentry", "fentry            no: Operation not permitted; the kernel is locked down\n");
	assert_line("lockdown", "lockdown          confidentiality: the kernel forbids reading its memory, so nothing can be "
				"traced\n");
	facts.capabilities = 0;
	assert_line("fentry",
		    "fentry            no: Operation not permitted; this process lacks CAP_BPF and CAP_PERFMON\n");
}

static void capabilities(void **state)
{
	(void)state;
	assert_string_equal(check_missing_capabilities(0), "CAP_BPF and CAP_PERFMON");
	assert_string_equal(check_missing_capabilities(1ull << CHECK_CAP_BPF), "CAP_PERFMON");
	assert_string_equal(check_missing_capabilities(1ull << CHECK_CAP_PERFMON), "CAP_BPF");
	assert_string_equal(check_missing_capabilities(1ull << CHECK_CAP_SYS_ADMIN), "");
	assert_string_equal(check_missing_capabilities(1ull << CHECK_CAP_BPF | 1ull << CHECK_CAP_PERFMON), "");
	facts.capabilities = 1ull << CHECK_CAP_SYSLOG | 1ull << CHECK_CAP_BPF;
	assert_line("capabilities", "capabilities      has CAP_BPF, CAP_SYSLOG; lacks CAP_PERFMON, CAP_NET_ADMIN, "
				    "CAP_SYS_ADMIN; tracing needs CAP_PERFMON\n");
	facts.capabilities = 0;
	assert_line("capabilities", "capabilities      lacks CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_SYS_ADMIN, "
				    "CAP_SYSLOG; tracing needs CAP_BPF and CAP_PERFMON\n");
	assert_line("attach", "attach cookies    not known, since nothing may be attached\n");
}

static void what_is_not_told(void **state)
{
	(void)state;
	facts.cookies = facts.context_told = facts.misses_counted = false;
	facts.drop_reasons = facts.module_btfs = 0;
	facts.perf_clock = -EACCES;
	assert_line("attach",
		    "attach cookies    no: a kprobe is told by the address it is at, which costs a lookup\n");
	assert_line("context", "context of events unknown: /proc/kallsyms lacks the kernel's variables "
			       "(CONFIG_KALLSYMS_ALL)\n");
	assert_line("missed",
		    "missed hits       not counted: a probe hit while another runs on its CPU is lost without a trace\n");
	assert_line("drop", "drop reasons      not told by this kernel, only where a packet was dropped\n");
	assert_line("perf", "perf clock        no: Permission denied\n");
	assert_line("types", "types (BTF)       of the kernel, none of modules: arguments of their functions are taken "
			     "from the probe table\n");
	facts.addresses_shown = false;
	assert_line("context", "context of events unknown: /proc/kallsyms hides addresses\n");
	assert_line("kernel a", "kernel addresses  hidden: where a packet was dropped stays a number (CAP_SYSLOG, "
				"/proc/sys/kernel/kptr_restrict)\n");
	plan_with(BACKEND_TRACEPOINT, NULL);
	assert_line("missed", "missed hits       counted\n");
}

/* Where rows may be added to the table, numbers of them are not looked at. */
static void stages(void **state)
{
	const char *text, *unseen;

	(void)state;
	for (unsigned int i = 0; i < NT_PROBE_COUNT; i++)
		if (probe_table_row(NULL, i)->stage == NT_STAGE_TC)
			facts_kit[i].symbol.n = 0;
	facts_kit[NT_PROBE_qdisc_enqueue].tracepoint = false;
	plan_with(BACKEND_KPROBE, "packet_rcv,tpacket_rcv");
	probe_plan_refused(&plan_kit, NT_PROBE_qdisc_dequeue, -EINVAL);
	text = render();
	unseen = strstr(text, "\n\nstages that will not be seen\n"
			      "  packet socket   excluded\n"
			      "  tc              0 of ");
	assert_non_null(unseen);
	assert_non_null(strstr(unseen, " probes attach\n"
				       "                  this kernel has no such function (inlined, or its module is not "
				       "loaded): tcf_classify, tcf_classify_ingress"));
	assert_null(strstr(unseen, "qdisc"));
	assert_non_null(strstr(text, " probes attach\n"
				     "                  this kernel has no such tracepoint: qdisc_enqueue\n"
				     "                  the kernel allows no probe there: Invalid argument: "
				     "qdisc_dequeue\n"));
	plan_with(BACKEND_TRACEPOINT, NULL);
	text = render();
	assert_non_null(strstr(text, "\n  reader          1 of 1 probes attach\n"));
	assert_non_null(strstr(text, "\n  ip-in           the tracepoint backend has no functions\n"));
}

static void the_choice(void **state)
{
	(void)state;
	facts.wanted = BACKEND_TRACEPOINT;
	plan_with(BACKEND_TRACEPOINT, NULL);
	assert_line("backend", "backend           tracepoint, as asked for\n");
	facts.plan = NULL;
	facts.chosen = BACKEND_AUTO;
	assert_line("backend", "backend           none: tracepoint was asked for\n");
	assert_line("tracing", "tracing does not work: try --backend auto\n");
	facts.wanted = BACKEND_AUTO;
	assert_line("backend", "backend           none works\n");
	assert_line("tracing", "tracing does not work: no backend does\n");
	assert_false(check_can_trace(&facts));
}

static void why_tracing_does_not_work(void **state)
{
	(void)state;
	plan_with(BACKEND_KPROBE, NULL);
	for (unsigned int i = 0; i < NT_PROBE_COUNT; i++)
		probe_plan_refused(&plan_kit, i, -EINVAL);
	assert_int_equal(plan_kit.n_attached, 0);
	assert_line("tracing", "tracing does not work: no probe attaches where journeys begin\n");
	facts.plan = NULL;
	facts.load = -EINVAL;
	facts.complaint = "prog 'fn_hook': no";
	assert_line("tracing", "tracing does not work: Invalid argument: prog 'fn_hook': no\n");
	facts.capabilities = 0;
	assert_line("tracing", "tracing does not work: run as root, or with CAP_BPF and CAP_PERFMON\n");
	facts.lockdown = LOCKDOWN_CONFIDENTIALITY;
	assert_line("tracing", "tracing does not work: the kernel is locked down\n");
	facts.btf = -ENOENT;
	assert_line("tracing", "tracing does not work: the kernel's types are missing\n");
	assert_line("types", "types (BTF)       no: No such file or directory; the kernel needs CONFIG_DEBUG_INFO_BTF, "
			     "/sys must be mounted\n");
	assert_line("drop", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(everything_works, allow_all),
		cmocka_unit_test_setup(why_not_each_backend, allow_all),
		cmocka_unit_test_setup(capabilities, allow_all),
		cmocka_unit_test_setup(what_is_not_told, allow_all),
		cmocka_unit_test_setup(stages, allow_all),
		cmocka_unit_test_setup(the_choice, allow_all),
		cmocka_unit_test_setup(why_tracing_does_not_work, allow_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
