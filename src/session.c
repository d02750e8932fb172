/* SPDX-License-Identifier: GPL-2.0 */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "annotation.h"
#include "cause.h"
#include "clock.h"
#include "dict.h"
#include "facts.h"
#include "kernel.h"
#include "latency_live.h"
#include "log.h"
#include "names.h"
#include "out.h"
#include "output.h"
#include "pipeline.h"
#include "prepare.h"
#include "reason.h"
#include "recording.h"
#include "render.h"
#include "tracer.h"

#define EXIT_USAGE 2
#define READ_INTERVAL_NS 10000000ull	 /* between looks at the rings */
#define SWEEP_INTERVAL_NS 10000000000ull /* between looks at the tracking maps */
#define CLOCK_INTERVAL_NS 60000000000ull /* between readings of both clocks, for the recording */
#define TOTALS_INTERVAL_NS 10000000000ull /* between totals so far, for the recording */
#define WATCH_INTERVAL_NS 1000000000ull
#define NOTICE_NS 100000000ull		 /* what happened before is read by now */
#define SWEEP_IDLE_NS 120000000000ull	 /* a packet that nothing saw for so long has gone unseen */

struct session {
	const struct options *options;
	const struct scope_terms *terms;
	const volatile sig_atomic_t *stop;
	struct kernel *kernel;
	struct probe_table *probes;
	struct preparation prepared;
	struct tracer *tracer;
	struct dict *dict;
	struct names *names;
	struct trace_facts facts;
	struct out *out;
	struct render *render;
	struct pipeline *pipeline;
	struct latency_live *latency; /* NULL: not asked for */
	struct recording_writer *recording; /* NULL: none is asked for */
	u64 began_ns, loaded_ns, attached_ns;
	u64 next_clock_ns, next_totals_ns;
	struct nt_shelf_counts shelved; /* by --min-latency */
};

/* While it lasts: what it was is told at its end. */
static void say_silent(const struct nt_event *record, size_t size)
{
	const struct nt_silent *silent = (const void *)record;
	char name[sizeof(silent->comm) + 1] = "", plain[4 * sizeof(name)];

	if (size < sizeof(*silent) || silent->since_ns > record->ts_ns)
		return;
	memcpy(name, silent->comm, sizeof(silent->comm));
	annotation_plain_text(name, plain, sizeof(plain));
	log_say("cpu %u has taken no interrupts for %.1f ms so far: %s[%u] is on it", silent->cpu,
		(double)(record->ts_ns - silent->since_ns) / 1e6, plain, silent->pid);
}

static int on_record(void *user, const struct nt_event *record, size_t size, u32 cpu)
{
	struct session *session = user;
	int err = 0;

	names_learn(session->names, session->tracer, record, size);
	if (nt_event_kind(record) == NT_SILENT)
		say_silent(record, size);
	if (session->recording)
		err = recording_add(session->recording, record, size, cpu);
	return err ? err : pipeline_add(session->pipeline, record, size, cpu);
}

static int fail(int err, const char *what, const char *next)
{
	log_say("%s: %s%s%s", what, strerror(-err), next ? "; " : "", next ? next : "");
	return err;
}

static int make_plan(struct session *session)
{
	int err = prepare(session->kernel, session->probes, session->options, &session->prepared);
	struct kernel_abilities abilities;

	if (err)
		return err;
	kernel_find_abilities(session->kernel, &abilities);
	/* libbpf is going to read the same megabytes once more */
	kernel_free(session->kernel);
	session->kernel = NULL;
	if (*session->stop)
		return -EINTR;
	err = tracer_load(&abilities, &session->prepared.variables, session->options, session->prepared.plan,
			  &session->tracer);
	if (err && !log_said())
		fail(err, "cannot load programs", NULL);
	return err;
}

static int make_parts(struct session *session)
{
	session->dict = dict_new();
	session->names = session->dict ? names_new(session->dict) : NULL;
	session->probes = probe_table_new();
	return session->names && session->probes ? 0 : -ENOMEM;
}

