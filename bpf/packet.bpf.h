/* SPDX-License-Identifier: GPL-2.0 */
/* Reading packet headers: only what the filter and the identity of a packet need. */
#ifndef NT_PACKET_BPF_H
#define NT_PACKET_BPF_H

#include "filter_abi.h"
#include "kernel.bpf.h"
#include "probes.h"

#define ETH_P_IP 0x0800
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8
#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IP_FRAGMENT_OFFSET 0x1fff
#define VLAN_TAG_BYTES 4

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

/* The first eight bytes of any transport header, seen as ICMP or as ports. */
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
	} port;
};

/*
 * Offset of the network header from skb->head. While a driver hands a packet up,
 * network_header still holds what its last owner left, but data points there.
 */
static __always_inline u32 network_offset(struct sk_buff *skb, void *head, u32 flags)
{
	if (flags & NT_P_AT_DATA)
		return (u32)((void *)BPF_CORE_READ(skb, data) - head);
	return BPF_CORE_READ(skb, network_header);
}

static __always_inline bool read_ipv4(void *head, u32 offset, u32 tail, struct nt_flow *flow)
{
	union transport_header transport = {};
	struct ipv4_header ip;
	u32 header_bytes;

	/* A driver may have left everything in page fragments: nothing to read at this probe. */
	if (offset + sizeof(ip) > tail || bpf_probe_read_kernel(&ip, sizeof(ip), head + offset))
		return false;
	header_bytes = (ip.version_ihl & 0x0f) * 4;
	if ((ip.version_ihl >> 4) != 4 || header_bytes < sizeof(ip))
		return false;
	flow->l3_proto = ETH_P_IP;
	flow->l4_proto = ip.protocol;
	flow->ip_id = swap16(ip.id);
	flow->saddr[2] = flow->daddr[2] = swap32(0xffff);
	flow->saddr[3] = ip.saddr;
	flow->daddr[3] = ip.daddr;
	if (ip.fragment & swap16(IP_FRAGMENT_OFFSET)) {
		flow->no_transport = NT_TRANSPORT_LATER_FRAGMENT;
		return true;
	}
	if (offset + header_bytes + sizeof(transport) > tail ||
	    bpf_probe_read_kernel(&transport, sizeof(transport), head + offset + header_bytes)) {
		flow->no_transport = NT_TRANSPORT_CUT;
		return true;
	}
	if (ip.protocol == IPPROTO_ICMP) {
		flow->icmp_type = (u16)(transport.icmp.type << 8 | transport.icmp.code);
		flow->icmp_id = swap16(transport.icmp.id);
		flow->icmp_seq = swap16(transport.icmp.seq);
	} else {
		flow->sport = swap16(transport.port.source);
		flow->dport = swap16(transport.port.dest);
		if (ip.protocol == IPPROTO_TCP)
			flow->tcp_seq = swap32(transport.port.seq);
	}
	return true;
}

/* The headers found at an offset from skb->head; all zero if they are not readable. */
static __always_inline void read_flow_at(struct sk_buff *skb, void *head, u32 offset, struct nt_flow *flow)
{
	u32 tail = BPF_CORE_READ(skb, tail);
	u16 protocol = BPF_CORE_READ(skb, protocol);
	u16 inner;

	__builtin_memset(flow, 0, sizeof(*flow));
	if (protocol == swap16(ETH_P_8021Q) || protocol == swap16(ETH_P_8021AD)) {
		/* on the way in the tag stands where data points; on the way out it is before that */
		if (offset + VLAN_TAG_BYTES < tail &&
		    !bpf_probe_read_kernel(&inner, sizeof(inner), head + offset + 2) && inner == swap16(ETH_P_IP))
			offset += VLAN_TAG_BYTES;
	} else if (protocol && protocol != swap16(ETH_P_IP)) { /* 0: __ip_local_out has yet to set it */
		flow->l3_proto = swap16(protocol);
		return;
	}
	read_ipv4(head, offset, tail, flow);
}

/*
 * A packet's fingerprint, 0 if not all of its headers could be read. The low half
 * is what NAT never changes (IP id, protocol, ICMP type, sequence number), the
 * high half the addresses, ports and echo id.
 */
static __always_inline u64 flow_print(const struct nt_flow *flow)
{
	u32 fixed = (flow->ip_id | (u32)flow->icmp_seq << 16) ^ flow->tcp_seq;
	u32 ends = flow->saddr[3] * 0x9e3779b1u ^ flow->daddr[3] * 0x85ebca6bu;

	if (flow->no_transport == NT_TRANSPORT_CUT)
		return 0;
	/* other protocols: one print each, so that none passes for another */
	if (flow->l3_proto != ETH_P_IP)
		return flow->l3_proto;
	fixed ^= ((u32)flow->icmp_type << 8 | flow->l4_proto) * 0x01000193u;
	ends ^= ((u32)flow->sport << 16 | flow->dport) * 0xc2b2ae35u ^ flow->icmp_id;
	return (u64)ends << 32 | fixed;
}

#endif
