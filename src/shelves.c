/* SPDX-License-Identifier: GPL-2.0 */
/* What is kept back in the kernel (bpf/shelf.bpf.h), for when nobody there will send it any more. */
#include <bpf/bpf.h>
#include <errno.h>
#include <sys/mman.h>

#include "batch.h"
#include "clock.h"
#include "track_abi.h"
#include "tracer_private.h"

#define SHELVES_BYTES (NT_SHELVES * sizeof(struct nt_shelf))

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

int shelves_map(struct tracer *tracer)
{
	void *shelves;

	if (!tracer->skel->rodata->want_shelves)
		return 0;
	shelves = mmap(NULL, SHELVES_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(tracer->skel->maps.shelves), 0);
	if (shelves == MAP_FAILED)
		return -errno;
	tracer->shelves = shelves;
	return 0;
}

void shelves_unmap(struct tracer *tracer)
{
	if (tracer->shelves)
		munmap(tracer->shelves, SHELVES_BYTES);
}

static int hand_on(const struct nt_shelf *shelf, source_record_fn on_record, void *user)
{
	struct hand_on to = {.on_record = on_record, .user = user};

	batch_each(&shelf->batch, sizeof(shelf->batch), hand_on_entry, &to);
	return to.err;
}

int shelves_hand_on(struct tracer *tracer, u32 id, source_record_fn on_record, void *user)
{
	struct nt_shelf *shelf = tracer->shelves ? &tracer->shelves[id & (NT_SHELVES - 1)] : NULL;
	int err;

	if (!shelf || shelf->id != id)
		return 0;
	err = hand_on(shelf, on_record, user);
	shelf->id = 0;
	return err;
}

static void count(const struct tracer *tracer, struct nt_shelf_counts *counts)
{
	const struct nt_shelf_counts *by_cpu = tracer->skel->bss->shelf_counts;
	int cpu;

	for (cpu = 0; cpu < tracer->n_cpus && cpu < NT_MAX_CPUS; cpu++) {
		counts->fast += by_cpu[cpu].fast;
		counts->direct += by_cpu[cpu].direct;
	}
}

int tracer_drain_shelves(struct tracer *tracer, source_record_fn on_record, void *user,
			 struct nt_shelf_counts *ret_counts)
{
	u64 now = now_ns(), slow_ns = tracer->skel->bss->slow_ns;
	int err = 0;
	size_t i;

	*ret_counts = (struct nt_shelf_counts){0};
	if (!tracer->shelves)
		return 0;
	count(tracer, ret_counts);
	for (i = 0; !err && i < NT_SHELVES; i++)
		if (tracer->shelves[i].id && now - tracer->shelves[i].start_ns >= slow_ns)
			err = hand_on(&tracer->shelves[i], on_record, user);
	return err;
}

void tracer_keep_faster(struct tracer *tracer, u64 than_ns)
{
	*(volatile u64 *)&tracer->skel->bss->slow_ns = than_ns;
}
