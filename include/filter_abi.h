/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The filter as the kernel side sees it: frozen in .rodata before loading, so
 * that the verifier removes every test that was not asked for.
 *
 * What a packet says of itself (struct nt_flow) is matched here. Interfaces,
 * namespaces and processes are properties of a journey and matched by userspace.
 */
#ifndef NT_FILTER_ABI_H
#define NT_FILTER_ABI_H

#include "types.h"

#define NT_MATCH_L3 0x0001u /* l3_proto */
#define NT_MATCH_L4 0x0002u /* l4_proto */
#define NT_MATCH_SADDR 0x0004u
#define NT_MATCH_DADDR 0x0008u
#define NT_MATCH_ADDR 0x0010u /* either end */
#define NT_MATCH_SPORT 0x0020u
#define NT_MATCH_DPORT 0x0040u
#define NT_MATCH_PORT 0x0080u /* either end */
#define NT_MATCH_ECHO_SEQ 0x0100u
#define NT_MATCH_ECHO_ID 0x0200u
#define NT_MATCH_TCP_SEQ 0x0400u /* the segment that covers tcp_seq; SYN and FIN count as one */
#define NT_MATCH_TCP_FLAGS 0x0800u
#define NT_MATCH_LEN 0x1000u
#define NT_MATCH_MARK 0x2000u

/* IPv4 addresses are stored mapped (::ffff:a.b.c.d), so one comparison serves both families. */
struct nt_prefix {
	u32 addr[4]; /* network byte order, already masked */
	u32 mask[4];
};

/* Both ends included; host byte order. */
struct nt_range16 {
	u16 low, high;
};

struct nt_range32 {
	u32 low, high;
};

struct nt_filter {
	u32 match;    /* NT_MATCH_*; 0 matches everything */
	u16 l3_proto; /* Ethertype, host byte order */
	u8 l4_proto;
	u8 tcp_flags; /* all of these must be set */
	u16 echo_seq; /* host byte order, as all below */
	u16 echo_id;
	struct nt_range16 sport, dport, port;
	u32 tcp_seq;
	u32 mark;
	struct nt_range32 len; /* of the packet from its network header */
	struct nt_prefix saddr, daddr, addr;
};

enum nt_no_transport {
	NT_TRANSPORT_READ = 0,
	NT_TRANSPORT_LATER_FRAGMENT, /* it was in the first fragment */
	NT_TRANSPORT_CUT	     /* it was not captured, or not readable */
};

#define NT_ETH_IPV4 0x0800
#define NT_ETH_ARP 0x0806
#define NT_ETH_IPV6 0x86dd
#define NT_IP_ICMP 1
#define NT_IP_TCP 6
#define NT_IP_UDP 17
#define NT_IP_ICMPV6 58

#define NT_TCP_FIN 0x01
#define NT_TCP_SYN 0x02

/*
 * What the headers of a packet say, in host byte order but for addresses; read
 * in the kernel to filter and to tell packets apart, and in userspace to print. What
 * a packet does not have is zero.
 */
struct nt_flow {
	u32 saddr[4]; /* as struct nt_prefix; of ARP: the sender's protocol address */
	u32 daddr[4];
	u16 l3_proto; /* Ethertype; 0: unreadable */
	u8 l4_proto;
	u8 no_transport;  /* enum nt_no_transport: why the transport fields are zero */
	u16 ip_id;	  /* IPv4's, or the low half of an IPv6 fragment's */
	u16 icmp_type;	  /* type << 8 | code, ICMP and ICMPv6; of ARP: the operation */
	u16 echo_id;	  /* ICMP and ICMPv6 echo only */
	u16 echo_seq;
	u16 sport;	  /* TCP and UDP only */
	u16 dport;
	u16 vlan_id;
	u8 tcp_flags;
	u8 fragment;	  /* part of a fragmented packet, the first included */
	union {
		struct {
			u32 tcp_seq;
			u32 tcp_ack;
			u32 payload_bytes; /* behind the TCP or UDP header */
		};
		struct {
			u8 sender_mac[6]; /* of ARP over Ethernet; read in userspace only */
			u8 target_mac[6];
		};
	};
	u32 len_bytes;	   /* from the network header on */
	u32 mark;	   /* skb->mark */
};

static inline int nt_prefix_matches(const volatile struct nt_prefix *p, const u32 *addr)
{
	return !(((addr[0] & p->mask[0]) ^ p->addr[0]) | ((addr[1] & p->mask[1]) ^ p->addr[1]) |
		 ((addr[2] & p->mask[2]) ^ p->addr[2]) | ((addr[3] & p->mask[3]) ^ p->addr[3]));
}

/* ICMP types of pings: RFC 792, RFC 4443. */
#define NT_ECHO_REPLY 0
#define NT_ECHO_REQUEST 8
#define NT_ECHO_REQUEST_V6 128
#define NT_ECHO_REPLY_V6 129

