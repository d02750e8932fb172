/* SPDX-License-Identifier: GPL-2.0 */
/* From options to a plan: which backend, which probes, with what this kernel says about them. */
#ifndef NT_PREPARE_H
#define NT_PREPARE_H

#include <stdbool.h>

#include "kernel.h"
#include "options.h"
#include "probe_plan.h"

struct preparation {
	struct probe_facts *facts; /* a row each; the plan points into them */
	struct probe_plan *plan;
	struct kernel_variables variables;
	bool usage_wrong; /* that it failed is the command line's fault */
};

/*
 * The backend asked for, or the first of check_order that this kernel allows, by trial. Negative errno of the
 * last trial if none, not said.
 */
int prepare_backend(enum backend wanted);

/*
 * Add the functions of --probe to the table, and see that it has those of --exclude. 0 or
 * negative errno, said; sets usage_wrong.
 */
int prepare_names(struct probe_table *probes, const struct options *options,
		  struct preparation *ret_prepared);

/*
 * Plan for that backend. 0 or negative errno, said. The table must outlive the preparation;
 * prepare_free() in either case.
 */
int prepare_plan(struct kernel *kernel, struct probe_table *probes, const struct options *options,
		 enum backend backend, struct preparation *ret_prepared);

/* All of it: 0 or negative errno, said. */
int prepare(struct kernel *kernel, struct probe_table *probes, const struct options *options,
	    struct preparation *ret_prepared);

void prepare_free(struct preparation *prepared);

#endif
