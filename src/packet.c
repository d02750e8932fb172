/* SPDX-License-Identifier: GPL-2.0 */
/* Packet headers, from the bytes of a snapshot to text. Nothing in a snapshot is trusted. */
#include "packet.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "digits.h"
#include "filter.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define ETHERTYPE_FIRST 0x0600 /* below: a length, or one of the kernel's own numbers */
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88a8

#define ETHER_BYTES 14
#define VLAN_BYTES 4
#define VLAN_TAGS_MAX 2
#define VLAN_ID_MASK 0x0fff
#define ARP_BYTES 8 /* before the addresses, whose lengths it holds */
#define ARP_REQUEST 1
#define ARP_REPLY 2
#define ARP_ETHERNET 1
#define IPV4_BYTES 20
#define IPV4_OFFSET_MASK 0x1fff
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV6_BYTES 40
#define IPV6_OFFSET_MASK 0xfff8
#define IPV6_EXTENSIONS_MAX 8
#define PORTS_BYTES 8 /* all of a UDP header, all that is looked at of an ICMP header */
#define TCP_BYTES 14  /* of 20: as much as is looked at */

struct view {
	const u8 *bytes;
	size_t size; /* of what was captured */
	size_t end;  /* of the packet, captured or not */
	bool framed; /* bytes begin at an Ethernet header */
};

/* What begins where. */
struct place {
	u16 ethertype;
	u16 vlan_id; /* of the first tag before it that has one */
	size_t at;
};

static bool has(const struct view *v, size_t at, size_t size)
{
	return at <= v->size && size <= v->size - at;
}

static u16 be16(const struct view *v, size_t at)
{
	return (u16)(v->bytes[at] << 8 | v->bytes[at + 1]);
}

static u32 be32(const struct view *v, size_t at)
{
	return (u32)be16(v, at) << 16 | be16(v, at + 2);
}

static bool is_vlan(u16 ethertype)
{
	return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_QINQ;
}

/* The Ethertype of the IP header that appears to be at an offset, or 0. */
static u16 guess_ip(const struct view *v, size_t at)
{
	if (!has(v, at, 1))
		return 0;
	if (v->bytes[at] >> 4 == 4 && (v->bytes[at] & 0x0f) >= IPV4_BYTES / 4)
		return NT_ETH_IPV4;
	return v->bytes[at] >> 4 == 6 ? NT_ETH_IPV6 : 0;
}

static bool is_arp_of_ipv4(const struct view *v, size_t at)
{
	return has(v, at, ARP_BYTES) && be16(v, at + 2) == NT_ETH_IPV4 && v->bytes[at + 5] == 4;
}

/* Step over VLAN tags. A type that is no Ethertype means that this is no tag. */
static void skip_tags(const struct view *v, struct place *place)
{
	for (int n = 0; n < VLAN_TAGS_MAX && is_vlan(place->ethertype); n++) {
		if (!has(v, place->at, VLAN_BYTES) || be16(v, place->at + 2) < ETHERTYPE_FIRST)
			return;
		if (!place->vlan_id)
			place->vlan_id = be16(v, place->at) & VLAN_ID_MASK;
		place->ethertype = be16(v, place->at + 2);
		place->at += VLAN_BYTES;
	}
}

/* Whether tags that lead there were tags: an IP header in their stead may look like them. */
static bool is_confirmed(const struct view *v, const struct place *place)
{
	if (place->ethertype == NT_ETH_ARP)
		return is_arp_of_ipv4(v, place->at);
	return place->ethertype == guess_ip(v, place->at);
}

/*
 * The network header. The kernel's offset is taken unless a VLAN tag is there
 * (received, not yet untagged). skb->protocol says less: it is 0 until
 * __ip_local_out has run, or what a tunnel carries, and names the tag of a packet about to be
 * sent with one, which may already lie in front of the network header.
 */
static struct place find_network(const struct nt_snapshot *snapshot, const struct view *v)
{
	u16 protocol = ntohs(snapshot->protocol);
	u16 guess = guess_ip(v, snapshot->network);
	struct place place = {.ethertype = protocol, .at = snapshot->network};
	bool framed = v->framed && has(v, 0, ETHER_BYTES), agreed, stale;