/* Of either family. */
static inline int nt_flow_is_echo_of(const struct nt_flow *f, u8 type, u8 type_v6)
{
	if (f->no_transport)
		return 0;
	if (f->l3_proto == NT_ETH_IPV4 && f->l4_proto == NT_IP_ICMP)
		return f->icmp_type >> 8 == type;
	return f->l3_proto == NT_ETH_IPV6 && f->l4_proto == NT_IP_ICMPV6 && f->icmp_type >> 8 == type_v6;
}

/* A ping: request or reply. */
static inline int nt_flow_is_echo(const struct nt_flow *f)
{
	return nt_flow_is_echo_of(f, NT_ECHO_REQUEST, NT_ECHO_REQUEST_V6) || nt_flow_is_echo_of(f, NT_ECHO_REPLY, NT_ECHO_REPLY_V6);
}

static inline int nt_flow_has_ports(const struct nt_flow *f)
{
	return (f->l4_proto == NT_IP_TCP || f->l4_proto == NT_IP_UDP) && !f->no_transport;
}

static inline int nt_ports_match(const volatile struct nt_filter *filter, u32 match, const struct nt_flow *f)
{
	u16 s = f->sport, d = f->dport;

	if (!nt_flow_has_ports(f))
		return 0;
	if ((match & NT_MATCH_SPORT) && (s < filter->sport.low || s > filter->sport.high))
		return 0;
	if ((match & NT_MATCH_DPORT) && (d < filter->dport.low || d > filter->dport.high))
		return 0;
	return !(match & NT_MATCH_PORT) || (s >= filter->port.low && s <= filter->port.high) ||
	       (d >= filter->port.low && d <= filter->port.high);
}

/* Sequence numbers wrap: the distance from the segment's first one decides. */
static inline int nt_tcp_covers(const struct nt_flow *f, u32 seq)
{
	u32 length = f->payload_bytes + !!(f->tcp_flags & NT_TCP_SYN) + !!(f->tcp_flags & NT_TCP_FIN);

	return seq - f->tcp_seq < length;
}

static inline int nt_tcp_matches(const volatile struct nt_filter *filter, u32 match, const struct nt_flow *f)
{
	if (f->l4_proto != NT_IP_TCP || f->no_transport)
		return 0;
	if ((match & NT_MATCH_TCP_FLAGS) && (f->tcp_flags & filter->tcp_flags) != filter->tcp_flags)
		return 0;
	return !(match & NT_MATCH_TCP_SEQ) || nt_tcp_covers(f, filter->tcp_seq);
}

static inline int nt_addresses_match(const volatile struct nt_filter *filter, u32 match, const struct nt_flow *f)
{
	if (f->l3_proto != NT_ETH_IPV4 && f->l3_proto != NT_ETH_IPV6 && f->l3_proto != NT_ETH_ARP)
		return 0;
	if ((match & NT_MATCH_SADDR) && !nt_prefix_matches(&filter->saddr, f->saddr))
		return 0;
	if ((match & NT_MATCH_DADDR) && !nt_prefix_matches(&filter->daddr, f->daddr))
		return 0;
	return !(match & NT_MATCH_ADDR) || nt_prefix_matches(&filter->addr, f->saddr) ||
	       nt_prefix_matches(&filter->addr, f->daddr);
}

/*
 * The one definition of a match, for BPF and userspace (recordings). Volatile, or the
 * compiler would take BPF's .rodata for the zeros it holds before userspace fills it.
 */
static inline int nt_filter_matches(const volatile struct nt_filter *filter, const struct nt_flow *f)
{
	u32 match = filter->match;

	if ((match & NT_MATCH_L3) && f->l3_proto != filter->l3_proto)
		return 0;
	if ((match & NT_MATCH_L4) &&
	    (f->l4_proto != filter->l4_proto || (f->l3_proto != NT_ETH_IPV4 && f->l3_proto != NT_ETH_IPV6)))
		return 0;
	if ((match & (NT_MATCH_SADDR | NT_MATCH_DADDR | NT_MATCH_ADDR)) && !nt_addresses_match(filter, match, f))
		return 0;
	if ((match & (NT_MATCH_SPORT | NT_MATCH_DPORT | NT_MATCH_PORT)) && !nt_ports_match(filter, match, f))
		return 0;
	if ((match & (NT_MATCH_ECHO_SEQ | NT_MATCH_ECHO_ID)) && !nt_flow_is_echo(f))
		return 0;
	if ((match & NT_MATCH_ECHO_SEQ) && f->echo_seq != filter->echo_seq)
		return 0;
	if ((match & NT_MATCH_ECHO_ID) && f->echo_id != filter->echo_id)
		return 0;
	if ((match & (NT_MATCH_TCP_SEQ | NT_MATCH_TCP_FLAGS)) && !nt_tcp_matches(filter, match, f))
		return 0;
	if ((match & NT_MATCH_LEN) && (f->len_bytes < filter->len.low || f->len_bytes > filter->len.high))
		return 0;
	return !(match & NT_MATCH_MARK) || f->mark == filter->mark;
}

#endif
