/* SPDX-License-Identifier: GPL-2.0 */
/* Reading packet headers: only what the filter and the identity of a packet need. */
#ifndef NT_PACKET_BPF_H
#define NT_PACKET_BPF_H

#include "filter_abi.h"
#include "probes.h"
#include "read.bpf.h"

#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8
#define IP_FRAGMENT_OFFSET 0x1fff
#define IP_MORE_FRAGMENTS 0x2000
#define IP6_FRAGMENT_OFFSET 0xfff8
#define VLAN_TAG_BYTES 4
#define IP6_EXTENSIONS_MAX 4

#define swap16(x) ((u16)__builtin_bswap16(x))
#define swap32(x) ((u32)__builtin_bswap32(x))

struct ipv4_header {
	u8 version_ihl;
	u8 tos;
	u16 total_length;
	u16 id;
	u16 fragment;
	u8 ttl;
	u8 protocol;
	u16 checksum;
	u32 saddr;
	u32 daddr;
};

struct ipv6_header {
	u32 version_class_label;
	u16 payload_length;
	u8 next;
	u8 hop_limit;
	u32 saddr[4];
	u32 daddr[4];
};

/* Any IPv6 extension header begins so; of a fragment header `rest` are its offset and id. */
struct ipv6_extension {
	u8 next;
	u8 length;
	u16 offset;
	u32 id;
};

enum { IP6_HOP_BY_HOP = 0, IP6_ROUTING = 43, IP6_FRAGMENT = 44, IP6_AUTH = 51, IP6_DESTINATION = 60 };

/* Of Ethernet and IPv4, as it is wherever ARP matters. */
struct arp_header {
	u16 hardware;
	u16 protocol;
	u8 hardware_bytes;
	u8 protocol_bytes;
	u16 operation;
	u8 sender_mac[6];
	u8 sender[4];
	u8 target_mac[6];
	u8 target[4];
};

/* As much of a transport header as is looked at, seen as ICMP or as TCP and UDP. */
union transport_header {
	struct {
		u8 type;
		u8 code;
		u16 checksum;
		u16 id;
		u16 seq;
	} icmp;
	struct {
		u16 source;
		u16 dest;
		u32 seq;
		u32 ack;
		u8 data_offset;
		u8 flags;
	} port;
};

#define ICMP_BYTES 8
#define TCP_BYTES 14
#define UDP_BYTES 8

/* Where headers are: offsets from skb->head, and the end of what is readable there. */
struct linear {
	void *head;
	u32 tail;
};

static __always_inline bool linear_read(const struct linear *from, u32 offset, void *to, u32 size)
{
	/* A driver may have left everything in page fragments: nothing to read at this probe. */
	return offset + size <= from->tail && read_bytes(to, size, (u64)from->head + offset);
}

/*
 * Offset of the network header from skb->head. While a driver hands a packet up,
 * network_header still holds what its last owner left, but data points there.
 */
static __always_inline u32 network_offset(struct sk_buff *skb, void *head, u32 flags)
{
	if (flags & NT_P_AT_DATA)
		return (u32)(READ_ADDRESS(skb, data) - (u64)head);
	return READ(skb, network_header);
}

/* What is left to read behind the network header. */
struct rest {
	u32 offset; /* of the transport header */
	u32 end;    /* of the packet: padding is none of it */
	u32 zero;   /* what opaque() is made of, loaded once */
};

static __always_inline void read_icmp(const struct linear *from, const struct rest *rest, struct nt_flow *flow)
{
	union transport_header h;

	if (!linear_read(from, rest->offset, &h, ICMP_BYTES)) {
		flow->no_transport = NT_TRANSPORT_CUT ^ rest->zero;
		return;
	}
	flow->icmp_type = (u16)(h.icmp.type << 8 | h.icmp.code);
	if (!nt_flow_is_echo(flow))
		return;
	flow->echo_id = swap16(h.icmp.id);
	flow->echo_seq = swap16(h.icmp.seq);
}

