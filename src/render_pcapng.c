/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets for Wireshark: a block for each event at which the packet's first bytes were captured, or
 * one per packet (render_env.pcap_at), and what else is known of them in comments, one fact each.
 *
 * Packets stand in the order in which journeys are handed over, that of their ends, so times go back
 * between journeys; the format allows that. Interfaces are described when they first have a packet.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "annotation.h"
#include "digits.h"
#include "packet.h"
#include "pcapng.h"
#include "probe_table.h"
#include "render.h"
#include "wait.h"

enum { INBOUND = 1, OUTBOUND = 2 }; /* in EPB_FLAGS; 0: not known */

/* Link types of the registry that the draft refers to. */
enum {
	LINKTYPE_ETHERNET = 1,
	LINKTYPE_RAW = 101,	  /* IPv4 or IPv6, told by its first bits */
	LINKTYPE_LINUX_SLL = 113, /* a header that tells the protocol: what is neither, without a link header */
};

#define ETHER_BYTES 14
#define ADDRESSES_BYTES 12 /* of an Ethernet header; a VLAN tag stands behind them */
#define TAG_BYTES 4
#define SLL_BYTES 16
#define SLL_OUTGOING 4
#define ARPHRD_NONE 0xfffe
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88a8
#define VLAN_ID_MASK 0x0fff

#define INTERFACES_MAX 4096
#define INTERFACES_KEPT 3 /* for "none" with each link type: what finds no room any more goes there */
#define NUMBERED_BYTES 24

struct interface {
	u32 netns;
	u32 ifindex;
	u32 link;
};

struct pcapng_state {
	u64 start_ns;
	u64 end_ns; /* of the latest event so far */
	u32 n_interfaces;
	struct interface interfaces[INTERFACES_MAX];
};

static u64 wall_ns(const struct render *render, u64 ts_ns)
{
	return ts_ns + (u64)render->env.clock_offset_ns;
}

static void begin(struct render *render, const struct trace_facts *facts)
{
	struct pcapng_state *state = render->state;
	struct pcapng_block block;

	state->start_ns = state->end_ns = facts->start_ns;
	pcapng_begin(&block, SECTION_HEADER);
	pcapng_put32(&block, BYTE_ORDER_MAGIC);
	pcapng_put16(&block, VERSION_MAJOR);
	pcapng_put16(&block, VERSION_MINOR);
	pcapng_put32(&block, LENGTH_UNKNOWN);
	pcapng_put32(&block, LENGTH_UNKNOWN);
	pcapng_put_comment(&block, "filter: %s", *facts->filter ? facts->filter : "every packet");
	pcapng_put_comment(&block, "backend: %s, %u probes, %u skipped", facts->backend, facts->n_probes,
			   facts->n_skipped);
	pcapng_put_comment(&block, "host: %s", facts->host);
	pcapng_put_comment(&block, "order: by the end of each packet's journey, not by time");
	pcapng_put_text(&block, SHB_HARDWARE, facts->machine);
	pcapng_put_words(&block, SHB_OS, "Linux %s", facts->kernel);
	pcapng_put_words(&block, SHB_USERAPPL, "nettrace %s", facts->version);
	pcapng_end(&block, render->out);
}

static const char *link_text(u32 link)
{
	switch (link) {
	case LINKTYPE_ETHERNET:
		return "Ethernet frames";
	case LINKTYPE_RAW:
		return "IP packets without a link header";
	default:
		return "other packets without a link header";
	}
}

static u32 snapshot_length(u32 link)
{
	if (link == LINKTYPE_RAW)
		return NT_SNAPSHOT_BYTES;
	return NT_SNAPSHOT_BYTES + (link == LINKTYPE_ETHERNET ? TAG_BYTES : SLL_BYTES);
}

