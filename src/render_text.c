/* SPDX-License-Identifier: GPL-2.0 */
/* The timeline: one block of text per journey, or one line per event. */
#include <stdio.h>
#include <string.h>

#include "annotation.h"
#include "cause.h"
#include "journey_outcome.h"
#include "packet.h"
#include "probe_table.h"
#include "render.h"
#include "wait.h"

#define NSEC_PER_USEC 1000u
#define NSEC_PER_SEC 1000000000u

#define SECONDS_PER_DAY 86400u

#define NAME_WIDTH 20
#define PACKET_TEXT_BYTES 256
#define NAME_TEXT_BYTES 64
#define NOTE_TEXT_BYTES 4096 /* a stack of long names, and no line is longer for it */

#define DIM "\033[2m"
#define RED "\033[31m"
#define BOLD_YELLOW "\033[1;33m"
#define PLAIN "\033[0m"

struct text {
	struct out *out;
	const struct render_env *env;
	bool at_once; /* the journey is still under way */
};

static void put_color(struct text *text, const char *escape)
{
	if (text->env->color)
		out_string(text->out, escape);
}

static void put_hex32(struct text *text, u32 number)
{
	char digits[8];

	for (size_t i = sizeof(digits); i-- > 0; number >>= 4)
		digits[i] = "0123456789abcdef"[number & 15];
	out_write(text->out, digits, sizeof(digits));
}

static void put_span(struct text *text, u64 ns)
{
	char buf[SPAN_BYTES];

	out_string(text->out, span_text(ns, buf));
}

static void put_header(struct text *text, const struct journey *journey)
{
	put_color(text, DIM);
	out_literal(text->out, "***************** ");
	for (size_t i = 0; i < journey->n_members; i++) {
		if (i)
			out_literal(text->out, ",");
		put_hex32(text, (u32)journey->members[i].skb);
	}
	out_literal(text->out, " ***************");
	put_color(text, PLAIN);
	out_literal(text->out, "\n");
}

#define NUMBERED_BYTES sizeof("probe 4294967295")

/* The name of a probe's row, or what is made in buf. */
static const char *probe_name(const struct probe_row *row, unsigned int probe, char buf[NUMBERED_BYTES])
{
	if (row)
		return row->name;
	snprintf(buf, NUMBERED_BYTES, "probe %u", probe);
	return buf;
}

/* Padded with blanks, as users expect columns. */
static void put_name(struct text *text, const struct probe_row *row, unsigned int probe)
{
	static const char blanks[NAME_WIDTH] = "                    ";
	char number[NUMBERED_BYTES];
	const char *name = probe_name(row, probe, number);
	size_t length = strlen(name);

	out_write(text->out, name, length);
	if (length < NAME_WIDTH)
		out_write(text->out, blanks, NAME_WIDTH - length);
}

static bool arrived(enum outcome outcome)
{
	return outcome == OUTCOME_DELIVERED || outcome == OUTCOME_TRANSMITTED || outcome == OUTCOME_CONSUMED;
}

/*
 * Could the packet, one clone of which was dropped, arrive yet, or has it? Another clone
 * that holds its head may not have been seen so far, as those in the queues of sockets.
 */
static bool may_arrive(const struct journey *journey, const struct journey_event *drop)
{
	bool watched = false;

	for (size_t i = 0; i < journey->n_members; i++) {
		const struct journey_member *member = &journey->members[i];

		if (member->alive && member->skb == drop->skb)
			continue;
		if (member_is_onlooker(journey, member))
			watched |= member->alive;
		else if (member->alive || arrived(member->outcome))
			return true;
	}
	return (drop->flags & NT_F_SHARED) && !watched;
}

/* Of the last sk_buff that had this address. */
static enum outcome outcome_of(const struct journey *journey, u64 skb)
{
	for (size_t i = journey->n_members; i-- > 0;)
		if (journey->members[i].skb == skb)
			return journey->members[i].outcome;
	return OUTCOME_INCOMPLETE;
}

