/* SPDX-License-Identifier: GPL-2.0 */
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

bool output_is_stdout(const struct options *options)
{
	return !options->output || !strcmp(options->output, "-");
}

void output_say_error(const struct options *options, int err)
{
	log_say("%s: %s", output_is_stdout(options) ? "standard output" : options->output, strerror(-err));
}

int output_open(const struct options *options, struct out **ret_out)
{
	const struct render_format *format = options_format(options);
	int err;

	if (format->binary && output_is_stdout(options) && isatty(STDOUT_FILENO)) {
		log_say("--format %s is not for a terminal; use -o FILE%s", format->name, format->ending);
		return -ENOTTY;
	}
	err = out_open(options->output, ret_out);
	if (err)
		log_say("%s: %s; choose another -o", output_is_stdout(options) ? "standard output" : options->output,
			strerror(-err));
	return err;
}

/* A terminal that did not say (NO_COLOR, TERM) that it wants none. */
static bool wants_color(const struct options *options)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return !options->no_color && output_is_stdout(options) && !(no_color && *no_color) && term &&
	       strcmp(term, "dumb") != 0 && isatty(STDOUT_FILENO);
}

bool output_refreshes(const struct options *options)
{
	const char *term = getenv("TERM");

	return options_format(options) == &render_text && output_is_stdout(options) && term && strcmp(term, "dumb") != 0 &&
	       isatty(STDOUT_FILENO);
}

struct render_env output_env(const struct options *options, const struct dict *dict, const struct trace_facts *facts)
{
	return (struct render_env){
		.dict = dict,
		.clock_offset_ns = facts->clock_offset_ns,
		.utc_offset_s = facts->utc_offset_s,
		.detail = options->detail,
		.date = options->date,
		.color = wants_color(options),
		.pcap_at = (int)options->pcap_at,
	};
}
