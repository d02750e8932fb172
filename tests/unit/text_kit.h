/* SPDX-License-Identifier: GPL-2.0 */
/* For tests of the text format. */
#ifndef NT_TEST_TEXT_KIT_H
#define NT_TEST_TEXT_KIT_H

#include "render.h"

/* As text, without the rest of an output. */
static inline void render_text_journey(struct out *to, const struct render_env *env, const struct journey *journey)
{
	struct render render = {.format = &render_text, .out = to, .env = *env};

	(render_text.journey)(&render, journey);
}

static inline void render_text_event(struct out *to, const struct render_env *env, const struct journey *journey,
				     const struct journey_event *event)
{
	struct render render = {.format = &render_text, .out = to, .env = *env};

	(render_text.event)(&render, journey, event);
}

#endif
