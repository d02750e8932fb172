/* SPDX-License-Identifier: GPL-2.0 */
#include "counters.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cpu_counters *cpu_at(struct counters *counters, unsigned long cpu)
{
	if (cpu >= COUNTERS_CPUS_MAX)
		return NULL;
	if (cpu >= counters->n_cpus)
		counters->n_cpus = cpu + 1;
	return &counters->cpus[cpu];
}

/* Hexadecimal columns; softnet_seq_show() in net/core/net-procfs.c. The 13th is the CPU, where there is one: before, all are online. */
static void read_softnet(struct counters *counters)
{
	FILE *file = fopen("/proc/net/softnet_stat", "re");
	unsigned int dropped, squeezed, cpu, line = 0;
	struct cpu_counters *at;
	char text[512];

	while (file && fgets(text, sizeof(text), file)) {
		int n = sscanf(text, "%*x %x %x %*x %*x %*x %*x %*x %*x %*x %*x %*x %x", &dropped, &squeezed, &cpu);

		at = n >= 2 ? cpu_at(counters, n == 3 ? cpu : line) : NULL;
		if (at) {
			at->dropped = dropped;
			at->squeezed = squeezed;
		}
		line++;
	}
	if (file)
		fclose(file);
}

static void read_softirq_row(struct counters *counters, char *numbers, size_t offset)
{
	struct cpu_counters *at;
	char *end;

	for (unsigned int cpu = 0;; cpu++, numbers = end) {
		u64 number = strtoull(numbers, &end, 10);

		at = end == numbers ? NULL : cpu_at(counters, cpu);
		if (!at)
			return;
		*(u64 *)((char *)at + offset) = number;
	}
}

/* "    NET_RX:   12   34": a column for each possible CPU, in their order (fs/proc/softirqs.c). */
static void read_softirqs(struct counters *counters)
{
	FILE *file = fopen("/proc/softirqs", "re");
	size_t size = 0;
	char *line = NULL, *row;

	while (file && getline(&line, &size, file) > 0) {
		row = line + strspn(line, " ");
		if (!strncmp(row, "NET_RX:", 7))
			read_softirq_row(counters, row + 7, offsetof(struct cpu_counters, net_rx));
		else if (!strncmp(row, "NET_TX:", 7))
			read_softirq_row(counters, row + 7, offsetof(struct cpu_counters, net_tx));
	}
	free(line);
	if (file)
		fclose(file);
}

static u64 read_statistic(const char *interface, const char *statistic)
{
	char path[320];
	u64 number = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s", interface, statistic);
	file = fopen(path, "re");
	if (file && fscanf(file, "%" SCNu64, &number) != 1)
		number = 0;
	if (file)
		fclose(file);
	return number;
}

static void read_nics(struct counters *counters)
{
	DIR *dir = opendir("/sys/class/net");
	struct dirent *entry;

	while (dir && counters->n_nics < COUNTERS_NICS_MAX && (entry = readdir(dir))) {
		struct nic_counters *nic = &counters->nics[counters->n_nics];

		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof(nic->name))
			continue;
		strcpy(nic->name, entry->d_name);
		nic->missed = read_statistic(nic->name, "rx_missed_errors");
		nic->fifo = read_statistic(nic->name, "rx_fifo_errors");
		counters->n_nics++;
	}
	if (dir)
		closedir(dir);
}

struct counters *counters_read(void)
{
	struct counters *counters = calloc(1, sizeof(*counters));

	if (!counters)
		return NULL;
	read_softnet(counters);
	read_softirqs(counters);
	read_nics(counters);
	return counters;
}

/* The 32-bit ones of softnet_stat wrap, and a CPU or NIC may have begun anew. */
static u64 since(u64 now, u64 before)
{
	return now >= before ? now - before : now;
}

static const struct nic_counters *nic_named(const struct counters *counters, const char *name)
{
	for (size_t i = 0; i < counters->n_nics; i++)
		if (!strcmp(counters->nics[i].name, name))
			return &counters->nics[i];
	return NULL;
}

void counters_subtract(struct counters *counters, const struct counters *before)
{
	for (size_t i = 0; i < counters->n_cpus && i < before->n_cpus; i++) {
		struct cpu_counters *now = &counters->cpus[i];
		const struct cpu_counters *then = &before->cpus[i];

		now->net_rx = since(now->net_rx, then->net_rx);
		now->net_tx = since(now->net_tx, then->net_tx);
		now->dropped = since(now->dropped, then->dropped);
		now->squeezed = since(now->squeezed, then->squeezed);
	}
	for (size_t i = 0; i < counters->n_nics; i++) {
		struct nic_counters *now = &counters->nics[i];
		const struct nic_counters *then = nic_named(before, now->name);

		now->missed = since(now->missed, then ? then->missed : 0);
		now->fifo = since(now->fifo, then ? then->fifo : 0);
	}
}
