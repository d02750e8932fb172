/* SPDX-License-Identifier: GPL-2.0 */
/* The command line: the parser. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "digits.h"
#include "options_table.h"
#include "render.h"

/* Long options return LONG_BASE + row, so they never look like a letter. */
#define LONG_BASE 0x100

struct parsing {
	struct options options;
	char typed[48]; /* the option as it was written: "-s", "--saddr", "--sad" */
	char *error;
	size_t error_size;
};

/* Explain in one line. What the user typed may hold anything, so control characters go. */
__attribute__((format(printf, 2, 3))) static int refuse(struct parsing *p, const char *format, ...)
{
	va_list args;

	if (!p->error_size)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(p->error, p->error_size, format, args);
	va_end(args);
	for (char *c = p->error; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return -EINVAL;
}

/* getopt's two tables. '+': an argument that is no option ends them, in any environment. */
static void make_getopt_tables(struct option *longs, char *shorts)
{
	*shorts++ = '+';
	*shorts++ = ':';
	for (size_t i = 0; i < n_option_rows; i++) {
		const struct option_row *row = &option_rows[i];

		longs[i] = (struct option){.name = row->name, .val = LONG_BASE + (int)i};
		longs[i].has_arg = row->argument ? required_argument : no_argument;
		if (row->letter)
			*shorts++ = row->letter;
		if (row->letter && row->argument)
			*shorts++ = ':';
	}
	longs[n_option_rows] = (struct option){0};
	*shorts = '\0';
}

static const struct option_row *find_row(int code)
{
	if (code >= LONG_BASE)
		return &option_rows[code - LONG_BASE];
	for (size_t i = 0; i < n_option_rows; i++)
		if (code && option_rows[i].letter == code)
			return &option_rows[i];
	return NULL;
}

/* p->typed is no option: because there is none of that name, or several that begin so. */
static int refuse_unknown(struct parsing *p)
{
	size_t length = strlen(p->typed);
	size_t used = 0, found = 0;
	char names[256] = "";

	for (size_t i = 0; length > 2 && i < n_option_rows; i++) {
		if (strncmp(p->typed + 2, option_rows[i].name, length - 2) != 0)
			continue;
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s--%s",
						 found ? ", " : "", option_rows[i].name);
		found++;
	}
	if (found > 1)
		return refuse(p, "%s is ambiguous: %s", p->typed, names);
	return refuse(p, "%s is not an option", p->typed);
}

static int apply(struct parsing *p, const struct option_row *row, const char *value)
{
	const char *wrong = NULL;

	if (row->filter)
		wrong = row->filter(&p->options.filter, value);
	else if (row->take)
		wrong = row->take(&p->options, value);
	else
		*(bool *)((char *)&p->options + row->flag) = true;
	return wrong ? refuse(p, "%s: '%.60s' %s", p->typed, value, wrong) : 0;
}

/* One result of getopt_long, made from the argument word. */
static int take_option(struct parsing *p, bool *seen, const char *word, int result)
{
	int code = result == ':' || result == '?' ? optopt : result;
	const struct option_row *row = find_row(code);

	if (code > 0 && code < 0x80)
		snprintf(p->typed, sizeof(p->typed), "-%c", code);
	else
		snprintf(p->typed, sizeof(p->typed), "%.*s", (int)strcspn(word, "="), word);
	if (!row)
		return refuse_unknown(p);
	if (!option_is_available(row))
		return refuse(p, "%s is not available in this version", p->typed);
	if (result == ':')
		return refuse(p, "%s needs a value: %s %s", p->typed, p->typed, row->argument);
	if (result == '?')
		return refuse(p, "%s takes no value", p->typed);
	if (seen[row - option_rows] && !row->repeats)
		return refuse(p, "%s is given twice", p->typed);
	seen[row - option_rows] = true;
	return apply(p, row, optarg);
}

