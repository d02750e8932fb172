/* SPDX-License-Identifier: GPL-2.0 */
/* The command line: one table of options makes the parser and --help. */
#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Long options return LONG_BASE + row, so they never look like a letter. */
#define LONG_BASE 0x100

/* Column where --help explains an option. */
#define HELP_COLUMN 30

/* Half the range of u64, so that a deadline (now + duration) cannot wrap. */
#define DURATION_MAX_NS ((unsigned long long)LLONG_MAX)

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
	int (*parse)(struct parsing *p, const char *value); /* NULL: not in this version */
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

/* Decimal digits only: no sign, no space, no 0x. *ret_end is what follows them. */
static bool parse_digits(const char *text, unsigned long long max, unsigned long long *ret_value,
			 const char **ret_end)
{
	unsigned long long value = 0;
	const char *c = text;

	for (; *c >= '0' && *c <= '9'; c++) {
		unsigned int digit = (unsigned int)(*c - '0');

		if (value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (c == text)
		return false;
	*ret_value = value;
	*ret_end = c;
	return true;
}

static bool parse_number(const char *text, unsigned long long max, unsigned long long *ret_value)
{
	unsigned long long value;
	const char *end;

	if (!parse_digits(text, max, &value, &end) || *end)
		return false;
	*ret_value = value;
	return true;
}

static int parse_proto(struct parsing *p, const char *value)
{
	static const char *const later[] = {"tcp", "udp", "arp", "icmpv6"};

	for (size_t i = 0; i < ARRAY_SIZE(later); i++)
		if (!strcmp(value, later[i]))
			return refuse(p, "%s %s is not supported yet, only icmp is", p->typed,
				      value);
	if (strcmp(value, "icmp") != 0)
		return refuse(p, "%s: '%.40s' is not a protocol; icmp is supported", p->typed,
			      value);
	p->options.filter.l4_proto = IPPROTO_ICMP;
	p->options.filter.match |= NT_MATCH_PROTO;
	return 0;
}

static int parse_u16(struct parsing *p, const char *value, u32 match, u16 *ret_value)
{
	unsigned long long number;

	if (!parse_number(value, UINT16_MAX, &number))
		return refuse(p, "%s: '%.40s' is not a number from 0 to 65535", p->typed, value);
	*ret_value = (u16)number;
	p->options.filter.match |= match;
	return 0;
}

static int parse_seq(struct parsing *p, const char *value)
{
	return parse_u16(p, value, NT_MATCH_ICMP_SEQ, &p->options.filter.icmp_seq);
}

static int parse_id(struct parsing *p, const char *value)
{
	return parse_u16(p, value, NT_MATCH_ICMP_ID, &p->options.filter.icmp_id);
}

static struct nt_prefix make_prefix(struct in_addr address, unsigned int bits)
{
	u32 mask = bits ? htonl(~0u << (32 - bits)) : 0;

	return (struct nt_prefix){
		.addr = {0, 0, htonl(0xffff), address.s_addr & mask},
		.mask = {~0u, ~0u, ~0u, mask},
	};
}

static int parse_prefix(struct parsing *p, const char *value, u32 match,
			struct nt_prefix *ret_prefix)
{
	size_t length = strcspn(value, "/");
	unsigned long long bits = 32;
	char host[INET6_ADDRSTRLEN];
	struct in6_addr address6;
	struct in_addr address;
	bool known = length < sizeof(host);

	snprintf(host, sizeof(host), "%.*s", (int)(known ? length : 0), value);
	if (known && inet_pton(AF_INET6, host, &address6) == 1)
		return refuse(p, "%s: %.60s: IPv6 is not supported yet", p->typed, value);
	if (!known || inet_pton(AF_INET, host, &address) != 1)
		return refuse(p,
			      "%s: '%.60s' is not an IPv4 address such as 10.0.0.1 or 10.0.0.0/8",
			      p->typed, value);
	if (value[length] && !parse_number(value + length + 1, 32, &bits))
		return refuse(p, "%s: '%.60s': the prefix length is not a number from 0 to 32",
			      p->typed, value);
	*ret_prefix = make_prefix(address, (unsigned int)bits);
	p->options.filter.match |= match;
	return 0;
}

static int parse_saddr(struct parsing *p, const char *value)
{
	return parse_prefix(p, value, NT_MATCH_SADDR, &p->options.filter.saddr);
}

static int parse_daddr(struct parsing *p, const char *value)
{
	return parse_prefix(p, value, NT_MATCH_DADDR, &p->options.filter.daddr);
}

static int parse_addr(struct parsing *p, const char *value)
{
	return parse_prefix(p, value, NT_MATCH_ADDR, &p->options.filter.addr);
}

static int parse_output(struct parsing *p, const char *value)
{
	if (!*value)
		return refuse(p, "%s: the name of the file is empty", p->typed);
	p->options.output = value;
	return 0;
}

static int parse_count(struct parsing *p, const char *value)
{
	unsigned long long number;

	if (!parse_number(value, ULLONG_MAX, &number) || !number)
		return refuse(p, "%s: '%.40s' is not a number from 1 up", p->typed, value);
	p->options.count = number;
	return 0;
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

	if (!parse_digits(text, DURATION_MAX_NS, &whole, &point))
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

static int parse_duration(struct parsing *p, const char *value)
{
	if (!parse_time(value, &p->options.duration_ns))
		return refuse(p, "%s: '%.40s' is not a time above zero such as 10s, 1.5m or 500ms",
			      p->typed, value);
	return 0;
}

static int parse_backend(struct parsing *p, const char *value)
{
	if (!strcmp(value, "fentry"))
		return refuse(p, "%s fentry is not available in this version", p->typed);
	for (unsigned int i = 0; i < BACKEND_COUNT; i++) {
		if (!strcmp(value, backend_names[i])) {
			p->options.backend = (enum backend)i;
			return 0;
		}
	}
	return refuse(p, "%s: '%.40s' is not auto, kprobe-multi, kprobe or tracepoint", p->typed,
		      value);
}

static int parse_version(struct parsing *p, const char *value)
{
	(void)value;
	p->options.version = true;
	return 0;
}

static int parse_help(struct parsing *p, const char *value)
{
	(void)value;
	p->options.help = true;
	return 0;
}

static const struct option_row rows[] = {
	{'p', "proto", "icmp", "packets of this protocol", GROUP_FILTER, parse_proto},
	{'s', "saddr", "ADDR[/N]", "from this IPv4 address or network", GROUP_FILTER, parse_saddr},
	{'d', "daddr", "ADDR[/N]", "to this IPv4 address or network", GROUP_FILTER, parse_daddr},
	{0, "addr", "ADDR[/N]", "from or to it", GROUP_FILTER, parse_addr},
	{'S', "sport", "N[-M]", "from this port", GROUP_FILTER, NULL},
	{'D', "dport", "N[-M]", "to this port", GROUP_FILTER, NULL},
	{'P', "port", "N[-M]", "from or to it", GROUP_FILTER, NULL},
	{0, "seq", "N", "ping with this sequence number", GROUP_FILTER, parse_seq},
	{0, "id", "N", "ping with this identifier", GROUP_FILTER, parse_id},
	{'i', "ifname", "NAME", "packets seen on this interface", GROUP_FILTER, NULL},
	{0, "netns", "NS", "packets seen in this network namespace", GROUP_FILTER, NULL},
	{0, "netns-current", NULL, "packets seen in the current one", GROUP_FILTER, NULL},
	{0, "pid", "PID", "packets of this process", GROUP_FILTER, NULL},
	{0, "pkt-len", "N[-M]", "packets of this length", GROUP_FILTER, NULL},
	{0, "tcp-flags", "FLAGS", "TCP segments with these flags", GROUP_FILTER, NULL},
	{0, "mark", "N[/MASK]", "packets with this mark", GROUP_FILTER, NULL},
	{0, "min-latency", "TIME", "packets that took at least this long", GROUP_FILTER, NULL},
	{0, "incident-min", "TIME", "shortest blockage to report", GROUP_FILTER, NULL},
	{0, "no-attribution", NULL, "do not look for the cause of delays", GROUP_FILTER, NULL},

	{0, "basic", NULL, "print each event at once", GROUP_MODE, NULL},
	{0, "diag", NULL, "tell what went wrong, and what to do", GROUP_MODE, NULL},
	{0, "drop", NULL, "dropped packets only", GROUP_MODE, NULL},
	{0, "latency", NULL, "histograms of the time in each stage", GROUP_MODE, NULL},
	{0, "sock", NULL, "events of sockets", GROUP_MODE, NULL},
	{0, "rtt", NULL, "round trip times of TCP", GROUP_MODE, NULL},
	{0, "monitor", NULL, "unusual events only", GROUP_MODE, NULL},
	{0, "func-stats", NULL, "count calls of functions", GROUP_MODE, NULL},

	{'o', "output", "FILE", "write there instead of to standard output", GROUP_OUTPUT,
	 parse_output},
	{0, "format", "FORMAT", "text, jsonl, pcapng or perfetto", GROUP_OUTPUT, NULL},
	{'w', "write", "FILE", "save a recording", GROUP_OUTPUT, NULL},
	{0, "rotate", "SIZE", "begin another file after this much", GROUP_OUTPUT, NULL},
	{0, "keep", "N", "keep that many files", GROUP_OUTPUT, NULL},
	{'r', "read", "FILE", "read a recording instead of tracing", GROUP_OUTPUT, NULL},
	{0, "pcap-at", "STAGE", "stage at which packets are captured", GROUP_OUTPUT, NULL},
	{0, "detail", NULL, "CPU, process and interface of each event", GROUP_OUTPUT, NULL},
	{0, "date", NULL, "date and time of day of each event", GROUP_OUTPUT, NULL},
	{0, "stack", NULL, "kernel stack of each event", GROUP_OUTPUT, NULL},
	{0, "no-color", NULL, "plain text, also on a terminal", GROUP_OUTPUT, NULL},

	{'c', "count", "N", "stop after this many packets", GROUP_RUN, parse_count},
	{0, "duration", "TIME", "stop after this time: 10s, 1.5m, 500ms", GROUP_RUN,
	 parse_duration},
	{0, "backend", "NAME", "auto, kprobe-multi, kprobe or tracepoint", GROUP_RUN,
	 parse_backend},
	{0, "probe", "NAME,...", "trace these functions too", GROUP_RUN, NULL},
	{0, "exclude", "NAME,...", "do not trace these functions", GROUP_RUN, NULL},
	{0, "buffer", "SIZE", "memory for events", GROUP_RUN, NULL},
	{0, "verbose", NULL, "tell more about the run", GROUP_RUN, NULL},

	{0, "check", NULL, "show what this kernel allows", GROUP_ABOUT, NULL},
	{0, "probes", NULL, "list the probes and their state here", GROUP_ABOUT, NULL},
	{'V', "version", NULL, "print the version", GROUP_ABOUT, parse_version},
	{'h', "help", NULL, "print this text", GROUP_ABOUT, parse_help},
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
	if (!row->parse)
		return refuse(p, "%s is not available in this version", p->typed);
	if (result == ':')
		return refuse(p, "%s needs a value: %s %s", p->typed, p->typed, row->argument);
	if (result == '?')
		return refuse(p, "%s takes no value", p->typed);
	if (seen[row - rows])
		return refuse(p, "%s is given twice", p->typed);
	seen[row - rows] = true;
	return row->parse(p, optarg);
}

/* Append to text, which holds every possible filter: see filter_text in options.h. */
__attribute__((format(printf, 3, 4))) static void add_term(char *text, size_t size,
							   const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	if (used)
		used += (size_t)snprintf(text + used, size - used, ", ");
	va_start(args, format);
	vsnprintf(text + used, size - used, format, args);
	va_end(args);
}

static void add_prefix(char *text, size_t size, const char *name, const struct nt_prefix *prefix)
{
	char address[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &prefix->addr[3], address, sizeof(address));
	add_term(text, size, "%s %s/%d", name, address, __builtin_popcount(prefix->mask[3]));
}

static void finish_filter(struct options *options)
{
	struct nt_filter *filter = &options->filter;
	char *text = options->filter_text;
	size_t size = sizeof(options->filter_text);

	if (filter->match & (NT_MATCH_ICMP_SEQ | NT_MATCH_ICMP_ID)) {
		filter->match |= NT_MATCH_PROTO;
		filter->l4_proto = IPPROTO_ICMP;
	}
	if (!filter->match)
		add_term(text, size, "everything");
	if (filter->match & NT_MATCH_PROTO)
		add_term(text, size, "icmp");
	if (filter->match & NT_MATCH_SADDR)
		add_prefix(text, size, "saddr", &filter->saddr);
	if (filter->match & NT_MATCH_DADDR)
		add_prefix(text, size, "daddr", &filter->daddr);
	if (filter->match & NT_MATCH_ADDR)
		add_prefix(text, size, "addr", &filter->addr);
	if (filter->match & NT_MATCH_ICMP_SEQ)
		add_term(text, size, "seq %u", filter->icmp_seq);
	if (filter->match & NT_MATCH_ICMP_ID)
		add_term(text, size, "id %u", filter->icmp_id);
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
	finish_filter(&p.options);
	*ret_options = p.options;
	return 0;
}

static size_t help_row(char *text, size_t size, const struct option_row *row)
{
	char left[HELP_COLUMN];

	snprintf(left, sizeof(left), "  %c%c%c --%s %s", row->letter ? '-' : ' ',
		 row->letter ? row->letter : ' ', row->letter ? ',' : ' ', row->name,
		 row->argument ? row->argument : "");
	return (size_t)snprintf(text, size, "%-*s%s\n", HELP_COLUMN, left, row->help);
}

const char *options_help(void)
{
	static char text[4096];
	size_t used = (size_t)snprintf(text, sizeof(text),
				       "Usage: nettrace [OPTION]...\n"
				       "Tells what each packet did in the Linux kernel.\n");

	for (unsigned int group = 0; group < GROUP_COUNT; group++) {
		bool titled = false;

		for (size_t i = 0; i < N_ROWS; i++) {
			if (rows[i].group != group || !rows[i].parse)
				continue;
			if (!titled)
				used += (size_t)snprintf(text + used, sizeof(text) - used,
							 "\n%s:\n", group_titles[group]);
			titled = true;
			used += help_row(text + used, sizeof(text) - used, &rows[i]);
		}
	}
	return text;
}

const char *backend_name(enum backend backend)
{
	return (unsigned int)backend < BACKEND_COUNT ? backend_names[backend] : "unknown";
}
