/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dict.h"
#include "host.h"
#include "journey.h"
#include "kernel.h"
#include "log.h"
#include "names.h"
#include "options.h"
#include "out.h"
#include "render.h"
#include "scope.h"
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
	struct names *names;
	struct journey_set *journeys;
	struct scope *scope;
	struct out *out;
	unsigned long long printed, incomplete, events, malformed;
};

/* The first ends the trace as it should end, another one at once: the kernel then detaches what is left. */
static void on_signal(int number)
{
	if (stop_requested) {
		signal(number, SIG_DFL);
		raise(number);
	}
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
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

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
	if (!scope_wants(session->scope, session->dict, journey))
		return 0;
	render_text_journey(session->out, &env, journey);
	session->printed++;
	session->incomplete += journey->incomplete;
	session->events += journey->n_events;
	if (out_flush(session->out))
		return out_error(session->out);
	return enough(session);
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
	char why[128];

	if (err == -EPERM || err == -EACCES) {
		host_explain_refusal(err, why, sizeof(why));
		return fail(err, "cannot attach probes",
			    *why ? why : "does this container or a security module forbid it?");
	}
	if (wanted == BACKEND_AUTO)
		return fail(err, "this kernel allows no probes that nettrace knows", NULL);
	log_say("this kernel does not allow the %s backend: %s; try --backend auto", backend_name(wanted),
		strerror(-err));
	return err;
}

static const char *output_name(const struct options *options)
{
	return options->output && strcmp(options->output, "-") != 0 ? options->output : "standard output";
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
	if (stop_requested)
		return -EINTR;
	err = tracer_load(session->kernel, &variables, session->options, session->plan, &session->tracer);
	if (err && !log_said())
		fail(err, "cannot load programs", NULL);
	return err;
}

/* The output comes last: a trace that cannot start leaves an older file as it is. */
static int session_open(struct session *session, const struct scope_terms *terms)
{
	int err;

	session->dict = dict_new();
	session->names = session->dict ? names_new(session->dict) : NULL;
	session->probes = probe_table_new();
	session->scope = scope_new(terms);
	session->journeys = session->probes ? journey_set_new(session->probes, on_journey, session) : NULL;
	if (!session->names || !session->journeys || !session->scope)
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

static int run(struct session *session, const struct scope_terms *terms)
{
	struct tracer_losses losses;
	int err = session_open(session, terms);

	if (!err) {
		err = tracer_attach(session->tracer, &stop_requested);
		if (err && err != -EINTR)
			return fail(err, "no probe could be attached", NULL);
	}
	if (err == -EINTR && stop_requested) {
		log_say("stopped before tracing began");
		return 0;
	}
	if (err)
		return err;
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
	if (session->options->verbose)
		tracer_say_losses(session->tracer);
	if (err && err != out_error(session->out))
		fail(err, "tracing stopped", NULL);
	return err;
}

/* Or what we open would take the numbers of closed ones. Writing to stdout then still fails, as it should. */
static void keep_standard_files(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
}

/* What is right by itself and wrong on this host. An exit status. */
static int check_host(const struct options *options, struct scope_terms *ret_terms)
{
	unsigned long long least = tracer_buffer_min_bytes();
	char error[256];
	int err;

	if (options->buffer_bytes && options->buffer_bytes < least) {
		log_say("--buffer: this machine needs at least %lluK, 256K for each CPU it may have", least >> 10);
		return EXIT_USAGE;
	}
	err = host_resolve(options, ret_terms, error, sizeof(error));
	if (!err)
		return EXIT_SUCCESS;
	log_say("%s", error);
	return err == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct scope_terms terms;
	struct session session = {};
	struct options options;
	char error[256];
	int err, closed;

	keep_standard_files();
	if (options_parse(argc, argv, &options, error, sizeof(error))) {
		log_say("%s; see nettrace --help", error);
		return EXIT_USAGE;
	}
	if (options.help || options.version) {
		fputs(options.help ? options_help() : "nettrace " NETTRACE_VERSION "\n", stdout);
		return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	log_init(options.verbose);
	catch_signals();
	err = check_host(&options, &terms);
	if (err)
		return err;
	session.options = &options;
	err = run(&session, &terms);
	session_close(&session);
	closed = out_close(session.out);
	if (err == -EPIPE || closed == -EPIPE)
		return EXIT_SUCCESS;
	if (closed)
		fail(closed, output_name(&options), NULL);
	return err || closed ? EXIT_FAILURE : EXIT_SUCCESS;
}
