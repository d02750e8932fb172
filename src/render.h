/* SPDX-License-Identifier: GPL-2.0 */
/* Formats of output, each a file render_*.c that defines one struct render_format. */
#ifndef NT_RENDER_H
#define NT_RENDER_H

#include "attribution.h"
#include "dict.h"
#include "journey.h"
#include "latency.h"
#include "out.h"
#include "trace.h"

/* What a renderer may know besides the journey. Nothing here asks the host. */
struct render_env {
	const struct dict *dict;
	s64 clock_offset_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC, on the traced host */
	s32 utc_offset_s;    /* its local time less UTC */
	bool detail;	     /* CPU, context, process and interface of each event */
	bool date;	     /* date and time of day instead of seconds */
	bool color;	     /* for a terminal */
	int pcap_at; /* enum nt_stage: one block per packet, there; NT_STAGE_UNKNOWN: at each event with bytes */
};

struct render;

/*
 * A format. Its functions append to render->out, whose errors are looked at elsewhere; all
 * but `journey` may be NULL. A journey is handed over when it is over, so they come in the order of their ends.
 */
struct render_format {
	const char *name;	/* of --format */
	const char *ending;	/* of the names of files in this format, with its dot; NULL: of none */
	bool binary;		/* not for a terminal */
	bool wants_snapshots;	/* journey_event.snapshot is needed */
	size_t state_bytes;	/* of render->state, zeroed before `begin` */
	void (*begin)(struct render *render, const struct trace_facts *facts);
	void (*journey)(struct render *render, const struct journey *journey);
	void (*event)(struct render *render, const struct journey *journey, const struct journey_event *event);
	void (*incident)(struct render *render, const struct incident *incident); /* it is over */
	void (*blocked)(struct render *render, const struct nt_blocked *blocked); /* any time a CPU was, incident or not */
	void (*latency)(struct render *render, const struct latency_report *report); /* the end of --latency */
	void (*end)(struct render *render, const struct trace_totals *totals);
	void (*free)(struct render *render); /* what the state owns */
};

/* One output under way. */
struct render {
	const struct render_format *format;
	struct out *out;
	struct render_env env;
	void *state;
};

extern const struct render_format render_text, render_jsonl, render_pcapng, render_perfetto;

/* The format of that name, or that of a file so called; NULL if there is none. */
const struct render_format *render_format_named(const char *name);
const struct render_format *render_format_of_file(const char *path);

/*
 * Begin an output in a format: `out` and what env points to must outlive it. NULL without memory.
 */
struct render *render_new(const struct render_format *format, struct out *out, const struct render_env *env,
			  const struct trace_facts *facts);

/* The end of an output, written only if totals are given. */
void render_free(struct render *render, const struct trace_totals *totals);

#endif
