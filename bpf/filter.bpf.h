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

/* Do the addresses of an IPv4 header match? */
static __always_inline bool ends_match(u32 saddr, u32 daddr)
{
	const u32 source[4] = {0, 0, swap32(0xffff), saddr}, dest[4] = {0, 0, swap32(0xffff), daddr};
	u32 match = filter.match;

	if ((match & NT_MATCH_SADDR) && !nt_prefix_matches(&filter.saddr, source))
		return false;
	if ((match & NT_MATCH_DADDR) && !nt_prefix_matches(&filter.daddr, dest))
		return false;
	return !(match & NT_MATCH_ADDR) || nt_prefix_matches(&filter.addr, source) ||
	       nt_prefix_matches(&filter.addr, dest);
}

#define MATCH_ENDS (NT_MATCH_SADDR | NT_MATCH_DADDR | NT_MATCH_ADDR)

/*
 * False if a look at the IP header is enough to know that the filter does not want the packet, which on a
 * busy host is what most packets cost at each probe where a journey may start.
 */
static __always_inline bool filter_may_want(struct sk_buff *skb, u64 head, u32 flags)
{
	struct linear from = {.head = (void *)head};
	struct ipv4_header v4;
	u16 protocol;

	if (!(filter.match & (NT_MATCH_L4 | MATCH_ENDS)))
		return true;
	protocol = READ(skb, protocol);
	if (protocol && protocol != swap16(NT_ETH_IPV4)) /* 0: it has yet to be set */
		return true;
	from.tail = READ(skb, tail);
	if (!linear_read(&from, network_offset(skb, from.head, flags), &v4, sizeof(v4)) || v4.version_ihl >> 4 != 4)
		return true;
	if ((filter.match & NT_MATCH_L4) && v4.protocol != filter.l4_proto)
		return false;
	return !(filter.match & MATCH_ENDS) || ends_match(v4.saddr, v4.daddr);
}

#endif