static void gather_facts(struct session *session)
{
	struct trace_facts *facts = &session->facts;

	facts_gather(session->options, session->terms, facts);
	snprintf(facts->backend, sizeof(facts->backend), "%s", backend_name(session->prepared.plan->backend));
	facts->n_probes = tracer_attached(session->tracer);
	facts->n_skipped = tracer_skipped(session->tracer);
}

/* At once: what the packets say that were held comes later. */
static void announce(void *user, const struct incident *incident)
{
	struct session *session = user;
	char text[BLOCKED_TEXT_BYTES];

	blocked_text(incident->blocked, session->dict, text);
	log_say("incident %u: %s", incident->id, text);
}

/* Begun when the trace is, since the first thing that some formats write is about it. */
static int begin_output(struct session *session)
{
	const struct options *options = session->options;
	const struct pipeline_terms terms = {
		.traced = {.scope = *session->terms, .count = options->count},
		.basic = options->basic,
		.latency = options->latency,
		.of_slow = options_hold_back_fast(options),
		.no_attribution = options->no_attribution,
		.incident_min_ns = options->incident_min_ns,
		.announce = announce,
		.user = session,
	};
	const struct render_env env = output_env(options, session->dict, &session->facts);

	if (options_prints(options)) {
		session->render = render_new(options_format(options), session->out, &env, &session->facts);
		if (!session->render)
			return -ENOMEM;
	}
	session->pipeline = pipeline_new(&terms, session->probes, session->dict, session->render);
	if (!session->pipeline)
		return -ENOMEM;
	if (options->latency) {
		session->latency = latency_live_new(session->tracer, session->pipeline,
						    output_refreshes(options) ? session->out : NULL);
		if (!session->latency)
			return -ENOMEM;
	}
	return session->out ? out_flush(session->out) : 0;
}

static int begin_recording(struct session *session)
{
	const struct options *options = session->options;
	const struct recording_options recording = {
		.path = options->write,
		.rotate_bytes = options->rotate_bytes,
		.rotate_ns = options->rotate_ns,
		.keep = options->keep,
	};
	int err;

	if (!options->write)
		return 0;
	err = recording_create(&recording, &session->facts, session->probes, session->dict, &session->recording);
	return err ? fail(err, options->write, "choose another -w") : 0;
}

/* The output comes last: a trace that cannot start leaves an older file as it is. */
static int session_open(struct session *session)
{
	int err;

	if (make_parts(session))
		return fail(-ENOMEM, "cannot start", NULL);
	err = kernel_open(&session->kernel);
	if (err == -ENOENT || err == -ESRCH) {
		log_say("this kernel has no BTF: /sys/kernel/btf/vmlinux is needed (CONFIG_DEBUG_INFO_BTF)");
		return err;
	}
	if (err)
		return fail(err, "cannot read the kernel's types, /sys/kernel/btf/vmlinux", NULL);
	err = kernel_name_drop_reasons(session->kernel, session->dict);
	if (err)
		return fail(err, "cannot name drop reasons", NULL);
	err = make_plan(session);
	if (err)
		return err;
	return options_prints(session->options) ? output_open(session->options, &session->out) : 0;
}

static void session_close(struct session *session)
{
	recording_close(session->recording, NULL); /* before a child is made: its thread would not be in there */
	latency_live_free(session->latency);
	tracer_free(session->tracer);
	kernel_free(session->kernel);
	pipeline_free(session->pipeline);
	render_free(session->render, NULL);
	names_free(session->names);
	dict_free(session->dict);
	probe_table_free(session->probes);
	prepare_free(&session->prepared);
}

static int nap(u64 until_ns)
{
	u64 now = now_ns(), rest = until_ns > now ? until_ns - now : 0;
	struct timespec time = {0, (long)(rest < READ_INTERVAL_NS ? rest : READ_INTERVAL_NS)};

	return nanosleep(&time, NULL);
}