/*
 * icmp_rcv drops what nobody took although a raw socket has its clone, and a
 * bridge or a tap may drop theirs: no packet is lost while another of its skbs arrives.
 */
static void put_drop_kind(struct text *text, const struct journey *journey, const struct journey_event *event)
{
	if (text->at_once && may_arrive(journey, event))
		out_literal(text->out, "this clone is dropped by the kernel, ");
	else if (!text->at_once && outcome_of(journey, event->skb) == OUTCOME_MERGED)
		out_literal(text->out, "freed with the packet that it became part of, ");
	else if (!text->at_once && outcome_of(journey, event->skb) == OUTCOME_CONSUMED)
		out_literal(text->out, "the kernel is done with it, ");
	else if (!text->at_once && outcome_of(journey, event->skb) == OUTCOME_TRANSMITTED)
		out_literal(text->out, "the driver is done with it, ");
	else if (!text->at_once && arrived(journey->outcome))
		out_literal(text->out, "nobody wanted this clone, ");
	else
		out_literal(text->out, "packet is dropped by the kernel, ");
}

/* "__tcp_transmit_skb 3.2 us before". In a block that is an event of its own. */
static void put_origin(struct text *text, const struct journey *journey, const struct journey_event *event,
		       const struct nt_anno_ORIGIN *origin)
{
	const struct probe_row *row = probe_table_row(journey->probes, origin->probe);
	char number[NUMBERED_BYTES];

	out_literal(text->out, " *");
	out_string(text->out, probe_name(row, origin->probe, number));
	out_literal(text->out, " ");
	put_span(text, event->ts_ns > origin->ts_ns ? event->ts_ns - origin->ts_ns : 0);
	out_literal(text->out, " before*");
}

static void put_note(struct text *text, const struct journey *journey, const struct journey_event *event,
		     const struct journey_note *note)
{
	char words[NOTE_TEXT_BYTES];
	bool drop = note->type == NT_ANNO_DROP;

	out_literal(text->out, " ");
	if (drop)
		put_color(text, RED);
	out_literal(text->out, "*");
	if (drop)
		put_drop_kind(text, journey, event);
	out_write(text->out, words, annotation_text(note, text->env->dict, words, sizeof(words)));
	out_literal(text->out, "*");
	if (drop)
		put_color(text, PLAIN);
}

static void put_notes(struct text *text, const struct journey *journey, const struct journey_event *event)
{
	const struct probe_row *row = probe_table_row(journey->probes, event->probe);
	const struct journey_note *stack = NULL;

	if (row && row->note) {
		out_literal(text->out, " *");
		out_string(text->out, row->note);
		out_literal(text->out, "*");
	}
	for (const struct journey_note *note = event->notes; note; note = note->next) {
		if (note->type == NT_ANNO_ORIGIN && text->at_once)
			put_origin(text, journey, event, note->payload);
		else if (note->type == NT_ANNO_STACK)
			stack = note;
		else if (note->type != NT_ANNO_TASK && *annotation_type(note->type)->text)
			put_note(text, journey, event, note);
	}
	if (stack) /* last: it is long */
		put_note(text, journey, event, stack);
}

/* The Gregorian calendar, in years that begin with March, so that a leap day is their last. */
static void put_day(struct text *text, u64 days_since_1970)
{
	u64 days = days_since_1970 + 719468; /* since March 1st of year 0 */
	u64 in_era = days % 146097;	     /* days of 400 years */
	u64 years = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	u64 in_year = in_era - (365 * years + years / 4 - years / 100);
	u64 month = (5 * in_year + 2) / 153;

	out_decimal(text->out, years + days / 146097 * 400 + (month >= 10), 4);
	out_literal(text->out, "-");
	out_decimal(text->out, month < 10 ? month + 3 : month - 9, 2);
	out_literal(text->out, "-");
	out_decimal(text->out, in_year - (153 * month + 2) / 5 + 1, 2);
}

/* Hours and minutes, with what is between and behind them. */
static void put_clock(struct text *text, u64 minutes)
{
	out_decimal(text->out, minutes / 60, 2);
	out_literal(text->out, ":");
	out_decimal(text->out, minutes % 60, 2);
}

