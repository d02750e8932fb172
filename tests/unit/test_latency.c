/* SPDX-License-Identifier: GPL-2.0 */
/* Histograms, what is told of them, and which times of a journey are counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "latency.h"
#include "probes.h"
#include "slowest.h"

#define US 1000ull

static struct latency latency;

/* Every bucket begins where the one before ends, and none is wider than an eighth of what is in it. */
static void buckets_join(void **state)
{
	u64 begin = 0;

	(void)state;
	for (u32 i = 0; i < NT_LATENCY_OVER; i++) {
		u64 end = nt_latency_bucket_end(i);

		assert_true(end > begin);
		assert_int_equal(nt_latency_bucket(begin), i);
		assert_int_equal(nt_latency_bucket(end - 1), i);
		assert_true(end - begin == 1 || (end - begin) * 8 <= begin);
		begin = end;
	}
	assert_true(begin == 1ull << NT_LATENCY_MAX_SHIFT);
	assert_int_equal(nt_latency_bucket(begin), NT_LATENCY_OVER);
	assert_int_equal(nt_latency_bucket(~0ull), NT_LATENCY_OVER);
}

static struct nt_histogram *whole(void)
{
	memset(&latency, 0, sizeof(latency));
	return &latency.histograms[NT_WAY_SENT][NT_LATENCY_WHOLE];
}

static void quantiles(void **state)
{
	struct nt_histogram *histogram = whole();
	struct latency_figures figures;

	(void)state;
	assert_false(latency_figures(&latency, NT_WAY_SENT, NT_LATENCY_WHOLE, &figures));
	assert_int_equal(histogram_quantile(histogram, 500), 0);
	for (u64 i = 1; i <= 1000; i++)
		histogram_add(histogram, i * US);
	assert_true(latency_figures(&latency, NT_WAY_SENT, NT_LATENCY_WHOLE, &figures));
	assert_int_equal(figures.packets, 1000);
	assert_in_range(figures.p50_ns, 500 * US, 500 * US * 9 / 8);
	assert_in_range(figures.p90_ns, 900 * US, 1000 * US);
	assert_in_range(figures.p99_ns, 990 * US, 1000 * US);
	assert_int_equal(figures.p999_ns, 1000 * US);
	assert_int_equal(figures.max_ns, 1000 * US);
	assert_int_equal(figures.over, 0);
}

/* One packet is all quantiles; beyond the last bucket only the longest is known. */
static void extremes(void **state)
{
	struct nt_histogram *histogram = whole(), *other = &latency.histograms[NT_WAY_RECEIVED][NT_LATENCY_WHOLE];
	struct latency_figures figures;

	(void)state;
	histogram_add(histogram, 12345);
	assert_int_equal(histogram_quantile(histogram, 500), 12345);
	assert_int_equal(histogram_quantile(histogram, 999), 12345);
	histogram_add(other, 1ull << 40);
	histogram_merge(histogram, other);
	assert_true(latency_figures(&latency, NT_WAY_SENT, NT_LATENCY_WHOLE, &figures));
	assert_int_equal(figures.packets, 2);
	assert_int_equal(figures.over, 1);
	assert_true(figures.p999_ns == 1ull << 40 && figures.max_ns == 1ull << 40);
	assert_in_range(figures.p50_ns, 12345, 12345 * 9 / 8);
}

static struct probe_table *probes;

static u64 packets(enum nt_way way, unsigned int row)
{
	struct latency_figures figures;

	latency_figures(&latency, way, row, &figures);
	return figures.packets;
}

static u64 longest(enum nt_way way, unsigned int row)
{
	return latency.histograms[way][row].max_ns;
}

/* Two sk_buffs: what the packet itself, and a clone of it, do; a clone and a free do not move it. */
static void stays_of_a_journey(void **state)
{
	struct journey_event events[] = {
		{.ts_ns = 1000, .skb = 1, .probe = NT_PROBE___ip_local_out},
		{.ts_ns = 1100, .skb = 1, .probe = NT_PROBE_ip_output},
		{.ts_ns = 3000, .skb = 1, .probe = NT_PROBE_skb_clone},
		{.ts_ns = 5000, .skb = 1, .probe = NT_PROBE_net_dev_queue},
		{.ts_ns = 5500, .skb = 2, .probe = NT_PROBE_net_dev_start_xmit},
		{.ts_ns = 9000, .skb = 1, .probe = NT_PROBE_consume_skb, .flags = NT_F_END},
		{.ts_ns = 9500, .skb = 2, .probe = NT_PROBE_consume_skb, .flags = NT_F_END},
	};
	struct journey_member members[] = {{.skb = 1}, {.skb = 2}, {.skb = 1}};
	struct journey journey = {.probes = probes, .start_ns = 1000, .end_ns = 9500, .events = events, .n_events = 7,
				  .members = members, .n_members = 3};

	(void)state;
	memset(&latency, 0, sizeof(latency));
	latency_add_journey(&latency, &journey);
	assert_int_equal(packets(NT_WAY_SENT, NT_STAGE_IP_OUT), 1);
	assert_int_equal(longest(NT_WAY_SENT, NT_STAGE_IP_OUT), 4000);
	assert_int_equal(packets(NT_WAY_SENT, NT_STAGE_QDISC), 1);
	assert_int_equal(longest(NT_WAY_SENT, NT_STAGE_QDISC), 4000);
	assert_int_equal(longest(NT_WAY_SENT, NT_STAGE_DRIVER), 4000);
	assert_int_equal(packets(NT_WAY_SENT, NT_LATENCY_WHOLE), 1);
	assert_int_equal(longest(NT_WAY_SENT, NT_LATENCY_WHOLE), 8500);
	assert_int_equal(packets(NT_WAY_RECEIVED, NT_LATENCY_WHOLE), 0);
	assert_int_equal(latency_not_over(&latency), 0);
	journey.incomplete = true;
	latency_add_journey(&latency, &journey);
	assert_int_equal(packets(NT_WAY_SENT, NT_LATENCY_WHOLE), 1);
	assert_int_equal(latency_not_over(&latency), 1);
}

