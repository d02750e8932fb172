/* SPDX-License-Identifier: GPL-2.0 */
/* A trace for Perfetto, decoded again: is it what Perfetto takes for slices, arrows and counters? */
#include "perfetto_cpus.h"
#include "perfetto_trace.h"
#include "render_kit.h"

#define JOURNEY_TRACKS (1ull << 32)
#define SEC 1000000000ull

typedef NtPerfetto__TracePacket packet_t;
typedef NtPerfetto__TrackEvent event_t;

#define BEGIN NT_PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_BEGIN
#define END NT_PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_END
#define INSTANT NT_PERFETTO__TRACK_EVENT__TYPE__TYPE_INSTANT
#define COUNTER NT_PERFETTO__TRACK_EVENT__TYPE__TYPE_COUNTER

static NtPerfetto__Trace *trace;
/* Track events as Perfetto sorts them: of the same time, in the order of the file. */
struct timed {
	packet_t *packet;
	size_t at;
};

static struct timed *sorted;
static size_t n_sorted;
static struct render *render;

static void open_trace(void)
{
	static const struct trace_facts facts = {.version = "1", .kernel = "6.1\xff", .start_ns = SEC};
	struct render_env env = {.dict = dict, .clock_offset_ns = 5};

	render = render_new(render_format_named("perfetto"), out, &env, &facts);
	assert_non_null(render);
}

static void tell(struct journey_event *events, size_t n, u32 id)
{
	static struct nt_flow flow;
	struct journey journey = {.id = id, .start_ns = events[0].ts_ns, .end_ns = events[n - 1].ts_ns};

	journey.outcome = OUTCOME_CONSUMED;
	journey.events = events;
	journey.n_events = n;
	journey.flows = &flow;
	journey.n_flows = 1;
	(render->format->journey)(render, &journey);
}

