/* SPDX-License-Identifier: GPL-2.0 */
#include "wait.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "annotation.h"
#include "annotations.h"
#include "cause.h"
#include "digits.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Bits of netdev_queue.state, enum netdev_queue_state_t in include/linux/netdevice.h, the same since 3.3 */
#define QUEUE_STOPPED_BY_DRIVER 0x1u
#define QUEUE_STOPPED_BY_LIMITS 0x2u

/* task_struct.state, include/linux/sched.h, the same since 4.14 */
#define TASK_STOPPED 0x4u
#define TASK_TRACED 0x8u

#define NOTE_TEXT_BYTES 256

/* A wait of which nothing is known is told from here on. */
#define UNKNOWN_MIN_NS 10000000ull

#define STAGE(name) (1u << NT_STAGE_##name)
#define ANY_STAGE (~STAGE(LIFE)) /* what frees a packet long after it was sent says nothing of a wait */
_Static_assert(NT_STAGE_COUNT <= 32, "stages are bits");

static const void *note_of(const struct journey_event *event, unsigned int type)
{
	for (const struct journey_note *note = event->notes; note; note = note->next)
		if (note->type == type)
			return note->payload;
	return NULL;
}

static const char *probe_name(const struct journey *journey, size_t at)
{
	const struct probe_row *row = probe_table_row(journey->probes, journey->events[at].probe);

	return row ? row->name : "";
}

static enum nt_stage own_stage(const struct journey *journey, size_t at)
{
	const struct probe_row *row = probe_table_row(journey->probes, journey->events[at].probe);

	return row ? row->stage : NT_STAGE_UNKNOWN;
}

/* The queue as the packet found it, or else as it left it. */
static const void *queue_of(const struct journey_delay *delay, const struct journey *journey)
{
	const void *note = NULL;

	for (size_t i = delay->from + 1; !note && i-- > 0 && own_stage(journey, i) == NT_STAGE_QDISC;)
		if (journey->events[i].skb == journey->events[delay->from].skb)
			note = note_of(&journey->events[i], NT_ANNO_QUEUE);
	for (size_t i = delay->from + 1; !note && i <= delay->event; i++)
		note = note_of(&journey->events[i], NT_ANNO_QUEUE);
	return note;
}

/* These keep packets back on purpose; the others send as soon as the driver takes them. */
static bool is_shaper(const char *kind, size_t size)
{
	static const char *const kinds[] = {"netem", "tbf", "htb", "hfsc", "cbq", "fq", "etf", "taprio", "cake", "plug"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strncmp(kind, kinds[i], size))
			return true;
	return false;
}

/* Why the driver was not given the packet at once was to be seen when it was put into the queue. */
static enum nt_cause cause_in_qdisc(const struct journey *journey, const struct journey_delay *delay)
{
	const struct nt_anno_QUEUE *queue = queue_of(delay, journey);

	if (!queue)
		return NT_CAUSE_UNKNOWN;
	if (queue->state & QUEUE_STOPPED_BY_DRIVER)
		return NT_CAUSE_QDISC_DRIVER_FULL;
	if (queue->state & QUEUE_STOPPED_BY_LIMITS)
		return NT_CAUSE_QDISC_BQL;
	return is_shaper(queue->kind, sizeof(queue->kind)) ? NT_CAUSE_QDISC_SHAPER : NT_CAUSE_UNKNOWN;
}

/* What the reader did while the packet was in its queue. */
struct reading {
	u64 elsewhere_ns; /* it was not ready to run */
	u64 ready_ns;	  /* but did not */
	u64 running_ns;
};

static struct reading reading_of(const struct nt_anno_READ *read, u64 from_ns, u64 to_ns)
{
	u64 woken_ns = read->woken_ns > from_ns ? read->woken_ns : from_ns, wait_from_ns, wait_to_ns;
	struct reading reading = {0};

