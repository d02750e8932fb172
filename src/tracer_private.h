/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the tracer share: tracer.c, rings.c, sweep.c, shelves.c, latencies.c. */
#ifndef NT_TRACER_PRIVATE_H
#define NT_TRACER_PRIVATE_H

#include "tracer.h"

#include "bpf_objects.h"
#include "observers.h"

struct tracer {
	const struct probe_plan *plan;
	struct nettrace_bpf *skel;
	struct bpf_link **links; /* in the order they were attached */
	unsigned int n_links, links_room;
	unsigned int n_attached, n_skipped;
	int row_errors[NT_PROBE_MAX]; /* of attaching; 0: attached, or never tried */
	int n_cpus;
	bool misses_counted;
	bool refused; /* the kernel did not load the programs */
	int symbol_fd; /* of the program that names addresses, negative: the kernel does not have what it needs */
	struct nt_shelf *shelves; /* of the kernel side; NULL if it keeps no records back */
	const struct nt_histogram *latencies; /* of the kernel side; NULL without --latency */
	size_t ring_bytes;
	int *ring_fds; /* of the kernel's rings, by CPU */
	char *own_rings; /* or the memory that all of them are in; NULL: the kernel's are used */
	size_t own_rings_bytes;
	struct source_ring *source;
	struct observers *observers; /* NULL: causes of delays are not looked for */
};

/* Before loading: how large the rings are, by the budget for all of them (0: the default). 0 or negative errno. */
int rings_prepare(struct tracer *tracer, unsigned long long total_bytes);
/* After loading, also of the observers. 0 or negative errno. */
int rings_make(struct tracer *tracer);
void rings_free(struct tracer *tracer);

/* 0 or negative errno; nothing to do if nothing is kept back. */
int shelves_map(struct tracer *tracer);
void shelves_unmap(struct tracer *tracer);

/* Before loading: room for each CPU's histograms. 0 or negative errno. */
int latencies_prepare(struct tracer *tracer, const struct options *options);
/* 0 or negative errno; nothing to do without --latency. */
int latencies_map(struct tracer *tracer);
void latencies_unmap(struct tracer *tracer);

/*
 * Hand on what waits of a journey that is given up, and empty its shelf. 0 or negative errno, also of on_record.
 */
int shelves_hand_on(struct tracer *tracer, u32 id, source_record_fn on_record, void *user);

#endif
