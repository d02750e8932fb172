/* SPDX-License-Identifier: GPL-2.0 */
#include "latency.h"

#include "json.h"

static const char *row_name(unsigned int row)
{
	if (row == NT_LATENCY_BEFORE)
		return "before the stack";
	return row == NT_LATENCY_WHOLE ? "whole" : stage_name(row);
}

static void put_buckets(struct json *json, const struct nt_histogram *histogram)
{
	json_array(json, "buckets");
	for (u32 i = 0; i < NT_LATENCY_OVER; i++) {
		if (!histogram->buckets[i])
			continue;
		json_array(json, NULL);
		json_number(json, NULL, nt_latency_bucket_end(i));
		json_number(json, NULL, histogram->buckets[i]);
		json_array_end(json);
	}
	json_array_end(json);
}

static void put_way(struct json *json, const struct latency *latency, enum nt_way way)
{
	struct latency_figures figures;

	json_array(json, latency_way_name(way));
	for (unsigned int row = 0; row < NT_LATENCY_ROWS; row++) {
		if (!latency_figures(latency, way, row, &figures))
			continue;
		json_object(json, NULL);
		json_string(json, "stage", row_name(row));
		json_number(json, "packets", figures.packets);
		json_number(json, "p50_ns", figures.p50_ns);
		json_number(json, "p90_ns", figures.p90_ns);
		json_number(json, "p99_ns", figures.p99_ns);
		json_number(json, "p999_ns", figures.p999_ns);
		json_number(json, "max_ns", figures.max_ns);
		json_number(json, "over", figures.over);
		put_buckets(json, &latency->histograms[way][row]);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_cpus(struct json *json, const struct counters *counters)
{
	json_array(json, "cpus");
	for (size_t i = 0; counters && i < counters->n_cpus; i++) {
		const struct cpu_counters *cpu = &counters->cpus[i];

		json_object(json, NULL);
		json_number(json, "cpu", i);
		json_number(json, "net_rx", cpu->net_rx);
		json_number(json, "net_tx", cpu->net_tx);
		json_number(json, "dropped", cpu->dropped);
		json_number(json, "time_squeeze", cpu->squeezed);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_nics(struct json *json, const struct counters *counters)
{
	json_array(json, "nics");
	for (size_t i = 0; counters && i < counters->n_nics; i++) {
		const struct nic_counters *nic = &counters->nics[i];

		json_object(json, NULL);
		json_string(json, "ifname", nic->name);
		json_number(json, "rx_missed", nic->missed);
		json_number(json, "rx_fifo", nic->fifo);
		json_object_end(json);
	}
	json_array_end(json);
}

void latency_put_json(struct out *out, const struct latency_report *report)
{
	struct json json;

	json_begin(&json, out);
	json_string(&json, "type", "latency");
	json_number(&json, "packets", report->latency->begun);
	json_number(&json, "not_over", latency_not_over(report->latency));
	for (unsigned int way = 0; way < NT_WAYS; way++)
		put_way(&json, report->latency, way);
	put_cpus(&json, report->counters);
	put_nics(&json, report->counters);
	json_end(&json);
}
