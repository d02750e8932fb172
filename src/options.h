/* SPDX-License-Identifier: GPL-2.0 */
/* The command line. */
#ifndef NT_OPTIONS_H
#define NT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "filter.h"

enum backend {
	BACKEND_AUTO,
	BACKEND_KPROBE_MULTI,
	BACKEND_FENTRY,
	BACKEND_KPROBE,
	BACKEND_TRACEPOINT,
	BACKEND_COUNT
};

#define EXIT_USAGE 2 /* the command line is wrong */

/* What --probe and --exclude take: so many names, each no longer than a kernel symbol. */
#define OPTIONS_NAMES_MAX 256
#define OPTIONS_NAME_LENGTH_MAX 127

#define OPTIONS_READ_MAX 64

#define OPTIONS_PID_MAX (1u << 22) /* PID_MAX_LIMIT of a 64-bit kernel */

/* The filter's own words, then -i, --netns and --pid. */
#define OPTIONS_FILTER_TEXT_BYTES (FILTER_TEXT_BYTES + 320)

struct render_format;

struct options {
	struct nt_filter filter;
	char filter_text[OPTIONS_FILTER_TEXT_BYTES]; /* all that is asked for, for headers */
	const char *ifname;			     /* -i; NULL: any */
	const char *netns;			     /* name, pid or inode; NULL: any */
	bool netns_current;
	unsigned int pid;		 /* 0: any */
	unsigned long long min_latency_ns; /* 0: any */
	unsigned long long incident_min_ns; /* 0: the default */
	bool no_attribution;
	const char *output;		 /* -o, NULL: stdout */
	const struct render_format *format; /* --format, NULL: by the name of the output */
	const char *write;		 /* -w, NULL: no recording */
	const char *read[OPTIONS_READ_MAX];
	unsigned int n_read;		 /* 0: trace */
	unsigned long long rotate_bytes; /* 0: never */
	unsigned long long rotate_ns;	 /* 0: never */
	unsigned int keep;		 /* files, 0: all */
	unsigned int pcap_at;		 /* enum nt_stage; NT_STAGE_UNKNOWN: wherever bytes are known */
	const char *probe_add;		 /* --probe NAME,...; NULL: none */
	const char *probe_exclude;	 /* --exclude NAME,...; NULL: none */
	unsigned long long count;	 /* -c, 0: no limit */
	unsigned long long duration_ns;	 /* --duration, 0: no limit */
	unsigned long long buffer_bytes; /* --buffer, 0: the default */
	enum backend backend;
	bool basic;
	bool latency;
	bool detail;
	bool date;
	bool stack;
	bool no_color;
	bool verbose;
	bool check;
	bool probes;
	bool help;
	bool version;
};

/*
 * Parse argv. 0, or -EINVAL with one line of explanation in error (no newline),
 * which names the option, what is wrong with its value and what would be right.
 * Strings point into argv. Of names only the syntax is known to be right.
 */
int options_parse(int argc, char **argv, struct options *ret_options, char *error,
		  size_t error_size);

/* The format of the output: as asked for, or as the name of its file says, or text. */
const struct render_format *options_format(const struct options *options);

/* Is there an output besides the recording? */
bool options_prints(const struct options *options);

/* Do fast packets stay in the kernel? With --pid they do not: it learns from every journey. */
bool options_hold_back_fast(const struct options *options);

/* The text of --help, made from the option table. Static storage. */
const char *options_help(void);

/* An option as --help, the manual and completion show it. Static storage. */
struct option_text {
	char letter; /* 0: none */
	const char *name;
	const char *argument; /* "FILE"; NULL: takes none */
	const char *help;     /* a phrase without a full stop */
	const char *more;     /* sentences that explain it by themselves; NULL: help does */
	const char *group;    /* title of the group it is in; groups follow each other */
};

/* The n-th option that this version has, in the order of --help; false beyond the last. */
bool option_text(unsigned int n, struct option_text *ret_text);

/* "kprobe-multi", … */
const char *backend_name(enum backend backend);

#endif
