/* SPDX-License-Identifier: GPL-2.0 */
/*
 * usage: bench-empty kprobe-multi|kprobe|tracepoint PROBES [writing]
 *
 * Attaches programs that do nothing: the floor under what any tracer costs that has the same probes. The file PROBES has
 * lines of "function NAME" and "tracepoint NAME". With "writing", each hit leaves a record, which is read and forgotten: the
 * floor under a tracer that tells each hit. Says "ready" on stderr once all of them are attached, and stays until
 * SIGINT or SIGTERM.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "empty.skel.h"

#define PROBES_MAX 4096

struct probes {
	const char *functions[PROBES_MAX];
	unsigned int n_functions;
	const char *tracepoints[PROBES_MAX];
	unsigned int n_tracepoints;
};

static int complain(const char *what, const char *name)
{
	fprintf(stderr, "bench-empty: %s %s: %s\n", what, name, strerror(errno));
	return -1;
}

static int read_probes(const char *path, struct probes *probes)
{
	char kind[16], name[128];
	FILE *file = fopen(path, "re");

	if (!file)
		return complain("cannot open", path);
	while (fscanf(file, "%15s %127s", kind, name) == 2) {
		if (!strcmp(kind, "function") && probes->n_functions < PROBES_MAX)
			probes->functions[probes->n_functions++] = strdup(name);
		else if (!strcmp(kind, "tracepoint") && probes->n_tracepoints < PROBES_MAX)
			probes->tracepoints[probes->n_tracepoints++] = strdup(name);
		else
			return complain("cannot use", name);
	}
	fclose(file);
	return probes->n_functions + probes->n_tracepoints ? 0 : complain("no probes in", path);
}

static int attach_functions(struct empty_bpf *skel, const struct probes *probes, const char *backend)
{
	LIBBPF_OPTS(bpf_kprobe_multi_opts, opts, .syms = (const char **)probes->functions,
		    .cnt = probes->n_functions);
	unsigned int i;

	if (!probes->n_functions)
		return 0;
	if (!strcmp(backend, "kprobe-multi"))
		return bpf_program__attach_kprobe_multi_opts(skel->progs.empty_multi, NULL, &opts) ?
			       0 :
			       complain("cannot attach", "functions");
	for (i = 0; i < probes->n_functions; i++)
		if (!bpf_program__attach_kprobe(skel->progs.empty_kprobe, false, probes->functions[i]))
			return complain("cannot attach", probes->functions[i]);
	return 0;
}

static int attach_all(struct empty_bpf *skel, const struct probes *probes, const char *backend)
{
	unsigned int i;

	for (i = 0; i < probes->n_tracepoints; i++)
		if (!bpf_program__attach_raw_tracepoint(skel->progs.empty_raw_tp, probes->tracepoints[i]))
			return complain("cannot attach", probes->tracepoints[i]);
	return attach_functions(skel, probes, backend);
}

static int silence(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int forget(void *user, void *record, size_t bytes)
{
	(void)user;
	(void)record;
	(void)bytes;
	return 0;
}

/* Until a signal, as often as nettrace reads. */
static int stay(struct empty_bpf *skel, const sigset_t *ends)
{
	struct timespec interval = {0, 10000000};
	struct ring_buffer *ring = ring_buffer__new(bpf_map__fd(skel->maps.records), forget, NULL, NULL);

	if (!ring)
		return complain("cannot read", "records");
	while (sigtimedwait(ends, NULL, &interval) < 0)
		ring_buffer__consume(ring);
	ring_buffer__free(ring);
	return 0;
}

int main(int argc, char **argv)
{
	static struct probes probes;
	struct empty_bpf *skel;
	sigset_t ends;

	if (argc != 3 && (argc != 4 || strcmp(argv[3], "writing")))
		return 2;
	libbpf_set_print(silence);
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	if (read_probes(argv[2], &probes))
		return 1;
	skel = empty_bpf__open();
	if (!skel)
		return complain("cannot open", "programs") < 0;
	skel->rodata->writes = argc == 4;
	bpf_program__set_autoload(skel->progs.empty_multi, !strcmp(argv[1], "kprobe-multi"));
	bpf_program__set_autoload(skel->progs.empty_kprobe, !strcmp(argv[1], "kprobe"));
	if (empty_bpf__load(skel))
		return complain("cannot load", "programs") < 0;
	if (attach_all(skel, &probes, argv[1]))
		return 1;
	fputs("ready\n", stderr);
	return stay(skel, &ends) != 0;
}
