/* SPDX-License-Identifier: GPL-2.0 */
#include "replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "annotation.h"
#include "clock.h"
#include "log.h"
#include "output.h"
#include "pipeline.h"
#include "recording.h"

#define PROGRESS_INTERVAL_NS 200000000ull

/* One file. */
struct part {
	const char *path;
	struct recording_reader *reader;
	unsigned int given; /* its place on the command line */
};

struct replay {
	const struct options *options;
	const volatile sig_atomic_t *stop;
	struct part parts[OPTIONS_READ_MAX];
	unsigned int n_parts;
	struct out *out;
	struct trace_totals totals; /* of all */
	u64 progress_ns;	    /* when it was shown last */
	bool progress_shown;
	bool damaged;
};

/* What belongs to one trace, in one part or several. */
struct telling {
	struct replay *replay;
	struct dict *dict;
	struct render *render;
	struct pipeline *pipeline;
	struct trace_totals totals;
	bool enough; /* was told: only the losses are wanted */
	bool totals_known;
	u64 totals_ns; /* as of when; 0: of the end */
	u64 last_ns;   /* of the records */
	u64 malformed; /* that were not even handed on */
};

/* --- files */

static u64 session_of(const struct part *part)
{
	return recording_facts(part->reader)->session;
}

static u64 realtime_of(const struct part *part)
{
	const struct trace_facts *facts = recording_facts(part->reader);

	return facts->start_ns + (u64)facts->clock_offset_ns;
}

/* Traces in the order in which they began, and the parts of each in theirs. */
static int compare_parts(const void *a, const void *b)
{
	const struct part *left = a, *right = b;
	u32 i = recording_part(left->reader), j = recording_part(right->reader);

	if (session_of(left) != session_of(right)) {
		if (realtime_of(left) != realtime_of(right))
			return realtime_of(left) < realtime_of(right) ? -1 : 1;
		return session_of(left) < session_of(right) ? -1 : 1;
	}
	if (i != j)
		return i < j ? -1 : 1;
	return left->given < right->given ? -1 : left->given > right->given;
}

static int open_parts(struct replay *replay)
{
	char error[256];
	int err;

	for (unsigned int i = 0; i < replay->options->n_read; i++) {
		struct part *part = &replay->parts[i];

		part->path = replay->options->read[i];
		part->given = i;
		err = recording_open(part->path, replay->stop, &part->reader, error, sizeof(error));
		if (err) {
			if (err != -EINTR)
				log_say("%s: %s", part->path, error);
			return err;
		}
		replay->n_parts++;
	}
	qsort(replay->parts, replay->n_parts, sizeof(*replay->parts), compare_parts);
	return 0;
}

/* --- what they are */

#define FACT_BYTES 128

/* What came from the traced host may hold anything. */
static const char *plain(const char *fact, char buf[FACT_BYTES])
{
	annotation_plain_text(fact, buf, FACT_BYTES);
	return *buf ? buf : "unknown";
}

/* "2026-11-23 01:15:44 +0100", as it was at the traced host. */
static void made_text(const struct part *part, char *text, size_t size)
{
	s32 offset = recording_facts(part->reader)->utc_offset_s;
	time_t local = (time_t)(realtime_of(part) / 1000000000) + offset;
	struct tm tm;

	if (!gmtime_r(&local, &tm)) {
		snprintf(text, size, "unknown");
		return;
	}
	tm.tm_gmtoff = offset;
	text[strftime(text, size - 1, "%F %T %z", &tm)] = '\0';
}

static void say_facts(const struct part *part)
{
	const struct trace_facts *facts = recording_facts(part->reader);
	char host[FACT_BYTES], kernel[FACT_BYTES], machine[FACT_BYTES], version[FACT_BYTES], backend[FACT_BYTES];
	char made[64], filter[2 * sizeof(facts->filter)];

	made_text(part, made, sizeof(made));
	annotation_plain_text(facts->filter, filter, sizeof(filter));
	log_say("%s: part %u of what nettrace %s recorded on host %s, kernel %s, %s", part->path,
		recording_part(part->reader) + 1, plain(facts->version, version), plain(facts->host, host),
		plain(facts->kernel, kernel), plain(facts->machine, machine));
	log_say("%s: begun %s, %s backend, %u probes (%u skipped), filter: %s", part->path, made,
		plain(facts->backend, backend), facts->n_probes, facts->n_skipped, filter);
}

/* --- progress */

