/* SPDX-License-Identifier: GPL-2.0 */
#include "latency.h"

void histogram_add(struct nt_histogram *histogram, u64 ns)
{
	histogram->buckets[nt_latency_bucket(ns)]++;
	if (ns > histogram->max_ns)
		histogram->max_ns = ns;
}

void histogram_merge(struct nt_histogram *into, const struct nt_histogram *from)
{
	for (u32 i = 0; i <= NT_LATENCY_OVER; i++)
		into->buckets[i] += from->buckets[i];
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
}

static u64 count_of(const struct nt_histogram *histogram)
{
	u64 count = 0;

	for (u32 i = 0; i <= NT_LATENCY_OVER; i++)
		count += histogram->buckets[i];
	return count;
}

u64 histogram_quantile(const struct nt_histogram *histogram, unsigned int permille)
{
	u64 count = count_of(histogram), rank = count / 1000 * permille + (count % 1000 * permille + 999) / 1000, passed = 0;

	for (u32 i = 0; count && i < NT_LATENCY_OVER; i++) {
		passed += histogram->buckets[i];
		if (passed >= rank) {
			u64 most_ns = nt_latency_bucket_end(i) - 1;

			return most_ns < histogram->max_ns ? most_ns : histogram->max_ns;
		}
	}
	return histogram->max_ns;
}

bool latency_figures(const struct latency *latency, enum nt_way way, unsigned int row, struct latency_figures *ret_figures)
{
	const struct nt_histogram *histogram = &latency->histograms[way][row];

	*ret_figures = (struct latency_figures){
		.packets = count_of(histogram),
		.p50_ns = histogram_quantile(histogram, 500),
		.p90_ns = histogram_quantile(histogram, 900),
		.p99_ns = histogram_quantile(histogram, 990),
		.p999_ns = histogram_quantile(histogram, 999),
		.max_ns = histogram->max_ns,
		.over = histogram->buckets[NT_LATENCY_OVER],
	};
	return ret_figures->packets;
}

enum nt_stage latency_stage(const struct probe_row *row)
{
	return row && row->stage != NT_STAGE_LIFE ? row->stage : NT_STAGE_UNKNOWN;
}

static enum nt_stage stage_at(const struct journey *journey, size_t at)
{
	return latency_stage(probe_table_row(journey->probes, journey->events[at].probe));
}

/* The stays of the sk_buffs that had this address, one after another: bpf/latency.bpf.h, latency_step. */
static void add_stays(struct latency *latency, enum nt_way way, const struct journey *journey, u64 skb)
{
	enum nt_stage stage = NT_STAGE_UNKNOWN, next;
	u64 since_ns = 0;

	for (size_t i = 0; i < journey->n_events; i++) {
		const struct journey_event *event = &journey->events[i];
		bool last = event->flags & NT_F_END;

		if (event->skb != skb)
			continue;
		next = stage_at(journey, i);
		if ((next == NT_STAGE_UNKNOWN || next == stage) && !last)
			continue;
		if (stage != NT_STAGE_UNKNOWN)
			histogram_add(&latency->histograms[way][stage], event->ts_ns - since_ns);
		since_ns = event->ts_ns;
		stage = last ? NT_STAGE_UNKNOWN : next;
	}
}

static bool came_before(const struct journey *journey, size_t member)
{
	for (size_t i = 0; i < member; i++)
		if (journey->members[i].skb == journey->members[member].skb)
			return true;
	return false;
}

void latency_add_journey(struct latency *latency, const struct journey *journey)
{
	enum nt_way way;

	latency->begun++;
	if (!journey->n_events)
		return;
	way = nt_way_of(stage_at(journey, 0));
	for (size_t i = 0; i < journey->n_members; i++)
		if (!came_before(journey, i))
			add_stays(latency, way, journey, journey->members[i].skb);
	if (journey->before.blocked)
		histogram_add(&latency->histograms[way][NT_LATENCY_BEFORE],
			      journey->before.upper ? journey->before.proven_ns : journey->before.high_ns);
	if (!journey->incomplete)
		histogram_add(&latency->histograms[way][NT_LATENCY_WHOLE], journey->end_ns - journey->start_ns);
}

const char *latency_way_name(enum nt_way way)
{
	return way == NT_WAY_RECEIVED ? "received" : "sent";
}

u64 latency_not_over(const struct latency *latency)
{
	u64 over = 0;

	for (u32 way = 0; way < NT_WAYS; way++)
		over += count_of(&latency->histograms[way][NT_LATENCY_WHOLE]);
	return latency->begun > over ? latency->begun - over : 0;
}