/* The same name may be that of interfaces in several namespaces, and with each link type there is one more. */
static void put_interface(struct render *render, const struct interface *interface)
{
	const struct dict *dict = render->env.dict;
	u64 key = dict_ifname_key(interface->netns, interface->ifindex);
	const char *name = dict ? dict_get(dict, DICT_IFNAME, key) : NULL, *netns;
	struct pcapng_block block;

	pcapng_begin(&block, INTERFACE_DESCRIPTION);
	pcapng_put16(&block, interface->link);
	pcapng_put16(&block, 0);
	pcapng_put32(&block, snapshot_length(interface->link));
	if (!interface->ifindex) {
		pcapng_put_text(&block, IF_NAME, "none");
		pcapng_put_words(&block, IF_DESCRIPTION, "no device, or none known: %s", link_text(interface->link));
	} else {
		if (name && *name)
			pcapng_put_text(&block, IF_NAME, name);
		else
			pcapng_put_words(&block, IF_NAME, "if %u", interface->ifindex);
		netns = dict ? dict_get(dict, DICT_NETNS, interface->netns) : NULL;
		pcapng_put_words(&block, IF_DESCRIPTION, "interface %u of network namespace %u%s%s%s: %s", interface->ifindex,
				 interface->netns, netns ? " (" : "", netns ? netns : "", netns ? ")" : "",
				 link_text(interface->link));
	}
	pcapng_put_option(&block, IF_TSRESOL, "\x09", 1); /* 10^-9 s */
	pcapng_end(&block, render->out);
}

/* The number of an interface in the section, which is described before its first packet. */
static u32 interface_number(struct render *render, u32 netns, u32 ifindex, u32 link)
{
	struct interface wanted = {.netns = ifindex ? netns : 0, .ifindex = ifindex, .link = link};
	struct pcapng_state *state = render->state;

	for (u32 i = 0; i < state->n_interfaces; i++)
		if (!memcmp(&state->interfaces[i], &wanted, sizeof(wanted)))
			return i;
	if (ifindex && state->n_interfaces >= INTERFACES_MAX - INTERFACES_KEPT)
		return interface_number(render, 0, 0, link);
	state->interfaces[state->n_interfaces] = wanted;
	put_interface(render, &wanted);
	return state->n_interfaces++;
}

static enum nt_stage stage_of(const struct journey *journey, size_t at)
{
	const struct probe_row *row = probe_table_row(journey->probes, journey->events[at].probe);

	return row ? row->stage : NT_STAGE_UNKNOWN;
}

/* Stages that packets pass on either way say nothing: those before them do. */
static u32 direction(const struct journey *journey, size_t at)
{
	for (size_t i = at + 1; i-- > 0;) {
		switch (stage_of(journey, i)) {
		case NT_STAGE_UNKNOWN:
		case NT_STAGE_LIFE:
		case NT_STAGE_TAP:
		case NT_STAGE_BRIDGE:
		case NT_STAGE_TUNNEL:
		case NT_STAGE_TC:
		case NT_STAGE_NETFILTER:
			continue;
		default:
			return stage_of(journey, i) < NT_STAGE_SEND ? INBOUND : OUTBOUND;
		}
	}
	return 0;
}

/* What is written of a snapshot: bytes from `first` on, behind a tag or a header that is made here. */
struct frame {
	const struct nt_snapshot *snapshot;
	u32 link;
	u32 first;
	u32 size; /* bytes of the snapshot */
	u32 added;
	u16 protocol; /* for LINKTYPE_LINUX_SLL */
};

static u32 captured(const struct nt_snapshot *snapshot)
{
	return snapshot->captured_bytes < NT_SNAPSHOT_BYTES ? snapshot->captured_bytes : NT_SNAPSHOT_BYTES;
}

/* Room for an Ethernet header may be there and nothing, or an older one, in it yet. */
static bool has_ethernet_header(const struct nt_snapshot *snapshot, const struct nt_flow *flow)
{
	u16 type = (u16)(snapshot->bytes[ETHER_BYTES - 2] << 8 | snapshot->bytes[ETHER_BYTES - 1]);
	bool is_ip = flow->l3_proto == NT_ETH_IPV4 || flow->l3_proto == NT_ETH_IPV6;

	if (snapshot->link != NT_LINK_ETHER)
		return false;
	return !is_ip || captured(snapshot) < ETHER_BYTES || type == flow->l3_proto || type == ETHERTYPE_VLAN ||
	       type == ETHERTYPE_QINQ;
}

