/* SPDX-License-Identifier: GPL-2.0 */
#include "perfetto_trace.h"

#include <string.h>

#include "annotation.h"

#define CLOCK_REALTIME_ID 1
#define CLOCK_MONOTONIC_ID 3
#define SEQUENCE 1
#define SEQ_INCREMENTAL_STATE_CLEARED 1

/* Packets go straight into the output, whatever their size. */
struct sink {
	ProtobufCBuffer base;
	struct out *out;
};

static void append(ProtobufCBuffer *buffer, size_t size, const uint8_t *bytes)
{
	out_write(((struct sink *)buffer)->out, bytes, size);
}

/* A trace of one packet: traces put together are a trace. */
static void put_packet(struct out *out, NtPerfetto__TracePacket *packet)
{
	struct sink sink = {.base = {.append = append}, .out = out};
	NtPerfetto__Trace trace = NT_PERFETTO__TRACE__INIT;

	packet->has_trusted_packet_sequence_id = true;
	packet->trusted_packet_sequence_id = SEQUENCE;
	trace.n_packet = 1;
	trace.packet = &packet;
	nt_perfetto__trace__pack_to_buffer(&trace, &sink.base);
}

void perfetto_notes_init(struct perfetto_notes *notes)
{
	notes->n = 0;
	notes->used = 0;
}

static NtPerfetto__DebugAnnotation *add_note(struct perfetto_notes *notes, const char *name)
{
	NtPerfetto__DebugAnnotation *note = &notes->notes[notes->n];

	if (notes->n == PERFETTO_NOTES_MAX)
		return NULL;
	nt_perfetto__debug_annotation__init(note);
	note->name = (char *)name;
	notes->list[notes->n++] = note;
	return note;
}

void perfetto_note_number(struct perfetto_notes *notes, const char *name, u64 number)
{
	NtPerfetto__DebugAnnotation *note = add_note(notes, name);

	if (!note)
		return;
	note->has_uint_value = true;
	note->uint_value = number;
}

void perfetto_note_address(struct perfetto_notes *notes, const char *name, u64 address)
{
	NtPerfetto__DebugAnnotation *note = add_note(notes, name);

	if (!note)
		return;
	note->has_pointer_value = true;
	note->pointer_value = address;
}

static void note_text(struct perfetto_notes *notes, const char *name, const char *string,
		      size_t (*copy)(const char *string, char *buf, size_t size))
{
	NtPerfetto__DebugAnnotation *note;

	if (notes->used == sizeof(notes->text) || !(note = add_note(notes, name)))
		return;
	note->string_value = notes->text + notes->used;
	notes->used += copy(string, note->string_value, sizeof(notes->text) - notes->used) + 1;
}

static size_t copy_string(const char *string, char *buf, size_t size)
{
	size_t length = strnlen(string, size - 1);

	memcpy(buf, string, length);
	buf[length] = '\0';
	return length;
}

void perfetto_note_string(struct perfetto_notes *notes, const char *name, const char *string)
{
	note_text(notes, name, string, copy_string);
}

void perfetto_note_foreign(struct perfetto_notes *notes, const char *name, const char *string)
{
	note_text(notes, name, string, annotation_plain_text);
}

/*
 * Events are in CLOCK_MONOTONIC, which is made the clock of the trace: else a reader
 * would convert to CLOCK_BOOTTIME, which nobody has asked the traced host for.
 */
void perfetto_trace_begin(struct out *out, u64 monotonic_ns, s64 realtime_offset_ns)
{
	NtPerfetto__ClockSnapshot__Clock clocks[2] = {NT_PERFETTO__CLOCK_SNAPSHOT__CLOCK__INIT,
						      NT_PERFETTO__CLOCK_SNAPSHOT__CLOCK__INIT};
	NtPerfetto__ClockSnapshot__Clock *list[] = {&clocks[0], &clocks[1]};
	NtPerfetto__ClockSnapshot snapshot = NT_PERFETTO__CLOCK_SNAPSHOT__INIT;
	NtPerfetto__TracePacket packet = NT_PERFETTO__TRACE_PACKET__INIT;

	clocks[0].clock_id = CLOCK_MONOTONIC_ID;
	clocks[0].timestamp = monotonic_ns;
	clocks[1].clock_id = CLOCK_REALTIME_ID;
	clocks[1].timestamp = monotonic_ns + (u64)realtime_offset_ns;
	for (size_t i = 0; i < 2; i++)
		clocks[i].has_clock_id = clocks[i].has_timestamp = true;
	snapshot.n_clocks = 2;
	snapshot.clocks = list;
	snapshot.has_primary_trace_clock = true;
	snapshot.primary_trace_clock = CLOCK_MONOTONIC_ID;
	packet.clock_snapshot = &snapshot;
	packet.has_sequence_flags = true;
	packet.sequence_flags = SEQ_INCREMENTAL_STATE_CLEARED;
	put_packet(out, &packet);
}