	if (framed)
		place = (struct place){.ethertype = be16(v, ETHER_BYTES - 2), .at = ETHER_BYTES};
	skip_tags(v, &place);
	agreed = guess && (guess == protocol || !protocol);
	stale = guess && !framed && !is_confirmed(v, &place);
	if (!agreed && !stale && place.at >= snapshot->network)
		return place;
	if (guess)
		place.ethertype = guess;
	if (place.at > snapshot->network)
		place.vlan_id = 0;
	place.at = snapshot->network;
	return place;
}

static bool is_icmp(const struct nt_flow *flow)
{
	return flow->l4_proto == (flow->l3_proto == NT_ETH_IPV4 ? NT_IP_ICMP : NT_IP_ICMPV6);
}

static bool is_tcp(const struct nt_flow *flow)
{
	return flow->l4_proto == NT_IP_TCP;
}

static void parse_icmp(const struct view *v, size_t at, struct nt_flow *flow)
{
	flow->icmp_type = be16(v, at);
	if (!nt_flow_is_echo(flow))
		return;
	flow->echo_id = be16(v, at + 4);
	flow->echo_seq = be16(v, at + 6);
}

static void parse_ports(const struct view *v, size_t at, struct nt_flow *flow)
{
	size_t payload = at + PORTS_BYTES;

	flow->sport = be16(v, at);
	flow->dport = be16(v, at + 2);
	if (is_tcp(flow)) {
		flow->tcp_seq = be32(v, at + 4);
		flow->tcp_ack = be32(v, at + 8);
		flow->tcp_flags = v->bytes[at + 13];
		payload = at + (v->bytes[at + 12] >> 4) * 4u;
	}
	flow->payload_bytes = payload < v->end ? (u32)(v->end - payload) : 0;
}

static void parse_transport(const struct view *v, size_t at, struct nt_flow *flow)
{
	bool ports = is_tcp(flow) || flow->l4_proto == NT_IP_UDP;

	if (!ports && !is_icmp(flow))
		return;
	if (!has(v, at, is_tcp(flow) ? TCP_BYTES : PORTS_BYTES))
		flow->no_transport = NT_TRANSPORT_CUT;
	else if (ports)
		parse_ports(v, at, flow);
	else
		parse_icmp(v, at, flow);
}

/*
 * What follows the packet in its frame is padding. Without a frame there is
 * none, and the IP header of a packet that is still being made holds garbage
 * as its length. Big packets have no length (0) or outgrew it.
 */
static void trim(struct view *v, size_t at, size_t length, struct nt_flow *flow)
{
	if (v->framed && length && at + length < v->end)
		v->end = at + length;
	flow->len_bytes = at < v->end ? (u32)(v->end - at) : 0;
}

static void parse_ipv4(struct view *v, size_t at, struct nt_flow *flow)
{
	size_t header_bytes, total_bytes;
	u16 fragment;

	if (!has(v, at, IPV4_BYTES) || guess_ip(v, at) != NT_ETH_IPV4)
		return;
	header_bytes = (v->bytes[at] & 0x0fu) * 4;
	total_bytes = be16(v, at + 2);
	trim(v, at, total_bytes < header_bytes ? 0 : total_bytes, flow);
	flow->l3_proto = NT_ETH_IPV4;
	flow->l4_proto = v->bytes[at + 9];
	flow->ip_id = be16(v, at + 4);
	flow->saddr[2] = flow->daddr[2] = htonl(0xffff);
	memcpy(&flow->saddr[3], v->bytes + at + 12, 4);
	memcpy(&flow->daddr[3], v->bytes + at + 16, 4);
	fragment = be16(v, at + 6);
	flow->fragment = (fragment & (IPV4_OFFSET_MASK | IPV4_MORE_FRAGMENTS)) != 0;
	if (fragment & IPV4_OFFSET_MASK)
		flow->no_transport = NT_TRANSPORT_LATER_FRAGMENT;
	else
		parse_transport(v, at + header_bytes, flow);
}