static bool is_given(const bool *seen, const char *name)
{
	for (size_t i = 0; i < n_option_rows; i++)
		if (seen[i] && !strcmp(option_rows[i].name, name))
			return true;
	return false;
}

/* Each option is right by itself; these cannot be honoured together. */
static const char *const exclusive[][2] = {
	{"netns", "netns-current"}, {"check", "probes"},   {"check", "output"},	     {"check", "count"},
	{"check", "duration"},	    {"check", "basic"},	   {"check", "write"},	     {"check", "format"},
	{"probes", "output"},	    {"probes", "count"},   {"probes", "duration"},   {"probes", "basic"},
	{"probes", "write"},	    {"probes", "format"},  {"basic", "pid"},	     {"read", "write"},
	{"read", "check"},	    {"read", "probes"},	   {"read", "netns-current"}, {"read", "backend"},
	{"read", "probe"},	    {"read", "exclude"},   {"read", "buffer"},	     {"read", "duration"},
	{"read", "stack"},	    {"basic", "min-latency"}, {"latency", "basic"},	     {"latency", "min-latency"},
	{"latency", "write"},	    {"latency", "check"},  {"latency", "probes"},    {"latency", "incident-min"},
};

/* The first is nothing without the second. */
static const char *const needs[][2] = {{"rotate", "write"}, {"keep", "rotate"}};

static int check_pairs(struct parsing *p, const bool *seen)
{
	for (size_t i = 0; i < ARRAY_SIZE(exclusive); i++)
		if (is_given(seen, exclusive[i][0]) && is_given(seen, exclusive[i][1]))
			return refuse(p, "--%s and --%s exclude each other", exclusive[i][0], exclusive[i][1]);
	for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
		if (is_given(seen, needs[i][0]) && !is_given(seen, needs[i][1]))
			return refuse(p, "--%s needs --%s", needs[i][0], needs[i][1]);
	return 0;
}

static int check_probes(struct parsing *p)
{
	const struct options *options = &p->options;

	if (options->probe_add && options->backend == BACKEND_TRACEPOINT)
		return refuse(p, "--probe adds functions, which --backend tracepoint cannot trace");
	for (const char *at = options->probe_add; at;) {
		size_t length = strcspn(at, ",");

		if (option_list_has(options->probe_exclude, at, length))
			return refuse(p, "%.*s is in both --probe and --exclude", (int)length, at);
		at = at[length] ? at + length + 1 : NULL;
	}
	return 0;
}

static bool is_standard(const char *path)
{
	return path && !strcmp(path, "-");
}

/* What the kernel counts is chosen by what the kernel knows of a packet. */
static int check_latency(struct parsing *p, const bool *seen)
{
	static const char *const later[] = {"ifname", "netns", "netns-current", "pid", "count"};

	if (!p->options.latency || p->options.n_read)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(later); i++)
		if (is_given(seen, later[i]))
			return refuse(p, "--latency counts in the kernel, where --%s is not known; use -w, and --latency with -r",
				      later[i]);
	return 0;
}

/* What is about the output and that output cannot honour. */
static int check_output(struct parsing *p)
{
	const struct options *options = &p->options;
	const struct render_format *format = options_format(options);

	if (!options_prints(options) && (options->basic || options->date))
		return refuse(p, "--%s needs an output, and --write alone has none; use -o or --format",
			      options->basic ? "basic" : "date");
	if (options->basic && !format->event)
		return refuse(p, "--basic and --format %s exclude each other", format->name);
	if (options->latency && !format->latency)
		return refuse(p, "--latency and --format %s exclude each other", format->name);
	if (options->date && format != &render_text)
		return refuse(p, "--date and --format %s exclude each other", format->name);
	if (options->pcap_at && format != &render_pcapng)
		return refuse(p, "--pcap-at needs --format pcapng");
	return 0;
}