static struct frame frame_from_network(const struct nt_snapshot *snapshot, const struct nt_flow *flow)
{
	u32 network = snapshot->link == NT_LINK_ETHER ? snapshot->network : 0;
	struct frame frame = {.snapshot = snapshot, .link = LINKTYPE_RAW};
	bool tagged = flow->vlan_id && !(snapshot->vlan_tci & VLAN_ID_MASK); /* in the bytes themselves */
	u8 version;

	frame.first = network < captured(snapshot) ? network : captured(snapshot);
	frame.size = captured(snapshot) - frame.first;
	version = frame.size ? snapshot->bytes[frame.first] >> 4 : 0;
	if (!tagged && ((flow->l3_proto == NT_ETH_IPV4 && version == 4) ||
			(flow->l3_proto == NT_ETH_IPV6 && version == 6)))
		return frame;
	frame.link = LINKTYPE_LINUX_SLL;
	frame.added = SLL_BYTES;
	frame.protocol = tagged || !flow->l3_proto ? ntohs(snapshot->protocol) : flow->l3_proto;
	return frame;
}

static struct frame frame_of(const struct nt_snapshot *snapshot)
{
	struct nt_snapshot bounded = *snapshot;
	struct frame frame = {.snapshot = snapshot, .link = LINKTYPE_ETHERNET, .size = captured(snapshot)};
	struct nt_flow flow = {0};

	bounded.captured_bytes = (u16)captured(snapshot);
	packet_parse(&bounded, &flow);
	if (!has_ethernet_header(snapshot, &flow))
		return frame_from_network(snapshot, &flow);
	if (snapshot->vlan_tci && frame.size >= ADDRESSES_BYTES)
		frame.added = TAG_BYTES;
	return frame;
}

static u32 original_length(const struct frame *frame)
{
	u64 at_least = frame->added + frame->size;
	u64 length = (u64)frame->added + frame->snapshot->len_bytes;

	if (frame->link == LINKTYPE_ETHERNET)
		length += frame->snapshot->network;
	if (length < at_least)
		length = at_least;
	return length < UINT32_MAX ? (u32)length : UINT32_MAX;
}

static void put_be16(struct pcapng_block *block, u32 number)
{
	pcapng_put16(block, (number & 0xff) << 8 | (number >> 8 & 0xff));
}

/* sll(7) of libpcap: packet type, device type, length and bytes of its address, protocol. */
static void put_sll(struct pcapng_block *block, u16 protocol, u32 way)
{
	put_be16(block, way == OUTBOUND ? SLL_OUTGOING : 0);
	put_be16(block, ARPHRD_NONE);
	put_be16(block, 0);
	pcapng_put32(block, 0);
	pcapng_put32(block, 0);
	put_be16(block, protocol);
}

/*
 * The first functions of a transmission show the packet before its length is in the IP header, and
 * Wireshark takes a length of zero for a jumbogram that is malformed, or for what a NIC will segment.
 */
static void fill_length(u8 *ip, u32 size, u32 len_bytes)
{
	bool v6 = size && ip[0] >> 4 == 6;
	u32 at = v6 ? 4 : 2, header = v6 ? 40 : 0;

	if (size < at + 2 || ip[at] || ip[at + 1] || len_bytes < header || len_bytes - header > 0xffff)
		return;
	ip[at] = (u8)((len_bytes - header) >> 8);
	ip[at + 1] = (u8)(len_bytes - header);
}

