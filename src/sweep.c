/* SPDX-License-Identifier: GPL-2.0 */
/* What the tracking maps hold and the kernel side counted, read from userspace. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "cpu_abi.h"
#include "index.h"
#include "log.h"
#include "track_abi.h"
#include "tracer_private.h"

/* As many entries as an index can have. */
#define LIVE_IDS_MAX (NT_INDEX_SETS * NT_INDEX_WAYS)
_Static_assert(LIVE_IDS_MAX >= NT_TRACKED_MAX, "of either kind");

struct losses {
	u64 by_cause[NT_LOSS_COUNT];
};

static int tell_evicted(struct tracer *tracer, u64 skb, u32 id, source_record_fn on_record, void *user)
{
	struct nt_end end = {
		.ev = {.ts_ns = now_ns(), .skb = skb, .skb_id = id, .kind = NT_END},
		.how = NT_END_EVICTED,
	};
	int err = shelves_hand_on(tracer, id, on_record, user);

	return err ? err : on_record(user, &end.ev, sizeof(end), 0);
}

static int compare_id(const void *a, const void *b)
{
	u32 left = *(const u32 *)a, right = *(const u32 *)b;

	return left < right ? -1 : left > right;
}

/* One look through both indexes. */
struct sweep {
	struct tracer *tracer;
	source_record_fn on_record;
	void *user;
	u64 before_ns; /* what saw nothing since then is old */
	int removed;
	u32 *live_ids; /* of journeys that have an skb in the index, with repetitions */
	size_t n_live;
};

static bool skb_is_old(void *user, const void *value)
{
	const struct nt_tracked *tracked = value;
	struct sweep *sweep = user;

	if (tracked->last_ns < sweep->before_ns)
		return true;
	if (sweep->n_live < LIVE_IDS_MAX)
		sweep->live_ids[sweep->n_live++] = tracked->id;
	return false;
}

static int skb_is_gone(void *user, u64 key, const void *value)
{
	const struct nt_tracked *tracked = value;
	struct sweep *sweep = user;

	sweep->removed++;
	return tell_evicted(sweep->tracer, key, tracked->id, sweep->on_record, sweep->user);
}

/*
 * An old head of a journey that has no skb left: of a clone that was announced and never came, or
 * whose end was missed.
 */
static bool head_is_old(void *user, const void *value)
{
	const struct nt_held *held = value;
	const struct sweep *sweep = user;

	return held->start_ns < sweep->before_ns &&
	       !bsearch(&held->id, sweep->live_ids, sweep->n_live, sizeof(*sweep->live_ids), compare_id);
}

static int head_is_gone(void *user, u64 key, const void *value)
{
	const struct nt_held *held = value;
	struct sweep *sweep = user;

	(void)key;
	return tell_evicted(sweep->tracer, 0, held->id, sweep->on_record, sweep->user);
}

static struct index index_of(const struct bpf_map *map, size_t value_bytes, size_t id_offset, u32 *counts)
{
	return (struct index){
		.map_fd = bpf_map__fd(map),
		.in_memory = bpf_map__type(map) == BPF_MAP_TYPE_ARRAY,
		.value_bytes = value_bytes,
		.id_offset = id_offset,
		.counts = counts,
	};
}

int tracer_sweep(struct tracer *tracer, u64 idle_ns, source_record_fn on_record, void *user)
{
	const struct index skbs = index_of(tracer->skel->maps.skbs, sizeof(struct nt_tracked),
					   offsetof(struct nt_tracked, id), tracer->skel->bss->tracked_skbs);
	const struct index heads = index_of(tracer->skel->maps.heads, sizeof(struct nt_held),
					    offsetof(struct nt_held, id), tracer->skel->bss->tracked_heads);
	struct sweep sweep = {.tracer = tracer, .on_record = on_record, .user = user};
	u64 now = now_ns();
	int err;

	sweep.before_ns = now > idle_ns ? now - idle_ns : 0;
	sweep.live_ids = malloc(LIVE_IDS_MAX * sizeof(*sweep.live_ids));
	err = sweep.live_ids ? index_sieve(&skbs, skb_is_old, skb_is_gone, &sweep) : -ENOMEM;
	if (!err) {
		qsort(sweep.live_ids, sweep.n_live, sizeof(*sweep.live_ids), compare_id);
		err = index_sieve(&heads, head_is_old, head_is_gone, &sweep);
	}
	free(sweep.live_ids);
	return err ? err : sweep.removed;
}

static u64 misses_of(const struct tracer *tracer, const char *program)
{
	struct bpf_program *found = bpf_object__find_program_by_name(tracer->skel->obj, program);
	struct bpf_prog_info info = {};
	u32 size = sizeof(info);

	if (!found || bpf_program__fd(found) < 0 || bpf_obj_get_info_by_fd(bpf_program__fd(found), &info, &size))
		return 0;
	return info.recursion_misses;
}

/* Rows may share a program. */
static bool first_of_program(const struct probe_plan *plan, unsigned int entry)
{
	unsigned int i = 0;

	while (strcmp(plan->entries[i].program, plan->entries[entry].program) != 0)
		i++;
	return i == entry;
}

/*
 * Hits that the kernel did not run a program for; of twins, the most that both can have
 * missed. Raw tracepoints nest without loss until that was counted.
 */
