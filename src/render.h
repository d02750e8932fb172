/* SPDX-License-Identifier: GPL-2.0 */
/* Renderers: one per output format, each a file render_*.c. */
#ifndef NT_RENDER_H
#define NT_RENDER_H

#include "dict.h"
#include "journey.h"
#include "out.h"

/* What a renderer may know besides the journey. Nothing here asks the host. */
struct render_env {
	const struct dict *dict;
};

/* Append one journey as a timeline block. */
void render_text_journey(struct out *out, const struct render_env *env, const struct journey *journey);

#endif