static int by_time(const void *a, const void *b)
{
	const struct timed *x = a, *y = b;

	if (x->packet->timestamp != y->packet->timestamp)
		return x->packet->timestamp < y->packet->timestamp ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static void decode(void)
{
	static u8 bytes[64 << 20];
	FILE *file;
	size_t n;

	assert_int_equal(out_close(out), 0);
	file = fopen(path, "r");
	assert_non_null(file);
	n = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	assert_true(n < sizeof(bytes));
	trace = nt_perfetto__trace__unpack(NULL, n, bytes);
	assert_non_null(trace);
	sorted = calloc(trace->n_packet, sizeof(*sorted));
	assert_non_null(sorted);
	n_sorted = 0;
	for (size_t i = 0; i < trace->n_packet; i++)
		if (trace->packet[i]->track_event)
			sorted[n_sorted++] = (struct timed){trace->packet[i], i};
	qsort(sorted, n_sorted, sizeof(*sorted), by_time);
}

static void check_ascii(const char *string)
{
	for (; string && *string; string++)
		assert_in_range(*string, 0x20, 0x7e);
}

#define DEPTH_MAX 64

/* What has been seen of each track. */
struct seen {
	u64 uuid;
	const NtPerfetto__TrackDescriptor *descriptor;
	size_t open[DEPTH_MAX]; /* where in the file */
	size_t depth, described_at;
	u64 last_ns;
	s64 value;
};

static struct seen *tracks;
static size_t n_tracks;

static int by_uuid(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return x->uuid < y->uuid ? -1 : x->uuid > y->uuid;
}

static struct seen *track_of(u64 uuid)
{
	struct seen key = {.uuid = uuid};
	struct seen *found = bsearch(&key, tracks, n_tracks, sizeof(*tracks), by_uuid);

	assert_non_null(found);
	return found;
}

static void check_tracks(void)
{
	n_tracks = 0;
	for (size_t i = 0; i < trace->n_packet; i++)
		n_tracks += trace->packet[i]->track_descriptor != NULL;
	tracks = calloc(n_tracks, sizeof(*tracks));
	assert_non_null(tracks);
	n_tracks = 0;
	for (size_t i = 0; i < trace->n_packet; i++) {
		const NtPerfetto__TrackDescriptor *track = trace->packet[i]->track_descriptor;

		if (!track)
			continue;
		assert_true(track->has_uuid && track->uuid && track->name && *track->name);
		check_ascii(track->name);
		tracks[n_tracks].uuid = track->uuid;
		tracks[n_tracks].described_at = i;
		tracks[n_tracks++].descriptor = track;
	}
	qsort(tracks, n_tracks, sizeof(*tracks), by_uuid);
	for (size_t i = 1; i < n_tracks; i++)
		assert_true(tracks[i - 1].uuid != tracks[i].uuid);
	for (size_t i = 0; i < n_tracks; i++)
		if (tracks[i].descriptor->has_parent_uuid)
			assert_true(track_of(tracks[i].descriptor->parent_uuid)->described_at < tracks[i].described_at);
}

/* In the order of the file: the clock first, tracks before what is on them, journeys and counters in order of time. */
static void check_order(void)
{
	assert_non_null(trace->packet[0]->clock_snapshot);
	assert_int_equal(trace->packet[0]->sequence_flags, 1);
	for (size_t i = 0; i < trace->n_packet; i++) {
		const packet_t *packet = trace->packet[i];
		struct seen *track;

		assert_int_equal(packet->trusted_packet_sequence_id, 1);
		if (!packet->track_event)
			continue;
		assert_true(packet->has_timestamp && packet->track_event->has_type && packet->track_event->has_track_uuid);
		assert_int_equal(packet->timestamp_clock_id, 3);
		track = track_of(packet->track_event->track_uuid);
		assert_true(track->described_at < i);
		assert_int_equal(packet->track_event->type == COUNTER, track->descriptor->counter != NULL);
		if (track->uuid >= JOURNEY_TRACKS || track->descriptor->counter)
			assert_true(packet->timestamp >= track->last_ns);
		track->last_ns = packet->timestamp;
	}
}

static void check_strings(const event_t *event)
{
	check_ascii(event->name);
	for (size_t i = 0; i < event->n_debug_annotations; i++) {
		check_ascii(event->debug_annotations[i]->name);
		check_ascii(event->debug_annotations[i]->string_value);
	}
}

/* On a CPU's track the end of a slice is written right behind its beginning, and must be taken for that slice's. */
static void check_slices(void)
{
	for (size_t i = 0; i < n_sorted; i++) {
		const event_t *event = sorted[i].packet->track_event;
		struct seen *track = track_of(event->track_uuid);

		check_strings(event);
		if (event->type == BEGIN) {
			assert_true(track->depth < DEPTH_MAX);
			track->open[track->depth++] = sorted[i].at;
		} else if (event->type == END) {
			assert_true(track->depth);
			track->depth--;
			if (track->uuid < JOURNEY_TRACKS)
				assert_int_equal(track->open[track->depth], sorted[i].at - 1);
		} else if (event->type == INSTANT && track->uuid >= JOURNEY_TRACKS) {
			assert_int_equal(track->depth, 2);
		} else if (event->type == COUNTER) {
			track->value = event->counter_value;
			assert_true(track->value >= 0);
		}
	}
	for (size_t i = 0; i < n_tracks; i++) {
		assert_int_equal(tracks[i].depth, 0);
		assert_int_equal(tracks[i].value, 0);
	}
}

/* Each arrow has two ends, the first before the second. Returns how many there are. */
static size_t check_flows(void)
{
	static u8 ends[1 << 20];
	size_t n = 0;

	memset(ends, 0, sizeof(ends));
	for (size_t i = 0; i < n_sorted; i++) {
		const event_t *event = sorted[i].packet->track_event;

		for (size_t k = 0; k < event->n_terminating_flow_ids; k++) {
			assert_int_equal(ends[event->terminating_flow_ids[k]], 1);
			ends[event->terminating_flow_ids[k]] = 2;
		}
		for (size_t k = 0; k < event->n_flow_ids; k++) {
			assert_true(event->flow_ids[k] < sizeof(ends));
			assert_int_equal(ends[event->flow_ids[k]], 0);
			ends[event->flow_ids[k]] = 1;
			n++;
		}
	}
	for (size_t i = 0; i < sizeof(ends); i++)
		assert_int_not_equal(ends[i], 1);
	return n;
}

static size_t close_and_check(void)
{
	static const struct trace_totals totals = {.journeys = 1, .lost_ring = 7};

	render_free(render, &totals);
	decode();
	check_tracks();
	check_order();
	check_slices();
	return check_flows();
}

static void release(void)
{
	free(tracks);
	free(sorted);
	nt_perfetto__trace__free_unpacked(trace, NULL);
}

static const NtPerfetto__DebugAnnotation *note_of(const event_t *event, const char *name)
{
	for (size_t i = 0; i < event->n_debug_annotations; i++)
		if (!strcmp(event->debug_annotations[i]->name, name))
			return event->debug_annotations[i];
	return NULL;
}

static u64 total(const char *name)
{
	const event_t *event = sorted[n_sorted - 1].packet->track_event;
	const NtPerfetto__DebugAnnotation *note;

	for (size_t i = n_sorted; strcmp(event->name ? event->name : "", "trace ends"); i--)
		event = sorted[i - 1].packet->track_event;
	note = note_of(event, name);
	assert_non_null(note);
	return note->uint_value;
}

/* "cpu 1: 5 gro to link-in [10 20]" of each run on a CPU, in order of time. */
static const char *runs(void)
{
	static char text[4096];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i + 1 < trace->n_packet; i++) {
		const packet_t *packet = trace->packet[i];

		if (!packet->track_event || packet->track_event->type != BEGIN ||
		    packet->track_event->track_uuid >= JOURNEY_TRACKS)
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "cpu %u: %s [%u %u]\n",
					 (u32)(packet->track_event->track_uuid - PERFETTO_CPU_TRACK),
					 packet->track_event->name, (u32)(packet->timestamp - SEC),
					 (u32)(trace->packet[i + 1]->timestamp - SEC));
	}
	return text;
}

