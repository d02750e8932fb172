/* SPDX-License-Identifier: GPL-2.0 */
/* Writing Perfetto's trace format, a packet at a time; perfetto.proto is what of it is used. */
#ifndef NT_PERFETTO_TRACE_H
#define NT_PERFETTO_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "out.h"
#include "perfetto.pb-c.h"
#include "types.h"

#define PERFETTO_NOTES_MAX 24
#define PERFETTO_NOTES_BYTES 8192
#define PERFETTO_FLOWS_MAX 2

/* What is said of an event. What there is no room for is left out. */
struct perfetto_notes {
	size_t n;
	size_t used;
	NtPerfetto__DebugAnnotation *list[PERFETTO_NOTES_MAX];
	NtPerfetto__DebugAnnotation notes[PERFETTO_NOTES_MAX];
	char text[PERFETTO_NOTES_BYTES];
};

void perfetto_notes_init(struct perfetto_notes *notes);
/* Names and strings are printable UTF-8; names are not copied. */
void perfetto_note_number(struct perfetto_notes *notes, const char *name, u64 number);
void perfetto_note_address(struct perfetto_notes *notes, const char *name, u64 address);
void perfetto_note_string(struct perfetto_notes *notes, const char *name, const char *string);
/* Any bytes: what is not printable ASCII becomes \xNN. */
void perfetto_note_foreign(struct perfetto_notes *notes, const char *name, const char *string);

enum perfetto_track_kind { PERFETTO_GROUP_BY_TIME, PERFETTO_GROUP_BY_RANK, PERFETTO_SLICES, PERFETTO_COUNTER };

/* A track must be described before anything is on it. The uuid is not 0. */
struct perfetto_track {
	u64 uuid;
	u64 parent; /* 0: none */
	const char *name;
	enum perfetto_track_kind kind;
	u32 rank;
};

/* Zero or NULL is what there is none of. A slice's end has neither name, notes nor flows. */
struct perfetto_event {
	u64 ts_ns;
	u64 track;
	const char *name;
	const char *category;
	struct perfetto_notes *notes;
	u64 flows[PERFETTO_FLOWS_MAX]; /* arrows that begin here */
	u64 flow_end;		       /* the arrow that ends here */
};

/* The first packet: without it there is no clock, and readers ignore events. */
void perfetto_trace_begin(struct out *out, u64 monotonic_ns, s64 realtime_offset_ns);
void perfetto_trace_track(struct out *out, const struct perfetto_track *track);
/* At equal times, what is written first comes first: that is how slices nest. */
void perfetto_slice_begin(struct out *out, const struct perfetto_event *event);
void perfetto_slice_end(struct out *out, u64 ts_ns, u64 track);
void perfetto_instant(struct out *out, const struct perfetto_event *event);
void perfetto_counter(struct out *out, u64 ts_ns, u64 track, s64 value);

#endif
