/* SPDX-License-Identifier: GPL-2.0 */
/* JSON lines, as jsonl.schema.json describes them: an object at the start, one per journey or event, one at the end. */
#include <stdio.h>
#include <string.h>

#include "annotation.h"
#include "cause.h"
#include "filter.h"
#include "journey_outcome.h"
#include "json.h"
#include "packet.h"
#include "probe_table.h"
#include "render.h"
#include "wait.h"

#define ADDRESS_TEXT_BYTES 46

static void put_known(struct json *json, const char *key, const char *string)
{
	json_string(json, key, *string ? string : NULL);
}

static void put_facts(struct render *render, const struct trace_facts *facts)
{
	struct json json;

	json_begin(&json, render->out);
	json_string(&json, "type", "start");
	put_known(&json, "version", facts->version);
	put_known(&json, "kernel", facts->kernel);
	put_known(&json, "host", facts->host);
	put_known(&json, "machine", facts->machine);
	put_known(&json, "backend", facts->backend);
	put_known(&json, "filter", facts->filter);
	json_number(&json, "probes", facts->n_probes);
	json_number(&json, "probes_skipped", facts->n_skipped);
	json_number_if(&json, "cpus", facts->n_cpus, facts->n_cpus);
	json_address(&json, "session", facts->session);
	json_number(&json, "start_ns", facts->start_ns);
	json_signed(&json, "clock_offset_ns", facts->clock_offset_ns);
	json_signed(&json, "utc_offset_s", facts->utc_offset_s);
	json_end(&json);
	out_flush(render->out); /* whoever waits for it knows that everything is attached */
}

static void put_address(struct json *json, const char *key, const struct nt_flow *flow, const u32 *addr)
{
	char text[ADDRESS_TEXT_BYTES];

	packet_address_text(flow, addr, text, sizeof(text));
	put_known(json, key, text);
}

static void put_tcp(struct json *json, const struct nt_flow *flow)
{
	char letters[sizeof(FILTER_TCP_FLAGS)];
	size_t n = 0;

	for (unsigned int bit = 0; bit < 8; bit++)
		if (flow->tcp_flags >> bit & 1)
			letters[n++] = FILTER_TCP_FLAGS[bit];
	letters[n] = '\0';
	json_number(json, "seq", flow->tcp_seq);
	json_number(json, "ack", flow->tcp_ack);
	json_string(json, "flags", letters);
	json_number(json, "payload_bytes", flow->payload_bytes);
}

static void put_udp(struct json *json, const struct nt_flow *flow)
{
	json_number(json, "payload_bytes", flow->payload_bytes);
}

static void put_icmp(struct json *json, const struct nt_flow *flow)
{
	json_number(json, "type", flow->icmp_type >> 8);
	json_number(json, "code", flow->icmp_type & 0xff);
	json_number_if(json, "id", flow->echo_id, nt_flow_is_echo(flow));
	json_number_if(json, "seq", flow->echo_seq, nt_flow_is_echo(flow));
}

/* null if no address was read, or none is asked for yet. */
static void put_mac(struct json *json, const char *key, const u8 mac[6])
{
	char text[] = "00:00:00:00:00:00";
	u8 any = 0;

	for (size_t i = 0; i < 6; i++) {
		any |= mac[i];
		text[3 * i] = "0123456789abcdef"[mac[i] >> 4];
		text[3 * i + 1] = "0123456789abcdef"[mac[i] & 15];
	}
	json_string(json, key, any ? text : NULL);
}

static void put_arp(struct json *json, const struct nt_flow *flow)
{
	json_number(json, "operation", flow->icmp_type);
	put_mac(json, "sender_mac", flow->sender_mac);
	put_mac(json, "target_mac", flow->target_mac);
}

