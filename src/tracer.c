/* SPDX-License-Identifier: GPL-2.0 */
#include "tracer_private.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "detach.h"
#include "host.h"
#include "log.h"
#include "track_abi.h"

/* A kernel that refuses every probe need not be quoted on each. */
#define SKIPPED_SAID 8

static u32 bits_for(int n_cpus)
{
	u32 bits = 0;

	while (1 << bits < n_cpus)
		bits++;
	return bits;
}

static const struct probe_row *row_of(const struct tracer *tracer, unsigned int probe)
{
	return probe_table_row(tracer->plan->probes, probe);
}

static int choose_program(struct tracer *tracer, const char *name, const struct probe_row *row,
			  struct bpf_program **ret_program)
{
	struct bpf_program *program = bpf_object__find_program_by_name(tracer->skel->obj, name);

	if (!program) {
		log_say("internal: no program %s for probe %s", name, row->name);
		return -ENOENT;
	}
	bpf_program__set_autoload(program, true);
	*ret_program = program;
	return 0;
}

static struct bpf_program *symbol_program(const struct tracer *tracer)
{
	return bpf_object__find_program_by_name(tracer->skel->obj, "name_symbol");
}

static bool has_kprobes(const struct tracer *tracer)
{
	return tracer->plan->backend == BACKEND_KPROBE_MULTI || tracer->plan->backend == BACKEND_KPROBE;
}

static struct bpf_program *rest_program(const struct tracer *tracer)
{
	return bpf_object__find_program_by_name(tracer->skel->obj, "fn_rest");
}

/* It goes on for programs of kprobes, and has to be of their kind. */
static void choose_rest(struct tracer *tracer)
{
	bpf_program__set_autoload(rest_program(tracer), true);
	if (tracer->plan->backend == BACKEND_KPROBE_MULTI)
		bpf_program__set_expected_attach_type(rest_program(tracer), BPF_TRACE_KPROBE_MULTI);
}

static int give_rest(struct tracer *tracer)
{
	int fd = has_kprobes(tracer) ? bpf_program__fd(rest_program(tracer)) : -1;
	u32 zero = 0;

	if (fd < 0)
		return 0;
	return bpf_map_update_elem(bpf_map__fd(tracer->skel->maps.rest), &zero, &fd, BPF_ANY) ? -errno : 0;
}

/* Load what the plan attaches and nothing else: on 5.10 one unsupported program fails them all. */
static int choose_programs(struct tracer *tracer)
{
	struct bpf_program *program, *twin;
	unsigned int i;
	int err;

	bpf_object__for_each_program(program, tracer->skel->obj)
		bpf_program__set_autoload(program, false);
	for (i = 0; i < tracer->plan->n_entries; i++) {
		const struct probe_plan_entry *entry = &tracer->plan->entries[i];

		if (!entry->attach)
			continue;
		err = choose_program(tracer, entry->program, row_of(tracer, i), &program);
		if (!err && *entry->twin)
			err = choose_program(tracer, entry->twin, row_of(tracer, i), &twin);
		if (err)
			return err;
		/* the alias may be what this kernel has */
		if (tracer->plan->backend == BACKEND_FENTRY && row_of(tracer, i)->kind == PROBE_FN &&
		    strcmp(entry->places[0].name, row_of(tracer, i)->name) &&
		    bpf_program__set_attach_target(program, 0, entry->places[0].name))
			return -errno;
		if (tracer->plan->backend == BACKEND_KPROBE_MULTI && row_of(tracer, i)->kind == PROBE_FN)
			bpf_program__set_expected_attach_type(program, BPF_TRACE_KPROBE_MULTI);
	}
	if (has_kprobes(tracer))
		choose_rest(tracer);
	if (kernel_has_snprintf())
		bpf_program__set_autoload(symbol_program(tracer), true);
	return 0;
}

