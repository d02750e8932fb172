/* SPDX-License-Identifier: GPL-2.0 */
/* Where output goes and how it looks, by the options and by what stdout is. */
#ifndef NT_OUTPUT_H
#define NT_OUTPUT_H

#include "options.h"
#include "render.h"

/* Open it. 0, or negative errno; the reason has then been said on stderr. */
int output_open(const struct options *options, struct out **ret_out);

/* What rendering is told of a trace, the host's or a recorded one. */
struct render_env output_env(const struct options *options, const struct dict *dict, const struct trace_facts *facts);

/* Is what is written seen at once, on a terminal that can be written anew? */
bool output_refreshes(const struct options *options);

bool output_is_stdout(const struct options *options);

/* Say on stderr why writing failed. */
void output_say_error(const struct options *options, int err);

#endif
