/* SPDX-License-Identifier: GPL-2.0 */
#include "latency.h"

#include <inttypes.h>

#include "annotation.h"
#include "digits.h"

static const char *row_name(unsigned int row)
{
	if (row == NT_LATENCY_BEFORE)
		return "before the stack ≤";
	return row == NT_LATENCY_WHOLE ? "whole" : stage_name(row);
}

/* In columns of characters: "≤" is one, of three bytes. */
static int width_of(unsigned int row)
{
	return row == NT_LATENCY_BEFORE ? 22 : 20;
}

static void put_span(struct out *out, u64 ns)
{
	char span[SPAN_BYTES];

	out_printf(out, " %11s", span_text(ns, span));
}

static void put_row(struct out *out, unsigned int row, const struct latency_figures *figures)
{
	out_printf(out, "%-*s %10" PRIu64, width_of(row), row_name(row), figures->packets);
	put_span(out, figures->p50_ns);
	put_span(out, figures->p90_ns);
	put_span(out, figures->p99_ns);
	put_span(out, figures->p999_ns);
	put_span(out, figures->max_ns);
	if (figures->over)
		out_printf(out, "  %" PRIu64 " longer than 137 s", figures->over);
	out_literal(out, "\n");
}

static void put_way(struct out *out, const struct latency *latency, enum nt_way way)
{
	/* what was before the stack comes first */
	struct latency_figures figures;
	bool headed = false;

	for (unsigned int i = 0; i < NT_LATENCY_ROWS; i++) {
		unsigned int row = i ? (i <= NT_LATENCY_BEFORE ? i - 1 : i) : NT_LATENCY_BEFORE;

		if (!latency_figures(latency, way, row, &figures))
			continue;
		if (!headed)
			out_printf(out, "%-20s %10s %11s %11s %11s %11s %11s\n", latency_way_name(way), "packets", "p50", "p90",
				   "p99", "p99.9", "max");
		headed = true;
		put_row(out, row, &figures);
	}
	if (headed)
		out_literal(out, "\n");
}

static void put_counters(struct out *out, const struct counters *counters)
{
	char name[4 * sizeof(counters->nics[0].name)];

	out_printf(out, "%-20s %10s %11s %11s %11s\n", "softirqs", "NET_RX", "NET_TX", "dropped", "squeezed");
	for (size_t i = 0; i < counters->n_cpus; i++) {
		const struct cpu_counters *cpu = &counters->cpus[i];

		if (cpu->net_rx || cpu->net_tx || cpu->dropped || cpu->squeezed)
			out_printf(out, "cpu %-16zu %10" PRIu64 " %11" PRIu64 " %11" PRIu64 " %11" PRIu64 "\n", i, cpu->net_rx,
				   cpu->net_tx, cpu->dropped, cpu->squeezed);
	}
	for (size_t i = 0; i < counters->n_nics; i++) {
		const struct nic_counters *nic = &counters->nics[i];

		if (!nic->missed && !nic->fifo)
			continue;
		annotation_plain_text(nic->name, name, sizeof(name));
		out_printf(out, "%s had no room for %" PRIu64 " packets (missed) and %" PRIu64 " (fifo)\n", name, nic->missed,
			   nic->fifo);
	}
}

void latency_put_text(struct out *out, const struct latency_report *report)
{
	const struct latency *latency = report->latency;
	u64 not_over = latency_not_over(latency);

	for (unsigned int way = 0; way < NT_WAYS; way++)
		put_way(out, latency, way);
	if (!latency->begun)
		out_literal(out, "no packets\n");
	if (not_over)
		out_printf(out, "%" PRIu64 " of %" PRIu64 " packets are not over, or their end was not seen\n", not_over,
			   latency->begun);
	if (report->counters)
		put_counters(out, report->counters);
}
