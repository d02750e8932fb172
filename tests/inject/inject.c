/* SPDX-License-Identifier: GPL-2.0 */
/*
 * usage: inject irqs_off CPU MILLISECONDS WAKER_PID WAKEE_PID
 *        inject irq|ipi|timer|softirq|softirqs_off|preempt_off|copy CPU MILLISECONDS [IRQ|SOFTIRQ|PID]
 *
 * Keeps the CPU from network work once, at the first occasion, for about so long, and prints when it was:
 *
 *   START_NS END_NS PID      by CLOCK_MONOTONIC; the process in whose context it was
 *
 * Exit status 1 if there was no occasion within ten seconds.
 */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "types.h"

#include "inject.skel.h"

static int silence(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int complain(const char *what)
{
	fprintf(stderr, "inject: %s\n", what);
	return 1;
}

static int wait_until_done(const struct inject_bpf *skel)
{
	int tries = 1000;

	while (!*(volatile u64 *)&skel->bss->end_ns && tries--)
		usleep(10000);
	if (!skel->bss->end_ns)
		return complain("there was no occasion");
	printf("%llu %llu %u\n", (unsigned long long)skel->bss->start_ns, (unsigned long long)skel->bss->end_ns,
	       skel->bss->who);
	return 0;
}

int main(int argc, char **argv)
{
	struct bpf_program *program, *chosen;
	struct inject_bpf *skel;
	char name[32];

	if (argc < 4)
		return complain("usage: inject KIND CPU MILLISECONDS [WHO [WAKEE]]");
	libbpf_set_print(silence);
	skel = inject_bpf__open();
	if (!skel)
		return complain("cannot open the programs");
	snprintf(name, sizeof(name), "inject_%s", argv[1]);
	chosen = bpf_object__find_program_by_name(skel->obj, name);
	bpf_object__for_each_program(program, skel->obj)
		bpf_program__set_autoload(program, program == chosen);
	if (!chosen)
		return complain("no such fault");
	if (inject_bpf__load(skel))
		return complain("cannot load the program");
	skel->bss->wanted_cpu = (u32)atoi(argv[2]);
	skel->bss->length_ns = strtoull(argv[3], NULL, 10) * 1000000;
	skel->bss->wanted = argc > 4 ? (u32)atoi(argv[4]) : 0;
	skel->bss->wanted_wakee = argc > 5 ? (u32)atoi(argv[5]) : 0;
	if (!bpf_program__attach(chosen))
		return complain("cannot attach the program");
	usleep(100000); /* other CPUs are being told that there is another program, and must not be found waiting for this one */
	skel->bss->armed = true;
	return wait_until_done(skel);
}
