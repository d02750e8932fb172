/* SPDX-License-Identifier: GPL-2.0 */
/* The rings of the kernel side: made, given to its programs, and read as one source. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cpu_abi.h"
#include "host.h"
#include "log.h"
#include "ring_abi.h"
#include "tracer_private.h"

/* All rings together, and the least that one is worth having. */
#define RINGS_TOTAL_BYTES (8u << 20)
#define RING_MIN_BYTES (256u << 10)

/* The verifier takes no offset into memory from 1 << 29 on (BPF_MAX_VAR_OFF), and the kernel no larger ring of its own. */
#define OWN_RING_MAX_BYTES (1u << 28)
#define RING_MAX_BYTES (1u << 30)

/* A power of two for each CPU, together no more than the budget unless that is below the least. */
static size_t ring_size(int n_cpus, unsigned long long total_bytes, size_t bytes)
{

	while (bytes > RING_MIN_BYTES && bytes * (size_t)n_cpus > total_bytes)
		bytes /= 2;
	return bytes;
}

unsigned long long tracer_buffer_min_bytes(void)
{
	int n_cpus = libbpf_num_possible_cpus();

	return n_cpus > 0 ? (unsigned long long)n_cpus * RING_MIN_BYTES : 0;
}

/* In memory of its own, one ring is one value of an array: a map's values begin at multiples of 8 bytes. */
static size_t ring_value_bytes(const struct tracer *tracer)
{
	return sizeof(struct nt_ring) + tracer->ring_bytes + NT_RING_BEYOND_BYTES;
}

static bool has_own_rings(const struct tracer *tracer)
{
	return bpf_map__type(tracer->skel->maps.rings) == BPF_MAP_TYPE_ARRAY;
}

int rings_prepare(struct tracer *tracer, unsigned long long total_bytes)
{
	struct bpf_map *rings = tracer->skel->maps.rings;
	int err;

	tracer->ring_bytes = ring_size(tracer->n_cpus, total_bytes ? total_bytes : RINGS_TOTAL_BYTES,
				       has_own_rings(tracer) ? OWN_RING_MAX_BYTES : RING_MAX_BYTES);
	if (!tracer->ring_fds)
		tracer->ring_fds = malloc((size_t)tracer->n_cpus * sizeof(int));
	if (!tracer->ring_fds)
		return -ENOMEM;
	memset(tracer->ring_fds, 0xff, (size_t)tracer->n_cpus * sizeof(int));
	err = bpf_map__set_max_entries(rings, (u32)tracer->n_cpus);
	if (err || !has_own_rings(tracer))
		return err;
	tracer->skel->rodata->ring_mask = tracer->ring_bytes - 1;
	return bpf_map__set_value_size(rings, (u32)ring_value_bytes(tracer));
}

static int explain(const char *what, size_t bytes, int err)
{
	char why[128];

	host_explain_refusal(err, why, sizeof(why));
	log_say("%s of %zu KiB: %s%s%s", what, bytes >> 10, strerror(-err), *why ? "; " : "", why);
	return err;
}

static int map_own_rings(struct tracer *tracer)
{
	size_t value_bytes = ring_value_bytes(tracer);
	int cpu, err = 0;

	tracer->own_rings_bytes = value_bytes * (size_t)tracer->n_cpus;
	tracer->own_rings = mmap(NULL, tracer->own_rings_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
				 bpf_map__fd(tracer->skel->maps.rings), 0);
	if (tracer->own_rings == MAP_FAILED) {
		tracer->own_rings = NULL;
		return explain("cannot map the ring buffers", tracer->own_rings_bytes, -errno);
	}
	for (cpu = 0; !err && cpu < tracer->n_cpus; cpu++)
		err = source_ring_add_memory(tracer->source, (void *)(tracer->own_rings + (size_t)cpu * value_bytes),
					     tracer->ring_bytes, (u32)cpu);
	return err;
}

static int make_ring(struct tracer *tracer, int cpu)
{
	char name[24];

	snprintf(name, sizeof(name), "nt_ring_%d", cpu);
	tracer->ring_fds[cpu] = bpf_map_create(BPF_MAP_TYPE_RINGBUF, name, 0, 0, (u32)tracer->ring_bytes, NULL);
	if (tracer->ring_fds[cpu] < 0)
		return explain("cannot create a ring buffer", tracer->ring_bytes, -errno);
	if (bpf_map_update_elem(bpf_map__fd(tracer->skel->maps.rings), &cpu, &tracer->ring_fds[cpu], BPF_ANY))
		return explain("cannot use a ring buffer", tracer->ring_bytes, -errno);
	return source_ring_add_map(tracer->source, tracer->ring_fds[cpu], tracer->ring_bytes, (u32)cpu);
}

int rings_make(struct tracer *tracer)
{
	int err = source_ring_new((unsigned int)tracer->n_cpus + 1, &tracer->source), cpu;

	if (err)
		return err;
	if (has_own_rings(tracer))
		err = map_own_rings(tracer);
	else
		for (cpu = 0; !err && cpu < tracer->n_cpus; cpu++)
			err = make_ring(tracer, cpu);
	if (!err && tracer->observers)
		err = source_ring_add_map(tracer->source, observers_ring_fd(tracer->observers), NT_BLOCKAGES_BYTES, 0);
	return err ? err : source_ring_begin(tracer->source);
}

void rings_free(struct tracer *tracer)
{
	int cpu;

	source_ring_free(tracer->source);
	if (tracer->own_rings)
		munmap(tracer->own_rings, tracer->own_rings_bytes);
	for (cpu = 0; tracer->ring_fds && cpu < tracer->n_cpus; cpu++)
		if (tracer->ring_fds[cpu] >= 0)
			close(tracer->ring_fds[cpu]);
	free(tracer->ring_fds);
}