static const struct transport {
	u16 l3_proto;
	u8 l4_proto;
	const char *key;
	void (*put)(struct json *json, const struct nt_flow *flow);
} transports[] = {
	{NT_ETH_IPV4, NT_IP_TCP, "tcp", put_tcp},    {NT_ETH_IPV6, NT_IP_TCP, "tcp", put_tcp},
	{NT_ETH_IPV4, NT_IP_UDP, "udp", put_udp},    {NT_ETH_IPV6, NT_IP_UDP, "udp", put_udp},
	{NT_ETH_IPV4, NT_IP_ICMP, "icmp", put_icmp}, {NT_ETH_IPV6, NT_IP_ICMPV6, "icmp", put_icmp},
	{NT_ETH_ARP, 0, "arp", put_arp},
};

/* What a protocol alone has, in an object of its name; null if that could not be read. */
static void put_transport(struct json *json, const struct nt_flow *flow)
{
	const struct transport *row = transports, *end = row + sizeof(transports) / sizeof(transports[0]);

	while (row < end && (row->l3_proto != flow->l3_proto || row->l4_proto != flow->l4_proto))
		row++;
	if (row == end)
		return;
	if (flow->no_transport) {
		json_null(json, row->key);
		return;
	}
	json_object(json, row->key);
	row->put(json, flow);
	json_object_end(json);
}

/* What a packet's headers say, as members of the object that is open. */
static void put_packet(struct json *json, const struct nt_flow *flow)
{
	bool ip = flow->l3_proto == NT_ETH_IPV4 || flow->l3_proto == NT_ETH_IPV6;
	bool ports = nt_flow_has_ports(flow), read = flow->l3_proto;

	json_string(json, "proto", filter_protocol_of(flow));
	put_address(json, "src", flow, flow->saddr);
	put_address(json, "dst", flow, flow->daddr);
	json_number_if(json, "sport", flow->sport, ports);
	json_number_if(json, "dport", flow->dport, ports);
	put_transport(json, flow);
	json_number_if(json, "ethertype", flow->l3_proto, read);
	json_number_if(json, "ip_proto", flow->l4_proto, ip);
	json_number_if(json, "ip_id", flow->ip_id, flow->l3_proto == NT_ETH_IPV4 || flow->fragment);
	json_bool(json, "fragment", flow->fragment);
	json_number_if(json, "vlan", flow->vlan_id, flow->vlan_id);
	json_number_if(json, "len_bytes", flow->len_bytes, read);
	json_number_if(json, "mark", flow->mark, read);
}

static void put_symbol(struct json *json, const char *key, const struct dict *dict, u64 address)
{
	const char *name = dict ? dict_get(dict, DICT_SYMBOL, address) : NULL;

	if (name)
		json_string(json, key, name);
	else
		json_address(json, key, address);
}

static void put_addresses(struct json *json, const char *key, const struct annotation_field *field,
			  const void *payload, const struct dict *dict)
{
	size_t n;
	bool more;
	const u64 *addresses = annotation_addresses(field, payload, dict, &n, &more);

	json_array(json, key);
	for (size_t i = 0; i < n; i++)
		put_symbol(json, NULL, dict, addresses[i]);
	if (more)
		json_string(json, NULL, "...");
	json_array_end(json);
}

/* "8001:" */
static void put_tc_handle(struct json *json, const char *key, u64 handle)
{
	char text[16];

	snprintf(text, sizeof(text), "%x:", (u32)handle >> 16);
	json_string(json, key, text);
}

static void put_number_field(struct json *json, const struct annotation_type *type,
			     const struct annotation_field *field, const void *payload, const struct dict *dict)
{
	const char *name = annotation_number_name(type, field, payload, dict);
	u64 number = annotation_number(field, payload);

	if (field->format == NT_FORMAT_DROP_REASON && number == NT_DROP_REASON_UNKNOWN)
		json_null(json, field->name);
	else if (name)
		json_string(json, field->name, name);
	else if (field->format == NT_FORMAT_TC_HANDLE)
		put_tc_handle(json, field->name, number);
	else if (field->format == NT_FORMAT_ADDRESS || field->format == NT_FORMAT_SYMBOL)
		json_address(json, field->name, number);
	else
		json_number(json, field->name, number);
}

static void put_field(struct json *json, const struct annotation_type *type, const struct annotation_field *field,
		      const void *payload, const struct dict *dict)
{
	if (field->kind == ANNOTATION_string)
		json_string(json, field->name, (const char *)payload + field->offset);
	else if (field->kind == ANNOTATION_addresses)
		put_addresses(json, field->name, field, payload, dict);
	else
		put_number_field(json, type, field, payload, dict);
}

