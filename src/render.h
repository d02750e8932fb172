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
	s64 clock_offset_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC, on the traced host */
	s32 utc_offset_s;    /* its local time less UTC */
	bool detail;	     /* CPU, context, process and interface of each event */
	bool date;	     /* date and time of day instead of seconds */
	bool color;	     /* for a terminal */
};

/* Append one journey as a timeline block. */
void render_text_journey(struct out *out, const struct render_env *env, const struct journey *journey);

/*
 * Append one event of a journey under way as a line, which begins with the low 32 bits of its
 * sk_buff. Spans and the outcome are what blocks are for.
 */
void render_text_event(struct out *out, const struct render_env *env, const struct journey *journey,
		       const struct journey_event *event);

#endif
