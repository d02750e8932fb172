/* SPDX-License-Identifier: GPL-2.0 */
#include "render.h"

#include <stdlib.h>
#include <string.h>

static const struct render_format *const formats[] = {&render_text, &render_jsonl, &render_pcapng, &render_perfetto};

#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

const struct render_format *render_format_named(const char *name)
{
	for (size_t i = 0; i < N_FORMATS; i++)
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}

const struct render_format *render_format_of_file(const char *path)
{
	size_t length = strlen(path);

	for (size_t i = 0; i < N_FORMATS; i++) {
		size_t n = formats[i]->ending ? strlen(formats[i]->ending) : length + 1;

		if (n <= length && !strcmp(path + length - n, formats[i]->ending))
			return formats[i];
	}
	return NULL;
}

struct render *render_new(const struct render_format *format, struct out *out, const struct render_env *env,
			  const struct trace_facts *facts)
{
	struct render *render = calloc(1, sizeof(*render));

	if (!render)
		return NULL;
	render->format = format;
	render->out = out;
	render->env = *env;
	render->state = calloc(1, format->state_bytes + 1);
	if (!render->state) {
		free(render);
		return NULL;
	}
	if (format->begin)
		format->begin(render, facts);
	return render;
}

void render_free(struct render *render, const struct trace_totals *totals)
{
	if (!render)
		return;
	if (totals && render->format->end)
		render->format->end(render, totals);
	if (render->format->free)
		render->format->free(render);
	free(render->state);
	free(render);
}