/* The length of an IPv6 extension header, given its length field; 0 if proto is none. */
static size_t extension_bytes(u8 proto, u8 length)
{
	switch (proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		return (length + 1u) * 8;
	case IPPROTO_AH:
		return (length + 2u) * 4;
	case IPPROTO_FRAGMENT:
		return 8;
	default:
		return 0;
	}
}

static void parse_fragment(const struct view *v, size_t at, struct nt_flow *flow)
{
	flow->fragment = 1;
	flow->ip_id = be16(v, at + 6);
	if (be16(v, at + 2) & IPV6_OFFSET_MASK)
		flow->no_transport = NT_TRANSPORT_LATER_FRAGMENT;
}

/* From the first header after the fixed one to the transport header. */
static void parse_extensions(const struct view *v, size_t at, struct nt_flow *flow)
{
	for (int n = 0; extension_bytes(flow->l4_proto, 0); n++) {
		u8 proto = flow->l4_proto;

		if (n == IPV6_EXTENSIONS_MAX || !has(v, at, 8)) {
			flow->no_transport = NT_TRANSPORT_CUT;
			return;
		}
		flow->l4_proto = v->bytes[at];
		if (proto == IPPROTO_FRAGMENT)
			parse_fragment(v, at, flow);
		if (flow->no_transport)
			return;
		at += extension_bytes(proto, v->bytes[at + 1]);
	}
	parse_transport(v, at, flow);
}

static void parse_ipv6(struct view *v, size_t at, struct nt_flow *flow)
{
	size_t payload_bytes;

	if (!has(v, at, IPV6_BYTES) || guess_ip(v, at) != NT_ETH_IPV6)
		return;
	payload_bytes = be16(v, at + 4);
	trim(v, at, payload_bytes ? IPV6_BYTES + payload_bytes : 0, flow);
	flow->l3_proto = NT_ETH_IPV6;
	memcpy(flow->saddr, v->bytes + at + 8, 16);
	memcpy(flow->daddr, v->bytes + at + 24, 16);
	flow->l4_proto = v->bytes[at + 6];
	parse_extensions(v, at + IPV6_BYTES, flow);
}

static void parse_arp(const struct view *v, size_t at, struct nt_flow *flow)
{
	size_t hardware, sender, target;

	flow->l3_proto = NT_ETH_ARP;
	if (!is_arp_of_ipv4(v, at)) {
		flow->no_transport = NT_TRANSPORT_CUT;
		return;
	}
	hardware = v->bytes[at + 4];
	sender = at + ARP_BYTES + hardware;
	target = sender + 4 + hardware;
	flow->icmp_type = be16(v, at + 6);
	if (!has(v, target, 4)) {
		flow->no_transport = NT_TRANSPORT_CUT;
		return;
	}
	flow->saddr[2] = flow->daddr[2] = htonl(0xffff);
	memcpy(&flow->saddr[3], v->bytes + sender, 4);
	memcpy(&flow->daddr[3], v->bytes + target, 4);
	if (be16(v, at) != ARP_ETHERNET || hardware != sizeof(flow->sender_mac))
		return;
	memcpy(flow->sender_mac, v->bytes + at + ARP_BYTES, sizeof(flow->sender_mac));
	memcpy(flow->target_mac, v->bytes + sender + 4, sizeof(flow->target_mac));
}

void packet_parse(const struct nt_snapshot *snapshot, struct nt_flow *ret_flow)
{
	size_t captured = snapshot->captured_bytes;
	struct view v = {
		.bytes = snapshot->bytes,
		.size = captured < NT_SNAPSHOT_BYTES ? captured : NT_SNAPSHOT_BYTES,
		.end = (size_t)snapshot->network + snapshot->len_bytes,
		.framed = snapshot->link == NT_LINK_ETHER,
	};
	struct place network = find_network(snapshot, &v);
	struct nt_flow flow = {.mark = snapshot->mark, .len_bytes = snapshot->len_bytes};

	flow.vlan_id = snapshot->vlan_tci & VLAN_ID_MASK;
	if (!flow.vlan_id)
		flow.vlan_id = network.vlan_id;
	if (network.ethertype == NT_ETH_IPV4)
		parse_ipv4(&v, network.at, &flow);
	else if (network.ethertype == NT_ETH_IPV6)
		parse_ipv6(&v, network.at, &flow);
	else if (network.ethertype == NT_ETH_ARP)
		parse_arp(&v, network.at, &flow);
	else
		flow.l3_proto = network.ethertype; /* no filter on IP fields can match it */
	*ret_flow = flow;
}

