/* SPDX-License-Identifier: GPL-2.0 */
#include "inspect.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "check.h"
#include "machine.h"
#include "kernel.h"
#include "log.h"
#include "out.h"
#include "prepare.h"
#include "probe_list.h"
#include "reason.h"
#include "tracer.h"

struct inspection {
	const struct options *options;
	struct kernel *kernel;
	struct probe_table *probes;
	struct preparation prepared;
	struct out *out;
};

static int inspection_open(struct inspection *in)
{
	int err = out_open(NULL, &in->out);

	in->probes = probe_table_new();
	if (err || !in->probes) {
		log_say("cannot start: %s", reason_of(-ENOMEM));
		return -ENOMEM;
	}
	return 0;
}

/* Returns the exit status. */
static int inspection_close(struct inspection *in, int status)
{
	int err = out_close(in->out);

	prepare_free(&in->prepared);
	kernel_free(in->kernel);
	probe_table_free(in->probes);
	if (!err || err == -EPIPE)
		return status;
	log_say("standard output: %s", reason_of(err));
	return EXIT_FAILURE;
}

/*
 * Attach what is planned, note in the plan what the kernel refused, and detach. Nothing is traced meanwhile:
 * no packet has the length asked for. 0 or negative errno of loading, said.
 */
static int attach_once(struct inspection *in)
{
	struct options options = *in->options;
	struct kernel_abilities abilities;
	struct tracer *tracer;
	unsigned int i;
	int err;

	options.filter.match |= NT_MATCH_LEN;
	options.filter.len.low = options.filter.len.high = ~0u;
	kernel_find_abilities(in->kernel, &abilities);
	err = tracer_load(&abilities, &in->prepared.variables, &options, in->prepared.plan, &tracer);
	if (err)
		return err;
	tracer_attach(tracer, NULL);
	tracer_detach(tracer);
	for (i = 0; i < in->prepared.plan->n_entries; i++)
		if (tracer_row_error(tracer, i))
			probe_plan_refused(in->prepared.plan, i, tracer_row_error(tracer, i));
	tracer_free(tracer);
	return 0;
}

/* Everything that can be asked without a plan. Without BTF nothing is to be asked but trials. */
static void ask_kernel(struct inspection *in, struct check_facts *facts)
{
	size_t i;

	machine_describe(facts);
	facts->btf = kernel_open(&in->kernel);
	for (i = 0; i < CHECK_BACKENDS; i++)
		facts->trials[check_order[i]] = kernel_try(check_order[i]);
	for (i = 0; i < CHECK_BACKENDS && facts->chosen == BACKEND_AUTO; i++)
		if (!facts->trials[check_order[i]] &&
		    (facts->wanted == BACKEND_AUTO || facts->wanted == check_order[i]))
			facts->chosen = check_order[i];
	facts->perf_clock = kernel_try_perf_clock();
	facts->cookies = kernel_has_cookie();
	if (facts->btf)
		return;
	facts->misses_counted = kernel_counts_misses(in->kernel);
	facts->drop_reasons = kernel_count_drop_reasons(in->kernel);
}

static int check(struct inspection *in)
{
	struct check_facts facts = {.wanted = in->options->backend, .complaint = ""};
	int err = prepare_names(in->probes, in->options, &in->prepared);

	if (err)
		return in->prepared.usage_wrong ? EXIT_USAGE : EXIT_FAILURE;
	ask_kernel(in, &facts);
	/* without a backend, a plan still tells about kernel addresses */
	if (!facts.btf)
		err = prepare_plan(in->kernel, in->probes, in->options, facts.chosen, &in->prepared);
	if (err)
		return in->prepared.usage_wrong ? EXIT_USAGE : EXIT_FAILURE;
	facts.addresses_shown = in->prepared.variables.addresses_shown;
	facts.context_told = !facts.btf && kernel_tells_context(in->kernel, &in->prepared.variables);
	if (!facts.btf && facts.chosen != BACKEND_AUTO) {
		facts.load = attach_once(in);
		facts.complaint = facts.load ? log_libbpf_reason() : "";
		facts.plan = facts.load ? NULL : in->prepared.plan;
	}
	check_render(in->out, &facts);
	return check_can_trace(&facts) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int list_probes(struct inspection *in)
{
	int err = kernel_open(&in->kernel);

	if (err) {
		log_say("cannot read the kernel's types: %s; /sys/kernel/btf/vmlinux is needed", reason_of(err));
		return EXIT_FAILURE;
	}
	err = prepare(in->kernel, in->probes, in->options, &in->prepared);
	if (!err)
		err = attach_once(in);
	if (err)
		return in->prepared.usage_wrong ? EXIT_USAGE : EXIT_FAILURE;
	probe_list_render(in->out, in->prepared.plan);
	return EXIT_SUCCESS;
}

int inspect(const struct options *options)
{
	struct inspection in = {.options = options};
	int status = EXIT_FAILURE;

	signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write(), not a death */
	if (!inspection_open(&in))
		status = options->check ? check(&in) : list_probes(&in);
	return inspection_close(&in, status);
}