/*
 * "2026-11-23T01:15:44.629102+01:00", as ISO 8601 has it. Both offsets are those of
 * the start, so that setting the clock or the end of summer takes no event backwards.
 */
static void put_date(struct text *text, u64 ts_ns)
{
	s64 zone_minutes = text->env->utc_offset_s / 60;
	u64 wall_ns = ts_ns + (u64)text->env->clock_offset_ns + (u64)(zone_minutes * 60) * NSEC_PER_SEC;
	u64 seconds = wall_ns / NSEC_PER_SEC;

	put_day(text, seconds / SECONDS_PER_DAY);
	out_literal(text->out, "T");
	put_clock(text, seconds % SECONDS_PER_DAY / 60);
	out_literal(text->out, ":");
	out_decimal(text->out, seconds % 60, 2);
	out_literal(text->out, ".");
	out_decimal(text->out, wall_ns % NSEC_PER_SEC / NSEC_PER_USEC, 6);
	out_string(text->out, zone_minutes < 0 ? "-" : "+");
	put_clock(text, (u64)(zone_minutes < 0 ? -zone_minutes : zone_minutes));
}

/* In one piece: every line begins with it. */
static void put_seconds(struct text *text, u64 ts_ns)
{
	char digits[2 * DECIMAL_BYTES], *end = digits + sizeof(digits), *at;

	at = decimal_before(end, ts_ns % NSEC_PER_SEC / NSEC_PER_USEC, 6);
	*--at = '.';
	at = decimal_before(at, ts_ns / NSEC_PER_SEC, 1);
	out_write(text->out, at, (size_t)(end - at));
}

static void put_time(struct text *text, u64 ts_ns)
{
	out_literal(text->out, "[");
	if (text->env->date) {
		put_date(text, ts_ns);
	} else {
		put_seconds(text, ts_ns);
	}
	out_literal(text->out, "]");
}

/* " ping:230", or " worker:230/231" for another thread than the first. */
static void put_process(struct text *text, const struct journey_event *event)
{
	const struct annotation_type *type = annotation_type(NT_ANNO_TASK);
	const struct journey_note *note = event->notes;
	const struct nt_anno_TASK *task;
	char comm[NAME_TEXT_BYTES + 1];

	while (note && note->type != NT_ANNO_TASK)
		note = note->next;
	if (!note)
		return;
	task = note->payload;
	out_literal(text->out, " ");
	out_write(text->out, comm,
		  annotation_field_text(type, annotation_field(type, "comm"), task, NULL, comm, sizeof(comm)));
	out_literal(text->out, ":");
	out_decimal(text->out, task->pid, 1);
	if (task->tid != task->pid) {
		out_literal(text->out, "/");
		out_decimal(text->out, task->tid, 1);
	}
}

static void put_interface(struct text *text, const struct journey_event *event)
{
	const struct dict *dict = text->env->dict;
	u64 key = dict_ifname_key(event->netns, event->ifindex);
	const char *name = dict ? dict_get(dict, DICT_IFNAME, key) : NULL;
	char plain[NAME_TEXT_BYTES + 1];

	if (!event->ifindex)
		return;
	out_literal(text->out, " ");
	if (name) {
		out_write(text->out, plain, annotation_plain_text(name, plain, sizeof(plain)));
		return;
	}
	out_literal(text->out, "if ");
	out_decimal(text->out, event->ifindex, 1);
}

/* " netns web:4026532114", or the inode alone. */
static void put_netns(struct text *text, u32 netns)
{
	const char *name = text->env->dict ? dict_get(text->env->dict, DICT_NETNS, netns) : NULL;
	char plain[NAME_TEXT_BYTES + 1];

	out_literal(text->out, " netns ");
	if (name) {
		out_write(text->out, plain, annotation_plain_text(name, plain, sizeof(plain)));
		out_literal(text->out, ":");
	}
	out_decimal(text->out, netns, 1);
}