/* Text is built by hand: a line of it is printed for every event. */
struct text {
	char *at;
	char *end; /* where the final NUL goes at the latest */
};

static void put_bytes(struct text *t, const char *bytes, size_t size)
{
	size_t room = (size_t)(t->end - t->at);

	if (size > room)
		size = room;
	memcpy(t->at, bytes, size);
	t->at += size;
}

static void put(struct text *t, const char *string)
{
	put_bytes(t, string, strlen(string));
}

static void put_number(struct text *t, unsigned int number)
{
	char digits[DECIMAL_BYTES], *end = digits + sizeof(digits), *at = decimal_before(end, number, 1);

	put_bytes(t, at, (size_t)(end - at));
}

static void put_hex16(struct text *t, u16 number)
{
	char digits[6] = "0x";

	for (unsigned int i = 0; i < 4; i++)
		digits[2 + i] = "0123456789abcdef"[number >> (12 - 4 * i) & 0xf];
	put_bytes(t, digits, sizeof(digits));
}

static void put_address(struct text *t, const struct nt_flow *flow, const u32 *addr)
{
	char v6[INET6_ADDRSTRLEN];
	u8 v4[4];

	if (flow->l3_proto == NT_ETH_IPV6) {
		put(t, inet_ntop(AF_INET6, addr, v6, sizeof(v6)));
		return;
	}
	memcpy(v4, &addr[3], sizeof(v4));
	for (int i = 0; i < 4; i++) {
		if (i)
			put(t, ".");
		put_number(t, v4[i]);
	}
}

/* Names of ICMP types and codes. `codes` are those from 0 up, NULL where there are none. */
struct icmp_name {
	u8 type;
	const char *name;
	const char *const *codes;
	size_t n_codes;
};

static const char *const unreachable_codes[] = {
	"net unreachable",
	"host unreachable",
	"protocol unreachable",
	"port unreachable",
	"fragmentation needed",
	"source route failed",
	"net unknown",
	"host unknown",
	"source host isolated",
	"net prohibited",
	"host prohibited",
	"net unreachable for TOS",
	"host unreachable for TOS",
	"administratively prohibited",
	"precedence violation",
	"precedence cutoff",
};

static const char *const redirect_codes[] = {"net", "host", "TOS and net", "TOS and host"};
static const char *const exceeded_codes[] = {"TTL exceeded", "reassembly time exceeded"};

static const char *const problem_codes[] = {"pointer", "option missing", "bad length"};

static const struct icmp_name icmp_names[] = {
	{3, "destination unreachable", unreachable_codes, ARRAY_SIZE(unreachable_codes)},
	{4, "source quench", NULL, 0},
	{5, "redirect", redirect_codes, ARRAY_SIZE(redirect_codes)},
	{9, "router advertisement", NULL, 0},
	{10, "router solicitation", NULL, 0},
	{11, "time exceeded", exceeded_codes, ARRAY_SIZE(exceeded_codes)},
	{12, "parameter problem", problem_codes, ARRAY_SIZE(problem_codes)},
	{13, "timestamp request", NULL, 0},
	{14, "timestamp reply", NULL, 0},
	{15, "information request", NULL, 0},
	{16, "information reply", NULL, 0},
	{17, "address mask request", NULL, 0},
	{18, "address mask reply", NULL, 0},
	{42, "extended echo request", NULL, 0},
	{43, "extended echo reply", NULL, 0},
};

static const char *const unreachable6_codes[] = {
	"no route",
	"administratively prohibited",
	"beyond scope of source address",
	"address unreachable",
	"port unreachable",
	"source address failed policy",
	"reject route",
	"bad source route",
};

static const char *const exceeded6_codes[] = {"hop limit exceeded", "reassembly time exceeded"};
static const char *const problem6_codes[] = {
	"header field",
	"next header",
	"option",
	"first fragment without all headers",
};