#define AT(ns, p, s, c) {.ts_ns = SEC + (ns), .probe = NT_PROBE_##p, .skb = (s), .cpu = (c)}

static void tell_sample(void)
{
	struct journey_event first[] = {
		AT(10, napi_gro_receive_entry, 1, 0), AT(20, enqueue_to_backlog, 1, 0),
		AT(40, __netif_receive_skb_core, 1, 1), AT(50, ip_rcv, 2, 1), AT(60, ip_rcv, 1, 1),
	};
	struct journey_event second[] = {AT(15, napi_gro_receive_entry, 3, 0), AT(45, ip_rcv, 3, 0)};

	tell(first, 5, 5);
	tell(second, 2, 6);
}

static void test_steered_and_cloned(void **state)
{
	(void)state;
	open_trace();
	tell_sample();
	/* over to CPU 1, and to the clone */
	assert_int_equal(close_and_check(), 2);
	assert_string_equal(runs(), "cpu 0: 5 gro [10 10]\n"
				    "cpu 0: 6 gro [15 15]\n"
				    "cpu 0: 5 link-in [20 20]\n"
				    "cpu 1: 5 link-in [40 40]\n"
				    "cpu 0: 6 ip-in [45 45]\n"
				    "cpu 1: 5 ip-in [50 60]\n");
	assert_int_equal(track_of(PERFETTO_BACKLOG_TRACK + 1)->last_ns, SEC + 40);
	assert_int_equal(total("lost, ring"), 7);
	assert_int_equal(total("packets not counted in a backlog"), 0);
	release();
}

