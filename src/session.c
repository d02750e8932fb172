/* SPDX-License-Identifier: GPL-2.0 */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dict.h"
#include "journey.h"
#include "kernel.h"
#include "log.h"
#include "names.h"
#include "out.h"
#include "prepare.h"
#include "reason.h"
#include "render.h"
#include "tracer.h"

#define EXIT_USAGE 2
#define READ_INTERVAL_NS 10000000ull	 /* between looks at the rings */
#define SWEEP_INTERVAL_NS 10000000000ull /* between looks at the tracking maps */
#define SWEEP_IDLE_NS 120000000000ull	 /* a packet that nothing saw for so long has gone unseen */

struct session {
	const struct options *options;
	const volatile sig_atomic_t *stop;
	struct kernel *kernel;
	struct probe_table *probes;
	struct preparation prepared;
	struct tracer *tracer;
	struct dict *dict;
	struct names *names;
	struct render_env env;
	struct journey_set *journeys;
	struct scope *scope;
	struct out *out;
	unsigned long long printed, incomplete, events, malformed;
};

static u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000000000ull + (u64)now.tv_nsec;
}

static bool enough(const struct session *session)
{
	return session->options->count && session->printed >= session->options->count;
}

/*
 * A journey is over: print it, unless --basic has told its events. Non-zero ends the trace:
 * enough, or nobody reads. With --basic, too, enough is a number of journeys that are over.
 */
static int on_journey(void *user, const struct journey *journey)
{
	struct session *session = user;

	if (enough(session))
		return 1;
	if (!scope_wants(session->scope, session->dict, journey))
		return 0;
	session->printed++;
	session->incomplete += journey->incomplete;
	session->events += journey->n_events;
	if (!session->options->basic) {
		render_text_journey(session->out, &session->env, journey);
		out_flush(session->out);
	}
	return out_error(session->out) ? out_error(session->out) : enough(session);
}

/* --basic. Flushed after each reading of the rings, since a system call per line would be what costs most. */
static int on_event(void *user, const struct journey *journey, const struct journey_event *event)
{
	struct session *session = user;

	if (enough(session))
		return 1;
	if (!scope_wants_event(session->scope, session->dict, event))
		return 0;
	render_text_event(session->out, &session->env, journey, event);
	return out_error(session->out);
}

static int on_record(void *user, const struct nt_event *record, size_t size, u32 cpu)
{
	struct session *session = user;
	int err;

	names_learn(session->names, session->tracer, record, size);
	err = journey_set_add(session->journeys, record, size, cpu);
	if (err == -EINVAL) {
		session->malformed++;
		return 0;
	}
	return err;
}

static int fail(int err, const char *what, const char *next)
{
	log_say("%s: %s%s%s", what, strerror(-err), next ? "; " : "", next ? next : "");
	return err;
}

static const char *output_name(const struct options *options)
{
	return options->output && strcmp(options->output, "-") != 0 ? options->output : "standard output";
}

static int make_plan(struct session *session)
{
	int err = prepare(session->kernel, session->probes, session->options, &session->prepared);

	if (err)
		return err;
	if (*session->stop)
		return -EINTR;
	err = tracer_load(session->kernel, &session->prepared.variables, session->options, session->prepared.plan,
			  &session->tracer);
	if (err && !log_said())
		fail(err, "cannot load programs", NULL);
	return err;
}

static u64 realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (u64)now.tv_sec * 1000000000ull + (u64)now.tv_nsec;
}

/* A terminal that did not say (NO_COLOR, TERM) that it wants none. */
static bool wants_color(const struct options *options)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool to_file = options->output && strcmp(options->output, "-") != 0;

	return !options->no_color && !to_file && !(no_color && *no_color) && term &&
	       strcmp(term, "dumb") != 0 && isatty(STDOUT_FILENO);
}

/* What rendering is told of this host. The clocks are read as close together as can be. */
static struct render_env make_env(const struct session *session)
{
	u64 before_ns = now_ns(), real_ns = realtime_ns(), after_ns = now_ns();
	time_t now = time(NULL);
	struct tm local = {0};

	localtime_r(&now, &local);
	return (struct render_env){
		.dict = session->dict,
		.clock_offset_ns = (s64)(real_ns - (before_ns + (after_ns - before_ns) / 2)),
		.utc_offset_s = (s32)local.tm_gmtoff,
		.detail = session->options->detail,
		.date = session->options->date,
		.color = wants_color(session->options),
	};
}

static int make_parts(struct session *session, const struct scope_terms *terms)
{
	session->dict = dict_new();
	session->names = session->dict ? names_new(session->dict) : NULL;
	session->probes = probe_table_new();
	session->scope = scope_new(terms);
	if (!session->names || !session->probes || !session->scope)
		return -ENOMEM;
	session->journeys = journey_set_new(session->probes, session->dict, on_journey, session);
	if (!session->journeys)
		return -ENOMEM;
	session->env = make_env(session);
	if (session->options->basic)
		journey_set_on_event(session->journeys, on_event);
	return 0;
}

