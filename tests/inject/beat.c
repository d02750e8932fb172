/* SPDX-License-Identifier: GPL-2.0 */
/*
 * usage: beat
 *
 * When this machine's CPUs stood still: where it is a guest itself, its own host may run others on them, of which steal time
 * tells a part, and that in ticks of 10 ms. Prints a line each time, "cpuN START END" in microseconds of CLOCK_REALTIME.
 * On each CPU a thread that goes before all others wakes every millisecond: for what it is late, nobody had the CPU.
 * Ends when it is killed. Exit status 1 if it may not go before others: what it told would be of them.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

enum { BEAT_NS = 1000000, LATE_NS = 1000000, PRIORITY = 90 };

static void die(const char *what, int err)
{
	fprintf(stderr, "beat: %s: %s\n", what, strerror(err));
	exit(1);
}

static int sleep_until(u64 ns)
{
	struct timespec until = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};

	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void tell(long cpu, u64 late_ns)
{
	u64 end_us = clock_ns(CLOCK_REALTIME) / 1000;

	printf("cpu%ld %llu %llu\n", cpu, (unsigned long long)(end_us - late_ns / 1000), (unsigned long long)end_us);
}

static void *beat(void *cpu)
{
	u64 next_ns = now_ns() + BEAT_NS;

	while (!sleep_until(next_ns)) {
		u64 late_ns = now_ns() - next_ns;

		if (late_ns >= LATE_NS)
			tell((long)cpu, late_ns);
		next_ns += BEAT_NS + late_ns;
	}
	return NULL;
}

static void beat_on(long cpu)
{
	struct sched_param param = {.sched_priority = PRIORITY};
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t set;
	int err;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	err = pthread_create(&thread, &attr, beat, (void *)cpu);
	if (err)
		die("cannot go before others", err);
}

int main(void)
{
	cpu_set_t usable;

	/* a line at once, and whole */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (sched_getaffinity(0, sizeof(usable), &usable))
		die("cannot learn which CPUs there are", errno);
	for (long cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &usable))
			beat_on(cpu);
	for (;;)
		pause();
}