	if (woken_ns > to_ns)
		woken_ns = to_ns;
	wait_from_ns = read->wait_from_ns > woken_ns ? read->wait_from_ns : woken_ns;
	wait_to_ns = read->wait_to_ns < to_ns ? read->wait_to_ns : to_ns;
	reading.elsewhere_ns = woken_ns - from_ns;
	reading.ready_ns = wait_to_ns > wait_from_ns ? wait_to_ns - wait_from_ns : 0;
	reading.running_ns = to_ns - woken_ns - reading.ready_ns;
	return reading;
}

static enum nt_cause cause_of_reader(const struct journey *journey, const struct journey_delay *delay)
{
	const struct nt_anno_READ *read = note_of(&journey->events[delay->event], NT_ANNO_READ);
	struct reading reading;

	if (!read)
		return NT_CAUSE_UNKNOWN;
	reading = reading_of(read, journey->events[delay->from].ts_ns, journey->events[delay->event].ts_ns);
	if (reading.ready_ns > reading.elsewhere_ns && reading.ready_ns > reading.running_ns)
		return NT_CAUSE_READER_NOT_SCHEDULED;
	return NT_CAUSE_READER_BUSY;
}

static bool was_stopped(const struct nt_anno_READ *read, const struct reading *reading)
{
	return reading->elsewhere_ns > reading->running_ns && (read->state & (TASK_STOPPED | TASK_TRACED));
}

/*
 * A segment that came out of order waits for those before it, of which nothing is known here. Its reader is to blame for what
 * is known of that: it is woken when they have come.
 */
static enum nt_cause cause_out_of_order(const struct journey *journey, const struct journey_delay *delay)
{
	const struct nt_anno_READ *read = note_of(&journey->events[delay->event], NT_ANNO_READ);
	enum nt_cause cause = cause_of_reader(journey, delay);
	struct reading reading;

	if (cause != NT_CAUSE_READER_BUSY)
		return cause;
	reading = reading_of(read, journey->events[delay->from].ts_ns, journey->events[delay->event].ts_ns);
	return was_stopped(read, &reading) ? NT_CAUSE_READER_BUSY : NT_CAUSE_UNKNOWN;
}

static bool is_on_another_cpu(const struct journey *journey, const struct journey_delay *delay)
{
	return journey->events[delay->from].cpu != journey->events[delay->event].cpu;
}

/*
 * What GRO does not keep passes it without being completed. It is the same CPU's: what another one sees next was handed to
 * that, where no probe tells so (RPS, with tracepoints only).
 */
static enum nt_cause cause_in_gro(const struct journey *journey, const struct journey_delay *delay)
{
	if (is_on_another_cpu(journey, delay))
		return NT_CAUSE_BACKLOG;
	return strcmp(probe_name(journey, delay->event), "napi_gro_complete") ? NT_CAUSE_UNKNOWN : NT_CAUSE_GRO_HOLD;
}

static enum nt_cause cause_backlog(const struct journey *journey, const struct journey_delay *delay)
{
	return is_on_another_cpu(journey, delay) ? NT_CAUSE_BACKLOG : NT_CAUSE_UNKNOWN;
}

/* Where compilers make tcp_data_queue_ofo a part of its caller, what is not in order leaves no trace behind these. */
#define OUT_OF_ORDER "tcp_data_queue_ofo"
#define NOT_QUEUED "tcp_rcv_established"
#define NOT_QUEUED_ACK "tcp_ack"
#define IN_USE "tcp_add_backlog"
#define MERGED "kfree_skb_partial" /* its data is another's now */

static bool is_at(const struct journey *journey, size_t at, const char *probe)
{
	return !strcmp(probe_name(journey, at), probe);
}