/* The output comes last: a trace that cannot start leaves an older file as it is. */
static int session_open(struct session *session, const struct scope_terms *terms)
{
	int err;

	if (make_parts(session, terms))
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
	err = out_open(session->options->output, &session->out);
	return err ? fail(err, output_name(session->options), "choose another -o") : 0;
}

static void session_close(struct session *session)
{
	tracer_free(session->tracer);
	kernel_free(session->kernel);
	journey_set_free(session->journeys);
	scope_free(session->scope);
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
	int ret;

	if (now < *next_ns)
		return 0;
	*next_ns = now + SWEEP_INTERVAL_NS;
	tracer_sweep(session->tracer, SWEEP_IDLE_NS, on_record, session);
	ret = journey_set_expire(session->journeys, now > SWEEP_IDLE_NS ? now - SWEEP_IDLE_NS : 0);
	return session->out && out_error(session->out) ? out_error(session->out) : ret;
}

/* All that was read is told: --basic does not keep its last line until something else happens. */
static int tell_events(struct session *session)
{
	int ret = journey_set_flush(session->journeys);

	return out_flush(session->out) ? out_error(session->out) : ret;
}

/* Until a signal, --duration or --count. 0 or negative errno. */
static int trace(struct session *session)
{
	u64 end = ~0ull, next_sweep_ns = now_ns() + SWEEP_INTERVAL_NS;
	long got = 0;

	if (session->options->duration_ns)
		end = now_ns() + session->options->duration_ns;
	while (!*session->stop && now_ns() < end) {
		got = source_ring_read(tracer_source(session->tracer), false, on_record, session);
		if (got >= 0)
			got = sweep(session, &next_sweep_ns);
		if (got >= 0 && session->options->basic)
			got = tell_events(session);
		if (got < 0 || enough(session))
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
		if (enough(session))
			return 0;
		got = source_ring_read(tracer_source(session->tracer), true, on_record, session);
		if (got == -EAGAIN)
			nap(~0ull);
	} while (got == -EAGAIN && tries--);
	if (got < 0)
		return (int)got;
	got = enough(session) ? 0 : journey_set_finish(session->journeys);
	return got < 0 ? (int)got : 0;
}

static void say_totals(const struct session *session, const struct tracer_losses *losses)
{
	char recursion[32] = "unknown";

	if (losses->recursion_known)
		snprintf(recursion, sizeof(recursion), "%llu", (unsigned long long)losses->recursion);
	log_say("%llu journeys (%llu incomplete), %llu events, lost: ring %llu, map %llu, id %llu, recursion %s",
		session->printed, session->incomplete, session->events,
		(unsigned long long)losses->by_cause[NT_LOSS_RING],
		(unsigned long long)losses->by_cause[NT_LOSS_MAP],
		(unsigned long long)losses->by_cause[NT_LOSS_ID], recursion);
	if (session->malformed)
		log_say("%llu malformed records were ignored", session->malformed);
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

static int run(struct session *session, const struct scope_terms *terms)
{
	struct tracer_losses losses;
	int err = session_open(session, terms);

	if (!err) {
		err = tracer_attach(session->tracer, session->stop);
		if (err && err != -EINTR)
			return fail(err, "no probe could be attached", NULL);
	}
	if (err == -EINTR && *session->stop) {
		log_say("stopped before tracing began");
		return 0;
	}
	if (err)
		return err;
	if (session->options->verbose)
		say_refused(session);
	log_say("tracing, %s backend, %u probes (%u skipped)", backend_name(session->prepared.plan->backend),
		tracer_attached(session->tracer), tracer_skipped(session->tracer));
	err = trace(session);
	tracer_stop(session->tracer);
	if (!err)
		err = drain(session);
	tracer_count_losses(session->tracer, &losses);
	if (err == -EPIPE)
		return err;
	say_totals(session, &losses);
	if (session->options->verbose)
		tracer_say_losses(session->tracer);
	if (err && err != out_error(session->out))
		fail(err, "tracing stopped", NULL);
	return err;
}

int session_run(const struct options *options, const struct scope_terms *terms, const volatile sig_atomic_t *stop)
{
	struct session session = {.options = options, .stop = stop};
	int err = run(&session, terms), closed;
	bool usage_wrong = session.prepared.usage_wrong;

	session_close(&session);
	closed = out_close(session.out);
	if (err == -EPIPE || closed == -EPIPE)
		return EXIT_SUCCESS;
	if (closed)
		fail(closed, output_name(options), NULL);
	if (usage_wrong)
		return EXIT_USAGE;
	return err || closed ? EXIT_FAILURE : EXIT_SUCCESS;
}