/* Give up packets that nothing saw for long. That it failed once is no reason to stop. */
static int sweep(struct session *session, u64 *next_ns)
{
	u64 now = now_ns();

	if (now < *next_ns)
		return 0;
	*next_ns = now + SWEEP_INTERVAL_NS;
	tracer_sweep(session->tracer, SWEEP_IDLE_NS, on_record, session);
	return pipeline_expire(session->pipeline, now > SWEEP_IDLE_NS ? now - SWEEP_IDLE_NS : 0);
}

static struct trace_totals count_totals(const struct session *session)
{
	struct trace_totals totals = {0};
	struct tracer_losses losses;

	tracer_count_losses(session->tracer, &losses);
	pipeline_count(session->pipeline, &totals);
	totals.lost_ring = losses.by_cause[NT_LOSS_RING];
	totals.lost_map = losses.by_cause[NT_LOSS_MAP];
	totals.lost_id = losses.by_cause[NT_LOSS_ID];
	totals.recursion = losses.recursion;
	totals.recursion_known = losses.recursion_known;
	return totals;
}

/* Nothing that was read stays in memory for long: the host may not have long to live. */
static int keep_recording(struct session *session)
{
	struct trace_totals totals;
	u64 now = now_ns();
	int err = 0;

	if (!session->recording)
		return 0;
	if (now >= session->next_clock_ns) {
		session->next_clock_ns = now + CLOCK_INTERVAL_NS;
		err = recording_add_clock(session->recording, now, now + (u64)facts_clock_offset());
	}
	if (!err && now >= session->next_totals_ns) {
		session->next_totals_ns = now + TOTALS_INTERVAL_NS;
		totals = count_totals(session);
		err = recording_add_totals(session->recording, &totals, now);
	}
	return err ? err : recording_flush(session->recording, now);
}

/* Until a signal, --duration or --count. 0 or negative errno. */
static int trace(struct session *session)
{
	u64 end = ~0ull, next_sweep_ns = now_ns() + SWEEP_INTERVAL_NS, next_watch_ns = 0;
	long got = 0;

	if (session->options->duration_ns)
		end = now_ns() + session->options->duration_ns;
	while (!*session->stop && now_ns() < end) {
		got = source_ring_read(tracer_source(session->tracer), false, on_record, session);
		if (now_ns() >= next_watch_ns) {
			tracer_watch(session->tracer);
			next_watch_ns = now_ns() + WATCH_INTERVAL_NS;
		}
		if (got >= 0)
			got = sweep(session, &next_sweep_ns);
		if (got >= 0)
			got = pipeline_advance(session->pipeline, now_ns() - NOTICE_NS);
		if (got >= 0)
			got = pipeline_flush(session->pipeline);
		if (got >= 0)
			got = keep_recording(session);
		if (got >= 0 && session->latency)
			got = latency_live_advance(session->latency);
		if (got < 0 || pipeline_enough(session->pipeline))
			break;
		nap(end);
	}
	return got < 0 ? (int)got : 0;
}

/*
 * What is left in the rings and in flight. Programs that are running may still
 * be writing: they need microseconds. Detaching takes longer, and nobody need wait for it to read the rest.
 */
static int drain(struct session *session)
{
	int tries = 100;
	long got;

	do {
		if (pipeline_enough(session->pipeline))
			return 0;
		got = source_ring_read(tracer_source(session->tracer), true, on_record, session);
		if (got == -EAGAIN)
			nap(~0ull);
	} while (got == -EAGAIN && tries--);
	if (got >= 0)
		got = tracer_drain_shelves(session->tracer, on_record, session, &session->shelved);
	if (got < 0)
		return (int)got;
	got = pipeline_finish(session->pipeline);
	if (got >= 0 && session->latency)
		got = latency_live_finish(session->latency);
	return got < 0 ? (int)got : 0;
}

/* Probes which the plan attaches and the kernel does not: counted in any case, and --probes tells them, too. */
static void say_refused(const struct session *session)
{
	unsigned int i;

	for (i = 0; i < session->prepared.plan->n_entries; i++)
		if (tracer_row_error(session->tracer, i))
			log_say("probe %s is skipped: %s", probe_table_row(session->probes, i)->name,
				reason_of(tracer_row_error(session->tracer, i)));
}

