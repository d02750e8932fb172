/* SPDX-License-Identifier: GPL-2.0 */
#include "observers.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf_objects.h"
#include "cpu_abi.h"
#include "track_abi.h"

/* Work so long ago makes a CPU worth watching no more. */
#define WATCH_NS 10000000000ull

struct observers {
	struct nettrace_bpf *skel;
	struct bpf_program *tick;
	int n_cpus;
	bool refused;		    /* the kernel has no such events for us: it is asked no more */
	struct bpf_link **ticks;    /* by CPU; NULL: it was never watched */
	bool *ticking;
};

/* By their names: programs of packets have others. */
static bool is_observer(const struct bpf_program *program)
{
	return !strncmp(bpf_program__name(program), "cpu_", strlen("cpu_"));
}

void observers_choose(struct nettrace_bpf *skel, const struct kernel_variables *variables)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, skel->obj)
		if (is_observer(program))
			bpf_program__set_autoload(program, true);
	skel->rodata->address_of_irq_regs = variables->irq_regs;
	skel->rodata->address_of_current_task = variables->current_task;
	skel->rodata->address_of_softnet_data = variables->softnet_data;
	skel->rodata->address_of_tick = variables->tick;
}

struct observers *observers_new(struct nettrace_bpf *skel)
{
	struct observers *observers = calloc(1, sizeof(*observers));

	if (!observers)
		return NULL;
	observers->skel = skel;
	observers->tick = bpf_object__find_program_by_name(skel->obj, "cpu_tick");
	observers->n_cpus = libbpf_num_possible_cpus();
	if (observers->n_cpus > NT_MAX_CPUS)
		observers->n_cpus = NT_MAX_CPUS;
	observers->ticks = calloc(NT_MAX_CPUS, sizeof(*observers->ticks));
	observers->ticking = calloc(NT_MAX_CPUS, sizeof(*observers->ticking));
	if (observers->ticks && observers->ticking)
		return observers;
	observers_free(observers);
	return NULL;
}

int observers_ring_fd(const struct observers *observers)
{
	return bpf_map__fd(observers->skel->maps.blockages);
}

/* Not every machine tells of its IPIs. */
static bool is_optional(const struct bpf_program *program)
{
	return !strncmp(bpf_program__name(program), "cpu_ipi_", strlen("cpu_ipi_"));
}

int observers_attach(struct observers *observers, observers_link_fn on_link, void *user)
{
	struct bpf_program *program;
	struct bpf_link *link;
	int err = 0;

	bpf_object__for_each_program(program, observers->skel->obj) {
		if (!is_observer(program) || program == observers->tick)
			continue;
		link = bpf_program__attach(program);
		err = link ? on_link(user, link) : -errno;
		if (err == -ENOENT && is_optional(program))
			err = 0;
		if (err)
			break;
	}
	return err;
}

/* An event of software, so that there is one in virtual machines, too; idle CPUs have it as well. */
static int begin_ticks(struct observers *observers, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = NT_TICK_NS,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	observers->ticks[cpu] = bpf_program__attach_perf_event(observers->tick, fd);
	if (!observers->ticks[cpu]) {
		err = -errno;
		close(fd);
		return err;
	}
	return 0;
}

static void end_ticks(struct observers *observers, int cpu)
{
	bpf_link__destroy(observers->ticks[cpu]);
	observers->ticks[cpu] = NULL;
	*(volatile u64 *)&observers->skel->bss->ticks_ns[cpu] = 0;
}

/* The next CPU that ticks looks after each, and the last after the first. */
static void share_out(struct observers *observers)
{
	int first = -1, last = -1;

	for (int cpu = 0; cpu < observers->n_cpus; cpu++) {
		if (!observers->ticks[cpu])
			continue;
		if (last >= 0)
			observers->skel->bss->looks_after[cpu] = (u32)last + 1;
		else
			first = cpu;
		last = cpu;
	}
	if (first >= 0)
		observers->skel->bss->looks_after[first] = first == last ? 0 : (u32)last + 1;
}

/* Which CPUs are to tick: those with work, and if that is one only, another that looks after it. Returns how many. */
static int choose(struct observers *observers, u64 now_ns)
{
	int n = 0, one = 0;

	for (int cpu = 0; cpu < observers->n_cpus; cpu++) {
		u64 last_ns = *(volatile u64 *)&observers->skel->bss->net_rx_ns[cpu];

		observers->ticking[cpu] = last_ns && last_ns + WATCH_NS > now_ns;
		if (!observers->ticking[cpu])
			continue;
		n++;
		one = cpu;
	}
	if (n != 1 || observers->n_cpus < 2)
		return n > 1 ? n : 0;
	observers->ticking[one ? 0 : 1] = true;
	return 2;
}

int observers_watch(struct observers *observers, u64 now_ns)
{
	bool changed = false, wanted;
	int n, err, refused = 0;

	if (observers->refused)
		return 0;
	n = choose(observers, now_ns);
	for (int cpu = 0; cpu < observers->n_cpus; cpu++) {
		wanted = n && observers->ticking[cpu];
		if (wanted == (observers->ticks[cpu] != NULL))
			continue;
		changed = true;
		err = wanted ? begin_ticks(observers, cpu) : 0;
		if (!wanted)
			end_ticks(observers, cpu);
		else if (err && err != -ENODEV) /* which says that it is offline */
			refused = err;
	}
	if (changed)
		share_out(observers);
	observers->refused = refused;
	return refused;
}

void observers_free(struct observers *observers)
{
	if (!observers)
		return;
	for (int cpu = 0; observers->ticks && cpu < NT_MAX_CPUS; cpu++)
		bpf_link__destroy(observers->ticks[cpu]);
	free(observers->ticks);
	free(observers->ticking);
	free(observers);
}