static void test_stages(void **state)
{
	struct journey_event events[] = {
		AT(10, napi_gro_receive_entry, 1, 0), AT(20, netif_receive_skb, 1, 0), AT(30, ip_rcv, 1, 0),
		AT(40, kfree_skb, 1, 0),
	};
	static const char *const names[] = {"5 ", "gro", "napi_gro_receive_entry", "link-in", "netif_receive_skb",
					    "ip-in", "ip_rcv", "kfree_skb"};
	size_t n = 0;

	(void)state;
	dict_set(dict, DICT_IFNAME, dict_ifname_key(0, 2), "e\x1b[31m\xff");
	events[2].ifindex = 2;
	open_trace();
	tell(events, 4, 5);
	assert_int_equal(close_and_check(), 0);
	for (size_t i = 0; i < n_sorted; i++) {
		const event_t *event = sorted[i].packet->track_event;

		if (event->track_uuid < JOURNEY_TRACKS || event->type == END)
			continue;
		assert_int_equal(strncmp(event->name, names[n], strlen(names[n])), 0);
		if (!strcmp(event->name, "ip_rcv"))
			assert_string_equal(note_of(event, "interface")->string_value, "e\\x1b[31m\\xff");
		n++;
	}
	assert_int_equal(n, 8);
	release();
}

/* A process is told where it did something, and by which bytes it is named does not matter. */
static void test_notes(void **state)
{
	static const struct nt_anno_TASK task = {.pid = 7, .tid = 7, .comm = "a\xc3\n"};
	static const struct nt_anno_DROP drop = {.reason = 2};
	struct journey_note notes[] = {{.type = NT_ANNO_TASK, .payload = &task, .next = &notes[1]},
				       {.type = NT_ANNO_DROP, .payload = &drop}};
	struct journey_event events[] = {AT(10, ip_rcv, 1, 0), AT(40, kfree_skb, 1, 0)};

	(void)state;
	dict_set(dict, DICT_DROP_REASON, 2, "NO\xffSOCKET");
	events[0].notes = events[1].notes = notes;
	events[0].context = NT_CTX_TASK;
	events[1].context = NT_CTX_SOFTIRQ;
	open_trace();
	tell(events, 2, 5);
	close_and_check();
	for (size_t i = 0; i < n_sorted; i++) {
		const event_t *event = sorted[i].packet->track_event;

		if (event->track_uuid < JOURNEY_TRACKS || event->type != INSTANT)
			continue;
		assert_true(strstr(note_of(event, "drop")->string_value, "NO\\xffSOCKET"));
		assert_int_equal(note_of(event, "task") != NULL, sorted[i].packet->timestamp == SEC + 10);
		if (note_of(event, "task"))
			assert_string_equal(note_of(event, "task")->string_value, "by a\\xc3\\x0a[7]");
	}
	release();
}

/* A slice for the incident on a track of its own, and one before the packet that it held. */
static void test_incident(void **state)
{
	struct nt_blocked blocked = {.cause = NT_CAUSE_LONG_SOFTIRQ, .number = 1, .cpu = 3, .start_lo_ns = SEC,
				     .start_hi_ns = SEC, .end_ns = SEC + 30, .own_ns = 25};
	struct incident incident = {.id = 1, .packets = 1, .longest_ns = 20, .blocked = &blocked};
	struct journey_event event = AT(40, ip_rcv, 1, 0);
	struct journey_delay delay = {.delay_ns = 20, .blocked = &blocked};
	struct nt_flow flow = {0};
	struct journey journey = {.id = 5, .start_ns = SEC + 40, .end_ns = SEC + 40, .events = &event, .n_events = 1,
				  .flows = &flow, .n_flows = 1, .before = delay, .delays = &delay, .n_delays = 1};
	unsigned int n_incidents = 0, n_before = 0;

	(void)state;
	open_trace();
	(render->format->journey)(render, &journey);
	(render->format->incident)(render, &incident);
	close_and_check();
	for (size_t i = 0; i < n_sorted; i++) {
		const event_t *told = sorted[i].packet->track_event;

		if (told->type == END || !told->name)
			continue;
		if (!strcmp(told->name, "softirq TIMER") && sorted[i].packet->timestamp == SEC) {
			n_incidents++;
			assert_int_equal(note_of(told, "packets held")->uint_value, 1);
			assert_int_equal(note_of(told, "at least, ns")->uint_value, 25);
			assert_int_equal(note_of(told, "at most, ns")->uint_value, 30);
		}
		if (!strcmp(told->name, "before the stack: softirq TIMER") && sorted[i].packet->timestamp == SEC + 20)
			n_before++;
	}
	assert_int_equal(n_incidents, 1);
	assert_int_equal(n_before, 1);
	release();
}

