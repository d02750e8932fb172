/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "annotations.h"
#include "dict.h"
#include "journey.h"
#include "kernel.h"
#include "log.h"
#include "options.h"
#include "out.h"
#include "render.h"
#include "symbols.h"
#include "tracer.h"

#define EXIT_USAGE 2
#define READ_INTERVAL_NS 10000000ull	 /* between looks at the rings */
#define SWEEP_INTERVAL_NS 10000000000ull /* between looks at the tracking maps */
#define SWEEP_IDLE_NS 120000000000ull	 /* a packet that nothing saw for so long has gone unseen */

static volatile sig_atomic_t stop_requested;

struct session {
	const struct options *options;
	struct kernel *kernel;
	struct probe_table *probes;
	struct probe_facts *facts;
	struct probe_plan *plan;
	struct tracer *tracer;
	struct dict *dict;
	struct symbols *symbols;
	bool no_symbols; /* the kernel does not show them */
	struct render_env env;
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

/*
 * A journey is over: print it, unless --basic has told its events. Non-zero ends the trace:
 * enough, or nobody reads. With --basic, too, enough is a number of journeys that are over.
 */
static int on_journey(void *user, const struct journey *journey)
{
	struct session *session = user;

	if (enough(session))
		return 1;
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
	render_text_event(session->out, &session->env, journey, event);
	return out_error(session->out);
}

static void learn_symbol(struct session *session, u64 address)
{
	char text[128];

	if (session->no_symbols || dict_get(session->dict, DICT_SYMBOL, address))
		return;
	session->no_symbols = !session->symbols && symbols_load(&session->symbols);
	if (!session->no_symbols && !symbols_text(session->symbols, address, text, sizeof(text)))
		dict_set(session->dict, DICT_SYMBOL, address, text);
}

/* Names that rendering will want and only this host knows. */
static void learn_names(struct session *session, const struct nt_event *record, size_t size)
{
	const struct nt_annotation *note = (const void *)record;
	const struct nt_anno_DROP *drop = (const void *)(note + 1);
	const struct nt_anno_STACK *stack = (const void *)(note + 1);

	if (nt_event_kind(record) != NT_ANNOTATION || size < sizeof(*note))
		return;
	size -= sizeof(*note);
	if (note->type == NT_ANNO_DROP && size >= sizeof(*drop))
		learn_symbol(session, drop->location);
	if (note->type != NT_ANNO_STACK || size < sizeof(*stack))
		return;
	for (size_t i = 0; i < sizeof(stack->frames) / sizeof(stack->frames[0]) && stack->frames[i]; i++)
		learn_symbol(session, stack->frames[i]);
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

/* The backend asked for, or the first that this kernel allows. Negative errno of the last trial if none. */
static int choose_backend(enum backend wanted)
{
	static const enum backend order[] = {BACKEND_KPROBE_MULTI, BACKEND_KPROBE, BACKEND_TRACEPOINT};
	int err = -EOPNOTSUPP;
	size_t i;

	for (i = 0; i < sizeof(order) / sizeof(*order); i++) {
		if (wanted != BACKEND_AUTO && wanted != order[i])
			continue;
		err = kernel_try(order[i]);
		if (!err)
			return (int)order[i];
	}
	return err;
}

static int say_no_backend(int err, enum backend wanted)
{
	if (err == -EPERM || err == -EACCES)
		return fail(err, "cannot attach probes",
			    geteuid() ? "run as root" : "see /sys/kernel/security/lockdown and this container's limits");
	if (wanted == BACKEND_AUTO)
		return fail(err, "this kernel allows no probes that nettrace knows", NULL);
	log_say("this kernel does not allow the %s backend: %s; try --backend auto", backend_name(wanted),
		strerror(-err));
	return err;
}

static int make_plan(struct session *session)
{
	enum backend wanted = session->options->backend;
	struct kernel_variables variables;
	int backend = choose_backend(wanted), err;

	if (backend < 0)
		return say_no_backend(backend, wanted);
	session->facts = calloc(probe_table_count(session->probes), sizeof(*session->facts));
	session->plan = calloc(1, sizeof(*session->plan));
	if (!session->facts || !session->plan)
		return fail(-ENOMEM, "cannot plan probes", NULL);
	err = kernel_gather_facts(session->kernel, session->probes, session->facts, &variables);
	if (err)
		return fail(err, "cannot read /proc/kallsyms", NULL);
	probe_plan_make((enum backend)backend, session->probes, session->facts,
			session->options->probe_exclude, session->plan);
	err = tracer_load(session->kernel, &variables, session->options, session->plan, &session->tracer);
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

/* The output comes last: a trace that cannot start leaves an older file as it is. */
static int session_open(struct session *session)
{
	int err;

	session->dict = dict_new();
	session->probes = probe_table_new();
	session->journeys = session->probes ? journey_set_new(session->probes, session->dict, on_journey, session) : NULL;
	if (!session->dict || !session->journeys)
		return fail(-ENOMEM, "cannot start", NULL);
	session->env = make_env(session);
	if (session->options->basic)
		journey_set_on_event(session->journeys, on_event);
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
	free(session->plan);
	free(session->facts);
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
	while (!stop_requested && now_ns() < end) {
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

static int run(struct session *session)
{
	struct tracer_losses losses;
	int err = session_open(session);

	if (err)
		return err;
	err = tracer_attach(session->tracer);
	if (err)
		return fail(err, "no probe could be attached", NULL);
	log_say("tracing, %s backend, %u probes (%u skipped)", backend_name(session->plan->backend),
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
	catch_signals();
	session.options = &options;
	err = run(&session);
	session_close(&session);
	closed = out_close(session.out);
	if (err == -EPIPE || closed == -EPIPE)
		return EXIT_SUCCESS;
	if (closed)
		fail(closed, options.output ? options.output : "standard output", NULL);
	return err || closed ? EXIT_FAILURE : EXIT_SUCCESS;
}
