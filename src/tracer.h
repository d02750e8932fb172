/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel side from userspace: load, attach, detach, and what it counted. */
#ifndef NT_TRACER_H
#define NT_TRACER_H

#include <stdbool.h>

#include "event.h"
#include "kernel.h"
#include "options.h"
#include "probe_plan.h"
#include "source_ring.h"

struct tracer;

struct tracer_losses {
	u64 by_cause[NT_LOSS_COUNT];
	u64 recursion; /* hits skipped while another program ran on that CPU */
	bool recursion_known;
};

/*
 * Load the programs that the plan attaches, with the filter frozen in. 0 or
 * negative errno; the reason has then been said on stderr. The plan must outlive the tracer.
 */
int tracer_load(const struct kernel *kernel, const struct kernel_variables *variables,
		const struct options *options, const struct probe_plan *plan, struct tracer **ret_tracer);

/*
 * Attach: ends first, starts last, so that no packet is followed whose end could be missed.
 * A probe that cannot be attached is skipped and counted; tracer_row_error() tells why. 0 or
 * negative errno, said.
 */
int tracer_attach(struct tracer *tracer);

/* Why a row that the plan attaches was refused by the kernel: negative errno, or 0 if it was not. */
int tracer_row_error(const struct tracer *tracer, unsigned int probe);

/* Detach everything, starts first. A program that runs on another CPU at this moment may still write. */
void tracer_detach(struct tracer *tracer);
void tracer_free(struct tracer *tracer);

unsigned int tracer_attached(const struct tracer *tracer);
unsigned int tracer_skipped(const struct tracer *tracer);

/* The rings, ready to read; owned by the tracer. */
struct source_ring *tracer_source(struct tracer *tracer);

/* Totals so far. Cheap enough for once a second. */
void tracer_count_losses(const struct tracer *tracer, struct tracer_losses *ret_losses);

/*
 * Remove tracked packets that saw nothing for idle_ns; on_record gets an NT_END
 * for each. Returns how many were removed, or negative errno.
 */
int tracer_sweep(struct tracer *tracer, u64 idle_ns, source_record_fn on_record, void *user);

#endif