static int check_files(struct parsing *p)
{
	const struct options *options = &p->options;
	unsigned int n_stdin = 0;

	if (is_standard(options->write) && options_prints(options) && (!options->output || is_standard(options->output)))
		return refuse(p, "--write - and the output cannot both be standard output; use -o FILE");
	if (is_standard(options->write) && (options->rotate_bytes || options->rotate_ns))
		return refuse(p, "--rotate needs files, and --write - is none");
	for (unsigned int i = 0; i < options->n_read; i++)
		n_stdin += is_standard(options->read[i]);
	if (n_stdin > 1)
		return refuse(p, "--read - is given twice");
	return 0;
}

static int check_together(struct parsing *p, const bool *seen)
{
	int err = check_pairs(p, seen);

	if (!err)
		err = check_probes(p);
	if (!err)
		err = check_latency(p, seen);
	if (!err)
		err = check_output(p);
	return err ? err : check_files(p);
}

const struct render_format *options_format(const struct options *options)
{
	const struct render_format *format = options->format;

	if (!format && options->output)
		format = render_format_of_file(options->output);
	return format ? format : &render_text;
}

bool options_hold_back_fast(const struct options *options)
{
	return options->latency || (options->min_latency_ns && !options->pid);
}

bool options_prints(const struct options *options)
{
	return !options->write || options->output || options->format;
}

static void describe_filter(struct options *options)
{
	char *text = options->filter_text;
	size_t size = sizeof(options->filter_text);

	filter_text(&options->filter, text, size);
	if (options->ifname)
		filter_text_add(text, size, "ifname %s", options->ifname);
	if (options->netns)
		filter_text_add(text, size, "netns %s", options->netns);
	if (options->netns_current)
		filter_text_add(text, size, "current netns");
	if (options->pid)
		filter_text_add(text, size, "pid %u", options->pid);
	if (options->min_latency_ns) {
		char span[SPAN_BYTES];

		filter_text_add(text, size, "at least %s", span_text(options->min_latency_ns, span));
	}
	if (!*text)
		filter_text_add(text, size, "everything");
}

static int finish(struct parsing *p, const bool *seen)
{
	const char *wrong = filter_finish(&p->options.filter);

	if (wrong)
		return refuse(p, "%s", wrong);
	describe_filter(&p->options);
	return check_together(p, seen);
}

/* Behind --read FILE, words up to the next option are files, too: a shell makes them of incident.nettrace*. */
static int take_files(struct parsing *p, int argc, char **argv)
{
	const char *wrong;

	for (; p->options.n_read && optind < argc; optind++) {
		if (argv[optind][0] == '-' && argv[optind][1])
			break;
		wrong = option_take_read(&p->options, argv[optind]);
		if (wrong)
			return refuse(p, "--read: '%.60s' %s", argv[optind], wrong);
	}
	return 0;
}

int options_parse(int argc, char **argv, struct options *ret_options, char *error,
		  size_t error_size)
{
	struct parsing p = {.error = error, .error_size = error_size};
	struct option longs[OPTION_ROWS_MAX + 1];
	char shorts[2 * OPTION_ROWS_MAX + 3];
	bool seen[OPTION_ROWS_MAX] = {false};

	make_getopt_tables(longs, shorts);
	optind = 0; /* begin anew, also inside a cluster of letters */
	opterr = 0;
	/* --help and --version end the matter: what follows them is not looked at. */
	while (!p.options.help && !p.options.version) {
		int at = optind ? optind : 1;
		int result = getopt_long(argc, argv, shorts, longs, NULL);
		int err;

		if (result == -1) {
			at = optind;
			err = take_files(&p, argc, argv);
			if (err)
				return err;
			if (optind > at && optind < argc)
				continue;
			if (optind < argc)
				return refuse(&p, "unexpected argument '%.60s'", argv[optind]);
			break;
		}
		err = take_option(&p, seen, argv[at], result);
		if (err)
			return err;
	}
	if (!p.options.help && !p.options.version && finish(&p, seen))
		return -EINVAL;
	*ret_options = p.options;
	return 0;
}
