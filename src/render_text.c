/* SPDX-License-Identifier: GPL-2.0 */
/* The timeline: one block of text per journey. */
#include <stdio.h>
#include <string.h>

#include "annotation.h"
#include "packet.h"
#include "probe_table.h"
#include "render.h"

#define NSEC_PER_USEC 1000u
#define NSEC_PER_SEC 1000000000u

#define NAME_WIDTH 20
#define PACKET_TEXT_BYTES 256
#define NOTE_TEXT_BYTES 512

/* Text is gathered here, so that most items cost a copy and no call into the sink. */
struct text {
	struct out *out;
	size_t used;
	char buf[4096];
};

static void put(struct text *text, const char *bytes, size_t size)
{
	if (size > sizeof(text->buf) - text->used) {
		out_write(text->out, text->buf, text->used);
		text->used = 0;
	}
	if (size > sizeof(text->buf)) {
		out_write(text->out, bytes, size);
		return;
	}
	memcpy(text->buf + text->used, bytes, size);
	text->used += size;
}

static void put_string(struct text *text, const char *string)
{
	put(text, string, strlen(string));
}

#define put_literal(text, literal) put(text, literal, sizeof(literal) - 1)

/* At least min_digits, with leading zeros. */
static void put_decimal(struct text *text, u64 number, size_t min_digits)
{
	char digits[20], *at = digits + sizeof(digits);

	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number || (size_t)(digits + sizeof(digits) - at) < min_digits);
	put(text, at, (size_t)(digits + sizeof(digits) - at));
}

static void put_hex32(struct text *text, u32 number)
{
	char digits[8];

	for (size_t i = sizeof(digits); i-- > 0; number >>= 4)
		digits[i] = "0123456789abcdef"[number & 15];
	put(text, digits, sizeof(digits));
}

/* Cut, not rounded, as the timestamps are. */
static void put_span(struct text *text, u64 ns)
{
	static const struct {
		u64 ns;
		u64 fractions;
		size_t digits;
		const char *name;
	} units[] = {
		{NSEC_PER_SEC, 1000, 3, " s"}, {1000000, 1000, 3, " ms"}, {NSEC_PER_USEC, 10, 1, " us"}
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ns < units[i].ns)
			continue;
		put_decimal(text, ns / units[i].ns, 1);
		put_literal(text, ".");
		put_decimal(text, ns % units[i].ns / (units[i].ns / units[i].fractions),
			    units[i].digits);
		put_string(text, units[i].name);
		return;
	}
	put_decimal(text, ns, 1);
	put_literal(text, " ns");
}

static void put_header(struct text *text, const struct journey *journey)
{
	put_literal(text, "***************** ");
	for (size_t i = 0; i < journey->n_members; i++) {
		if (i)
			put_literal(text, ",");
		put_hex32(text, (u32)journey->members[i].skb);
	}
	put_literal(text, " ***************\n");
}

/* Padded with blanks, as users expect columns. */
static void put_name(struct text *text, const struct probe_row *row, unsigned int probe)
{
	static const char blanks[NAME_WIDTH] = "                    ";
	char number[sizeof("probe 4294967295")];
	const char *name = number;
	size_t length;

	if (row)
		name = row->name;
	else
		snprintf(number, sizeof(number), "probe %u", probe);
	length = strlen(name);
	put(text, name, length);
	if (length < NAME_WIDTH)
		put(text, blanks, NAME_WIDTH - length);
}

/*
 * icmp_rcv drops what nobody took although a raw socket has its clone, and a
 * bridge or a tap may drop theirs: no packet is lost while another of its skbs arrives.
 */
static void put_drop_kind(struct text *text, const struct journey *journey)
{
	bool arrived = journey->outcome == OUTCOME_DELIVERED || journey->outcome == OUTCOME_TRANSMITTED ||
		       journey->outcome == OUTCOME_CONSUMED;

	if (arrived)
		put_literal(text, "nobody wanted this clone, ");
	else
		put_literal(text, "packet is dropped by the kernel, ");
}

static void put_notes(struct text *text, const struct render_env *env, const struct journey *journey,
		      const struct journey_event *event)
{
	const struct probe_row *row = probe_table_row(journey->probes, event->probe);
	char words[NOTE_TEXT_BYTES];

	if (row && row->note) {
		put_literal(text, " *");
		put_string(text, row->note);
		put_literal(text, "*");
	}
	for (const struct journey_note *note = event->notes; note; note = note->next) {
		if (!*annotation_type(note->type)->text)
			continue;
		put_literal(text, " *");
		if (note->type == NT_ANNO_DROP)
			put_drop_kind(text, journey);
		put(text, words, annotation_text(note, env->dict, words, sizeof(words)));
		put_literal(text, "*");
	}
}

static void put_time(struct text *text, u64 ts_ns)
{
	put_literal(text, "[");
	put_decimal(text, ts_ns / NSEC_PER_SEC, 1);
	put_literal(text, ".");
	put_decimal(text, ts_ns % NSEC_PER_SEC / NSEC_PER_USEC, 6);
	put_literal(text, "]");
}

static void put_event(struct text *text, const struct render_env *env, const struct journey *journey,
		      const struct journey_event *event, const char *packet)
{
	put_time(text, event->ts_ns);
	put_literal(text, " [");
	put_name(text, probe_table_row(journey->probes, event->probe), event->probe);
	put_literal(text, "] ");
	put_string(text, packet);
	put_notes(text, env, journey, event);
}

