/* SPDX-License-Identifier: GPL-2.0 */
/* The table that the parser, --help, the manual and completion are made from; for options*.c only. */
#ifndef NT_OPTIONS_TABLE_H
#define NT_OPTIONS_TABLE_H

#include "options.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

enum option_group { GROUP_FILTER, GROUP_MODE, GROUP_OUTPUT, GROUP_RUN, GROUP_ABOUT, GROUP_COUNT };

struct option_row {
	char letter; /* 0: none */
	const char *name;
	const char *argument; /* NULL: takes none */
	const char *help;
	enum option_group group;
	bool repeats; /* may be given several times */
	bool joins;	  /* --help has it on the line of the row before, whose help its own continues */
	const char *more; /* for the manual, instead of help */
	/* One of three takes it; without any, it is not in this version. */
	const char *(*filter)(struct nt_filter *filter, const char *value);
	const char *(*take)(struct options *options, const char *value);
	size_t flag; /* offset of a bool in struct options */
};

#define OPTION_ROWS_MAX 64

/* As render.c has them. */
#define OPTION_FORMATS "text, jsonl, pcapng or perfetto"

extern const struct option_row option_rows[];
extern const size_t n_option_rows;
extern const char *const option_group_titles[GROUP_COUNT];

/* Is the option in this version? */
bool option_is_available(const struct option_row *row);

/* Whether the comma-separated list, which may be NULL, holds the name. */
bool option_list_has(const char *list, const char *name, size_t length);

/* Take a value into the options. NULL, or what is wrong with it, to be put behind it. */
const char *option_take_format(struct options *options, const char *value);
const char *option_take_write(struct options *options, const char *value);
const char *option_take_read(struct options *options, const char *value);
const char *option_take_rotate(struct options *options, const char *value);
const char *option_take_keep(struct options *options, const char *value);
const char *option_take_pcap_at(struct options *options, const char *value);
const char *option_take_ifname(struct options *options, const char *value);
const char *option_take_netns(struct options *options, const char *value);
const char *option_take_pid(struct options *options, const char *value);
const char *option_take_output(struct options *options, const char *value);
const char *option_take_count(struct options *options, const char *value);
const char *option_take_min_latency(struct options *options, const char *value);
const char *option_take_incident_min(struct options *options, const char *value);
const char *option_take_duration(struct options *options, const char *value);
const char *option_take_buffer(struct options *options, const char *value);
const char *option_take_backend(struct options *options, const char *value);
const char *option_take_probe(struct options *options, const char *value);
const char *option_take_exclude(struct options *options, const char *value);

#endif