static void put_frame(struct pcapng_block *block, const struct frame *frame, u32 way)
{
	u8 bytes[NT_SNAPSHOT_BYTES];
	size_t before = frame->link == LINKTYPE_ETHERNET && frame->added ? ADDRESSES_BYTES : 0;

	memcpy(bytes, frame->snapshot->bytes + frame->first, frame->size);
	if (frame->link == LINKTYPE_RAW)
		fill_length(bytes, frame->size, frame->snapshot->len_bytes);
	pcapng_put32(block, frame->added + frame->size);
	pcapng_put32(block, original_length(frame));
	pcapng_put_bytes(block, bytes, before);
	if (frame->link == LINKTYPE_LINUX_SLL)
		put_sll(block, frame->protocol, way);
	if (before) {
		put_be16(block, ETHERTYPE_VLAN);
		put_be16(block, frame->snapshot->vlan_tci);
	}
	pcapng_put_bytes(block, bytes + before, frame->size - before);
	pcapng_pad(block);
}

static const char *probe_name(const struct journey *journey, size_t at, char buf[NUMBERED_BYTES])
{
	const struct probe_row *row = probe_table_row(journey->probes, journey->events[at].probe);

	if (row)
		return row->name;
	snprintf(buf, NUMBERED_BYTES, "probe %u", journey->events[at].probe);
	return buf;
}

static u64 span_before(const struct journey *journey, size_t at)
{
	return journey->events[at].ts_ns - journey->events[at - 1].ts_ns;
}

/* "NETFILTER_DROP at nf_hook_slow+0x96" */
static void put_drop(struct pcapng_block *block, const struct nt_anno_DROP *drop, const struct dict *dict)
{
	const struct annotation_type *type = annotation_type(NT_ANNO_DROP);
	char reason[PCAPNG_TEXT_BYTES / 4], location[PCAPNG_TEXT_BYTES / 4];

	annotation_field_text(type, annotation_field(type, "reason"), drop, dict, reason, sizeof(reason));
	annotation_field_text(type, annotation_field(type, "location"), drop, dict, location, sizeof(location));
	pcapng_put_comment(block, "drop: %s at %s", reason, location);
}

/* The process is the packet's only where it is at work for it; the drop is told with the outcome. */
static void put_notes(struct pcapng_block *block, const struct journey *journey, const struct journey_event *event,
		      const struct dict *dict)
{
	const struct probe_row *row = probe_table_row(journey->probes, event->probe);
	char text[PCAPNG_TEXT_BYTES];

	if (row && row->note)
		pcapng_put_comment(block, "note: %s", row->note);
	for (const struct journey_note *note = event->notes; note; note = note->next) {
		if ((note->type == NT_ANNO_TASK && event->context != NT_CTX_TASK) ||
		    (note->type == NT_ANNO_DROP && journey->drop))
			continue;
		if (annotation_text(note, dict, text, sizeof(text)))
			pcapng_put_comment(block, "note: %s", text);
	}
}

/* One packet to be written. */
struct packet {
	const struct journey *journey;
	size_t at;	/* the event */
	size_t seen_at; /* that with the bytes, the same or one before it */
	bool over;	/* it is known what became of the packet */
};

static void put_place(struct pcapng_block *block, const struct packet *packet)
{
	const struct journey *journey = packet->journey;
	const struct journey_event *event = &journey->events[packet->at];
	const struct nt_snapshot *snapshot = journey->events[packet->seen_at].snapshot;
	const char *context = context_name(event->context);
	char name[NUMBERED_BYTES], span[SPAN_BYTES];

	pcapng_put_comment(block, "probe: %s", probe_name(journey, packet->at, name));
	pcapng_put_comment(block, "stage: %s", stage_name(stage_of(journey, packet->at)));
	pcapng_put_comment(block, "journey: %u", journey->id);
	pcapng_put_comment(block, "cpu: %u%s%s", event->cpu, context ? " " : "", context ? context : "");
	if (packet->at)
		pcapng_put_comment(block, "span: %s since %s", span_text(span_before(journey, packet->at), span),
				   probe_name(journey, packet->at - 1, name));
	if (packet->seen_at != packet->at)
		pcapng_put_comment(block, "bytes: as they were at %s", probe_name(journey, packet->seen_at, name));
	if (snapshot->gso_segments > 1)
		pcapng_put_comment(block, "segments: %u", snapshot->gso_segments);
}

