/* SPDX-License-Identifier: GPL-2.0 */
/* The filter, constant from the verifier's point of view: what was not asked for is not there. */
#ifndef NT_FILTER_BPF_H
#define NT_FILTER_BPF_H

#include "filter_abi.h"
#include "packet.bpf.h"

const volatile struct nt_filter filter = {};

PART bool filter_wants(const struct nt_flow *flow)
{
	return flow && nt_filter_matches(&filter, flow);
}

/* What the header of an IPv4 packet says by itself. */
struct ends {
	u8 l4_proto;
	u32 saddr[4], daddr[4];
};

static __always_inline bool ends_match(const struct ends *ends)
{
	u32 match = filter.match;

	if ((match & NT_MATCH_L4) && ends->l4_proto != filter.l4_proto)
		return false;
	if ((match & NT_MATCH_SADDR) && !nt_prefix_matches(&filter.saddr, ends->saddr))
		return false;
	if ((match & NT_MATCH_DADDR) && !nt_prefix_matches(&filter.daddr, ends->daddr))
		return false;
	return !(match & NT_MATCH_ADDR) || nt_prefix_matches(&filter.addr, ends->saddr) ||
	       nt_prefix_matches(&filter.addr, ends->daddr);
}

/*
 * False if a look at the IP header is enough to know that the filter does not want the packet, which on a
 * busy host is what most packets cost at each probe where a journey may start.
 */
PART bool filter_may_want(u64 address, u64 head, u32 flags)
{
	struct sk_buff *skb = (void *)address;
	struct linear from = {.head = (void *)head};
	struct ends ends = {};
	struct ipv4_header v4;
	u32 network;
	u16 protocol;

	if (!(filter.match & (NT_MATCH_L4 | NT_MATCH_SADDR | NT_MATCH_DADDR | NT_MATCH_ADDR)))
		return true;
	protocol = READ(skb, protocol);
	if (protocol && protocol != swap16(NT_ETH_IPV4)) /* 0: it has yet to be set */
		return true;
	network = network_offset(skb, from.head, flags);
	from.tail = READ(skb, tail);
	if (!linear_read(&from, network, &v4, sizeof(v4)) || v4.version_ihl >> 4 != 4)
		return true;
	ends.l4_proto = v4.protocol;
	ends.saddr[2] = ends.daddr[2] = swap32(0xffff);
	ends.saddr[3] = v4.saddr;
	ends.daddr[3] = v4.daddr;
	return ends_match(&ends);
}

#endif