/* Whose packets they are may be asked of a recording later, whether or not it is asked now. */
static enum nt_want_task want_task(const struct options *options)
{
	if (options->detail)
		return TASK_ALWAYS;
	return options->pid || options->write ? TASK_AT_ENDS : TASK_NEVER;
}

static void freeze_options(struct tracer *tracer, const struct kernel_abilities *abilities,
			   const struct kernel_variables *variables, const struct options *options, bool observe)
{
	struct nettrace_bpf__rodata *rodata = tracer->skel->rodata;
	bool clones_seen = false;
	unsigned int i;

	memcpy((void *)&rodata->filter, &options->filter, sizeof(options->filter));
	for (i = 0; i < tracer->plan->n_entries; i++) {
		rodata->probe_flags[i] = row_of(tracer, i)->flags;
		rodata->probe_arg[i] = (u8)(tracer->plan->entries[i].arg | (row_of(tracer, i)->access == PROBE_SKB_PP ? NT_ARG_BEHIND : 0));
		rodata->probe_stages[i] = (u8)latency_stage(row_of(tracer, i));
		if ((row_of(tracer, i)->flags & NT_P_CLONES) && tracer->plan->entries[i].attach)
			clones_seen = true;
	}
	rodata->clones_unannounced = !clones_seen;
	rodata->want_task = want_task(options);
	rodata->want_stack = options->stack;
	rodata->want_arrival = observe;
	rodata->want_shelves = options_hold_back_fast(options);
	rodata->want_latency = options->latency;
	tracer->skel->bss->slow_ns = options->min_latency_ns;
	rodata->cpu_bits = bits_for(tracer->n_cpus);
	rodata->address_of_preempt_count = variables->preempt_count;
	rodata->address_of_pcpu_hot = variables->pcpu_hot;
	rodata->address_of_per_cpu_offset = variables->per_cpu_offset;
	rodata->kfree_skb_has_reason = abilities->drop_reason;
	rodata->has_cookie = tracer->plan->backend != BACKEND_TRACEPOINT && kernel_has_cookie();
}

/* "9 (ksoftirqd/0) S 2 …": a kernel thread, child of kthreadd; any task may call itself so. */
static bool note_ksoftirqd(struct nettrace_bpf__bss *bss, const char *pid)
{
	unsigned int cpu, parent, room = sizeof(bss->ksoftirqd_pid) / sizeof(*bss->ksoftirqd_pid);
	char path[300];
	FILE *file;
	int n;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	n = fscanf(file, "%*u (ksoftirqd/%u) %*c %u", &cpu, &parent);
	fclose(file);
	if (n != 2 || parent != 2 || cpu >= room)
		return false;
	bss->ksoftirqd_pid[cpu] = (u32)strtoul(pid, NULL, 10);
	return true;
}

/*
 * Which task is each CPU's ksoftirqd: the context of a hit is told by it. They
 * are among the first processes of a boot, so the search usually ends early.
 */
