/* SPDX-License-Identifier: GPL-2.0 */
/* The command line: one table of options makes the parser, --help, the manual and completion. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Long options return LONG_BASE + row, so they never look like a letter. */
#define LONG_BASE 0x100

/* Column where --help explains an option. */
#define HELP_COLUMN 30

/* Half the range of u64, so that a deadline (now + duration) cannot wrap. */
#define DURATION_MAX_NS ((unsigned long long)LLONG_MAX)

#define BUFFER_MIN_BYTES (256ull << 10)
#define BUFFER_MAX_BYTES (1ull << 30)
#define BUFFER_WRONG "is not a size from 256K to 1G such as 8M"

struct parsing {
	struct options options;
	char typed[48]; /* the option as it was written: "-s", "--saddr", "--sad" */
	char *error;
	size_t error_size;
};

enum option_group { GROUP_FILTER, GROUP_MODE, GROUP_OUTPUT, GROUP_RUN, GROUP_ABOUT, GROUP_COUNT };

struct option_row {
	char letter; /* 0: none */
	const char *name;
	const char *argument; /* NULL: takes none */
	const char *help;
	enum option_group group;
	bool joins;	  /* --help has it on the line of the row before, whose help its own continues */
	const char *more; /* for the manual, instead of help */
	/* One of three takes it; without any, it is not in this version. */
	const char *(*filter)(struct nt_filter *filter, const char *value);
	const char *(*take)(struct options *options, const char *value);
	size_t flag; /* offset of a bool in struct options */
};

static const char *const group_titles[GROUP_COUNT] = {
	[GROUP_FILTER] = "Filters (a packet must match all that are given)",
	[GROUP_MODE] = "Modes",
	[GROUP_OUTPUT] = "Output",
	[GROUP_RUN] = "Run",
	[GROUP_ABOUT] = "About",
};

