/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "annotations.h"
#include "dict.h"
#include "inspect.h"
#include "journey.h"
#include "kernel.h"
#include "log.h"
#include "options.h"
#include "out.h"
#include "prepare.h"
#include "reason.h"
#include "render.h"
#include "symbols.h"
#include "tracer.h"

#define READ_INTERVAL_NS 10000000ull	 /* between looks at the rings */
#define SWEEP_INTERVAL_NS 10000000000ull /* between looks at the tracking maps */
#define SWEEP_IDLE_NS 120000000000ull	 /* a packet that nothing saw for so long has gone unseen */

static volatile sig_atomic_t stop_requested;

struct session {
	const struct options *options;
	struct kernel *kernel;
	struct probe_table *probes;
	struct preparation prepared;
	struct tracer *tracer;
	struct dict *dict;
	struct symbols *symbols;
	struct journey_set *journeys;
	struct out *out;
	unsigned long long printed, incomplete, events, malformed;
};

static void on_signal(int signal)
{
	(void)signal;
	stop_requested = 1;
}

/* A signal that we were started to ignore, as nohup does, stays ignored. */
static void catch_signal(int signal, const struct sigaction *action)
{
	struct sigaction inherited;

	if (!sigaction(signal, NULL, &inherited) && inherited.sa_handler != SIG_IGN)
		sigaction(signal, action, NULL);
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	catch_signal(SIGINT, &action);
	catch_signal(SIGTERM, &action);
	catch_signal(SIGHUP, &action);
	action.sa_handler = SIG_IGN; /* a closed pipe is an error of write(), not a death */
	sigaction(SIGPIPE, &action, NULL);
}

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

/* A journey is over: print it. Non-zero ends the trace: enough, or nobody reads. */
static int on_journey(void *user, const struct journey *journey)
{
	struct session *session = user;
	struct render_env env = {.dict = session->dict};

	if (enough(session))
		return 1;
	render_text_journey(session->out, &env, journey);
	session->printed++;
	session->incomplete += journey->incomplete;
	session->events += journey->n_events;
	if (out_flush(session->out))
		return out_error(session->out);
	return enough(session);
}

/* Names that rendering will want and only this host knows. */
static void learn_names(struct session *session, const struct nt_event *record, size_t size)
{
	const struct nt_annotation *note = (const void *)record;
	const struct nt_anno_DROP *drop = (const void *)(note + 1);
	char text[128];

	if (nt_event_kind(record) != NT_ANNOTATION || size < sizeof(*note) + sizeof(*drop) ||
	    note->type != NT_ANNO_DROP || dict_get(session->dict, DICT_SYMBOL, drop->location))
		return;
	if (!session->symbols && symbols_load(&session->symbols))
		return;
	if (!symbols_text(session->symbols, drop->location, text, sizeof(text)))
		dict_set(session->dict, DICT_SYMBOL, drop->location, text);
}

static int on_record(void *user, const struct nt_event *record, size_t size, u32 cpu)
{
	struct session *session = user;
	int err;

	learn_names(session, record, size);
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

static int make_plan(struct session *session)
{
	int err = prepare(session->kernel, session->probes, session->options, &session->prepared);

	if (err)
		return err;
	err = tracer_load(session->kernel, &session->prepared.variables, session->options, session->prepared.plan,
			  &session->tracer);
	if (err && !log_said())
		fail(err, "cannot load programs", NULL);
	if (err)
		prepare_explain_load();
	return err;
}

/* The output comes last: a trace that cannot start leaves an older file as it is. */
static int session_open(struct session *session)
{
	int err;

	session->dict = dict_new();
	session->probes = probe_table_new();
	session->journeys = session->probes ? journey_set_new(session->probes, on_journey, session) : NULL;
	if (!session->dict || !session->journeys)
		return fail(-ENOMEM, "cannot start", NULL);
	err = kernel_open(&session->kernel);
	if (err)
		return fail(err, "cannot read the kernel's types", "/sys/kernel/btf/vmlinux is needed");
	err = kernel_name_drop_reasons(session->kernel, session->dict);
	if (err)
		return fail(err, "cannot name drop reasons", NULL);
	err = make_plan(session);
	if (err)
		return err;
	err = out_open(session->options->output, &session->out);
	return err ? fail(err, session->options->output, "choose another -o") : 0;
}

static void session_close(struct session *session)
{
	tracer_free(session->tracer);
	kernel_free(session->kernel);
	journey_set_free(session->journeys);
	symbols_free(session->symbols);
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
	if (now_ns() < *next_ns)
		return 0;
	tracer_sweep(session->tracer, SWEEP_IDLE_NS, on_record, session);
	*next_ns = now_ns() + SWEEP_INTERVAL_NS;
	return session->out ? out_error(session->out) : 0;
}

/* Until a signal, --duration or --count. 0 or negative errno. */
static int trace(struct session *session)
{
	u64 end = ~0ull, next_sweep_ns = now_ns() + SWEEP_INTERVAL_NS;
	long got = 0;

	if (session->options->duration_ns)
		end = now_ns() + session->options->duration_ns;
	while (!stop_requested && now_ns() < end) {
		got = source_ring_read(tracer_source(session->tracer), false, on_record, session);
		if (got >= 0)
			got = sweep(session, &next_sweep_ns);
		if (got < 0 || enough(session))
			break;
		nap(end);
	}
	return got < 0 ? (int)got : 0;
}

/*
 * What is left in the rings and in flight. Programs that were running when
 * their links went may still be writing: they need microseconds.
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

/* Probes which the plan attaches and the kernel does not. */
static void say_refused(const struct session *session)
{
	unsigned int i;

	for (i = 0; i < session->prepared.plan->n_entries; i++)
		if (tracer_row_error(session->tracer, i))
			log_say("probe %s is skipped: %s", probe_table_row(session->probes, i)->name,
				reason_of(tracer_row_error(session->tracer, i)));
}

static int run(struct session *session)
{
	struct tracer_losses losses;
	int err = session_open(session);

	if (err)
		return err;
	err = tracer_attach(session->tracer);
	if (err)
		return fail(err, "no probe could be attached", NULL);
	say_refused(session);
	log_say("tracing, %s backend, %u probes (%u skipped)", backend_name(session->prepared.plan->backend),
		tracer_attached(session->tracer), tracer_skipped(session->tracer));
	err = trace(session);
	tracer_detach(session->tracer);
	if (!err)
		err = drain(session);
	tracer_count_losses(session->tracer, &losses);
	if (err == -EPIPE)
		return err;
	say_totals(session, &losses);
	if (err && err != out_error(session->out))
		fail(err, "tracing stopped", NULL);
	return err;
}

int main(int argc, char **argv)
{
	struct session session = {};
	struct options options;
	char error[256];
	int err, closed;

	if (options_parse(argc, argv, &options, error, sizeof(error))) {
		log_say("%s; see nettrace --help", error);
		return EXIT_USAGE;
	}
	if (options.help || options.version) {
		fputs(options.help ? options_help() : "nettrace " NETTRACE_VERSION "\n", stdout);
		return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	log_init(false);
	if (options.check || options.probes)
		return inspect(&options);
	catch_signals();
	session.options = &options;
	err = run(&session);
	session_close(&session);
	closed = out_close(session.out);
	if (err == -EPIPE || closed == -EPIPE)
		return EXIT_SUCCESS;
	if (closed)
		fail(closed, options.output ? options.output : "standard output", NULL);
	if (session.prepared.usage_wrong)
		return EXIT_USAGE;
	return err || closed ? EXIT_FAILURE : EXIT_SUCCESS;
}
