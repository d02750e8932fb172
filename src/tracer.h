/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel side from userspace: load, attach, detach, and what it counted. */
#ifndef NT_TRACER_H
#define NT_TRACER_H

#include <signal.h>
#include <stdbool.h>

#include "event.h"
#include "kernel.h"
#include "latency.h"
#include "options.h"
#include "probe_plan.h"
#include "source_ring.h"
#include "track_abi.h"

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
int tracer_load(const struct kernel_abilities *abilities, const struct kernel_variables *variables,
		const struct options *options, const struct probe_plan *plan, struct tracer **ret_tracer);

/* The least that --buffer may ask for on this machine: every CPU has a ring of its own. */
unsigned long long tracer_buffer_min_bytes(void);

/*
 * Attach: ends first, starts last, so that no packet is followed whose end could be missed.
 * A probe that cannot be attached is skipped and counted; tracer_row_error() tells why. 0 or
 * negative errno; -EINTR if *stop became non-zero, which is looked at before each link: what is attached then
 * goes with tracer_detach. `stop` may be NULL.
 */
int tracer_attach(struct tracer *tracer, const volatile sig_atomic_t *stop);

/* Why a row that the plan attaches was refused by the kernel: negative errno, or 0 if it was not. */
int tracer_row_error(const struct tracer *tracer, unsigned int probe);

/* No packet begins any more; those under way go on. A program that runs on another CPU at this moment may still write. */
void tracer_stop(struct tracer *tracer);

/* Stop, and detach everything, starts first; see detach.h. */
void tracer_detach(struct tracer *tracer);
void tracer_free(struct tracer *tracer);

unsigned int tracer_attached(const struct tracer *tracer);
unsigned int tracer_skipped(const struct tracer *tracer);

/* The rings, ready to read; owned by the tracer. */
struct source_ring *tracer_source(struct tracer *tracer);

/*
 * The name of an interface on which a traced packet was, as it was then; terminated.
 * 0, or -ENOENT if none was there.
 */
int tracer_ifname(const struct tracer *tracer, u32 netns, u32 ifindex, char name[16]);

/*
 * What the kernel calls an address, as "ip_rcv+0x12 [module]". 0; -ENOENT if it has no name for it; -EOPNOTSUPP if
 * this kernel cannot be asked (before 5.13).
 */
int tracer_symbol(const struct tracer *tracer, u64 address, char *text, size_t size);

/*
 * With --min-latency or --latency, after tracer_stop(): hand on what is kept back of journeys that are under way for so long by now.
 * Counts those that were faster and stayed there, and those that were not kept back. 0 or negative errno, also of on_record.
 */
int tracer_drain_shelves(struct tracer *tracer, source_record_fn on_record, void *user,
			 struct nt_shelf_counts *ret_counts);

/* With --latency: journeys that are faster than this need not leave the kernel any more. */
void tracer_keep_faster(struct tracer *tracer, u64 than_ns);

/* With --latency: what the kernel side counted so far, over all CPUs. Cheap enough for once a second. */
void tracer_read_latency(const struct tracer *tracer, struct latency *ret_latency);

/* Have CPUs with network work watched by others: to be called about once a second. Does nothing if causes are not looked for. */
void tracer_watch(struct tracer *tracer);

/* Totals so far. Cheap enough for once a second. */
void tracer_count_losses(const struct tracer *tracer, struct tracer_losses *ret_losses);

/* Say on stderr where they were, by cause, probe and CPU: at most a dozen lines, none if nothing was lost. */
void tracer_say_losses(const struct tracer *tracer);

/*
 * Remove tracked packets that saw nothing for idle_ns; on_record gets an NT_END
 * for each. Returns how many were removed, or negative errno.
 */
int tracer_sweep(struct tracer *tracer, u64 idle_ns, source_record_fn on_record, void *user);

#endif
