/* SPDX-License-Identifier: GPL-2.0 */
/* What the tracking maps hold and the kernel side counted, read from userspace. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "track_abi.h"
#include "tracer_private.h"

struct losses {
	u64 by_cause[NT_LOSS_COUNT];
};

static u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000000000ull + (u64)now.tv_nsec;
}

/* Whoever's delete succeeds takes the address out of the prefilter's counts. */
static bool delete_counted(int map_fd, u32 *counts, u64 key)
{
	if (bpf_map_delete_elem(map_fd, &key))
		return false;
	__atomic_fetch_sub(&counts[nt_prefilter_slot(key)], 1, __ATOMIC_RELAXED);
	return true;
}

static int tell_evicted(u64 skb, const struct nt_tracked *tracked, source_record_fn on_record, void *user)
{
	struct nt_end end = {
		.ev = {.ts_ns = now_ns(), .skb = skb, .skb_id = tracked->id, .kind = NT_END},
		.how = NT_END_EVICTED,
	};

	return on_record(user, &end.ev, sizeof(end), 0);
}

static int sweep_skbs(struct tracer *tracer, u64 before_ns, source_record_fn on_record, void *user)
{
	int fd = bpf_map__fd(tracer->skel->maps.skbs), removed = 0, err = 0;
	u64 key, next, *from = NULL;
	struct nt_tracked tracked;
	bool more;

	do { /* the next key must be known before this one is deleted */
		more = !bpf_map_get_next_key(fd, from, &next);
		if (from && !bpf_map_lookup_elem(fd, from, &tracked) && tracked.last_ns < before_ns &&
		    delete_counted(fd, tracer->skel->bss->tracked_skbs, key)) {
			err = tell_evicted(key, &tracked, on_record, user);
			removed++;
		}
		key = next;
		from = &key;
	} while (!err && more);
	return err ? err : removed;
}

static void sweep_heads(struct tracer *tracer, u64 before_ns)
{
	int fd = bpf_map__fd(tracer->skel->maps.heads);
	u64 key, next, *from = NULL;
	struct nt_held held;
	bool more;

	do {
		more = !bpf_map_get_next_key(fd, from, &next);
		if (from && !bpf_map_lookup_elem(fd, from, &held) && held.start_ns < before_ns)
			delete_counted(fd, tracer->skel->bss->tracked_heads, key);
		key = next;
		from = &key;
	} while (more);
}

int tracer_sweep(struct tracer *tracer, u64 idle_ns, source_record_fn on_record, void *user)
{
	u64 now = now_ns(), before_ns = now > idle_ns ? now - idle_ns : 0;
	int removed = sweep_skbs(tracer, before_ns, on_record, user);

	sweep_heads(tracer, before_ns);
	return removed;
}

/* Hits that the kernel did not run a program for. Perf-event kprobes are not counted before 6.7. */
static void count_recursion(const struct tracer *tracer, struct tracer_losses *losses)
{
	struct bpf_program *program;

	losses->recursion_known = tracer->plan->backend != BACKEND_KPROBE;
	bpf_object__for_each_program(program, tracer->skel->obj) {
		struct bpf_prog_info info = {};
		u32 size = sizeof(info);

		if (bpf_program__fd(program) < 0)
			continue;
		if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
			continue;
		if (size < offsetof(struct bpf_prog_info, recursion_misses) + sizeof(info.recursion_misses))
			losses->recursion_known = false;
		losses->recursion += info.recursion_misses;
	}
}

void tracer_count_losses(const struct tracer *tracer, struct tracer_losses *ret_losses)
{
	struct losses *by_cpu = calloc((size_t)tracer->n_cpus, sizeof(*by_cpu));
	int fd = bpf_map__fd(tracer->skel->maps.losses), cpu;
	unsigned int cause;
	u32 probe;

	memset(ret_losses, 0, sizeof(*ret_losses));
	count_recursion(tracer, ret_losses);
	for (probe = 0; by_cpu && probe < NT_PROBE_COUNT; probe++) {
		if (bpf_map_lookup_elem(fd, &probe, by_cpu))
			continue;
		for (cpu = 0; cpu < tracer->n_cpus; cpu++)
			for (cause = 0; cause < NT_LOSS_COUNT; cause++)
				ret_losses->by_cause[cause] += by_cpu[cpu].by_cause[cause];
	}
	free(by_cpu);
}