static __always_inline void read_ports(const struct linear *from, const struct rest *rest, struct nt_flow *flow)
{
	bool tcp = flow->l4_proto == NT_IP_TCP;
	u32 header_bytes = UDP_BYTES;
	union transport_header h;

	if (!linear_read(from, rest->offset, &h, UDP_BYTES) ||
	    (tcp && !linear_read(from, rest->offset + UDP_BYTES, (char *)&h + UDP_BYTES, TCP_BYTES - UDP_BYTES))) {
		flow->no_transport = NT_TRANSPORT_CUT ^ rest->zero;
		return;
	}
	flow->sport = swap16(h.port.source);
	flow->dport = swap16(h.port.dest);
	if (tcp) {
		flow->tcp_seq = swap32(h.port.seq);
		flow->tcp_ack = swap32(h.port.ack);
		flow->tcp_flags = h.port.flags;
		header_bytes = (h.port.data_offset >> 4) * 4;
	}
	if (rest->offset + header_bytes < rest->end)
		flow->payload_bytes = rest->end - rest->offset - header_bytes;
}

static __always_inline void read_transport(const struct linear *from, const struct rest *rest, struct nt_flow *flow)
{
	if (flow->no_transport)
		return;
	if (flow->l4_proto == NT_IP_ICMP || flow->l4_proto == NT_IP_ICMPV6)
		read_icmp(from, rest, flow);
	else if (flow->l4_proto == NT_IP_TCP || flow->l4_proto == NT_IP_UDP)
		read_ports(from, rest, flow);
}

/* total_length is not filled in before __ip_local_out. */
static __always_inline bool read_ipv4(const struct linear *from, struct rest *rest, bool received,
				      struct nt_flow *flow)
{
	u32 offset = rest->offset, header_bytes, total;
	struct ipv4_header ip;

	if (!linear_read(from, offset, &ip, sizeof(ip)))
		return false;
	header_bytes = (ip.version_ihl & 0x0f) * 4;
	if ((ip.version_ihl >> 4) != 4 || header_bytes < sizeof(ip))
		return false;
	total = swap16(ip.total_length);
	if (received && total >= header_bytes && offset + total < rest->end)
		rest->end = offset + total;
	flow->l3_proto = NT_ETH_IPV4 ^ rest->zero;
	flow->l4_proto = ip.protocol;
	flow->ip_id = swap16(ip.id);
	flow->saddr[2] = flow->daddr[2] = swap32(0xffff) ^ rest->zero;
	flow->saddr[3] = ip.saddr;
	flow->daddr[3] = ip.daddr;
	flow->len_bytes = rest->end - offset;
	if (ip.fragment & swap16(IP_FRAGMENT_OFFSET | IP_MORE_FRAGMENTS))
		flow->fragment = 1 ^ rest->zero;
	if (ip.fragment & swap16(IP_FRAGMENT_OFFSET))
		flow->no_transport = NT_TRANSPORT_LATER_FRAGMENT ^ rest->zero;
	rest->offset = offset + header_bytes;
	return true;
}

static __always_inline bool is_extension(u8 kind)
{
	const u64 kinds = 1ull << IP6_HOP_BY_HOP | 1ull << IP6_ROUTING | 1ull << IP6_FRAGMENT | 1ull << IP6_AUTH |
			  1ull << IP6_DESTINATION;

	return kind < 64 && (kinds >> kind & 1);
}

/* Step over one extension header. False at the transport header, or when it cannot be read. */
static __always_inline bool skip_extension(const struct linear *from, struct rest *rest, struct nt_flow *flow)
{
	struct ipv6_extension extension;
	u8 kind = flow->l4_proto;

	if (!is_extension(kind))
		return false;
	if (!linear_read(from, rest->offset, &extension, sizeof(extension))) {
		flow->no_transport = NT_TRANSPORT_CUT ^ rest->zero;
		return false;
	}
	flow->l4_proto = extension.next;
	if (kind == IP6_FRAGMENT) {
		flow->fragment = 1 ^ rest->zero;
		flow->ip_id = (u16)swap32(extension.id);
		if (extension.offset & swap16(IP6_FRAGMENT_OFFSET))
			flow->no_transport = NT_TRANSPORT_LATER_FRAGMENT ^ rest->zero;
		rest->offset += sizeof(extension);
	} else {
		rest->offset += kind == IP6_AUTH ? (extension.length + 2) * 4 : (extension.length + 1) * 8;
	}
	return !flow->no_transport;
}