/* 0, also if it was stopped before it began: then *ret_begun stays false. */
static int begin(struct session *session, bool *ret_begun)
{
	int err;

	session->began_ns = now_ns();
	err = session_open(session);
	if (!err) {
		session->loaded_ns = now_ns();
		err = tracer_attach(session->tracer, session->stop);
		session->attached_ns = now_ns();
		if (err && err != -EINTR)
			return fail(err, "no probe could be attached", NULL);
	}
	if (err == -EINTR && *session->stop) {
		log_say("stopped before tracing began");
		return 0;
	}
	if (err)
		return err;
	gather_facts(session);
	err = begin_recording(session);
	if (!err) {
		err = begin_output(session);
		if (err == -ENOMEM)
			fail(err, "cannot start", NULL);
	}
	*ret_begun = !err;
	return err;
}

/* Who was fast and left the kernel all the same: a bound said that it could be slow, or a place there was taken. */
static void say_shelved(const struct session *session)
{
	const struct nt_shelf_counts *shelved = &session->shelved;
	unsigned long long left_out = pipeline_left_out(session->pipeline);

	if (shelved->fast)
		log_say("%llu packets took less and stayed in the kernel", (unsigned long long)shelved->fast);
	if (shelved->direct)
		log_say("%llu packets were not kept back there: older ones had their place", (unsigned long long)shelved->direct);
	if (session->options->min_latency_ns && left_out)
		log_say("%llu packets left the kernel and are not told: faster, or not of what was asked for", left_out);
}

/* What ends with the trace: the output, the recording, and the totals on stderr. */
static int finish(struct session *session, int err)
{
	struct trace_totals totals = count_totals(session);
	int written = recording_close(session->recording, &totals);
	char text[TRACE_TOTALS_TEXT_BYTES];

	session->recording = NULL;
	render_free(session->render, &totals);
	session->render = NULL;
	if (err == -EPIPE || written == -EPIPE)
		return -EPIPE;
	trace_totals_text(&totals, text, sizeof(text));
	tracer_say_losses(session->tracer);
	say_shelved(session);
	log_say("%s", text);
	if (written)
		log_say("%s: %s; it can be read up to there", session->options->write, strerror(-written));
	else if (err && !(session->out && err == out_error(session->out)))
		fail(err, "tracing stopped", NULL);
	return written ? written : err;
}

static void say_start(const struct session *session)
{
	log_say("it took %llu ms until the programs were loaded, and %llu ms to attach them",
		(unsigned long long)(session->loaded_ns - session->began_ns) / 1000000,
		(unsigned long long)(session->attached_ns - session->loaded_ns) / 1000000);
}

static int run(struct session *session)
{
	bool begun = false;
	int err = begin(session, &begun);

	if (!begun)
		return err;
	if (session->options->verbose)
		say_refused(session);
	log_say("tracing, %s backend, %u probes (%u skipped)", backend_name(session->prepared.plan->backend),
		tracer_attached(session->tracer), tracer_skipped(session->tracer));
	if (session->options->verbose)
		say_start(session);
	err = trace(session);
	tracer_stop(session->tracer);
	if (!err)
		err = drain(session);
	return finish(session, err);
}

int session_run(const struct options *options, const struct scope_terms *terms, const volatile sig_atomic_t *stop)
{
	struct session session = {.options = options, .terms = terms, .stop = stop};
	int err = run(&session), closed;
	bool usage_wrong = session.prepared.usage_wrong;

	session_close(&session);
	closed = out_close(session.out);
	if (err == -EPIPE || closed == -EPIPE)
		return EXIT_SUCCESS;
	if (closed)
		output_say_error(options, closed);
	if (usage_wrong)
		return EXIT_USAGE;
	return err || closed ? EXIT_FAILURE : EXIT_SUCCESS;
}