/* A slice for each time in which a CPU was blocked, on a track of its own: they need not lie within each other. */
static void test_blocked(void **state)
{
	struct nt_blocked blocked[] = {
		{.cause = NT_CAUSE_LONG_SOFTIRQ, .number = 1, .cpu = 3, .start_lo_ns = SEC, .start_hi_ns = SEC + 5, .end_ns = SEC + 30},
		{.cause = NT_CAUSE_LONG_SOFTIRQ, .number = 1, .cpu = 3, .start_lo_ns = SEC + 40, .start_hi_ns = SEC + 40, .end_ns = SEC + 50},
		{.cause = NT_CAUSE_UNKNOWN, .cpu = 2, .start_lo_ns = SEC, .start_hi_ns = SEC + 10, .end_ns = SEC + 20},
	};
	u64 begins[3] = {0}, tracks[3] = {0};
	unsigned int n = 0;

	(void)state;
	open_trace();
	for (size_t i = 0; i < sizeof(blocked) / sizeof(*blocked); i++)
		(render->format->blocked)(render, &blocked[i]);
	close_and_check();
	for (size_t i = 0; i < n_sorted; i++) {
		const event_t *told = sorted[i].packet->track_event;

		if (told->type == END || !told->n_categories || strcmp(told->categories[0], "blocked"))
			continue;
		assert_in_range(n, 0, 2);
		begins[n] = sorted[i].packet->timestamp;
		tracks[n++] = told->track_uuid;
	}
	assert_int_equal(n, 3);
	assert_int_equal(begins[0], SEC + 5);
	assert_int_equal(begins[1], SEC + 10);
	assert_int_equal(begins[2], SEC + 40);
	assert_int_not_equal(tracks[0], tracks[1]);
	assert_int_not_equal(tracks[0], tracks[2]);
	assert_int_not_equal(tracks[1], tracks[2]);
	release();
}

/* A slice for each wait, on a track of its own below the packet's: those of clones need not lie within each other. */
static void test_waits(void **state)
{
	struct journey_event events[] = {AT(10, enqueue_to_backlog, 0, 0), AT(20, enqueue_to_backlog, 0, 0),
					 AT(50, __netif_receive_skb_core, 1, 0), AT(60, __netif_receive_skb_core, 1, 0)};
	struct journey_delay delays[] = {{.cause = NT_CAUSE_BACKLOG, .cpu = 1, .from = 0, .event = 2},
					 {.cause = NT_CAUSE_BACKLOG, .cpu = 1, .from = 1, .event = 3}};
	struct nt_flow flow = {0};
	struct journey journey = {.id = 5, .start_ns = SEC + 10, .end_ns = SEC + 60, .events = events, .n_events = 4,
				  .flows = &flow, .n_flows = 1, .delays = delays, .n_delays = 2};
	u64 begins[2] = {0}, tracks[2] = {0};
	unsigned int n = 0, n_ends = 0;

	(void)state;
	open_trace();
	(render->format->journey)(render, &journey);
	close_and_check();
	for (size_t i = 0; i < n_sorted; i++) {
		const event_t *told = sorted[i].packet->track_event;

		if (told->type != END && told->name && !strcmp(told->name, "in the backlog of cpu 1") && n < 2) {
			begins[n] = sorted[i].packet->timestamp;
			tracks[n++] = told->track_uuid;
		}
		if (told->type == END && ((n > 0 && told->track_uuid == tracks[0] && sorted[i].packet->timestamp == SEC + 50) ||
					  (n > 1 && told->track_uuid == tracks[1] && sorted[i].packet->timestamp == SEC + 60)))
			n_ends++;
	}
	assert_int_equal(n, 2);
	assert_int_equal(begins[0], SEC + 10);
	assert_int_equal(begins[1], SEC + 20);
	assert_int_not_equal(tracks[0], tracks[1]);
	assert_int_equal(n_ends, 2);
	release();
}