static __always_inline bool read_ipv6(const struct linear *from, struct rest *rest, bool received,
				      struct nt_flow *flow)
{
	u32 offset = rest->offset, at = offset + sizeof(struct ipv6_header), payload;
	struct ipv6_header ip;
	int i;

	if (!linear_read(from, offset, &ip, sizeof(ip)) || (*(u8 *)&ip >> 4) != 6)
		return false;
	payload = swap16(ip.payload_length);
	if (received && payload && at + payload < rest->end)
		rest->end = at + payload;
	flow->l3_proto = NT_ETH_IPV6 ^ rest->zero;
	flow->l4_proto = ip.next;
	__builtin_memcpy(flow->saddr, ip.saddr, sizeof(flow->saddr));
	__builtin_memcpy(flow->daddr, ip.daddr, sizeof(flow->daddr));
	flow->len_bytes = rest->end - offset;
	rest->offset = at;
#pragma unroll
	for (i = 0; i < IP6_EXTENSIONS_MAX; i++)
		if (!skip_extension(from, rest, flow))
			break;
	if (is_extension(flow->l4_proto) && !flow->no_transport)
		flow->no_transport = NT_TRANSPORT_CUT ^ rest->zero;
	return true;
}

static __always_inline void read_arp(const struct linear *from, const struct rest *rest, struct nt_flow *flow)
{
	struct arp_header arp;

	flow->l3_proto = NT_ETH_ARP ^ rest->zero;
	/* while a tunnel puts its header in front of it, that is where ARP is looked for */
	if (!linear_read(from, rest->offset, &arp, sizeof(arp)) || arp.protocol != swap16(NT_ETH_IPV4) ||
	    arp.hardware_bytes != 6 || arp.protocol_bytes != 4) {
		flow->no_transport = NT_TRANSPORT_CUT ^ rest->zero;
		return;
	}
	flow->icmp_type = swap16(arp.operation);
	flow->saddr[2] = flow->daddr[2] = swap32(0xffff) ^ rest->zero;
	__builtin_memcpy(&flow->saddr[3], arp.sender, 4);
	__builtin_memcpy(&flow->daddr[3], arp.target, 4);
}

static __always_inline void read_layers(const struct linear *from, struct rest *rest, u16 protocol, bool received,
					struct nt_flow *flow)
{
	if (protocol == swap16(ETH_P_8021Q) || protocol == swap16(ETH_P_8021AD)) {
		if (!received) /* on the way out the tag is before the network header */
			protocol = 0;
		else if (!linear_read(from, rest->offset + 2, &protocol, sizeof(protocol)))
			return;
		else
			rest->offset += VLAN_TAG_BYTES;
	}
	/* 0: the layers that send have yet to set it */
	if (((!protocol || protocol == swap16(NT_ETH_IPV4)) && read_ipv4(from, rest, received, flow)) ||
	    ((!protocol || protocol == swap16(NT_ETH_IPV6)) && read_ipv6(from, rest, received, flow)))
		read_transport(from, rest, flow);
	else if (protocol == swap16(NT_ETH_ARP))
		read_arp(from, rest, flow);
	else if (protocol != swap16(NT_ETH_IPV4) && protocol != swap16(NT_ETH_IPV6))
		flow->l3_proto = swap16(protocol);
}

#define FLOW_RECEIVED 0x10000u

/*
 * The headers found at an offset from skb->head; all zero if they are not readable. The
 * protocol, in network order, is that of the skb but for headers which it has left behind.
 * With FLOW_RECEIVED lengths are filled in and the data may be padded; a VLAN tag stands where data points.
 *
 * All constants in the result are opaque, or the verifier would walk all that follows once for each path through here.
 */
PART int read_flow_at(u64 address, u64 head, u32 offset, u32 protocol, struct nt_flow *flow)
{
	struct linear from = {.head = (void *)head};
	struct rest rest = {.offset = offset, .zero = opaque(0)};
	struct sk_buff *skb = (void *)address;
	u32 *words = (u32 *)flow, i;

	if (!flow)
		return 0;
	from.tail = READ(skb, tail);
	rest.end = (u32)(READ_ADDRESS(skb, data) - head) + READ(skb, len);
#pragma unroll
	for (i = 0; i < sizeof(*flow) / sizeof(*words); i++)
		words[i] = rest.zero;
	flow->mark = READ(skb, mark);
	flow->len_bytes = rest.end - offset;
	read_layers(&from, &rest, (u16)protocol, protocol & FLOW_RECEIVED, flow);
	in_memory(flow);
	return 0;
}