/*
 * "[cpu 1 softirq eth0] ". In interrupts the process is one that happened to be
 * there. *netns is the namespace that was told last; one that is the same is not told again.
 */
static void put_detail(struct text *text, const struct journey_event *event, u32 *netns)
{
	const char *context = context_name(event->context);

	out_literal(text->out, "[cpu ");
	out_decimal(text->out, event->cpu, 1);
	if (context) {
		out_literal(text->out, " ");
		out_string(text->out, context);
	}
	if (event->context == NT_CTX_TASK)
		put_process(text, event);
	put_interface(text, event);
	if (event->netns && event->netns != *netns) {
		*netns = event->netns;
		put_netns(text, event->netns);
	}
	out_literal(text->out, "] ");
}

static void put_event(struct text *text, const struct journey *journey, const struct journey_event *event,
		      u32 *netns, const char *packet)
{
	put_time(text, event->ts_ns);
	out_literal(text->out, " [");
	put_name(text, probe_table_row(journey->probes, event->probe), event->probe);
	out_literal(text->out, "] ");
	if (text->env->detail)
		put_detail(text, event, netns);
	out_string(text->out, packet);
	put_notes(text, journey, event);
}

static void put_since(struct text *text, u64 ns, bool slowest)
{
	out_literal(text->out, " ");
	if (slowest)
		put_color(text, BOLD_YELLOW);
	out_literal(text->out, "(+");
	put_span(text, ns);
	out_literal(text->out, ")");
	if (slowest)
		put_color(text, PLAIN);
}

static void put_events(struct text *text, const struct journey *journey)
{
	const struct journey_event *events = journey->events;
	char packet[PACKET_TEXT_BYTES];
	size_t slowest = 0; /* of the spans, which are told behind their ends */
	u64 span_ns;
	u32 netns = 0;

	if (text->env->color && !journey_slowest_before(journey) && journey_slowest(journey, &slowest, &span_ns) && span_ns)
		slowest++;
	for (size_t i = 0; i < journey->n_events; i++) {
		if (!i || events[i].flow != events[i - 1].flow)
			packet_text(&journey->flows[events[i].flow], packet, sizeof(packet));
		put_event(text, journey, &events[i], &netns, packet);
		if (i)
			put_since(text, events[i].ts_ns - events[i - 1].ts_ns, i == slowest);
		out_literal(text->out, "\n");
	}
}

static void put_slowest_span(struct text *text, const struct journey *journey, size_t from, u64 span_ns)
{
	const char *from_stage = stage_name(journey_stage(journey, from)), *to_stage = stage_name(journey_stage(journey, from + 1));

	if (!strcmp(from_stage, to_stage))
		out_literal(text->out, "within ");
	out_string(text->out, from_stage);
	if (strcmp(from_stage, to_stage)) {
		out_literal(text->out, " to ");
		out_string(text->out, to_stage);
	}
	out_literal(text->out, " ");
	put_span(text, span_ns);
}

/* What is known of the time before the stack only by its most may have been longer, or not. */
static void put_slowest(struct text *text, const struct journey *journey)
{
	bool before = journey_slowest_before(journey), spans;
	u64 span_ns;
	size_t from;

	spans = journey_slowest(journey, &from, &span_ns) && !(before && !journey->before.upper);
	if (before || spans)
		out_literal(text->out, ", slowest: ");
	if (spans)
		put_slowest_span(text, journey, from, span_ns);
	if (before) {
		out_string(text->out, spans ? ", or before the stack " : "before the stack ");
		out_string(text->out, journey->before.upper ? "≤ " : "");
		put_span(text, journey->before.delay_ns);
	}
}

static void put_drop(struct text *text, const struct nt_anno_DROP *drop)
{
	const struct annotation_type *type = annotation_type(NT_ANNO_DROP);
	char reason[NOTE_TEXT_BYTES];
	size_t length = annotation_field_text(type, annotation_field(type, "reason"), drop,
					      text->env->dict, reason, sizeof(reason));

	put_color(text, RED);
	out_literal(text->out, "dropped: ");
	out_write(text->out, reason, length);
	put_color(text, PLAIN);
	out_literal(text->out, "\n");
}

