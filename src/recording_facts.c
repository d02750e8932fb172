/* SPDX-License-Identifier: GPL-2.0 */
#include "recording_facts.h"

#include "recording_format.h"

#define FACT(TAG, field, text)                                                                                  \
	{                                                                                                       \
		FACT_##TAG, text, sizeof(((struct trace_facts *)0)->field), offsetof(struct trace_facts, field) \
	}

const struct fact_row fact_rows[] = {
	FACT(VERSION, version, true),
	FACT(KERNEL, kernel, true),
	FACT(HOST, host, true),
	FACT(MACHINE, machine, true),
	FACT(BACKEND, backend, true),
	FACT(FILTER, filter, true),
	FACT(IFNAME, ifname, true),
	FACT(SESSION, session, false),
	FACT(START_NS, start_ns, false),
	FACT(CLOCK_OFFSET_NS, clock_offset_ns, false),
	FACT(UTC_OFFSET_S, utc_offset_s, false),
	FACT(CPUS, n_cpus, false),
	FACT(PROBES, n_probes, false),
	FACT(SKIPPED, n_skipped, false),
	FACT(NETNS, netns, false),
	FACT(PID, pid, false),
	FACT(COUNT, count, false),
	FACT(MIN_LATENCY_NS, min_latency_ns, false),
};

const size_t n_fact_rows = sizeof(fact_rows) / sizeof(fact_rows[0]);