/* What a fingerprint is made of; addresses are the last words of IPv6's. */
struct print_parts {
	u32 saddr, daddr, tcp_seq;
	u16 l3_proto, ip_id, icmp_type, echo_id, echo_seq, sport, dport;
	u8 l4_proto;
};

/*
 * The low half is what NAT never changes (IP id, protocol, ICMP type, sequence number), the
 * high half the addresses, ports and echo id.
 */
static __always_inline u64 print_of(const struct print_parts *p)
{
	u32 fixed = (p->ip_id | (u32)p->echo_seq << 16) ^ p->tcp_seq;
	u32 ends = p->saddr * 0x9e3779b1u ^ p->daddr * 0x85ebca6bu;

	fixed ^= ((u32)p->icmp_type << 16 | p->l4_proto) * 0x01000193u ^ (u32)p->l3_proto << 16;
	ends ^= ((u32)p->sport << 16 | p->dport) * 0xc2b2ae35u ^ p->echo_id;
	return (u64)ends << 32 | (fixed | 1);
}

/* A packet's fingerprint, 0 if not all of its headers could be read. */
static __always_inline u64 flow_print(const struct nt_flow *flow)
{
	const struct print_parts parts = {
		.saddr = flow->saddr[3],
		.daddr = flow->daddr[3],
		.tcp_seq = flow->tcp_seq,
		.l3_proto = flow->l3_proto,
		.ip_id = flow->ip_id,
		.icmp_type = flow->icmp_type,
		.echo_id = flow->echo_id,
		.echo_seq = flow->echo_seq,
		.sport = flow->sport,
		.dport = flow->dport,
		.l4_proto = flow->l4_proto,
	};

	if (!flow->l3_proto || flow->no_transport == NT_TRANSPORT_CUT)
		return 0;
	return print_of(&parts);
}

/*
 * The same fingerprint with less effort, of the packets that are most: TCP, UDP and ICMP in IPv4 without options or
 * fragments. 0 of others, and of those that end before their transport header.
 */
static __always_inline u64 quick_print(const struct linear *from, u32 network)
{
	struct print_parts parts = {.l3_proto = NT_ETH_IPV4};
	union transport_header h;
	struct ipv4_header ip;

	/* as much as the most of them have, so that it can be read at once */
	if (network + sizeof(ip) + TCP_BYTES > from->tail || !linear_read(from, network, &ip, sizeof(ip)) ||
	    !linear_read(from, network + sizeof(ip), &h, UDP_BYTES) || ip.version_ihl != 0x45 ||
	    (ip.fragment & swap16(IP_FRAGMENT_OFFSET | IP_MORE_FRAGMENTS)))
		return 0;
	parts.saddr = ip.saddr;
	parts.daddr = ip.daddr;
	parts.ip_id = swap16(ip.id);
	parts.l4_proto = ip.protocol;
	if (ip.protocol == NT_IP_ICMP) {
		parts.icmp_type = (u16)(h.icmp.type << 8 | h.icmp.code);
		if (h.icmp.type == 0 || h.icmp.type == 8) {
			parts.echo_id = swap16(h.icmp.id);
			parts.echo_seq = swap16(h.icmp.seq);
		}
	} else if (ip.protocol == NT_IP_TCP || ip.protocol == NT_IP_UDP) {
		parts.sport = swap16(h.port.source);
		parts.dport = swap16(h.port.dest);
		if (ip.protocol == NT_IP_TCP)
			parts.tcp_seq = swap32(h.port.seq);
	} else {
		return 0;
	}
	return print_of(&parts);
}

/* Nothing in the low half tells it from others of its protocol: UDP without an IP id, as over IPv6. */
static __always_inline bool is_anonymous(const struct nt_flow *flow)
{
	return !(flow->ip_id | flow->echo_seq | flow->tcp_seq);
}

#endif