static void put_incomplete(struct text *text, const struct journey *journey)
{
	static const char *const reasons[GAP_COUNT] = {
		[GAP_START] = "the start was not seen",
		[GAP_RECORDS] = "records were lost",
		[GAP_END] = "the end was not seen",
		[GAP_ROOM] = "events are missing",
	};
	const char *between = "incomplete: ";

	put_color(text, RED);
	for (unsigned int gap = 0; gap < GAP_COUNT; gap++) {
		if (!journey_has_gap(journey, gap))
			continue;
		out_string(text->out, between);
		out_string(text->out, reasons[gap]);
		between = ", ";
	}
	put_color(text, PLAIN);
	out_literal(text->out, "\n");
}

/* "merged into: c133e200 sent at [12.345678]" */
static void put_link(struct text *text, const char *what, const struct journey_link *link, const char *when)
{
	if (!link->id)
		return;
	out_string(text->out, what);
	if (link->skb)
		put_hex32(text, (u32)link->skb);
	else
		out_literal(text->out, "a packet not seen");
	if (link->ts_ns) {
		out_string(text->out, when);
		put_time(text, link->ts_ns);
	}
	out_literal(text->out, "\n");
}

/* "446.9 ms (446.8 ms–447.1 ms)" */
static void put_bounds(struct text *text, u64 ns, u64 low_ns, u64 high_ns)
{
	put_span(text, ns);
	if (low_ns == high_ns)
		return;
	out_literal(text->out, " (");
	put_span(text, low_ns);
	out_literal(text->out, "–");
	put_span(text, high_ns);
	out_literal(text->out, ")");
}

/* "446.9 ms on cpu 3: interrupts off by …" */
static void put_delay(struct text *text, const struct journey *journey, const struct journey_delay *delay)
{
	char words[DELAY_TEXT_BYTES];

	put_color(text, RED);
	out_write(text->out, words, delay_text(journey, delay, words, sizeof(words)));
	put_color(text, PLAIN);
	if (delay->incident) {
		out_literal(text->out, " (incident ");
		out_decimal(text->out, delay->incident, 1);
		out_literal(text->out, ")");
	}
	out_literal(text->out, "\n");
}

static void put_before(struct text *text, const struct journey *journey)
{
	if (!journey->before.blocked)
		return;
	out_literal(text->out, "before the stack: ");
	put_delay(text, journey, &journey->before);
}

static void put_delays(struct text *text, const struct journey *journey)
{
	for (size_t i = 0; i < journey->n_delays; i++) {
		const struct journey_delay *delay = &journey->delays[i];

		out_literal(text->out, "waited in ");
		out_string(text->out, stage_name(journey_stage(journey, delay->from)));
		out_literal(text->out, ": ");
		put_delay(text, journey, delay);
	}
}

static void put_journey(struct render *render, const struct journey *journey)
{
	struct text text;

	if (!journey->n_events)
		return;
	text.out = render->out;
	text.env = &render->env;
	text.at_once = false;
	put_header(&text, journey);
	put_before(&text, journey);
	put_events(&text, journey);
	out_literal(text.out, "total: ");
	put_span(&text, journey->end_ns - journey->start_ns);
	put_slowest(&text, journey);
	out_literal(text.out, ", outcome: ");
	out_string(text.out, outcome_name(journey->outcome));
	out_literal(text.out, "\n");
	put_delays(&text, journey);
	put_link(&text, "merged into: ", &journey->merged_into, " seen at ");
	put_link(&text, "part of: ", &journey->part_of, " seen at ");
	put_link(&text, "retransmission of: ", &journey->retransmit_of, " sent at ");
	if (journey->drop)
		put_drop(&text, journey->drop);
	if (journey->incomplete)
		put_incomplete(&text, journey);
	out_literal(text.out, "\n");
}