static void put_events(struct text *text, const struct render_env *env,
		       const struct journey *journey)
{
	const struct journey_event *events = journey->events;
	char packet[PACKET_TEXT_BYTES];

	for (size_t i = 0; i < journey->n_events; i++) {
		if (!i || events[i].flow != events[i - 1].flow)
			packet_text(&journey->flows[events[i].flow], packet, sizeof(packet));
		put_event(text, env, journey, &events[i], packet);
		if (i) {
			put_literal(text, " (+");
			put_span(text, events[i].ts_ns - events[i - 1].ts_ns);
			put_literal(text, ")");
		}
		put_literal(text, "\n");
	}
}

/*
 * The stage of an event: LIFE events leave an skb in the one it was in, and a
 * clone that was in none yet is where the packet was when it was made.
 */
static const char *stage_at(const struct journey *journey, size_t at)
{
	unsigned int others = NT_STAGE_UNKNOWN;

	for (size_t i = at + 1; i-- > 0;) {
		const struct probe_row *row = probe_table_row(journey->probes, journey->events[i].probe);

		if (!row || row->stage == NT_STAGE_LIFE)
			continue;
		if (journey->events[i].skb == journey->events[at].skb)
			return stage_name(row->stage);
		if (others == NT_STAGE_UNKNOWN)
			others = row->stage;
	}
	return stage_name(others);
}

static void put_slowest(struct text *text, const struct journey *journey)
{
	const char *from_stage, *to_stage;
	size_t from;
	u64 span_ns;

	if (!journey_slowest(journey, &from, &span_ns))
		return;
	from_stage = stage_at(journey, from);
	to_stage = stage_at(journey, from + 1);
	put_literal(text, ", slowest: ");
	if (!strcmp(from_stage, to_stage))
		put_literal(text, "within ");
	put_string(text, from_stage);
	if (strcmp(from_stage, to_stage)) {
		put_literal(text, " to ");
		put_string(text, to_stage);
	}
	put_literal(text, " ");
	put_span(text, span_ns);
}

static void put_drop(struct text *text, const struct render_env *env,
		     const struct nt_anno_DROP *drop)
{
	const struct annotation_type *type = annotation_type(NT_ANNO_DROP);
	char reason[NOTE_TEXT_BYTES];
	size_t length = annotation_field_text(type, annotation_field(type, "reason"), drop,
					      env->dict, reason, sizeof(reason));

	put_literal(text, "dropped: ");
	put(text, reason, length);
	put_literal(text, "\n");
}

static bool end_unseen(const struct journey *journey)
{
	for (size_t i = 0; i < journey->n_members; i++) {
		enum outcome outcome = journey->members[i].outcome;

		if (outcome == OUTCOME_INCOMPLETE || outcome == OUTCOME_EVICTED)
			return true;
	}
	return journey->outcome == OUTCOME_INCOMPLETE;
}

static bool records_lost(const struct journey *journey)
{
	for (size_t i = 0; i < journey->n_events; i++)
		if (journey->events[i].flags & NT_F_LOST)
			return true;
	return false;
}

static void put_incomplete(struct text *text, const struct journey *journey)
{
	const char *const reasons[] = {
		journey->events[0].flags & NT_F_START ? NULL : "the start was not seen",
		records_lost(journey) ? "records were lost" : NULL,
		end_unseen(journey) ? "the end was not seen" : NULL,
	};
	const char *between = "incomplete: ";

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (!reasons[i])
			continue;
		put_string(text, between);
		put_string(text, reasons[i]);
		between = ", ";
	}
	/* None of these: there were more events than a journey keeps. */
	put_string(text, *between == ',' ? "\n" : "incomplete: events are missing\n");
}

/* "merged into: c133e200 sent at [12.345678]" */
static void put_link(struct text *text, const char *what, const struct journey_link *link, const char *when)
{
	if (!link->id)
		return;
	put_string(text, what);
	if (link->skb)
		put_hex32(text, (u32)link->skb);
	else
		put_literal(text, "a packet not seen");
	if (link->ts_ns) {
		put_string(text, when);
		put_time(text, link->ts_ns);
	}
	put_literal(text, "\n");
}

void render_text_journey(struct out *out, const struct render_env *env,
			 const struct journey *journey)
{
	struct text text;

	if (!journey->n_events)
		return;
	text.out = out;
	text.used = 0;
	put_header(&text, journey);
	put_events(&text, env, journey);
	put_literal(&text, "total: ");
	put_span(&text, journey->end_ns - journey->start_ns);
	put_slowest(&text, journey);
	put_literal(&text, ", outcome: ");
	put_string(&text, outcome_name(journey->outcome));
	put_literal(&text, "\n");
	put_link(&text, "merged into: ", &journey->merged_into, " seen at ");
	put_link(&text, "part of: ", &journey->part_of, " seen at ");
	put_link(&text, "retransmission of: ", &journey->retransmit_of, " sent at ");
	if (journey->drop)
		put_drop(&text, env, journey->drop);
	if (journey->incomplete)
		put_incomplete(&text, journey);
	put_literal(&text, "\n");
	out_write(out, text.buf, text.used);
}
