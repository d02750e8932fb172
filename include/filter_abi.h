/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The filter as the kernel side sees it: frozen in .rodata before loading, so
 * that the verifier removes every test that was not asked for.
 */
#ifndef NT_FILTER_ABI_H
#define NT_FILTER_ABI_H

#include "types.h"

#define NT_MATCH_PROTO 0x0001u /* l4_proto */
#define NT_MATCH_SADDR 0x0002u
#define NT_MATCH_DADDR 0x0004u
#define NT_MATCH_ADDR 0x0008u /* either end */
#define NT_MATCH_ICMP_SEQ 0x0010u
#define NT_MATCH_ICMP_ID 0x0020u

/* IPv4 addresses are stored mapped (::ffff:a.b.c.d), so one comparison serves both families. */
struct nt_prefix {
	u32 addr[4]; /* network byte order, already masked */
	u32 mask[4];
};

struct nt_filter {
	u32 match; /* NT_MATCH_*; 0 matches everything */
	u8 l4_proto;
	u8 reserved[3];
	u16 icmp_seq; /* host byte order */
	u16 icmp_id;
	struct nt_prefix saddr, daddr, addr;
};

enum nt_no_transport {
	NT_TRANSPORT_READ = 0,
	NT_TRANSPORT_LATER_FRAGMENT, /* it was in the first fragment */
	NT_TRANSPORT_CUT	     /* it was not captured, or not readable */
};

/* The fields of a packet that filters look at; parsed in the kernel and in userspace alike. */
struct nt_flow {
	u32 saddr[4]; /* as struct nt_prefix */
	u32 daddr[4];
	u16 l3_proto; /* Ethertype, host byte order; 0: unreadable */
	u8 l4_proto;
	u8 no_transport; /* enum nt_no_transport: why the transport fields are zero */
	u16 ip_id;   /* host byte order; 0 for IPv6 */
	u16 icmp_type; /* type << 8 | code */
	u16 icmp_id;
	u16 icmp_seq;
	u16 sport;
	u16 dport;
	u32 tcp_seq; /* host byte order */
};

static inline int nt_prefix_matches(const volatile struct nt_prefix *p, const u32 *addr)
{
	return !(((addr[0] & p->mask[0]) ^ p->addr[0]) | ((addr[1] & p->mask[1]) ^ p->addr[1]) |
		 ((addr[2] & p->mask[2]) ^ p->addr[2]) | ((addr[3] & p->mask[3]) ^ p->addr[3]));
}

static inline int nt_flow_is_echo(const struct nt_flow *f)
{
	u8 type = f->icmp_type >> 8;

	return f->l4_proto == 1 && !f->no_transport && (type == 0 || type == 8);
}

/*
 * The one definition of a match, for BPF and userspace (recordings). Volatile, or the
 * compiler would take BPF's .rodata for the zeros it holds before userspace fills it.
 */
static inline int nt_filter_matches(const volatile struct nt_filter *filter, const struct nt_flow *f)
{
	u32 match = filter->match;

	if (match && f->l3_proto != 0x0800 && f->l3_proto != 0x86dd)
		return 0;
	if ((match & NT_MATCH_PROTO) && f->l4_proto != filter->l4_proto)
		return 0;
	if ((match & (NT_MATCH_ICMP_SEQ | NT_MATCH_ICMP_ID)) && !nt_flow_is_echo(f))
		return 0;
	if ((match & NT_MATCH_ICMP_SEQ) && f->icmp_seq != filter->icmp_seq)
		return 0;
	if ((match & NT_MATCH_ICMP_ID) && f->icmp_id != filter->icmp_id)
		return 0;
	if ((match & NT_MATCH_SADDR) && !nt_prefix_matches(&filter->saddr, f->saddr))
		return 0;
	if ((match & NT_MATCH_DADDR) && !nt_prefix_matches(&filter->daddr, f->daddr))
		return 0;
	if ((match & NT_MATCH_ADDR) && !nt_prefix_matches(&filter->addr, f->saddr) &&
	    !nt_prefix_matches(&filter->addr, f->daddr))
		return 0;
	return 1;
}

#endif