static void find_ksoftirqds(struct nettrace_bpf__bss *bss, int n_cpus)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		return;
	while (n_cpus && (entry = readdir(proc)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			n_cpus -= note_ksoftirqd(bss, entry->d_name);
	closedir(proc);
}

static enum bpf_build choose_build(const struct kernel_abilities *abilities)
{
	if (!abilities->parts)
		return BPF_BUILD_PLAIN;
	return abilities->direct_reads ? BPF_BUILD_DIRECT : BPF_BUILD_PARTS;
}

static int tracer_open(struct tracer *tracer, enum bpf_build build, const struct options *options)
{
	int err;

	tracer->n_cpus = libbpf_num_possible_cpus();
	if (tracer->n_cpus < 1)
		return -EINVAL;
	tracer->skel = bpf_objects_open(tracer->plan->backend == BACKEND_FENTRY, build);
	if (!tracer->skel)
		return -errno;
	if (options_hold_back_fast(options) && bpf_map__set_max_entries(tracer->skel->maps.shelves, NT_SHELVES))
		return -errno;
	err = latencies_prepare(tracer, options);
	return err ? err : rings_prepare(tracer, options->buffer_bytes);
}

static void say_refused(int err)
{
	char why[128];

	/* libbpf tries what the kernel can do first, and forgets the errno of that */
	if (strstr(log_libbpf_reason(), strerror(EMFILE)))
		err = -EMFILE;
	host_explain_refusal(err, why, sizeof(why));
	log_say("the kernel refused a program: %s (%s)%s%s", strerror(-err), log_libbpf_reason(), *why ? "; " : "",
		why);
}

/* Open the programs that are wanted, with what watches the CPUs or without, and load them. */
static int load_programs(struct tracer *tracer, const struct kernel_abilities *abilities, const struct kernel_variables *variables,
			 const struct options *options, bool observe)
{
	int err = tracer_open(tracer, choose_build(abilities), options);

	if (!err)
		err = choose_programs(tracer);
	if (err)
		return err;
	if (observe)
		observers_choose(tracer->skel, variables);
	freeze_options(tracer, abilities, variables, options, observe);
	err = nettrace_bpf__load(tracer->skel);
	if (err) {
		tracer->refused = true;
		return err;
	}
	tracer->refused = false;
	tracer->observers = observe ? observers_new(tracer->skel) : NULL;
	return observe && !tracer->observers ? -ENOMEM : 0;
}

/* Packets can be followed by themselves. */
static int load_without_observers(struct tracer *tracer, const struct kernel_abilities *abilities,
				  const struct kernel_variables *variables, const struct options *options)
{
	int err;

	nettrace_bpf__destroy(tracer->skel);
	tracer->skel = NULL;
	log_forget_reason();
	err = load_programs(tracer, abilities, variables, options, false);
	if (!err)
		log_say("causes of delays will not be told: the kernel refused what would watch the CPUs");
	return err;
}

int tracer_load(const struct kernel_abilities *abilities, const struct kernel_variables *variables,
		const struct options *options, const struct probe_plan *plan, struct tracer **ret_tracer)
{
	struct tracer *tracer = calloc(1, sizeof(*tracer));
	int err;

	if (!tracer)
		return -ENOMEM;
	tracer->plan = plan;
	tracer->n_skipped = plan->n_skipped;
	tracer->misses_counted = abilities->counts_misses;
	tracer->links_room = NT_PROBE_MAX * SYMBOL_VARIANTS;
	tracer->links = calloc(tracer->links_room, sizeof(*tracer->links));
	if (!tracer->links) {
		err = -ENOMEM;
		goto fail;
	}
	err = load_programs(tracer, abilities, variables, options, !options->no_attribution);
	if (tracer->refused && !options->no_attribution)
		err = load_without_observers(tracer, abilities, variables, options);
	if (err) {
		if (tracer->refused)
			say_refused(err);
		goto fail;
	}
	/* libbpf's copy of the kernel's types is free by now, and most of what this process has ever held */
	malloc_trim(0);
	tracer->symbol_fd = bpf_program__fd(symbol_program(tracer));
	find_ksoftirqds(tracer->skel->bss, tracer->n_cpus);
	err = give_rest(tracer);
	if (!err)
		err = rings_make(tracer);
	if (!err)
		err = shelves_map(tracer);
	if (!err)
		err = latencies_map(tracer);
	if (err)
		goto fail;
	*ret_tracer = tracer;
	return 0;
fail:
	tracer_free(tracer);
	return err;
}

static int keep_link(void *user, struct bpf_link *link)
{
	struct tracer *tracer = user;

	if (!link)
		return -errno;
	if (tracer->n_links == tracer->links_room) {
		bpf_link__destroy(link);
		return -ENOSPC;
	}
	tracer->links[tracer->n_links++] = link;
	return 0;
}

/* A row is attached as a whole or not at all: on an error the links that it has by now go. */
static void count_attached(struct tracer *tracer, unsigned int probe, unsigned int links_before, int err)
{
	if (!err) {
		tracer->n_attached++;
		return;
	}
	while (tracer->n_links > links_before)
		bpf_link__destroy(tracer->links[--tracer->n_links]);
	tracer->row_errors[probe] = err;
	tracer->n_skipped++;
}

/* What a kprobe.multi link attaches to. Names serve where the kernel hides addresses; they cost it a search. */
struct multi_targets {
	unsigned long addresses[NT_PROBE_MAX * SYMBOL_VARIANTS];
	const char *names[NT_PROBE_MAX * SYMBOL_VARIANTS];
	u64 cookies[NT_PROBE_MAX * SYMBOL_VARIANTS];
	unsigned int n;
};

static void collect_targets(const struct tracer *tracer, const char *program, struct multi_targets *targets)
{
	unsigned int i, j;

	targets->n = 0;
	for (i = 0; i < tracer->plan->n_entries; i++) {
		const struct probe_plan_entry *entry = &tracer->plan->entries[i];

		if (!entry->attach || strcmp(entry->program, program))
			continue;
		for (j = 0; j < entry->n_places; j++, targets->n++) {
			targets->addresses[targets->n] = entry->places[j].address;
			targets->names[targets->n] = entry->places[j].name;
			targets->cookies[targets->n] = i;
		}
	}
}

static int attach_targets(struct tracer *tracer, struct bpf_program *program, const struct multi_targets *targets,
			  unsigned int first, unsigned int n)
{
	LIBBPF_OPTS(bpf_kprobe_multi_opts, opts, .cookies = (const void *)&targets->cookies[first], .cnt = n);

	if (targets->addresses[first])
		opts.addrs = &targets->addresses[first];
	else
		opts.syms = (const char **)&targets->names[first];
	return keep_link(tracer, bpf_program__attach_kprobe_multi_opts(program, NULL, &opts));
}

/* One link for all functions that share the program; one each if the kernel rejects some of them. */
static void attach_multi(struct tracer *tracer, struct bpf_program *program, const char *name)
{
	struct multi_targets targets;
	unsigned int i, n, before;
	int err, alone;

	collect_targets(tracer, name, &targets);
	err = attach_targets(tracer, program, &targets, 0, targets.n);
	for (i = 0; i < targets.n; i += n) {
		for (n = 1; i + n < targets.n && targets.cookies[i + n] == targets.cookies[i]; n++)
			;
		before = tracer->n_links;
		alone = err ? attach_targets(tracer, program, &targets, i, n) : 0;
		count_attached(tracer, (unsigned int)targets.cookies[i], before, alone);
	}
}

/* Before cookies, a program finds its row by the register IP: past the int3, the call, or endbr and call. */
static int name_addresses(struct tracer *tracer, u32 probe, u64 address)
{
	static const u32 offsets[] = {1, 4, 5, 9};
	int map_fd = bpf_map__fd(tracer->skel->maps.probe_by_ip), err = 0;
	size_t i;

	for (i = 0; !err && i < sizeof(offsets) / sizeof(*offsets); i++) {
		u64 ip = address + offsets[i];

		if (bpf_map_update_elem(map_fd, &ip, &probe, BPF_ANY))
			err = -errno;
	}
	return err;
}

static int attach_kprobe(struct tracer *tracer, struct bpf_program *program, const struct probe_plan_entry *entry)
{
	LIBBPF_OPTS(bpf_kprobe_opts, opts);
	unsigned int i;
	int err = 0;

	if (tracer->skel->rodata->has_cookie)
		opts.bpf_cookie = entry->probe;
	for (i = 0; !err && i < entry->n_places; i++) {
		if (!tracer->skel->rodata->has_cookie)
			err = name_addresses(tracer, entry->probe, entry->places[i].address);
		if (!err)
			err = keep_link(tracer, bpf_program__attach_kprobe_opts(program, entry->places[i].name, &opts));
	}
	return err;
}

static int attach_tracepoint(struct tracer *tracer, const char *program, const struct probe_plan_entry *entry)
{
	return keep_link(tracer, bpf_program__attach_raw_tracepoint(
					 bpf_object__find_program_by_name(tracer->skel->obj, program),
					 row_of(tracer, entry->probe)->name));
}

static void attach_entry(struct tracer *tracer, const struct probe_plan_entry *entry)
{
	struct bpf_program *program = bpf_object__find_program_by_name(tracer->skel->obj, entry->program);
	unsigned int i, before = tracer->n_links;
	int err;

	if (row_of(tracer, entry->probe)->kind != PROBE_FN) {
		err = attach_tracepoint(tracer, entry->program, entry);
		if (!err && *entry->twin)
			err = attach_tracepoint(tracer, entry->twin, entry);
		count_attached(tracer, entry->probe, before, err);
		return;
	}
	if (tracer->plan->backend == BACKEND_FENTRY) {
		count_attached(tracer, entry->probe, before, keep_link(tracer, bpf_program__attach_trace(program)));
		return;
	}
	if (tracer->plan->backend == BACKEND_KPROBE) {
		count_attached(tracer, entry->probe, before, attach_kprobe(tracer, program, entry));
		return;
	}
	for (i = 0; i < entry->probe; i++) /* the first row of a program attaches it for all */
		if (tracer->plan->entries[i].attach && !strcmp(tracer->plan->entries[i].program, entry->program))
			return;
	attach_multi(tracer, program, entry->program);
}

/* Ends first, starts last. */
static int attach_rank(const struct probe_row *row)
{
	if (row->flags & NT_P_START)
		return 2;
	return row->flags & NT_P_END ? 0 : 1;
}

int tracer_attach(struct tracer *tracer, const volatile sig_atomic_t *stop)
{
	unsigned int i;
	int rank;

	for (rank = 0; rank <= 2; rank++) {
		for (i = 0; i < tracer->plan->n_entries; i++) {
			if (!tracer->plan->entries[i].attach || attach_rank(row_of(tracer, i)) != rank)
				continue;
			if (stop && *stop)
				return -EINTR;
			attach_entry(tracer, &tracer->plan->entries[i]);
		}
	}
	if (tracer->observers && observers_attach(tracer->observers, keep_link, tracer))
		log_say("causes of delays are told in part: the kernel refused some of what would watch the CPUs");
	tracer->skel->bss->enabled = true;
	return tracer->n_attached ? 0 : -ENOENT;
}

void tracer_watch(struct tracer *tracer)
{
	int err = tracer->observers ? observers_watch(tracer->observers, now_ns()) : 0;

	if (err)
		log_say("who is on a CPU will not be told while it takes no interrupts: the kernel refused its clock: %s",
			strerror(-err));
}

void tracer_stop(struct tracer *tracer)
{
	tracer->skel->bss->enabled = false;
}

void tracer_detach(struct tracer *tracer)
{
	enum backend backend = tracer->plan->backend;

	tracer_stop(tracer);
	detach_links(tracer->links, tracer->n_links, backend != BACKEND_TRACEPOINT);
	tracer->n_links = 0;
}

void tracer_free(struct tracer *tracer)
{
	if (!tracer)
		return;
	if (tracer->skel && tracer->links)
		tracer_detach(tracer);
	rings_free(tracer);
	shelves_unmap(tracer);
	latencies_unmap(tracer);
	observers_free(tracer->observers);
	nettrace_bpf__destroy(tracer->skel);
	free(tracer->links);
	free(tracer);
}

unsigned int tracer_attached(const struct tracer *tracer)
{
	return tracer->n_attached;
}

unsigned int tracer_skipped(const struct tracer *tracer)
{
	return tracer->n_skipped;
}

int tracer_row_error(const struct tracer *tracer, unsigned int probe)
{
	return probe < NT_PROBE_MAX ? tracer->row_errors[probe] : 0;
}

struct source_ring *tracer_source(struct tracer *tracer)
{
	return tracer->source;
}