static const struct icmp_name icmpv6_names[] = {
	{1, "destination unreachable", unreachable6_codes, ARRAY_SIZE(unreachable6_codes)},
	{2, "packet too big", NULL, 0},
	{3, "time exceeded", exceeded6_codes, ARRAY_SIZE(exceeded6_codes)},
	{4, "parameter problem", problem6_codes, ARRAY_SIZE(problem6_codes)},
	{130, "listener query", NULL, 0},
	{131, "listener report", NULL, 0},
	{132, "listener done", NULL, 0},
	{133, "router solicitation", NULL, 0},
	{134, "router advertisement", NULL, 0},
	{135, "neighbour solicitation", NULL, 0},
	{136, "neighbour advertisement", NULL, 0},
	{137, "redirect", NULL, 0},
	{138, "router renumbering", NULL, 0},
	{139, "node information query", NULL, 0},
	{140, "node information reply", NULL, 0},
	{141, "inverse neighbour solicitation", NULL, 0},
	{142, "inverse neighbour advertisement", NULL, 0},
	{143, "listener report v2", NULL, 0},
	{151, "multicast router advertisement", NULL, 0},
	{152, "multicast router solicitation", NULL, 0},
	{153, "multicast router termination", NULL, 0},
	{160, "extended echo request", NULL, 0},
	{161, "extended echo reply", NULL, 0},
};

static void put_icmp_code(struct text *t, const struct icmp_name *name, u8 code)
{
	if (!name->n_codes && !code)
		return;
	put(t, " (");
	if (code < name->n_codes) {
		put(t, name->codes[code]);
	} else {
		put(t, "code ");
		put_number(t, code);
	}
	put(t, ")");
}

static void put_icmp_kind(struct text *t, const struct nt_flow *flow)
{
	bool v4 = flow->l3_proto == NT_ETH_IPV4;
	const struct icmp_name *names = v4 ? icmp_names : icmpv6_names;
	size_t n = v4 ? ARRAY_SIZE(icmp_names) : ARRAY_SIZE(icmpv6_names);
	u8 type = (u8)(flow->icmp_type >> 8);
	u8 code = (u8)flow->icmp_type;

	for (size_t i = 0; i < n; i++) {
		if (names[i].type == type) {
			put(t, names[i].name);
			put_icmp_code(t, &names[i], code);
			return;
		}
	}
	put(t, "type ");
	put_number(t, type);
	put(t, ", code ");
	put_number(t, code);
}

static void put_ends(struct text *t, const struct nt_flow *flow)
{
	put_address(t, flow, flow->saddr);
	put(t, " -> ");
	put_address(t, flow, flow->daddr);
}

static void put_end_with_port(struct text *t, const struct nt_flow *flow, const u32 *addr, u16 port)
{
	bool v6 = flow->l3_proto == NT_ETH_IPV6;

	put(t, v6 ? "[" : "");
	put_address(t, flow, addr);
	put(t, v6 ? "]:" : ":");
	put_number(t, port);
}

static void put_ends_with_ports(struct text *t, const struct nt_flow *flow)
{
	put_end_with_port(t, flow, flow->saddr, flow->sport);
	put(t, " -> ");
	put_end_with_port(t, flow, flow->daddr, flow->dport);
}

static void put_tcp(struct text *t, const struct nt_flow *flow)
{
	put(t, "TCP: ");
	put_ends_with_ports(t, flow);
	put(t, " seq:");
	put_number(t, flow->tcp_seq);
	put(t, ", ack:");
	put_number(t, flow->tcp_ack);
	put(t, ", flags:");
	if (!flow->tcp_flags)
		put(t, "none");
	for (unsigned int bit = 0; bit < 8; bit++)
		if (flow->tcp_flags >> bit & 1)
			put_bytes(t, &FILTER_TCP_FLAGS[bit], 1);
	if (!flow->payload_bytes)
		return;
	put(t, ", len:");
	put_number(t, flow->payload_bytes);
}

static void put_udp(struct text *t, const struct nt_flow *flow)
{
	put(t, "UDP: ");
	put_ends_with_ports(t, flow);
}