/* The events that follow and have no block of their own: most have none. */
static void put_then(struct pcapng_block *block, const struct packet *packet, bool every)
{
	const struct journey *journey = packet->journey;
	char text[PCAPNG_TEXT_BYTES / 2], name[NUMBERED_BYTES], span[SPAN_BYTES];
	size_t used = 0;

	for (size_t i = packet->at + 1; i < journey->n_events && (every || !journey->events[i].snapshot); i++) {
		int n = snprintf(text + used, sizeof(text) - used, "%s%s +%s", used ? ", " : "",
				 probe_name(journey, i, name), span_text(span_before(journey, i), span));

		if (n < 0 || (size_t)n >= sizeof(text) - used) {
			text[used] = '\0';
			pcapng_put_comment(block, "then: %s, ...", text);
			return;
		}
		used += (size_t)n;
	}
	if (used)
		pcapng_put_comment(block, "then: %s", text);
}

static void put_relative(struct pcapng_block *block, const char *what, const struct journey_link *link)
{
	if (link->id)
		pcapng_put_comment(block, "%s: journey %u", what, link->id);
}

/* UTF-8 of our own making, which is not to be escaped. */
static void put_delay(struct pcapng_block *block, const struct journey *journey, const struct journey_delay *delay,
		      const char *where, const char *stage)
{
	char words[DELAY_TEXT_BYTES], text[PCAPNG_TEXT_BYTES];
	int length;

	delay_text(journey, delay, words, sizeof(words));
	length = snprintf(text, sizeof(text), "%s%s: %s", where, stage, words);
	if (length > 0 && (size_t)length < sizeof(text))
		pcapng_put_option(block, OPT_COMMENT, text, (size_t)length);
}

static void put_delays(struct pcapng_block *block, const struct journey *journey)
{
	const struct journey_delay *delay = journey->delays;

	if (journey->before.blocked)
		put_delay(block, journey, &journey->before, "before the stack", "");
	for (; delay < journey->delays + journey->n_delays; delay++)
		put_delay(block, journey, delay, "waited in ", stage_name(stage_of(journey, delay->from)));
}

/* Told with each block of the packet: rarely is it the last event that comes with bytes. */
static void put_outcome(struct pcapng_block *block, const struct journey *journey, const struct dict *dict)
{
	char span[SPAN_BYTES];

	pcapng_put_comment(block, "total: %s", span_text(journey->end_ns - journey->start_ns, span));
	pcapng_put_comment(block, "outcome: %s", outcome_name(journey->outcome));
	put_delays(block, journey);
	if (journey->drop)
		put_drop(block, journey->drop, dict);
	if (journey->incomplete)
		pcapng_put_comment(block, "incomplete: yes");
	put_relative(block, "merged into", &journey->merged_into);
	put_relative(block, "part of", &journey->part_of);
	put_relative(block, "retransmission of", &journey->retransmit_of);
}

static void put_packet(struct render *render, const struct packet *packet)
{
	const struct journey *journey = packet->journey;
	const struct journey_event *event = &journey->events[packet->at];
	struct frame frame = frame_of(journey->events[packet->seen_at].snapshot);
	u32 interface = interface_number(render, event->netns, event->ifindex, frame.link);
	u32 way = direction(journey, packet->at);
	struct pcapng_state *state = render->state;
	struct pcapng_block block;

	if (event->ts_ns > state->end_ns)
		state->end_ns = event->ts_ns;
	pcapng_begin(&block, ENHANCED_PACKET);
	pcapng_put32(&block, interface);
	pcapng_put_time(&block, wall_ns(render, event->ts_ns));
	put_frame(&block, &frame, way);
	pcapng_put_option32(&block, EPB_FLAGS, way);
	pcapng_put_option64(&block, EPB_PACKETID, journey->id); /* the same packet on another interface has the same */
	put_place(&block, packet);
	if (frame.link != LINKTYPE_ETHERNET && frame.snapshot->vlan_tci)
		pcapng_put_comment(&block, "vlan: %u", frame.snapshot->vlan_tci & VLAN_ID_MASK);
	if (packet->over) {
		put_then(&block, packet, render->env.pcap_at != NT_STAGE_UNKNOWN);
		put_outcome(&block, journey, render->env.dict);
	}
	put_notes(&block, journey, event, render->env.dict); /* last: they are what may find no room */
	pcapng_end(&block, render->out);
}