static u64 random_state;

static u32 pick(u32 below)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (u32)(random_state >> 33) % below;
}

/* Times are few, so that many are equal; journeys overlap and come in no order. */
static void tell_random(u32 id, u64 times)
{
	static const u16 probes[] = {P(enqueue_to_backlog), P(__netif_receive_skb_core), P(ip_rcv), P(kfree_skb),
				     P(napi_gro_receive_entry), NT_PROBE_MAX - 1};
	struct journey_event events[40] = {0};
	size_t n = 1 + pick(40);
	u64 ts_ns = SEC + pick((u32)times);

	for (size_t i = 0; i < n; i++) {
		events[i].ts_ns = ts_ns += pick(4) ? pick(3) : pick(200000);
		events[i].skb = 1 + pick(3);
		events[i].cpu = pick(50) ? pick(3) : PERFETTO_CPUS_MAX - 1 + pick(3);
		events[i].probe = probes[pick(6)];
		events[i].context = (u8)pick(NT_CTX_COUNT + 1);
	}
	tell(events, n, id);
}

static void test_any(void **state)
{
	(void)state;
	for (random_state = 1; random_state < 30; random_state++) {
		u64 seed = random_state;

		open_trace();
		for (u32 id = 1; id < 30; id++)
			tell_random(id, 50);
		close_and_check();
		release();
		random_state = seed;
		assert_int_equal(out_open(path, &out), 0);
	}
	out_close(out);
}

/* More than there is room for, and what comes too late is told all the same. */
static void test_late(void **state)
{
	struct journey_event late[] = {
		AT(5, enqueue_to_backlog, 1, 0), AT(50 * SEC, __netif_receive_skb_core, 1, 1),
		AT(50 * SEC + 1, enqueue_to_backlog, 1, 0), AT(50 * SEC + 2, __netif_receive_skb_core, 1, 1),
	};

	(void)state;
	random_state = 1;
	open_trace();
	for (u32 id = 1; id < 2500; id++)
		tell_random(id, 100000000);
	tell(late, 4, 3000);
	close_and_check();
	assert_true(total("events alone on their CPU's track") > 1);
	assert_true(total("packets not counted in a backlog") > 0);
	release();
}

static void test_names(void **state)
{
	(void)state;
	assert_ptr_equal(render_format_of_file("x.perfetto-trace"), &render_perfetto);
	assert_ptr_equal(render_format_named("perfetto"), &render_perfetto);
	assert_true(render_perfetto.binary);
	out_close(out);
}

/* The sample for another reader: tests/native/perfetto.test.sh. */
static int leave_sample(const char *to)
{
	static const struct trace_totals totals = {.journeys = 2};

	dict = dict_new();
	if (!dict || out_open(to, &out))
		return 1;
	open_trace();
	tell_sample();
	render_free(render, &totals);
	dict_free(dict);
	return out_close(out) != 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		test(test_steered_and_cloned), test(test_stages), test(test_notes), test(test_incident), test(test_waits), test(test_blocked),
		test(test_any), test(test_late), test(test_names),
	};

	if (argc > 1)
		return leave_sample(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