/* Where packets wait: between an event of a stage, or of that probe, and the next of others. */
static const struct wait_place {
	const char *probe; /* NULL: any of the stage */
	enum nt_stage from;
	u32 to; /* bits of stages */
	enum nt_cause cause;
	enum nt_cause (*judge)(const struct journey *journey, const struct journey_delay *delay); /* instead of cause */
} places[] = {
	{NULL, NT_STAGE_GRO, STAGE(GRO) | STAGE(LINK_IN), 0, cause_in_gro},
	{"enqueue_to_backlog", NT_STAGE_LINK_IN, STAGE(LINK_IN), 0, cause_backlog},
	{"netif_rx", NT_STAGE_LINK_IN, STAGE(LINK_IN), 0, cause_backlog},
	{NULL, NT_STAGE_NETFILTER, ANY_STAGE, NT_CAUSE_NETFILTER, NULL},
	{"ip_defrag", NT_STAGE_IP_IN, ANY_STAGE, NT_CAUSE_DEFRAG, NULL},
	{"ipv6_frag_rcv", NT_STAGE_IP_IN, ANY_STAGE, NT_CAUSE_DEFRAG, NULL},
	{"nf_ct_frag6_gather", NT_STAGE_IP_IN, ANY_STAGE, NT_CAUSE_DEFRAG, NULL},
	{OUT_OF_ORDER, NT_STAGE_SOCKET, STAGE(READER) | STAGE(LIFE), 0, cause_out_of_order},
	{NOT_QUEUED, NT_STAGE_TRANSPORT_IN, STAGE(READER) | STAGE(LIFE), 0, cause_out_of_order},
	{NOT_QUEUED_ACK, NT_STAGE_TRANSPORT_IN, STAGE(READER) | STAGE(LIFE), 0, cause_out_of_order},
	{IN_USE, NT_STAGE_SOCKET, STAGE(TRANSPORT_IN), NT_CAUSE_READER_BUSY, NULL},
	{NULL, NT_STAGE_SOCKET, STAGE(READER), 0, cause_of_reader},
	{NULL, NT_STAGE_NEIGHBOUR, ANY_STAGE, NT_CAUSE_NEIGHBOUR, NULL},
	{NULL, NT_STAGE_QDISC, STAGE(QDISC) | STAGE(DRIVER), 0, cause_in_qdisc},
};

static bool is_reassembly(const struct journey *journey, size_t at)
{
	return is_at(journey, at, "ip_defrag") || is_at(journey, at, "ipv6_frag_rcv") ||
	       is_at(journey, at, "nf_ct_frag6_gather");
}

/*
 * The event before of the same sk_buff, of one that says where it was. Reassembly goes on with another sk_buff than it
 * began with: after it comes whatever is next.
 */
static bool find_before(const struct journey *journey, size_t at, size_t *ret_before)
{
	bool nearest = true;

	for (size_t i = at; i-- > 0; nearest = false) {
		while (i && own_stage(journey, i) == NT_STAGE_LIFE)
			i--;
		if (journey->events[i].skb != journey->events[at].skb &&
		    !(nearest && is_reassembly(journey, i)))
			continue;
		*ret_before = i;
		return true;
	}
	return false;
}

bool wait_judge(const struct journey *journey, size_t at, struct journey_delay *ret_delay)
{
	enum nt_stage to = own_stage(journey, at);
	struct journey_delay delay = {.event = at};
	u64 span_ns;

	if ((to == NT_STAGE_LIFE && !is_at(journey, at, MERGED)) || to == NT_STAGE_UNKNOWN || !find_before(journey, at, &delay.from))
		return false;
	span_ns = journey->events[at].ts_ns - journey->events[delay.from].ts_ns;
	if (span_ns < WAIT_MIN_NS)
		return false;
	delay.delay_ns = delay.low_ns = delay.high_ns = span_ns;
	delay.cpu = journey->events[at].cpu;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const struct wait_place *place = &places[i];

		if (place->from != own_stage(journey, delay.from) || !(place->to >> to & 1) ||
		    (place->probe && !is_at(journey, delay.from, place->probe)))
			continue;
		delay.cause = place->judge ? place->judge(journey, &delay) : place->cause;
		if (delay.cause == NT_CAUSE_UNKNOWN && span_ns < UNKNOWN_MIN_NS)
			return false;
		*ret_delay = delay;
		return true;
	}
	return false;
}

