/* SPDX-License-Identifier: GPL-2.0 */
/* What --min-latency keeps back in the kernel, when the trace ends (bpf/shelf.bpf.h). */
#include <bpf/bpf.h>
#include <errno.h>
#include <sys/mman.h>

#include "batch.h"
#include "clock.h"
#include "track_abi.h"
#include "tracer_private.h"

struct hand_on {
	source_record_fn on_record;
	void *user;
	int err;
};

static bool hand_on_entry(void *user, const void *record, u32 size, u32 cpu)
{
	struct hand_on *to = user;

	to->err = to->on_record(to->user, record, size, cpu);
	return !to->err;
}

static u64 count_fast(const struct tracer *tracer)
{
	u64 fast = 0;
	int cpu;

	for (cpu = 0; cpu < tracer->n_cpus && cpu < NT_MAX_CPUS; cpu++)
		fast += tracer->skel->bss->shelf_counts[cpu].fast;
	return fast;
}

int tracer_drain_shelves(struct tracer *tracer, source_record_fn on_record, void *user, u64 *ret_fast)
{
	size_t bytes = NT_SHELVES * sizeof(struct nt_shelf), i;
	struct hand_on to = {.on_record = on_record, .user = user};
	const struct nt_shelf *shelves;
	u64 now = now_ns();

	*ret_fast = 0;
	if (!tracer->min_latency_ns)
		return 0;
	*ret_fast = count_fast(tracer);
	shelves = mmap(NULL, bytes, PROT_READ, MAP_SHARED, bpf_map__fd(tracer->skel->maps.shelves), 0);
	if (shelves == MAP_FAILED)
		return -errno;
	for (i = 0; !to.err && i < NT_SHELVES; i++)
		if (shelves[i].id && now - shelves[i].start_ns >= tracer->min_latency_ns)
			batch_each(&shelves[i].batch, sizeof(shelves[i].batch), hand_on_entry, &to);
	munmap((void *)shelves, bytes);
	return to.err;
}