static void count_recursion(const struct tracer *tracer, struct tracer_losses *losses)
{
	const struct probe_plan *plan = tracer->plan;
	unsigned int i;
	u64 missed, by_twin;

	losses->recursion_known = plan->backend == BACKEND_TRACEPOINT || tracer->misses_counted;
	for (i = 0; i < plan->n_entries; i++) {
		if (!first_of_program(plan, i))
			continue;
		missed = misses_of(tracer, plan->entries[i].program);
		by_twin = *plan->entries[i].twin ? misses_of(tracer, plan->entries[i].twin) : missed;
		losses->recursion += missed < by_twin ? missed : by_twin;
	}
}

/* Called with each count that is not zero. */
typedef void (*loss_fn)(void *user, u32 probe, int cpu, enum nt_loss_cause cause, u64 count);

static void each_loss(const struct tracer *tracer, loss_fn on_loss, void *user)
{
	struct losses *by_cpu = calloc((size_t)tracer->n_cpus, sizeof(*by_cpu));
	int fd = bpf_map__fd(tracer->skel->maps.losses), cpu;
	unsigned int cause;
	u32 probe;

	for (probe = 0; by_cpu && probe < tracer->plan->n_entries; probe++) {
		if (bpf_map_lookup_elem(fd, &probe, by_cpu))
			continue;
		for (cpu = 0; cpu < tracer->n_cpus; cpu++)
			for (cause = 0; cause < NT_LOSS_COUNT; cause++)
				if (by_cpu[cpu].by_cause[cause])
					on_loss(user, probe, cpu, (enum nt_loss_cause)cause,
						by_cpu[cpu].by_cause[cause]);
	}
	free(by_cpu);
}

static void add_loss(void *user, u32 probe, int cpu, enum nt_loss_cause cause, u64 count)
{
	struct tracer_losses *losses = user;

	(void)probe;
	(void)cpu;
	losses->by_cause[cause] += count;
}

void tracer_count_losses(const struct tracer *tracer, struct tracer_losses *ret_losses)
{
	memset(ret_losses, 0, sizeof(*ret_losses));
	count_recursion(tracer, ret_losses);
	each_loss(tracer, add_loss, ret_losses);
}

#define LOSSES_SAID 11

struct said_losses {
	const struct tracer *tracer;
	unsigned int n;
	u64 elsewhere; /* lost in the places that are not told */
};

static void say_loss(void *user, u32 probe, int cpu, enum nt_loss_cause cause, u64 count)
{
	static const char *const causes[NT_LOSS_COUNT] = {
		[NT_LOSS_RING] = "ring", [NT_LOSS_MAP] = "map", [NT_LOSS_ID] = "id"};
	struct said_losses *said = user;

	if (said->n++ >= LOSSES_SAID)
		said->elsewhere += count;
	else
		log_say("lost: %s %llu at %s on CPU %d", causes[cause], (unsigned long long)count,
			probe_table_row(said->tracer->plan->probes, probe)->name, cpu);
}

_Static_assert(sizeof(struct nt_cpu) % 8 == 0, "the kernel pads what it keeps by CPU");

/* Blockages of CPUs that found no room in a ring: packets which they held are told without a cause. */
static u64 count_lost_blockages(const struct tracer *tracer)
{
	struct nt_cpu *cpus = calloc((size_t)tracer->n_cpus, sizeof(*cpus));
	u64 lost = 0;
	u32 zero = 0;

	if (cpus && !bpf_map_lookup_elem(bpf_map__fd(tracer->skel->maps.cpus), &zero, cpus))
		for (int cpu = 0; cpu < tracer->n_cpus; cpu++)
			lost += cpus[cpu].lost;
	free(cpus);
	return lost;
}

static void say_lost_blockages(const struct tracer *tracer)
{
	u64 lost = count_lost_blockages(tracer);

	if (lost)
		log_say("lost: %llu times in which a CPU was blocked; packets that they held have no cause",
			(unsigned long long)lost);
}

void tracer_say_losses(const struct tracer *tracer)
{
	struct said_losses said = {.tracer = tracer};

	each_loss(tracer, say_loss, &said);
	if (said.n > LOSSES_SAID)
		log_say("lost: also %llu in %u other places", (unsigned long long)said.elsewhere, said.n - LOSSES_SAID);
	say_lost_blockages(tracer);
}

int tracer_ifname(const struct tracer *tracer, u32 netns, u32 ifindex, char name[16])
{
	struct nt_interface key = {.netns = netns, .ifindex = ifindex};
	struct nt_ifname value;

	if (bpf_map_lookup_elem(bpf_map__fd(tracer->skel->maps.ifnames), &key, &value))
		return -ENOENT;
	memcpy(name, value.name, sizeof(value.name));
	name[sizeof(value.name) - 1] = 0;
	return 0;
}

/* "ip_rcv+0x12/0x80 [module]": without the function's size, which nobody asks for. */
static void drop_size(char *text)
{
	char *size = strchr(text, '/');

	if (size)
		memmove(size, size + strcspn(size, " "), strlen(size + strcspn(size, " ")) + 1);
}

int tracer_symbol(const struct tracer *tracer, u64 address, char *text, size_t size)
{
	struct nettrace_bpf__bss *bss = tracer->skel->bss;
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (tracer->symbol_fd < 0)
		return -EOPNOTSUPP;
	bss->symbol_address = address;
	if (bpf_prog_test_run_opts(tracer->symbol_fd, &opts))
		return -EOPNOTSUPP;
	snprintf(text, size, "%s", bss->symbol_text);
	drop_size(text);
	return strchr(text, '+') ? 0 : -ENOENT; /* of an unknown address it says the number */
}
