/* SPDX-License-Identifier: GPL-2.0 */
/* The command line. */
#ifndef NT_OPTIONS_H
#define NT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "filter_abi.h"

enum backend {
	BACKEND_AUTO,
	BACKEND_KPROBE_MULTI,
	BACKEND_KPROBE,
	BACKEND_TRACEPOINT,
	BACKEND_COUNT
};

struct options {
	struct nt_filter filter;
	char filter_text[256];	  /* the filter as it was asked for, for headers */
	const char *output;	  /* -o, NULL: stdout */
	unsigned long long count; /* -c, 0: no limit */
	unsigned long long duration_ns; /* --duration, 0: no limit */
	enum backend backend;
	bool help;
	bool version;
};

/*
 * Parse argv. 0, or -EINVAL with one line of explanation in error (no newline),
 * which names the option, what is wrong with its value and what would be right.
 * Strings point into argv.
 */
int options_parse(int argc, char **argv, struct options *ret_options, char *error, size_t error_size);

/* The text of --help, made from the option table. Static storage. */
const char *options_help(void);

/* "kprobe-multi", … */
const char *backend_name(enum backend backend);

#endif