/* Nothing if it is over soon, or if the text goes to the same terminal. */
static void show_progress(struct replay *replay, const struct part *part)
{
	u64 bytes, of, now = now_ns();

	if (now - replay->progress_ns < PROGRESS_INTERVAL_NS || !isatty(STDERR_FILENO) ||
	    (output_is_stdout(replay->options) && isatty(STDOUT_FILENO)))
		return;
	replay->progress_ns = now;
	recording_progress(part->reader, &bytes, &of);
	if (of)
		log_progress("reading %s: %u %%", part->path, (unsigned int)(bytes * 100 / of));
	else
		log_progress("reading %s: %llu MiB", part->path, (unsigned long long)(bytes >> 20));
	replay->progress_shown = true;
}

static void clear_progress(struct replay *replay)
{
	if (replay->progress_shown)
		log_progress("%s", "");
	replay->progress_shown = false;
}

/* --- one trace */

static int on_record(void *user, const struct nt_event *record, size_t size, u32 cpu)
{
	struct telling *telling = user;

	if (record->ts_ns > telling->last_ns)
		telling->last_ns = record->ts_ns;
	return telling->enough ? 0 : pipeline_add(telling->pipeline, record, size, cpu);
}

static int on_totals(void *user, const struct trace_totals *totals, u64 monotonic_ns)
{
	struct telling *telling = user;

	telling->totals = *totals;
	telling->totals_ns = monotonic_ns;
	telling->totals_known = true;
	return 0;
}

/* 0 if it is a name only. */
static u32 netns_number(const char *netns)
{
	unsigned long long inode;

	return filter_number(netns, 0xffffffffu, &inode) ? (u32)inode : 0;
}

static struct pipeline_terms make_terms(const struct replay *replay, const struct trace_facts *facts)
{
	const struct options *options = replay->options;

	return (struct pipeline_terms){
		.traced = {
			.scope = {.ifname = *facts->ifname ? facts->ifname : NULL, .netns = facts->netns,
				  .pid = facts->pid, .min_latency_ns = facts->min_latency_ns},
			.count = facts->count,
		},
		.read = {
			.scope = {
				.ifname = options->ifname,
				.netns = options->netns ? netns_number(options->netns) : 0,
				.netns_name = options->netns,
				.pid = options->pid,
				.min_latency_ns = options->min_latency_ns,
			},
			.count = options->count ? options->count - replay->totals.journeys : 0,
		},
		.filter = &options->filter,
		.basic = options->basic,
		.latency = options->latency,
		.of_slow = facts->min_latency_ns && !facts->pid,
		.no_attribution = options->no_attribution,
		.incident_min_ns = options->incident_min_ns,
	};
}

static int telling_begin(struct telling *telling, struct replay *replay, const struct part *part)
{
	const struct trace_facts *facts = recording_facts(part->reader);
	struct pipeline_terms terms = make_terms(replay, facts);
	struct render_env env;

	*telling = (struct telling){.replay = replay, .dict = dict_new()};
	if (!telling->dict)
		return -ENOMEM;
	env = output_env(replay->options, telling->dict, facts);
	telling->render = render_new(options_format(replay->options), replay->out, &env, facts);
	if (!telling->render)
		return -ENOMEM;
	telling->pipeline = pipeline_new(&terms, recording_probes(part->reader), telling->dict, telling->render);
	return telling->pipeline ? 0 : -ENOMEM;
}

/* Counts what was told into the totals of all. */
static void telling_end(struct telling *telling)
{
	struct trace_totals *all = &telling->replay->totals, *own = &telling->totals;

	own->journeys = own->incomplete = own->events = 0;
	own->malformed += telling->malformed;
	if (telling->pipeline)
		pipeline_count(telling->pipeline, own);
	render_free(telling->render, own);
	pipeline_free(telling->pipeline);
	dict_free(telling->dict);
	all->journeys += own->journeys;
	all->incomplete += own->incomplete;
	all->events += own->events;
	all->malformed += own->malformed;
	all->lost_ring += own->lost_ring;
	all->lost_map += own->lost_map;
	all->lost_id += own->lost_id;
	all->recursion += own->recursion;
	all->recursion_known &= telling->totals_known && own->recursion_known;
}

static void say_state(struct replay *replay, const struct part *part)
{
	enum recording_state state = recording_state(part->reader);

	clear_progress(replay);
	if (state == RECORDING_CUT)
		log_say("%s: the end is missing; what came before it is complete", part->path);
	if (state == RECORDING_DAMAGED)
		log_say("%s: damaged; told up to there", part->path);
	replay->damaged |= state == RECORDING_DAMAGED;
}

