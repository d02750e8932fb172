/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the host counts by itself: softirqs of each CPU, packets that found its backlog full, polls that ran out of
 * budget, and packets for which a NIC had no room. They count since the boot; a run's are a difference.
 */
#ifndef NT_COUNTERS_H
#define NT_COUNTERS_H

#include <stddef.h>

#include "types.h"

#define COUNTERS_CPUS_MAX 1024
#define COUNTERS_NICS_MAX 256

struct cpu_counters {
	u64 net_rx, net_tx; /* softirqs */
	u64 dropped;	    /* its backlog was full (net.core.netdev_max_backlog) */
	u64 squeezed;	    /* NET_RX had work left when its budget was used up (net.core.netdev_budget) */
};

struct nic_counters {
	char name[16];
	u64 missed; /* rx_missed_errors and rx_fifo_errors: no room in the NIC or its ring */
	u64 fifo;
};

struct counters {
	size_t n_cpus, n_nics;
	struct cpu_counters cpus[COUNTERS_CPUS_MAX];
	struct nic_counters nics[COUNTERS_NICS_MAX];
};

/* As they are now; what cannot be read stays 0. New memory, or NULL without any. */
struct counters *counters_read(void);

/* Make them what came since then. An interface that is new since then counts from its beginning. */
void counters_subtract(struct counters *counters, const struct counters *before);

#endif