void perfetto_trace_track(struct out *out, const struct perfetto_track *track)
{
	NtPerfetto__CounterDescriptor counter = NT_PERFETTO__COUNTER_DESCRIPTOR__INIT;
	NtPerfetto__TrackDescriptor descriptor = NT_PERFETTO__TRACK_DESCRIPTOR__INIT;
	NtPerfetto__TracePacket packet = NT_PERFETTO__TRACE_PACKET__INIT;

	descriptor.has_uuid = true;
	descriptor.uuid = track->uuid;
	descriptor.has_parent_uuid = track->parent != 0;
	descriptor.parent_uuid = track->parent;
	descriptor.name = (char *)track->name;
	descriptor.has_sibling_order_rank = track->rank != 0;
	descriptor.sibling_order_rank = (s32)track->rank;
	if (track->kind == PERFETTO_COUNTER) {
		counter.has_unit = true;
		counter.unit = NT_PERFETTO__COUNTER_DESCRIPTOR__UNIT__UNIT_COUNT;
		descriptor.counter = &counter;
	} else if (track->kind != PERFETTO_SLICES) {
		descriptor.has_child_ordering = true;
		descriptor.child_ordering = track->kind == PERFETTO_GROUP_BY_TIME ?
						    NT_PERFETTO__TRACK_DESCRIPTOR__CHILD_TRACKS_ORDERING__CHRONOLOGICAL :
						    NT_PERFETTO__TRACK_DESCRIPTOR__CHILD_TRACKS_ORDERING__EXPLICIT;
	}
	packet.track_descriptor = &descriptor;
	put_packet(out, &packet);
}

static void put_event(struct out *out, u64 ts_ns, u64 track, NtPerfetto__TrackEvent__Type type,
		      NtPerfetto__TrackEvent *event)
{
	NtPerfetto__TracePacket packet = NT_PERFETTO__TRACE_PACKET__INIT;

	event->has_type = true;
	event->type = type;
	event->has_track_uuid = true;
	event->track_uuid = track;
	packet.has_timestamp = true;
	packet.timestamp = ts_ns;
	packet.has_timestamp_clock_id = true;
	packet.timestamp_clock_id = CLOCK_MONOTONIC_ID;
	packet.track_event = event;
	put_packet(out, &packet);
}

static void put_named(struct out *out, const struct perfetto_event *event, NtPerfetto__TrackEvent__Type type)
{
	NtPerfetto__TrackEvent proto = NT_PERFETTO__TRACK_EVENT__INIT;
	char *categories[] = {(char *)event->category};
	u64 flow_end[] = {event->flow_end}, flows[PERFETTO_FLOWS_MAX];

	proto.name = (char *)event->name;
	proto.categories = categories;
	proto.n_categories = event->category != NULL;
	proto.flow_ids = flows;
	for (size_t i = 0; i < PERFETTO_FLOWS_MAX; i++)
		if (event->flows[i])
			flows[proto.n_flow_ids++] = event->flows[i];
	proto.terminating_flow_ids = flow_end;
	proto.n_terminating_flow_ids = event->flow_end != 0;
	if (event->notes) {
		proto.debug_annotations = event->notes->list;
		proto.n_debug_annotations = event->notes->n;
	}
	put_event(out, event->ts_ns, event->track, type, &proto);
}

void perfetto_slice_begin(struct out *out, const struct perfetto_event *event)
{
	put_named(out, event, NT_PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_BEGIN);
}

void perfetto_slice_end(struct out *out, u64 ts_ns, u64 track)
{
	NtPerfetto__TrackEvent proto = NT_PERFETTO__TRACK_EVENT__INIT;

	put_event(out, ts_ns, track, NT_PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_END, &proto);
}

void perfetto_instant(struct out *out, const struct perfetto_event *event)
{
	put_named(out, event, NT_PERFETTO__TRACK_EVENT__TYPE__TYPE_INSTANT);
}

void perfetto_counter(struct out *out, u64 ts_ns, u64 track, s64 value)
{
	NtPerfetto__TrackEvent proto = NT_PERFETTO__TRACK_EVENT__INIT;

	proto.has_counter_value = true;
	proto.counter_value = value;
	put_event(out, ts_ns, track, NT_PERFETTO__TRACK_EVENT__TYPE__TYPE_COUNTER, &proto);
}
