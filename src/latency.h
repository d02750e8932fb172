/* SPDX-License-Identifier: GPL-2.0 */
/* How long packets were in each stage: histograms (include/latency_abi.h), their quantiles, and both as text and JSON. */
#ifndef NT_LATENCY_H
#define NT_LATENCY_H

#include <stdbool.h>

#include "counters.h"
#include "journey.h"
#include "latency_abi.h"
#include "out.h"

struct latency {
	u64 begun; /* journeys; those which are counted whole are also over */
	struct nt_histogram histograms[NT_WAYS][NT_LATENCY_ROWS];
};

/* What is told of one histogram. Quantiles are at most an eighth more than what they stand for, and never above the most. */
struct latency_figures {
	u64 packets;
	u64 p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
	u64 over; /* of the packets: beyond the last bucket, 137 s */
};

/* One run: what was counted in it, and what its host counted meanwhile (NULL: not known). */
struct latency_report {
	const struct latency *latency;
	const struct counters *counters;
};

void histogram_add(struct nt_histogram *histogram, u64 ns);
void histogram_merge(struct nt_histogram *into, const struct nt_histogram *from);

/* The least time that so many of 1000 did not exceed; 0 if nothing was counted. */
u64 histogram_quantile(const struct nt_histogram *histogram, unsigned int permille);

/* False if nothing was counted there. */
bool latency_figures(const struct latency *latency, enum nt_way way, unsigned int row, struct latency_figures *ret_figures);

/* Count a journey that is over, as the kernel side would have. Whole only if its end was seen. */
void latency_add_journey(struct latency *latency, const struct journey *journey);

/* Where the packet is at this probe's events; NT_STAGE_UNKNOWN if that says nothing of it. */
enum nt_stage latency_stage(const struct probe_row *row);

/* "received", "sent". */
const char *latency_way_name(enum nt_way way);

/* Journeys that began, and whose end is yet to come or was not seen. */
u64 latency_not_over(const struct latency *latency);

/* Tables, and an object on a line of its own. */
void latency_put_text(struct out *out, const struct latency_report *report);
void latency_put_json(struct out *out, const struct latency_report *report);

#endif