/* A text that grows, cut at the end of its room. */
struct phrase {
	char *text;
	size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void say(struct phrase *phrase, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(phrase->text + phrase->used, phrase->size - phrase->used, format, args);
	va_end(args);
	if (length > 0)
		phrase->used += (size_t)length < phrase->size - phrase->used ? (size_t)length : phrase->size - phrase->used - 1;
}

static void say_ms(struct phrase *phrase, u64 ns)
{
	say(phrase, "%" PRIu64 ".%" PRIu64 " ms", ns / 1000000, ns / 100000 % 10);
}

/* "python3[123]" */
static void say_task(struct phrase *phrase, const char *comm, size_t size, u32 pid)
{
	char name[32] = "", plain[4 * sizeof(name)];

	memcpy(name, comm, size < sizeof(name) ? size : sizeof(name) - 1);
	annotation_plain_text(name, plain, sizeof(plain));
	say(phrase, "%s[%u]", plain, pid);
}

static void say_note(struct phrase *phrase, unsigned int type, const void *payload)
{
	struct journey_note note = {.type = (u16)type, .payload = payload};
	char text[NOTE_TEXT_BYTES];

	annotation_text(&note, NULL, text, sizeof(text));
	say(phrase, "%s", text);
}

static void say_qdisc(struct phrase *phrase, const struct journey *journey, const struct journey_delay *delay)
{
	const struct nt_anno_QUEUE *queue = queue_of(delay, journey);

	if (queue)
		say_note(phrase, NT_ANNO_QUEUE, queue);
	switch (delay->cause) {
	case NT_CAUSE_QDISC_SHAPER:
		say(phrase, " let it go later");
		break;
	case NT_CAUSE_QDISC_DRIVER_FULL:
		say(phrase, " kept it: the driver's ring was full");
		break;
	case NT_CAUSE_QDISC_BQL:
		say(phrase, " kept it: the driver had as many bytes as its queue limits (BQL) allow");
		break;
	default:
		say(phrase, queue ? " kept it, unknown why" : "unknown: it was queued for the driver");
	}
}

static void say_netfilter(struct phrase *phrase, const struct journey *journey, const struct journey_delay *delay)
{
	static const unsigned int types[] = {NT_ANNO_HOOK, NT_ANNO_TABLE, NT_ANNO_XTABLE, NT_ANNO_RULES};

	say(phrase, "netfilter");
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const void *payload = note_of(&journey->events[delay->from], types[i]);

		if (!payload)
			continue;
		say(phrase, ", ");
		say_note(phrase, types[i], payload);
	}
}

static void say_where_reader_was(struct phrase *phrase, const struct nt_anno_READ *read, const struct reading *reading)
{
	if (reading->elsewhere_ns <= reading->running_ns)
		say(phrase, read->woken_ns ? " was busy" : " did not wait for it");
	else if (was_stopped(read, reading))
		say(phrase, " was stopped");
	else
		say(phrase, " slept, but did not wait for it");
}