/* An object of its fields; one that has nothing but addresses is an array of them. */
static void put_note(struct json *json, const struct journey_note *note, const struct dict *dict)
{
	const struct annotation_type *type = annotation_type(note->type);

	if (type->n_fields == 1 && type->fields[0].kind == ANNOTATION_addresses) {
		put_addresses(json, type->name, &type->fields[0], note->payload, dict);
		return;
	}
	json_object(json, type->name);
	for (size_t i = 0; i < type->n_fields; i++)
		put_field(json, type, &type->fields[i], note->payload, dict);
	json_object_end(json);
}

_Static_assert(NT_ANNO_COUNT <= 64, "a set of them is one u64");

/*
 * One of a kind: no event has two, and a recording that was tampered with gets no member
 * twice into an object. Origins are events of the journey, or told by put_origins.
 */
static void put_notes(struct json *json, const struct journey_event *event, const struct dict *dict)
{
	u64 told = 1ull << NT_ANNO_ORIGIN;

	json_object(json, "notes");
	for (const struct journey_note *note = event->notes; note; note = note->next) {
		if (!(told >> note->type & 1))
			put_note(json, note, dict);
		told |= 1ull << note->type;
	}
	json_object_end(json);
}

/* A probe's name; its number if the recording's table has no such row. */
static void put_probe(struct json *json, const struct journey *journey, unsigned int probe)
{
	const struct probe_row *row = probe_table_row(journey->probes, probe);

	if (row)
		json_string(json, "probe", row->name);
	else
		json_number(json, "probe", probe);
}

static void put_stage(struct json *json, const char *key, const struct journey *journey, size_t at)
{
	enum nt_stage stage = journey_stage(journey, at);

	json_string(json, key, stage == NT_STAGE_UNKNOWN ? NULL : stage_name(stage));
}

static void put_event(struct json *json, const struct render_env *env, const struct journey *journey,
		      const struct journey_event *event)
{
	size_t at = (size_t)(event - journey->events);
	u64 key = dict_ifname_key(event->netns, event->ifindex);

	json_number(json, "ts_ns", event->ts_ns);
	put_probe(json, journey, event->probe);
	put_stage(json, "stage", journey, at);
	json_number(json, "cpu", event->cpu);
	json_string(json, "context", context_name(event->context));
	json_address(json, "skb", event->skb);
	json_number_if(json, "ifindex", event->ifindex, event->ifindex);
	json_string(json, "ifname", env->dict && event->ifindex ? dict_get(env->dict, DICT_IFNAME, key) : NULL);
	json_number_if(json, "netns", event->netns, event->netns);
	json_string(json, "netns_name", env->dict && event->netns ? dict_get(env->dict, DICT_NETNS, event->netns) : NULL);
	json_number_if(json, "span_ns", at ? event->ts_ns - event[-1].ts_ns : 0, at);
	put_notes(json, event, env->dict);
}

/* How the packet looks from here on, where that is not how it looked before. */
static void put_change(struct json *json, const struct journey *journey, const struct journey_event *event)
{
	if (event == journey->events || event->flow == event[-1].flow)
		return;
	json_object(json, "packet");
	put_packet(json, &journey->flows[event->flow]);
	json_object_end(json);
}

