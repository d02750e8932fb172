/* SPDX-License-Identifier: GPL-2.0 */
/* What tracer.c and sweep.c share. */
#ifndef NT_TRACER_PRIVATE_H
#define NT_TRACER_PRIVATE_H

#include "tracer.h"

#include "bpf_objects.h"

struct tracer {
	const struct probe_plan *plan;
	struct nettrace_bpf *skel;
	struct bpf_link **links; /* in the order they were attached */
	unsigned int n_links, links_room;
	unsigned int n_attached, n_skipped;
	int row_errors[NT_PROBE_MAX]; /* of attaching; 0: attached, or never tried */
	int n_cpus;
	u64 min_latency_ns; /* for which the kernel side keeps records back; 0: it does not */
	bool misses_counted;
	int symbol_fd; /* of the program that names addresses, negative: the kernel does not have what it needs */
	size_t ring_bytes;
	int *ring_fds;
	struct source_ring *source;
};

#endif