static void say_reader(struct phrase *phrase, const struct journey *journey, const struct journey_delay *delay)
{
	const struct nt_anno_READ *read = note_of(&journey->events[delay->event], NT_ANNO_READ);
	struct reading reading;

	if (!read) {
		say(phrase, "unknown: in the socket's queue");
		return;
	}
	reading = reading_of(read, journey->events[delay->from].ts_ns, journey->events[delay->event].ts_ns);
	say(phrase, "its reader ");
	say_task(phrase, read->comm, sizeof(read->comm), read->pid);
	if (delay->cause != NT_CAUSE_READER_NOT_SCHEDULED) {
		say_where_reader_was(phrase, read, &reading);
		return;
	}
	say(phrase, " was ready to run for ");
	say_ms(phrase, reading.ready_ns);
	if (!read->before_pid) {
		say(phrase, ", but its CPU was idle");
		return;
	}
	say(phrase, ", ");
	say_ms(phrase, read->before_ns < reading.ready_ns ? read->before_ns : reading.ready_ns);
	say(phrase, " of which ");
	say_task(phrase, read->before_comm, sizeof(read->before_comm), read->before_pid);
	say(phrase, " had its CPU");
}

static void say_socket(struct phrase *phrase, const struct journey *journey, const struct journey_delay *delay)
{
	bool in_order = own_stage(journey, delay->from) == NT_STAGE_SOCKET && !is_at(journey, delay->from, OUT_OF_ORDER);

	if (is_at(journey, delay->from, IN_USE) && own_stage(journey, delay->event) != NT_STAGE_READER)
		say(phrase, "its socket was in use by a process");
	else if (!in_order && delay->cause == NT_CAUSE_UNKNOWN)
		say(phrase, "segments before it came late");
	else
		say_reader(phrase, journey, delay);
}

static void say_backlog(struct phrase *phrase, const struct journey_delay *delay)
{
	say(phrase, delay->cause == NT_CAUSE_BACKLOG ? "in the backlog of cpu %u" : "unknown: in the backlog of cpu %u", delay->cpu);
}

size_t wait_text(const struct journey *journey, const struct journey_delay *delay, char *text, size_t size)
{
	struct phrase phrase = {.text = text, .size = size};

	if (delay->blocked)
		return cause_text(delay->blocked, journey->dict, text, size);
	text[0] = 0;
	switch (own_stage(journey, delay->from)) {
	case NT_STAGE_QDISC:
		say_qdisc(&phrase, journey, delay);
		break;
	case NT_STAGE_NETFILTER:
		say_netfilter(&phrase, journey, delay);
		break;
	case NT_STAGE_SOCKET:
	case NT_STAGE_TRANSPORT_IN:
		say_socket(&phrase, journey, delay);
		break;
	case NT_STAGE_NEIGHBOUR:
		say(&phrase, "the link-layer address of the next hop was not known");
		break;
	case NT_STAGE_GRO:
		if (delay->cause == NT_CAUSE_BACKLOG) {
			say_backlog(&phrase, delay);
			break;
		}
		say(&phrase, delay->cause == NT_CAUSE_GRO_HOLD
				     ? "GRO kept it for more of its flow (gro_flush_timeout, napi_defer_hard_irqs)"
				     : "unknown: in GRO");
		break;
	case NT_STAGE_IP_IN:
		say(&phrase, "other fragments of it came late");
		break;
	default:
		say_backlog(&phrase, delay);
	}
	return phrase.used;
}

static void say_span(struct phrase *phrase, u64 ns)
{
	char span[SPAN_BYTES];

	say(phrase, "%s", span_text(ns, span));
}

size_t delay_text(const struct journey *journey, const struct journey_delay *delay, char *text, size_t size)
{
	struct phrase phrase = {.text = text, .size = size};
	char cause[WAIT_TEXT_BYTES];

	text[0] = 0;
	if (delay->upper)
		say(&phrase, "≤ ");
	say_span(&phrase, delay->delay_ns);
	if (!delay->upper && delay->low_ns != delay->high_ns) {
		say(&phrase, " (");
		say_span(&phrase, delay->low_ns);
		say(&phrase, "–");
		say_span(&phrase, delay->high_ns);
		say(&phrase, ")");
	}
	if (delay->blocked)
		say(&phrase, " on cpu %u", delay->cpu);
	wait_text(journey, delay, cause, sizeof(cause));
	say(&phrase, ": %s", cause);
	return phrase.used;
}