static void put_events(struct json *json, const struct render_env *env, const struct journey *journey)
{
	json_array(json, "events");
	for (size_t i = 0; i < journey->n_events; i++) {
		json_object(json, NULL);
		put_event(json, env, journey, &journey->events[i]);
		put_change(json, journey, &journey->events[i]);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_link(struct json *json, const char *key, const struct journey_link *link)
{
	if (!link->id) {
		json_null(json, key);
		return;
	}
	json_object(json, key);
	json_number(json, "id", link->id);
	json_address(json, "skb", link->skb);
	json_number_if(json, "ts_ns", link->ts_ns, link->ts_ns);
	json_object_end(json);
}

static void put_members(struct json *json, const struct journey *journey)
{
	json_address(json, "skb", journey->n_members ? journey->members[0].skb : 0);
	json_array(json, "clones");
	for (size_t i = 1; i < journey->n_members; i++)
		json_address(json, NULL, journey->members[i].skb);
	json_array_end(json);
}

static void put_gaps(struct json *json, const struct journey *journey)
{
	static const char *const names[GAP_COUNT] = {
		[GAP_START] = "start_unseen",
		[GAP_RECORDS] = "records_lost",
		[GAP_END] = "end_unseen",
		[GAP_ROOM] = "too_many_events",
	};

	json_bool(json, "incomplete", journey->incomplete);
	json_array(json, "incomplete_because");
	for (unsigned int gap = 0; gap < GAP_COUNT; gap++)
		if (journey_has_gap(journey, gap))
			json_string(json, NULL, names[gap]);
	json_array_end(json);
}

static void put_drop(struct json *json, const struct nt_anno_DROP *drop, const struct dict *dict)
{
	const struct annotation_type *type = annotation_type(NT_ANNO_DROP);

	if (!drop) {
		json_null(json, "drop");
		return;
	}
	json_object(json, "drop");
	put_field(json, type, annotation_field(type, "reason"), drop, dict);
	put_field(json, type, annotation_field(type, "location"), drop, dict);
	json_object_end(json);
}

static void put_slowest(struct json *json, const struct journey *journey)
{
	size_t from;
	u64 span_ns;

	if (!journey_slowest(journey, &from, &span_ns)) {
		json_null(json, "slowest");
		return;
	}
	json_object(json, "slowest");
	put_stage(json, "from", journey, from);
	put_stage(json, "to", journey, from + 1);
	json_number(json, "span_ns", span_ns);
	json_object_end(json);
}

static void put_delay(struct json *json, const struct journey *journey, const struct journey_delay *delay)
{
	char text[WAIT_TEXT_BYTES];

	json_number(json, "delay_ns", delay->delay_ns);
	json_number(json, "low_ns", delay->low_ns);
	json_number(json, "high_ns", delay->high_ns);
	json_string(json, "bound", delay->upper ? "upper" : "exact");
	json_string(json, "cause", cause_name(delay->cause));
	json_number_if(json, "cpu", delay->cpu, delay->blocked);
	json_number_if(json, "incident", delay->incident, delay->incident);
	wait_text(journey, delay, text, sizeof(text));
	json_string(json, "text", text);
}

static void put_delays(struct json *json, const struct journey *journey)
{
	if (journey->before.blocked) {
		json_object(json, "before");
		put_delay(json, journey, &journey->before);
		json_object_end(json);
	} else {
		json_null(json, "before");
	}
	json_array(json, "delays");
	for (size_t i = 0; i < journey->n_delays; i++) {
		json_object(json, NULL);
		put_stage(json, "stage", journey, journey->delays[i].from);
		put_delay(json, journey, &journey->delays[i]);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_journey(struct render *render, const struct journey *journey)
{
	const struct dict *dict = render->env.dict;
	struct json json;

	if (!journey->n_events)
		return;
	json_begin(&json, render->out);
	json_string(&json, "type", "journey");
	json_number(&json, "id", journey->id);
	json_number(&json, "start_ns", journey->start_ns);
	json_number(&json, "end_ns", journey->end_ns);
	json_number(&json, "total_ns", journey->end_ns - journey->start_ns);
	put_packet(&json, &journey->flows[journey->events[0].flow]);
	put_members(&json, journey);
	json_string(&json, "outcome", outcome_name(journey->outcome));
	put_gaps(&json, journey);
	put_drop(&json, journey->drop, dict);
	put_link(&json, "parent", &journey->part_of);
	put_link(&json, "merged_into", &journey->merged_into);
	put_link(&json, "retransmit_of", &journey->retransmit_of);
	put_delays(&json, journey);
	put_slowest(&json, journey);
	put_events(&json, &render->env, journey);
	json_end(&json);
}

/* What happened before the packet had an sk_buff; in a journey these are events of their own. */
static void put_origins(struct json *json, const struct journey *journey, const struct journey_event *event)
{
	json_array(json, "origins");
	for (const struct journey_note *note = event->notes; note; note = note->next) {
		const struct nt_anno_ORIGIN *origin = note->payload;

		if (note->type != NT_ANNO_ORIGIN)
			continue;
		json_object(json, NULL);
		json_number(json, "ts_ns", origin->ts_ns);
		put_probe(json, journey, origin->probe);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_event_line(struct render *render, const struct journey *journey, const struct journey_event *event)
{
	struct json json;

	json_begin(&json, render->out);
	json_string(&json, "type", "event");
	json_number(&json, "journey", journey->id);
	put_packet(&json, &journey->flows[event->flow]);
	put_event(&json, &render->env, journey, event);
	put_origins(&json, journey, event);
	json_end(&json);
}

static void put_culprit(struct json *json, const struct nt_blocked *blocked, const struct dict *dict)
{
	char comm[sizeof(blocked->comm) + 1] = {0};
	bool known = cause_is_task_known(blocked, dict);
	const u64 *frames;
	u64 function;
	size_t n;

	if (!cause_has_culprit(blocked, dict)) {
		json_null(json, "culprit");
		return;
	}
	memcpy(comm, blocked->comm, sizeof(blocked->comm));
	frames = cause_frames(blocked, dict, &n);
	function = blocked->function ? blocked->function : n ? frames[0] : 0;
	json_object(json, "culprit");
	json_number_if(json, "pid", blocked->pid, blocked->pid && known);
	json_string(json, "comm", *comm && known ? comm : NULL);
	json_string(json, "function", function && dict ? dict_get(dict, DICT_SYMBOL, function) : NULL);
	json_array(json, "stack");
	for (size_t i = 0; i < n; i++)
		put_symbol(json, NULL, dict, frames[i]);
	json_array_end(json);
	json_object_end(json);
}

static void put_incident(struct render *render, const struct incident *incident)
{
	const struct nt_blocked *blocked = incident->blocked;
	char text[CAUSE_TEXT_BYTES];
	struct json json;

	json_begin(&json, render->out);
	json_string(&json, "type", "incident");
	json_number(&json, "id", incident->id);
	json_string(&json, "cause", cause_name(blocked->cause));
	json_number(&json, "cpu", blocked->cpu);
	json_number(&json, "start_ns", blocked->start_hi_ns);
	json_number(&json, "end_ns", blocked->end_ns);
	json_number(&json, "low_ns", blocked_least_ns(blocked));
	json_number(&json, "high_ns", blocked_most_ns(blocked));
	json_number(&json, "packets", incident->packets);
	json_array(&json, "delays_ns");
	for (u32 i = 0; i < incident->packets && i < INCIDENT_DELAYS; i++)
		json_number(&json, NULL, incident->delays_ns[i]);
	json_array_end(&json);
	json_string(&json, "bound", incident->upper ? "upper" : "exact");
	put_culprit(&json, blocked, render->env.dict);
	cause_text(blocked, render->env.dict, text, sizeof(text));
	json_string(&json, "text", text);
	json_end(&json);
}

static void put_totals(struct render *render, const struct trace_totals *totals)
{
	struct json json;

	json_begin(&json, render->out);
	json_string(&json, "type", "summary");
	json_number(&json, "journeys", totals->journeys);
	json_number(&json, "incomplete", totals->incomplete);
	json_number(&json, "events", totals->events);
	json_number(&json, "malformed", totals->malformed);
	json_object(&json, "lost");
	json_number(&json, "ring", totals->lost_ring);
	json_number(&json, "map", totals->lost_map);
	json_number(&json, "id", totals->lost_id);
	json_number_if(&json, "recursion", totals->recursion, totals->recursion_known);
	json_object_end(&json);
	json_end(&json);
}

static void put_latency(struct render *render, const struct latency_report *report)
{
	latency_put_json(render->out, report);
}

const struct render_format render_jsonl = {
	.name = "jsonl",
	.ending = ".jsonl",
	.begin = put_facts,
	.journey = put_journey,
	.event = put_event_line,
	.incident = put_incident,
	.latency = put_latency,
	.end = put_totals,
};