static void put_icmp(struct text *t, const struct nt_flow *flow)
{
	u8 type = (u8)(flow->icmp_type >> 8);

	put(t, flow->l3_proto == NT_ETH_IPV4 ? "ICMP: " : "ICMPv6: ");
	put_ends(t, flow);
	put(t, " ");
	if (!nt_flow_is_echo(flow)) {
		put_icmp_kind(t, flow);
		return;
	}
	put(t, type == 8 || type == 128 ? "ping request, seq: " : "ping reply, seq: ");
	put_number(t, flow->echo_seq);
	put(t, ", id: ");
	put_number(t, flow->echo_id);
}

/* " is at 02:00:00:00:00:01", nothing if no address was read. */
static void put_mac(struct text *t, const u8 mac[6])
{
	static const u8 none[6];
	char text[] = "00:00:00:00:00:00";

	if (!memcmp(mac, none, sizeof(none)))
		return;
	for (size_t i = 0; i < sizeof(none); i++) {
		text[3 * i] = "0123456789abcdef"[mac[i] >> 4];
		text[3 * i + 1] = "0123456789abcdef"[mac[i] & 0xf];
	}
	put(t, " is at ");
	put(t, text);
}

static void put_arp(struct text *t, const struct nt_flow *flow)
{
	put(t, "ARP: ");
	if (flow->no_transport) {
		put(t, "header cut off");
		return;
	}
	if (flow->icmp_type == ARP_REQUEST) {
		put(t, "who has ");
		put_address(t, flow, flow->daddr);
		put(t, ", tell ");
		put_address(t, flow, flow->saddr);
		return;
	}
	put(t, flow->icmp_type == ARP_REPLY ? "reply" : "operation ");
	if (flow->icmp_type != ARP_REPLY)
		put_number(t, flow->icmp_type);
	put(t, ", ");
	put_address(t, flow, flow->saddr);
	if (flow->icmp_type == ARP_REPLY)
		put_mac(t, flow->sender_mac);
	put(t, " to ");
	put_address(t, flow, flow->daddr);
}

/* An IP packet of which no more than the network header is to be told. */
static void put_ip(struct text *t, const struct nt_flow *flow)
{
	put(t, flow->l3_proto == NT_ETH_IPV6 ? "IPv6: " : "IPv4: ");
	put_ends(t, flow);
	put(t, " protocol ");
	put_number(t, flow->l4_proto);
	if (flow->no_transport)
		put(t, flow->no_transport == NT_TRANSPORT_CUT ? ", header cut off" : ", fragment");
}

static void put_flow(struct text *t, const struct nt_flow *flow)
{
	if (!flow->l3_proto) {
		put(t, "no IP header");
	} else if (flow->l3_proto == NT_ETH_ARP) {
		put_arp(t, flow);
	} else if (flow->l3_proto != NT_ETH_IPV4 && flow->l3_proto != NT_ETH_IPV6) {
		put(t, "ethertype ");
		put_hex16(t, flow->l3_proto);
	} else if (flow->no_transport) {
		put_ip(t, flow);
	} else if (is_icmp(flow)) {
		put_icmp(t, flow);
	} else if (is_tcp(flow)) {
		put_tcp(t, flow);
	} else if (flow->l4_proto == NT_IP_UDP) {
		put_udp(t, flow);
	} else {
		put_ip(t, flow);
	}
	if (flow->vlan_id) {
		put(t, " vlan:");
		put_number(t, flow->vlan_id);
	}
}

size_t packet_text(const struct nt_flow *flow, char *buf, size_t size)
{
	struct text t = {.at = buf};

	if (!size)
		return 0;
	t.end = buf + size - 1;
	put_flow(&t, flow);
	*t.at = '\0';
	return (size_t)(t.at - buf);
}

size_t packet_address_text(const struct nt_flow *flow, const u32 addr[4], char *buf, size_t size)
{
	struct text t = {.at = buf};

	if (!size)
		return 0;
	t.end = buf + size - 1;
	if (flow->l3_proto == NT_ETH_IPV4 || flow->l3_proto == NT_ETH_IPV6 ||
	    (flow->l3_proto == NT_ETH_ARP && !flow->no_transport))
		put_address(&t, flow, addr);
	*t.at = '\0';
	return (size_t)(t.at - buf);
}
