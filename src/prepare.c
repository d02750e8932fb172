/* SPDX-License-Identifier: GPL-2.0 */
#include "prepare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "host.h"
#include "log.h"
#include "reason.h"

int prepare_backend(enum backend wanted)
{
	int err = -EOPNOTSUPP;
	size_t i;

	for (i = 0; i < CHECK_BACKENDS; i++) {
		if (wanted != BACKEND_AUTO && wanted != check_order[i])
			continue;
		err = kernel_try(check_order[i]);
		if (!err)
			return (int)check_order[i];
	}
	return err;
}

static int say_no_backend(int err, enum backend wanted)
{
	const char *missing = check_missing_capabilities(host_capabilities());

	if ((err == -EPERM || err == -EACCES) && *missing)
		log_say("cannot attach probes: %s; run as root, or with %s", reason_of(err), missing);
	else if (wanted != BACKEND_AUTO)
		log_say("this kernel does not allow the %s backend: %s; try --backend auto", backend_name(wanted),
			reason_of(err));
	else
		log_say("this kernel allows no probes that nettrace knows: %s; see nettrace --check", reason_of(err));
	return err;
}

int prepare_plan(struct kernel *kernel, struct probe_table *probes, const struct options *options,
		 enum backend backend, struct preparation *ret_prepared)
{
	int err;

	ret_prepared->facts = calloc(probe_table_count(probes), sizeof(*ret_prepared->facts));
	ret_prepared->plan = calloc(1, sizeof(*ret_prepared->plan));
	if (!ret_prepared->facts || !ret_prepared->plan) {
		log_say("cannot plan probes: %s", reason_of(-ENOMEM));
		return -ENOMEM;
	}
	err = kernel_gather_facts(kernel, probes, ret_prepared->facts, &ret_prepared->variables);
	if (err) {
		log_say("cannot read /proc/kallsyms: %s", reason_of(err));
		return err;
	}
	probe_plan_make(backend, probes, ret_prepared->facts, options->probe_exclude, ret_prepared->plan);
	return 0;
}

int prepare(struct kernel *kernel, struct probe_table *probes, const struct options *options,
	    struct preparation *ret_prepared)
{
	int backend = prepare_backend(options->backend);

	if (backend < 0)
		return say_no_backend(backend, options->backend);
	return prepare_plan(kernel, probes, options, (enum backend)backend, ret_prepared);
}

void prepare_free(struct preparation *prepared)
{
	free(prepared->plan);
	free(prepared->facts);
}