/* The first event in that stage at which bytes are known, or the number of events. */
static size_t first_in_stage(const struct journey *journey, int stage)
{
	bool known = false;

	for (size_t i = 0; i < journey->n_events; i++) {
		known |= journey->events[i].snapshot != NULL;
		if (known && (int)stage_of(journey, i) == stage)
			return i;
	}
	return journey->n_events;
}

/* The event with the last bytes captured, if possible of the same sk_buff. There is one. */
static size_t last_seen(const struct journey *journey, size_t at)
{
	size_t found = at;

	if (journey->events[at].snapshot)
		return at;
	for (size_t i = at; i-- > 0;) {
		if (!journey->events[i].snapshot)
			continue;
		if (journey->events[i].skb == journey->events[at].skb)
			return i;
		if (found == at)
			found = i;
	}
	return found;
}

static void put_journey(struct render *render, const struct journey *journey)
{
	struct packet packet = {.journey = journey, .over = true};

	if (render->env.pcap_at != NT_STAGE_UNKNOWN) {
		packet.at = first_in_stage(journey, render->env.pcap_at);
		if (packet.at == journey->n_events)
			return;
		packet.seen_at = last_seen(journey, packet.at);
		put_packet(render, &packet);
		return;
	}
	for (size_t i = 0; i < journey->n_events; i++) {
		packet.at = packet.seen_at = i;
		if (journey->events[i].snapshot)
			put_packet(render, &packet);
	}
}

/* With --basic, in order of time, but before it is known what becomes of the packet. */
static void put_event(struct render *render, const struct journey *journey, const struct journey_event *event)
{
	struct packet packet = {.journey = journey, .at = (size_t)(event - journey->events)};

	if (render->env.pcap_at == NT_STAGE_UNKNOWN ? !event->snapshot
						    : first_in_stage(journey, render->env.pcap_at) != packet.at)
		return;
	packet.seen_at = last_seen(journey, packet.at);
	put_packet(render, &packet);
}

/*
 * Losses are those of the whole trace, so they are not told of an interface that
 * exists. Lost records are told in words: they were no packets.
 */
static void end(struct render *render, const struct trace_totals *totals)
{
	u32 none = interface_number(render, 0, 0, LINKTYPE_RAW);
	struct pcapng_state *state = render->state;
	char recursion[NUMBERED_BYTES] = "unknown";
	struct pcapng_block block;

	if (totals->recursion_known)
		snprintf(recursion, sizeof(recursion), "%llu", (unsigned long long)totals->recursion);
	pcapng_begin(&block, INTERFACE_STATISTICS);
	pcapng_put32(&block, none);
	pcapng_put_time(&block, wall_ns(render, state->end_ns));
	pcapng_put_comment(&block, "%llu journeys, %llu incomplete, %llu events", (unsigned long long)totals->journeys,
			   (unsigned long long)totals->incomplete, (unsigned long long)totals->events);
	pcapng_put_comment(&block, "lost: ring %llu, map %llu, id %llu, recursion %s, malformed %llu",
			   (unsigned long long)totals->lost_ring, (unsigned long long)totals->lost_map,
			   (unsigned long long)totals->lost_id, recursion, (unsigned long long)totals->malformed);
	pcapng_put_option_time(&block, ISB_STARTTIME, wall_ns(render, state->start_ns));
	pcapng_put_option_time(&block, ISB_ENDTIME, wall_ns(render, state->end_ns));
	pcapng_put_option64(&block, ISB_OSDROP, totals->lost_map + totals->lost_id);
	pcapng_end(&block, render->out);
}

const struct render_format render_pcapng = {
	.name = "pcapng",
	.ending = ".pcapng",
	.binary = true,
	.wants_snapshots = true,
	.state_bytes = sizeof(struct pcapng_state),
	.begin = begin,
	.journey = put_journey,
	.event = put_event,
	.end = end,
};