/* What is lost is counted to the end, which this one does not have, or not here. */
static void say_losses(const struct telling *telling, const struct part *last)
{
	enum recording_state state = recording_state(last->reader);
	u64 since_ns = telling->last_ns > telling->totals_ns ? telling->last_ns - telling->totals_ns : 0;

	if (state == RECORDING_COMPLETE || state == RECORDING_MORE)
		return;
	if (telling->totals_known && telling->totals_ns)
		log_say("%s: losses are told as of %.1f s before its end", last->path, (double)since_ns / 1e9);
	else if (!telling->totals_known)
		log_say("%s: losses are not known", last->path);
}

/* 0 at its end, 1 if enough was told or the user wants no more, or negative errno. */
static int tell_part(struct telling *telling, const struct part *part)
{
	const struct recording_sink sink = {.record = on_record, .totals = on_totals, .user = telling};
	struct replay *replay = telling->replay;
	int ret = recording_use_dict(part->reader, telling->dict);

	while (!ret && !*replay->stop) {
		show_progress(replay, part);
		ret = recording_read(part->reader, &sink);
		if (!ret)
			ret = pipeline_flush(telling->pipeline);
		if (!telling->enough && pipeline_enough(telling->pipeline) && ret >= 0) {
			telling->enough = true;
			ret = recording_state(part->reader) != RECORDING_MORE;
		}
	}
	say_state(replay, part);
	telling->malformed += recording_malformed(part->reader);
	if (ret < 0 && !(ret == -EINTR && *replay->stop))
		return ret;
	return telling->enough || *replay->stop;
}

/* Is that part the next of the same trace? */
static bool goes_on(const struct part *before, const struct part *part)
{
	return recording_state(before->reader) == RECORDING_ROTATED &&
	       recording_part(part->reader) == recording_part(before->reader) + 1;
}

/* The parts from `first` on that are of one trace. *ret_n: how many they are. */
static int tell_trace(struct replay *replay, unsigned int first, unsigned int *ret_n)
{
	const struct options *options = replay->options;
	const struct part *parts = &replay->parts[first];
	struct telling telling;
	unsigned int n, i;
	int ret;

	for (n = 1; first + n < replay->n_parts && session_of(parts) && session_of(&parts[n]) == session_of(parts);)
		n++;
	*ret_n = n;
	ret = telling_begin(&telling, replay, parts);
	for (i = 0; !ret && i < n; i++) {
		if (i && !goes_on(&parts[i - 1], &parts[i])) /* what is in between was not recorded, or is not here */
			ret = pipeline_finish(telling.pipeline);
		if (!ret)
			ret = tell_part(&telling, &parts[i]);
	}
	if (!ret)
		ret = pipeline_finish(telling.pipeline);
	if (ret >= 0 && options->latency)
		ret = pipeline_tell_latency(telling.pipeline, NULL);
	if (i)
		say_losses(&telling, &parts[i - 1]);
	telling_end(&telling);
	return ret < 0 ? ret : 0;
}

static int tell_all(struct replay *replay)
{
	unsigned int i, n;
	int err = 0;

	for (i = 0; !err && i < replay->n_parts && !*replay->stop; i += n) {
		if (replay->options->count && replay->totals.journeys >= replay->options->count)
			break;
		err = tell_trace(replay, i, &n);
	}
	return err;
}

static void close_parts(struct replay *replay)
{
	for (unsigned int i = 0; i < replay->n_parts; i++)
		recording_reader_free(replay->parts[i].reader);
}

int replay_run(const struct options *options, const volatile sig_atomic_t *stop)
{
	struct replay replay = {.options = options, .stop = stop, .progress_ns = now_ns()};
	char text[TRACE_TOTALS_TEXT_BYTES];
	int err, closed;

	replay.totals.recursion_known = true;
	err = open_parts(&replay);
	if (err || (err = output_open(options, &replay.out))) {
		close_parts(&replay);
		return err == -EINTR ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	for (unsigned int i = 0; options->verbose && i < replay.n_parts; i++)
		say_facts(&replay.parts[i]);
	err = tell_all(&replay);
	close_parts(&replay);
	closed = out_close(replay.out);
	if (err == -EPIPE || closed == -EPIPE)
		return EXIT_SUCCESS;
	clear_progress(&replay);
	if (*stop)
		log_say("stopped before the end");
	trace_totals_text(&replay.totals, text, sizeof(text));
	log_say("%s", text);
	if (closed)
		output_say_error(options, closed);
	else if (err)
		log_say("reading stopped: %s", strerror(-err));
	return err || closed || replay.damaged ? EXIT_FAILURE : EXIT_SUCCESS;
}