static void before_the_stack(void **state)
{
	struct nt_blocked blocked = {.cpu = 1};
	struct journey_event event = {.ts_ns = 1000, .skb = 1, .probe = NT_PROBE_napi_gro_receive_entry, .flags = NT_F_END};
	struct journey_member member = {.skb = 1};
	struct journey journey = {.probes = probes, .start_ns = 1000, .end_ns = 1000, .events = &event, .n_events = 1,
				  .members = &member, .n_members = 1,
				  .before = {.delay_ns = 100 * US, .high_ns = 200 * US, .blocked = &blocked}};

	(void)state;
	memset(&latency, 0, sizeof(latency));
	latency_add_journey(&latency, &journey);
	assert_int_equal(longest(NT_WAY_RECEIVED, NT_LATENCY_BEFORE), 200 * US);
	assert_int_equal(packets(NT_WAY_RECEIVED, NT_LATENCY_WHOLE), 1);
	assert_int_equal(journey_took_ns(&journey), 100 * US);
	/* at most so long, and nobody knows it but for a part: nobody is slow for what is not known */
	journey.before = (struct journey_delay){.delay_ns = 200 * US, .high_ns = 200 * US, .proven_ns = 30 * US, .upper = true,
						.blocked = &blocked};
	memset(&latency, 0, sizeof(latency));
	latency_add_journey(&latency, &journey);
	assert_int_equal(longest(NT_WAY_RECEIVED, NT_LATENCY_BEFORE), 30 * US);
	assert_int_equal(journey_took_ns(&journey), 30 * US);
}

static struct out *text_of(u64 took_ns)
{
	struct out *text = out_memory();

	out_printf(text, "%llu ", (unsigned long long)took_ns);
	return text;
}

static void assert_written(const struct out *out, const char *expected)
{
	assert_int_equal(out->n_kept, 0);
	assert_int_equal(out->used, strlen(expected));
	assert_memory_equal(out->buffer, expected, out->used);
}

static void the_slowest(void **state)
{
	static const u64 times_ns[] = {50, 10, 70, 20, 60};
	struct slowest slowest = {0};
	struct out *out = out_memory();

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(slowest_least_ns(&slowest), 0);
		slowest_add(&slowest, times_ns[i], text_of(times_ns[i]));
	}
	assert_int_equal(slowest_least_ns(&slowest), 10);
	slowest_add(&slowest, 10, text_of(11)); /* as slow is not slower */
	slowest_add(&slowest, 65, text_of(65));
	slowest_add(&slowest, 5, text_of(5));
	assert_int_equal(slowest_least_ns(&slowest), 20);
	slowest_put(&slowest, out);
	assert_written(out, "70 65 60 50 20 ");
	slowest_free(&slowest);
	out_close(out);
}

/* More than the buffer holds is kept, too, in its order. */
static void long_text(void **state)
{
	struct out *memory = out_memory(), *copy = out_memory();
	char *kilobyte = malloc(1024);

	(void)state;
	for (int i = 0; i < 200; i++) {
		memset(kilobyte, 'a' + i % 26, 1024);
		out_write(memory, kilobyte, 1024);
	}
	out_copy(copy, memory);
	assert_int_equal(out_flush(copy), 0);
	assert_int_equal(copy->n_kept, 200 * 1024);
	for (int i = 0; i < 200; i++)
		assert_int_equal(copy->kept[i * 1024 + 1023], 'a' + i % 26);
	free(kilobyte);
	out_close(memory);
	out_close(copy);
}

static int setup(void **state)
{
	(void)state;
	probes = probe_table_new();
	return probes ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	probe_table_free(probes);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_join),
		cmocka_unit_test(quantiles),
		cmocka_unit_test(extremes),
		cmocka_unit_test_setup_teardown(stays_of_a_journey, setup, teardown),
		cmocka_unit_test_setup_teardown(before_the_stack, setup, teardown),
		cmocka_unit_test(the_slowest),
		cmocka_unit_test(long_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