static const char *const backend_names[BACKEND_COUNT] = {
	[BACKEND_AUTO] = "auto",
	[BACKEND_KPROBE_MULTI] = "kprobe-multi",
	[BACKEND_FENTRY] = "fentry",
	[BACKEND_KPROBE] = "kprobe",
	[BACKEND_TRACEPOINT] = "tracepoint",
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

/*
 * Takers return NULL, or what is wrong with the value, to be put behind it.
 * Of names only the syntax can be judged here, and it keeps them printable.
 */

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

/* A file of that name can be: the rule for interfaces (sysfs) and namespaces (/run/netns). */
static bool is_file_name(const char *text, size_t length_max)
{
	size_t length = strlen(text);

	return length && length <= length_max && is_printable(text) && !strchr(text, '/') &&
	       strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static const char *take_ifname(struct options *options, const char *value)
{
	if (!is_file_name(value, IFNAMSIZ - 1) || strchr(value, ':'))
		return "is not the name of an interface: up to 15 printable characters";
	options->ifname = value;
	return NULL;
}

static const char *take_netns(struct options *options, const char *value)
{
	if (!is_file_name(value, NAME_MAX))
		return "is not a network namespace: a name, a process or an inode number";
	options->netns = value;
	return NULL;
}

static const char *take_pid(struct options *options, const char *value)
{
	unsigned long long number;

	if (!filter_number(value, OPTIONS_PID_MAX, &number) || !number)
		return "is not the number of a process, from 1 to 4194304";
	options->pid = (unsigned int)number;
	return NULL;
}

static const char *take_output(struct options *options, const char *value)
{
	if (!*value)
		return "is not the name of a file";
	options->output = value;
	return NULL;
}

static const char *take_count(struct options *options, const char *value)
{
	unsigned long long number;

	if (!filter_number(value, ULLONG_MAX, &number) || !number)
		return "is not a number from 1 up";
	options->count = number;
	return NULL;
}

/* The length of a unit of time, 0 if there is none of that name. */
static unsigned long long unit_ns(const char *name)
{
	static const struct {
		const char *name;
		unsigned long long ns;
	} units[] = {
		{"", 1000000000},  {"ns", 1},	       {"us", 1000},	     {"ms", 1000000},
		{"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000},
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(name, units[i].name))
			return units[i].ns;
	return 0;
}

/* Digits, perhaps a fraction, perhaps a unit; above zero. What is below 1 ns is cut off. */
static bool parse_time(const char *text, unsigned long long *ret_ns)
{
	unsigned long long whole, unit, weight, fraction_ns = 0;
	const char *point, *end;

	if (!filter_digits(text, DURATION_MAX_NS, &whole, &point))
		return false;
	end = point;
	if (*point == '.') {
		size_t digits = strspn(point + 1, "0123456789");

		if (!digits)
			return false;
		end = point + 1 + digits;
	}
	unit = unit_ns(end);
	if (!unit)
		return false;
	weight = unit;
	for (const char *c = point + 1; c < end; c++) {
		weight /= 10;
		fraction_ns += weight * (unsigned int)(*c - '0');
	}
	/* The fraction is less than one unit, itself far below the limit. */
	if (whole > (DURATION_MAX_NS - fraction_ns) / unit || !(whole || fraction_ns))
		return false;
	*ret_ns = whole * unit + fraction_ns;
	return true;
}

static const char *take_duration(struct options *options, const char *value)
{
	if (!parse_time(value, &options->duration_ns))
		return "is not a time above zero such as 10s, 1.5m or 500ms";
	return NULL;
}

static const char *take_buffer(struct options *options, const char *value)
{
	static const char units[] = "KMG";
	unsigned long long size;
	const char *end, *unit;

	if (!filter_digits(value, BUFFER_MAX_BYTES, &size, &end))
		return BUFFER_WRONG;
	unit = *end ? strchr(units, *end) : NULL;
	if (*end && (!unit || end[1]))
		return BUFFER_WRONG;
	if (unit)
		size <<= 10 * (unit - units + 1); /* at most 2^30 << 30 */
	if (size < BUFFER_MIN_BYTES || size > BUFFER_MAX_BYTES)
		return BUFFER_WRONG;
	options->buffer_bytes = size;
	return NULL;
}

static const char *take_backend(struct options *options, const char *value)
{
	for (unsigned int i = 0; i < BACKEND_COUNT; i++) {
		if (!strcmp(value, backend_names[i])) {
			options->backend = (enum backend)i;
			return NULL;
		}
	}
	return "is not auto, kprobe-multi, fentry, kprobe or tracepoint";
}

static bool is_identifier(const char *name, size_t length)
{
	static const char characters[] = "abcdefghijklmnopqrstuvwxyz"
					 "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

	return length && length <= OPTIONS_NAME_LENGTH_MAX && strspn(name, characters) >= length &&
	       !(*name >= '0' && *name <= '9');
}

/* Whether the comma-separated list, which may be NULL, holds the name. */
static bool has_name(const char *list, const char *name, size_t length)
{
	while (list) {
		size_t n = strcspn(list, ",");

		if (n == length && !memcmp(list, name, n))
			return true;
		list = list[n] ? list + n + 1 : NULL;
	}
	return false;
}

static const char *check_names(const char *value)
{
	unsigned int n = 0;

	for (const char *at = value; at;) {
		size_t length = strcspn(at, ",");
		const char *rest = at[length] ? at + length + 1 : NULL;

		if (!is_identifier(at, length))
			return "is not names of functions with commas between them";
		if (has_name(rest, at, length))
			return "names a function twice";
		if (++n > OPTIONS_NAMES_MAX)
			return "is more than 64 names";
		at = rest;
	}
	return NULL;
}

static const char *take_probe(struct options *options, const char *value)
{
	options->probe_add = value;
	return check_names(value);
}

static const char *take_exclude(struct options *options, const char *value)
{
	options->probe_exclude = value;
	return check_names(value);
}

#define FLAG(field) .flag = offsetof(struct options, field)
#define LATER .take = NULL /* not in this version */

static const struct option_row rows[] = {
	{'p', "proto", "PROTO", "icmp, icmp6, tcp, udp, arp, ip, ip6 or a number", GROUP_FILTER,
	 .filter = filter_take_proto,
	 .more = "Packets of this protocol: icmp, icmp6 (or icmpv6), tcp, udp, arp, ip (or ipv4), ip6 (or "
		 "ipv6), sctp, gre, esp, ah, igmp, or the number of a protocol over IP, from 0 to 255."},
	{'s', "saddr", "ADDR[/N]", "from this address or network", GROUP_FILTER, .filter = filter_take_saddr,
	 .more = "Packets from this IPv4 or IPv6 address or, with a prefix length, from this network."},
	{'d', "daddr", "ADDR[/N]", "to it", GROUP_FILTER, .joins = true, .filter = filter_take_daddr,
	 .more = "Packets to this address or network."},
	{0, "addr", "ADDR[/N]", "from or to it", GROUP_FILTER, .joins = true, .filter = filter_take_addr,
	 .more = "Packets from or to this address or network, so both directions."},
	{'S', "sport", "N[-M]", "from this TCP or UDP port", GROUP_FILTER, .filter = filter_take_sport,
	 .more = "TCP and UDP packets from this port, or from one of this range."},
	{'D', "dport", "N[-M]", "to it", GROUP_FILTER, .joins = true, .filter = filter_take_dport,
	 .more = "TCP and UDP packets to this port, or to one of this range."},
	{'P', "port", "N[-M]", "from or to it", GROUP_FILTER, .joins = true, .filter = filter_take_port,
	 .more = "TCP and UDP packets from or to this port, or one of this range."},
	{0, "seq", "N", "ping of this number; with -p tcp: segment with it", GROUP_FILTER,
	 .filter = filter_take_seq,
	 .more = "The echo request and reply of this sequence number, as ping prints it. With -p tcp: the "
		 "segments that cover this raw (not relative) sequence number; SYN and FIN count as one "
		 "byte."},
	{0, "id", "N", "ping with this identifier", GROUP_FILTER, .filter = filter_take_id,
	 .more = "Echo requests and replies with this identifier, which is the same for all that one ping "
		 "sends."},
	{'i', "ifname", "IFNAME", "packets seen on this interface", GROUP_FILTER, .take = take_ifname,
	 .more = "Packets that pass this network interface anywhere on their way."},
	{0, "netns", "NS", "seen in this network namespace", GROUP_FILTER, .take = take_netns,
	 .more = "Packets that pass this network namespace anywhere on their way: its name under "
		 "/run/netns, the number of a process in it, or its inode number."},
	{0, "netns-current", NULL, "the current one", GROUP_FILTER, .joins = true, FLAG(netns_current),
	 .more = "Packets that pass the network namespace which nettrace runs in."},
	{0, "pid", "PID", "packets of this process", GROUP_FILTER, .take = take_pid,
	 .more = "Packets that this process (not one thread of it) sends, and those delivered to its sockets "
		 "once they have sent."},
	{0, "pkt-len", "N[-M]", "of this length from the network header on", GROUP_FILTER,
	 .filter = filter_take_pkt_len,
	 .more = "Packets of so many bytes, or within this range, counted from the network header on."},
	{0, "tcp-flags", "FLAGS", "TCP with at least these flags: SA or syn,ack", GROUP_FILTER,
	 .filter = filter_take_tcp_flags,
	 .more = "TCP segments with at least these flags. Letters are F, S, R, P, A, U, E (ECE) and C "
		 "(CWR); names are fin, syn, rst, psh, ack, urg, ece and cwr, with commas between them."},
	{0, "mark", "N", "packets with this mark, 10 or 0xa", GROUP_FILTER, .filter = filter_take_mark,
	 .more = "Packets with this mark (skb->mark), decimal or hexadecimal, when they are first seen."},
	{0, "min-latency", "TIME", "packets that took at least this long", GROUP_FILTER, LATER},
	{0, "incident-min", "TIME", "shortest blockage to report", GROUP_FILTER, LATER},
	{0, "no-attribution", NULL, "do not look for the cause of delays", GROUP_FILTER, LATER},

	{0, "basic", NULL, "print each event at once", GROUP_MODE, FLAG(basic),
	 .more = "Print each event as soon as it is read, on a line that begins with the sk_buff's address, "
		 "without gathering a packet's events into one block. --count still counts packets that are "
		 "over; events of others are printed until then."},
	{0, "diag", NULL, "tell what went wrong, and what to do", GROUP_MODE, LATER},
	{0, "drop", NULL, "dropped packets only", GROUP_MODE, LATER},
	{0, "latency", NULL, "histograms of the time in each stage", GROUP_MODE, LATER},
	{0, "sock", NULL, "events of sockets", GROUP_MODE, LATER},
	{0, "rtt", NULL, "round trip times of TCP", GROUP_MODE, LATER},
	{0, "monitor", NULL, "unusual events only", GROUP_MODE, LATER},
	{0, "func-stats", NULL, "count calls of functions", GROUP_MODE, LATER},

	{'o', "output", "FILE", "write there instead of to standard output", GROUP_OUTPUT,
	 .take = take_output,
	 .more = "Write to this file, which is created or truncated, instead of to standard output; - is "
		 "standard output."},
	{0, "format", "FORMAT", "text, jsonl, pcapng or perfetto", GROUP_OUTPUT, LATER},
	{'w', "write", "FILE", "save a recording", GROUP_OUTPUT, LATER},
	{'r', "read", "FILE", "read one instead of tracing", GROUP_OUTPUT, .joins = true, LATER},
	{0, "rotate", "SIZE", "begin another file after this much", GROUP_OUTPUT, LATER},
	{0, "keep", "N", "keep so many", GROUP_OUTPUT, .joins = true, LATER},
	{0, "pcap-at", "STAGE", "stage at which packets are captured", GROUP_OUTPUT, LATER},
	{0, "detail", NULL, "CPU, process, interface of each event", GROUP_OUTPUT, FLAG(detail),
	 .more = "Print the CPU, context and interface of each event, its process in task context, and the "
		 "network namespace's inode where it changes."},
	{0, "date", NULL, "date", GROUP_OUTPUT, .joins = true, FLAG(date),
	 .more = "Print the date and time of day of each event, local time as it was set at the start."},
	{0, "stack", NULL, "stack", GROUP_OUTPUT, .joins = true, FLAG(stack),
	 .more = "Print the kernel stack of each event."},
	{0, "no-color", NULL, "plain text, also on a terminal", GROUP_OUTPUT, FLAG(no_color),
	 .more = "Plain text, also on a terminal. So does a NO_COLOR that is not empty in the environment."},

	{'c', "count", "N", "stop after this many packets", GROUP_RUN, .take = take_count,
	 .more = "Print so many journeys, then exit."},
	{0, "duration", "TIME", "stop after this time: 10s, 1.5m, 500ms", GROUP_RUN, .take = take_duration,
	 .more = "Stop after this time: a number, perhaps with a fraction, of ns, us, ms, s (the default), "
		 "m or h."},
	{0, "backend", "BACKEND", "auto, kprobe-multi, fentry, kprobe or tracepoint", GROUP_RUN,
	 .take = take_backend,
	 .more = "How to attach: kprobe-multi, fentry, kprobe or tracepoint. By default (auto) by the "
		 "first that this kernel allows. A backend that it does not allow is an error."},
	{0, "probe", "NAME,...", "trace these functions too", GROUP_RUN, .take = take_probe,
	 .more = "Trace these kernel functions too, up to 64. Each must take a packet (struct sk_buff *)."},
	{0, "exclude", "NAME,...", "do not trace these", GROUP_RUN, .joins = true, .take = take_exclude,
	 .more = "Do not trace these functions, up to 64."},
	{0, "buffer", "SIZE", "memory for events, 256K to 1G", GROUP_RUN, .take = take_buffer,
	 .more = "Memory for events on their way from the kernel, over all CPUs: from 256K to 1G. More of "
		 "it helps when the totals count losses of the ring."},
	{0, "verbose", NULL, "tell more about the run", GROUP_RUN, FLAG(verbose)},

	{0, "check", NULL, "show what this kernel allows", GROUP_ABOUT, FLAG(check),
	 .more = "Show what this kernel allows, which backend is chosen and which stages will be seen, and "
		 "exit."},
	{0, "probes", NULL, "each probe's state", GROUP_ABOUT, .joins = true, FLAG(probes),
	 .more = "List the probes with the state of each on this kernel, and exit."},
	{'V', "version", NULL, "print the version", GROUP_ABOUT, FLAG(version),
	 .more = "Print the version and exit."},
	{'h', "help", NULL, "print this text", GROUP_ABOUT, .joins = true, FLAG(help),
	 .more = "Print a list of the options and exit."},
};

#define N_ROWS ARRAY_SIZE(rows)

/* getopt's two tables. '+': an argument that is no option ends them, in any environment. */
static void make_getopt_tables(struct option *longs, char *shorts)
{
	*shorts++ = '+';
	*shorts++ = ':';
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct option_row *row = &rows[i];

		longs[i] = (struct option){.name = row->name, .val = LONG_BASE + (int)i};
		longs[i].has_arg = row->argument ? required_argument : no_argument;
		if (row->letter)
			*shorts++ = row->letter;
		if (row->letter && row->argument)
			*shorts++ = ':';
	}
	longs[N_ROWS] = (struct option){0};
	*shorts = '\0';
}

static const struct option_row *find_row(int code)
{
	if (code >= LONG_BASE)
		return &rows[code - LONG_BASE];
	for (size_t i = 0; i < N_ROWS; i++)
		if (code && rows[i].letter == code)
			return &rows[i];
	return NULL;
}

/* p->typed is no option: because there is none of that name, or several that begin so. */
static int refuse_unknown(struct parsing *p)
{
	size_t length = strlen(p->typed);
	size_t used = 0, found = 0;
	char names[256] = "";

	for (size_t i = 0; length > 2 && i < N_ROWS; i++) {
		if (strncmp(p->typed + 2, rows[i].name, length - 2) != 0)
			continue;
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s--%s",
						 found ? ", " : "", rows[i].name);
		found++;
	}
	if (found > 1)
		return refuse(p, "%s is ambiguous: %s", p->typed, names);
	return refuse(p, "%s is not an option", p->typed);
}

static bool is_available(const struct option_row *row)
{
	return row->filter || row->take || row->flag;
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
	if (!is_available(row))
		return refuse(p, "%s is not available in this version", p->typed);
	if (result == ':')
		return refuse(p, "%s needs a value: %s %s", p->typed, p->typed, row->argument);
	if (result == '?')
		return refuse(p, "%s takes no value", p->typed);
	if (seen[row - rows])
		return refuse(p, "%s is given twice", p->typed);
	seen[row - rows] = true;
	return apply(p, row, optarg);
}

static bool is_given(const bool *seen, const char *name)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (seen[i] && !strcmp(rows[i].name, name))
			return true;
	return false;
}