/*
 * The namespace that was told with the lines before this event's; 0 if it is the first, or
 * if none is known. The events that origins were made into have no lines of their own.
 */
static u32 netns_before(const struct journey *journey, const struct journey_event *event)
{
	for (const struct journey_note *note = event->notes; note; note = note->next)
		if (note->type == NT_ANNO_ORIGIN)
			return 0;
	while (event > journey->events)
		if ((--event)->netns)
			return event->netns;
	return 0;
}

/* A line, which begins with the low 32 bits of the sk_buff. Spans and the outcome are what blocks are for. */
static void put_event_line(struct render *render, const struct journey *journey, const struct journey_event *event)
{
	char packet[PACKET_TEXT_BYTES];
	struct text text;
	u32 netns = 0;

	text.out = render->out;
	text.env = &render->env;
	text.at_once = true;
	put_color(&text, DIM);
	put_hex32(&text, (u32)event->skb);
	out_literal(text.out, ": ");
	put_color(&text, PLAIN);
	if (render->env.detail && event->netns)
		netns = netns_before(journey, event);
	packet_text(&journey->flows[event->flow], packet, sizeof(packet));
	put_event(&text, journey, event, &netns, packet);
	out_literal(text.out, "\n");
}

static void put_stack(struct text *text, const struct nt_blocked *blocked)
{
	char name[NOTE_TEXT_BYTES];
	const u64 *frames;
	const char *known;
	size_t n;

	frames = cause_frames(blocked, text->env->dict, &n);
	for (size_t i = 0; i < n; i++) {
		known = text->env->dict ? dict_get(text->env->dict, DICT_SYMBOL, frames[i]) : NULL;
		out_string(text->out, i ? " < " : "stack: ");
		if (known)
			out_write(text->out, name, annotation_plain_text(known, name, sizeof(name)));
		else
			out_literal(text->out, "?");
	}
	if (n)
		out_literal(text->out, "\n");
}

/* The ramp of delays: who came first waited longest. */
static void put_held(struct text *text, const struct incident *incident)
{
	out_literal(text->out, "packets held: ");
	out_decimal(text->out, incident->packets, 1);
	out_string(text->out, incident->upper ? ", for ≤ " : ", for ");
	if (incident->upper)
		put_span(text, incident->longest_ns);
	for (u32 i = 0; !incident->upper && i < incident->packets && i < INCIDENT_DELAYS; i++) {
		if (i)
			out_literal(text->out, ", ");
		put_span(text, incident->delays_ns[i]);
	}
	if (!incident->upper && incident->packets > INCIDENT_DELAYS)
		out_literal(text->out, ", …");
	out_literal(text->out, "\n");
}

/* A block of its own, as packets have them. */
static void put_incident(struct render *render, const struct incident *incident)
{
	const struct nt_blocked *blocked = incident->blocked;
	char cause[CAUSE_TEXT_BYTES];
	struct text text = {.out = render->out, .env = &render->env};

	out_literal(text.out, "***************** incident ");
	out_decimal(text.out, incident->id, 1);
	out_literal(text.out, " ***************\n");
	put_time(&text, blocked->end_ns);
	out_literal(text.out, " cpu ");
	out_decimal(text.out, blocked->cpu, 1);
	out_literal(text.out, " was blocked for ");
	put_bounds(&text, blocked_least_ns(blocked), blocked_least_ns(blocked), blocked_most_ns(blocked));
	out_literal(text.out, ": ");
	put_color(&text, RED);
	out_write(text.out, cause, cause_text(blocked, text.env->dict, cause, sizeof(cause)));
	put_color(&text, PLAIN);
	out_literal(text.out, "\n");
	put_stack(&text, blocked);
	put_held(&text, incident);
	out_literal(text.out, "\n");
}

static void put_latency(struct render *render, const struct latency_report *report)
{
	latency_put_text(render->out, report);
}

const struct render_format render_text = {
	.name = "text",
	.ending = ".txt",
	.journey = put_journey,
	.event = put_event_line,
	.incident = put_incident,
	.latency = put_latency,
};
