/* SPDX-License-Identifier: GPL-2.0 */
/* What --latency counts in the kernel (bpf/latency.bpf.h). */
#include <bpf/bpf.h>
#include <errno.h>
#include <sys/mman.h>

#include "latency_abi.h"
#include "track_abi.h"
#include "tracer_private.h"

static u32 n_histograms(const struct tracer *tracer)
{
	return nt_latency_index((u32)tracer->n_cpus, 0, 0);
}

int latencies_prepare(struct tracer *tracer, const struct options *options)
{
	if (!options->latency)
		return bpf_map__set_max_entries(tracer->skel->maps.latency_journeys, 1) ? -errno : 0;
	return bpf_map__set_max_entries(tracer->skel->maps.latencies, n_histograms(tracer)) ? -errno : 0;
}

int latencies_map(struct tracer *tracer)
{
	size_t size = n_histograms(tracer) * sizeof(struct nt_histogram);
	void *latencies;

	if (!tracer->skel->rodata->want_latency)
		return 0;
	latencies = mmap(NULL, size, PROT_READ, MAP_SHARED, bpf_map__fd(tracer->skel->maps.latencies), 0);
	if (latencies == MAP_FAILED)
		return -errno;
	tracer->latencies = latencies;
	return 0;
}

void latencies_unmap(struct tracer *tracer)
{
	if (tracer->latencies)
		munmap((void *)tracer->latencies, n_histograms(tracer) * sizeof(*tracer->latencies));
}

void tracer_read_latency(const struct tracer *tracer, struct latency *ret_latency)
{
	memset(ret_latency, 0, sizeof(*ret_latency));
	for (u32 cpu = 0; tracer->latencies && cpu < (u32)tracer->n_cpus; cpu++) {
		for (u32 way = 0; way < NT_WAYS; way++)
			for (u32 row = 0; row < NT_LATENCY_ROWS; row++)
				histogram_merge(&ret_latency->histograms[way][row],
						&tracer->latencies[nt_latency_index(cpu, way, row)]);
		ret_latency->begun += cpu < NT_MAX_CPUS ? tracer->skel->bss->latency_begun[cpu] : 0;
	}
}