/* Each option is right by itself; refuse those that cannot be honoured together. */
static int check_together(struct parsing *p, const bool *seen)
{
	static const char *const exclusive[][2] = {
		{"netns", "netns-current"}, {"check", "probes"},   {"check", "output"},
		{"check", "count"},	    {"check", "duration"}, {"check", "basic"},
		{"probes", "output"},	    {"probes", "count"},   {"probes", "duration"},
		{"probes", "basic"},	    {"basic", "pid"},
	};
	const struct options *options = &p->options;

	for (size_t i = 0; i < ARRAY_SIZE(exclusive); i++)
		if (is_given(seen, exclusive[i][0]) && is_given(seen, exclusive[i][1]))
			return refuse(p, "--%s and --%s exclude each other", exclusive[i][0],
				      exclusive[i][1]);
	if (options->probe_add && options->backend == BACKEND_TRACEPOINT)
		return refuse(p, "--probe adds functions, which --backend tracepoint cannot trace");
	for (const char *at = options->probe_add; at;) {
		size_t length = strcspn(at, ",");

		if (has_name(options->probe_exclude, at, length))
			return refuse(p, "%.*s is in both --probe and --exclude", (int)length, at);
		at = at[length] ? at + length + 1 : NULL;
	}
	return 0;
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

int options_parse(int argc, char **argv, struct options *ret_options, char *error,
		  size_t error_size)
{
	struct parsing p = {.error = error, .error_size = error_size};
	struct option longs[N_ROWS + 1];
	char shorts[2 * N_ROWS + 3];
	bool seen[N_ROWS] = {false};

	make_getopt_tables(longs, shorts);
	optind = 0; /* begin anew, also inside a cluster of letters */
	opterr = 0;
	/* --help and --version end the matter: what follows them is not looked at. */
	while (!p.options.help && !p.options.version) {
		int at = optind ? optind : 1;
		int result = getopt_long(argc, argv, shorts, longs, NULL);
		int err;

		if (result == -1) {
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

/* Append to a text of the given size; what does not fit is cut off. */
__attribute__((format(printf, 3, 4))) static void add(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, size - used, format, args);
	va_end(args);
}

/* The available row behind this one that shares its line, or NULL. */
static const struct option_row *next_joined(const struct option_row *row)
{
	while (++row < rows + N_ROWS && row->joins)
		if (is_available(row))
			return row;
	return NULL;
}

/*
 * One line for a row and those that join it: "-p, --proto PROTO  text", but "-s, -d, --addr ADDR[/N]  text;
 * text", with the shortest spelling of each and one argument for all that take the same.
 */
static void help_line(char *text, size_t size, const struct option_row *row)
{
	char left[80] = "", right[160] = "";
	const struct option_row *next;
	bool alone = !next_joined(row);

	for (; row; row = next) {
		next = next_joined(row);
		if (row->letter)
			add(left, sizeof(left), "-%c%s", row->letter, alone ? ", " : "");
		if (!row->letter || alone)
			add(left, sizeof(left), "--%s", row->name);
		if (row->argument && !(next && next->argument && !strcmp(row->argument, next->argument)))
			add(left, sizeof(left), " %s", row->argument);
		add(left, sizeof(left), "%s", next ? ", " : "");
		add(right, sizeof(right), "%s%s", row->help, next ? "; " : "");
	}
	add(text, size, "  %-*s %s\n", HELP_COLUMN - 3, left, right);
}

const char *options_help(void)
{
	static char text[4096];
	const struct option_row *before = NULL, *joined = NULL;

	snprintf(text, sizeof(text),
		 "Usage: nettrace [OPTION]...   (tells what each packet did in the kernel)\n");
	for (const struct option_row *row = rows; row < rows + N_ROWS; row++) {
		if (!is_available(row))
			continue;
		if (!before || row->group != before->group)
			add(text, sizeof(text), "%s:\n", group_titles[row->group]);
		if (row != joined)
			help_line(text, sizeof(text), row);
		joined = next_joined(row);
		before = row;
	}
	return text;
}

bool option_text(unsigned int n, struct option_text *ret_text)
{
	for (const struct option_row *row = rows; row < rows + N_ROWS; row++) {
		if (!is_available(row) || n--)
			continue;
		*ret_text = (struct option_text){
			.letter = row->letter,
			.name = row->name,
			.argument = row->argument,
			.help = row->help,
			.more = row->more,
			.group = group_titles[row->group],
		};
		return true;
	}
	return false;
}

const char *backend_name(enum backend backend)
{
	return (unsigned int)backend < BACKEND_COUNT ? backend_names[backend] : "unknown";
}
