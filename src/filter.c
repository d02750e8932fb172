/* SPDX-License-Identifier: GPL-2.0 */
/* Filters: the values of options, what they mean together, and their text. */
#include "filter.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define ADDRESS_BITS 128
#define IPV4_AT_BIT 96 /* where the IPv4 address begins in a mapped one */
#define ANY_L4 (-1)

#define MATCH_ADDRESSES (NT_MATCH_SADDR | NT_MATCH_DADDR | NT_MATCH_ADDR)
#define MATCH_PORTS (NT_MATCH_SPORT | NT_MATCH_DPORT | NT_MATCH_PORT)
#define MATCH_ECHO (NT_MATCH_ECHO_SEQ | NT_MATCH_ECHO_ID)

/* Of several names of one protocol the first is printed. */
static const struct protocol {
	const char *name;
	u16 l3; /* 0: IPv4 or IPv6 */
	int l4;
} protocols[] = {
	{"icmp", NT_ETH_IPV4, NT_IP_ICMP},
	{"icmp6", NT_ETH_IPV6, NT_IP_ICMPV6},
	{"icmpv6", NT_ETH_IPV6, NT_IP_ICMPV6},
	{"tcp", 0, NT_IP_TCP},
	{"udp", 0, NT_IP_UDP},
	{"arp", NT_ETH_ARP, ANY_L4},
	{"ip", NT_ETH_IPV4, ANY_L4},
	{"ipv4", NT_ETH_IPV4, ANY_L4},
	{"ip6", NT_ETH_IPV6, ANY_L4},
	{"ipv6", NT_ETH_IPV6, ANY_L4},
	{"sctp", 0, IPPROTO_SCTP},
	{"gre", 0, IPPROTO_GRE},
	{"esp", 0, IPPROTO_ESP},
	{"ah", 0, IPPROTO_AH},
	{"igmp", NT_ETH_IPV4, IPPROTO_IGMP},
};

bool filter_digits(const char *text, unsigned long long max, unsigned long long *ret_value,
		   const char **ret_end)
{
	unsigned long long value = 0;
	const char *c = text;

	for (; *c >= '0' && *c <= '9'; c++) {
		unsigned int digit = (unsigned int)(*c - '0');

		if (digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (c == text)
		return false;
	*ret_value = value;
	*ret_end = c;
	return true;
}

bool filter_number(const char *text, unsigned long long max, unsigned long long *ret_value)
{
	unsigned long long value;
	const char *end;

	if (!filter_digits(text, max, &value, &end) || *end)
		return false;
	*ret_value = value;
	return true;
}

/* "N" or "N-M", both ends included. */
static bool parse_range(const char *text, unsigned long long max, struct nt_range32 *ret_range)
{
	unsigned long long low, high;
	const char *end;

	if (!filter_digits(text, max, &low, &end))
		return false;
	high = low;
	if (*end && (*end != '-' || !filter_number(end + 1, max, &high) || high < low))
		return false;
	*ret_range = (struct nt_range32){.low = (u32)low, .high = (u32)high};
	return true;
}

static const struct protocol *protocol_by_number(int l4)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].l4 == l4)
			return &protocols[i];
	return NULL;
}

const char *filter_protocol_name(unsigned int n)
{
	return n < ARRAY_SIZE(protocols) ? protocols[n].name : NULL;
}

static void set_protocol(struct nt_filter *filter, u16 l3, int l4)
{
	if (l3) {
		filter->l3_proto = l3;
		filter->match |= NT_MATCH_L3;
	}
	if (l4 != ANY_L4) {
		filter->l4_proto = (u8)l4;
		filter->match |= NT_MATCH_L4;
	}
}

const char *filter_take_proto(struct nt_filter *filter, const char *value)
{
	const struct protocol *protocol = NULL;
	unsigned long long number = 0;

	for (size_t i = 0; i < ARRAY_SIZE(protocols) && !protocol; i++)
		if (!strcmp(value, protocols[i].name))
			protocol = &protocols[i];
	if (!protocol && !filter_number(value, UINT8_MAX, &number))
		return "is not icmp, icmp6, tcp, udp, arp, ip, ip6, sctp, gre, esp, ah, igmp or a "
		       "number from 0 to 255";
	if (!protocol)
		protocol = protocol_by_number((int)number);
	if (protocol)
		set_protocol(filter, protocol->l3, protocol->l4);
	else
		set_protocol(filter, 0, (int)number);
	return NULL;
}

/* The prefix of so many bits around an address. */
static struct nt_prefix make_prefix(const u32 *address, unsigned int bits)
{
	struct nt_prefix prefix;

	for (unsigned int i = 0; i < 4; i++) {
		unsigned int n = bits > 32 * i ? bits - 32 * i : 0;

		prefix.mask[i] = n >= 32 ? ~0u : n ? htonl(~0u << (32 - n)) : 0;
		prefix.addr[i] = address[i] & prefix.mask[i];
	}
	return prefix;
}

static const char *parse_prefix(const char *value, struct nt_prefix *ret_prefix)
{
	size_t length = strcspn(value, "/");
	unsigned long long bits = ADDRESS_BITS;
	u32 address[4] = {0, 0, htonl(0xffff), 0};
	char host[INET6_ADDRSTRLEN] = "";
	bool is_ipv4;

	if (length < sizeof(host))
		memcpy(host, value, length);
	is_ipv4 = inet_pton(AF_INET, host, &address[3]) == 1;
	if (!is_ipv4 && inet_pton(AF_INET6, host, address) != 1)
		return "is not an address such as 10.0.0.1, 10.0.0.0/8, fe80::1 or fe80::/10";
	if (!is_ipv4 && !address[0] && !address[1] && address[2] == htonl(0xffff))
		return "is an address that no packet carries: write it as an IPv4 address";
	if (value[length]) {
		unsigned int first = is_ipv4 ? IPV4_AT_BIT : 0;

		if (!filter_number(value + length + 1, ADDRESS_BITS - first, &bits))
			return is_ipv4 ? "has a prefix length that is not a number from 0 to 32"
				       : "has a prefix length that is not a number from 0 to 128";
		bits += first;
	}
	*ret_prefix = make_prefix(address, (unsigned int)bits);
	return NULL;
}

static const char *take_prefix(struct nt_filter *filter, u32 match, struct nt_prefix *prefix,
			       const char *value)
{
	const char *wrong = parse_prefix(value, prefix);

	if (!wrong)
		filter->match |= match;
	return wrong;
}

const char *filter_take_saddr(struct nt_filter *filter, const char *value)
{
	return take_prefix(filter, NT_MATCH_SADDR, &filter->saddr, value);
}

const char *filter_take_daddr(struct nt_filter *filter, const char *value)
{
	return take_prefix(filter, NT_MATCH_DADDR, &filter->daddr, value);
}

const char *filter_take_addr(struct nt_filter *filter, const char *value)
{
	return take_prefix(filter, NT_MATCH_ADDR, &filter->addr, value);
}

static const char *take_ports(struct nt_filter *filter, u32 match, struct nt_range16 *ports,
			      const char *value)
{
	struct nt_range32 range;

	if (!parse_range(value, UINT16_MAX, &range))
		return "is not a port or a range of ports, from 0 to 65535, such as 80 or 1-1023";
	*ports = (struct nt_range16){.low = (u16)range.low, .high = (u16)range.high};
	filter->match |= match;
	return NULL;
}

const char *filter_take_sport(struct nt_filter *filter, const char *value)
{
	return take_ports(filter, NT_MATCH_SPORT, &filter->sport, value);
}

const char *filter_take_dport(struct nt_filter *filter, const char *value)
{
	return take_ports(filter, NT_MATCH_DPORT, &filter->dport, value);
}

const char *filter_take_port(struct nt_filter *filter, const char *value)
{
	return take_ports(filter, NT_MATCH_PORT, &filter->port, value);
}

/* Taken for TCP's until it is known whether TCP was asked for: see settle_seq(). */
const char *filter_take_seq(struct nt_filter *filter, const char *value)
{
	unsigned long long number;

	if (!filter_number(value, UINT32_MAX, &number))
		return "is not a number from 0 to 65535, or to 4294967295 with -p tcp";
	filter->tcp_seq = (u32)number;
	filter->match |= NT_MATCH_TCP_SEQ;
	return NULL;
}

const char *filter_take_id(struct nt_filter *filter, const char *value)
{
	unsigned long long number;

	if (!filter_number(value, UINT16_MAX, &number))
		return "is not a number from 0 to 65535";
	filter->echo_id = (u16)number;
	filter->match |= NT_MATCH_ECHO_ID;
	return NULL;
}

const char *filter_take_pkt_len(struct nt_filter *filter, const char *value)
{
	if (!parse_range(value, UINT32_MAX, &filter->len))
		return "is not a number of bytes or a range such as 1500 or 1-100";
	filter->match |= NT_MATCH_LEN;
	return NULL;
}

/* One flag by its name, in either case, which no locale changes. 0: none of that name. */
static u8 flag_by_name(const char *name, size_t length)
{
	static const char names[8][4] = {"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"};

	for (unsigned int i = 0; length == 3 && i < ARRAY_SIZE(names); i++)
		if ((name[0] | 0x20) == names[i][0] && (name[1] | 0x20) == names[i][1] &&
		    (name[2] | 0x20) == names[i][2])
			return (u8)(1 << i);
	return 0;
}

/* Flags by their letters. 0: not all of them are letters of flags. */
static u8 flags_by_letters(const char *letters, size_t length)
{
	u8 flags = 0;

	for (size_t i = 0; i < length; i++) {
		const char *found = memchr(FILTER_TCP_FLAGS, letters[i], 8);

		if (!found)
			return 0;
		flags |= (u8)(1 << (found - FILTER_TCP_FLAGS));
	}
	return flags;
}

const char *filter_take_tcp_flags(struct nt_filter *filter, const char *value)
{
	u8 all = 0;

	for (const char *at = value;; at++) {
		size_t length = strcspn(at, ",");
		u8 flags = flag_by_name(at, length);

		if (!flags)
			flags = flags_by_letters(at, length);
		if (!flags)
			return "is not letters of " FILTER_TCP_FLAGS " such as SA, or names such "
			       "as syn,ack";
		all |= flags;
		at += length;
		if (!*at)
			break;
	}
	filter->tcp_flags = all;
	filter->match |= NT_MATCH_TCP_FLAGS;
	return NULL;
}

const char *filter_take_mark(struct nt_filter *filter, const char *value)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	bool is_hex = value[0] == '0' && (value[1] == 'x' || value[1] == 'X');
	size_t digits = is_hex ? strspn(value + 2, hex) : 0;
	unsigned long long number;

	if (digits && digits <= 8 && !value[2 + digits])
		number = strtoull(value + 2, NULL, 16);
	else if (is_hex || !filter_number(value, UINT32_MAX, &number))
		return "is not a number from 0 to 4294967295 or 0xffffffff";
	filter->mark = (u32)number;
	filter->match |= NT_MATCH_MARK;
	return NULL;
}

static bool is_ipv4(const struct nt_prefix *prefix)
{
	return prefix->mask[2] == ~0u && !prefix->addr[0] && !prefix->addr[1] &&
	       prefix->addr[2] == htonl(0xffff);
}

/* Which families the addresses are of. */
static void find_families(const struct nt_filter *filter, bool *ret_ipv4, bool *ret_ipv6)
{
	const struct {
		u32 match;
		const struct nt_prefix *prefix;
	} given[] = {
		{NT_MATCH_SADDR, &filter->saddr},
		{NT_MATCH_DADDR, &filter->daddr},
		{NT_MATCH_ADDR, &filter->addr},
	};

	*ret_ipv4 = *ret_ipv6 = false;
	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		if (filter->match & given[i].match && is_ipv4(given[i].prefix))
			*ret_ipv4 = true;
		else if (filter->match & given[i].match)
			*ret_ipv6 = true;
	}
}

/*
 * IPv4 addresses leave room for ARP, which has them too. Short IPv6 prefixes
 * would take in all of IPv4, whose addresses are stored mapped.
 */
static const char *settle_family(struct nt_filter *filter, bool ipv4, bool ipv6)
{
	u16 l3 = filter->match & NT_MATCH_L3 ? filter->l3_proto : 0;

	if (ipv4 && ipv6)
		return "no packet has both IPv4 and IPv6 addresses";
	if (ipv6 && l3 == NT_ETH_ARP)
		return "ARP has IPv4 addresses only, the address is IPv6";
	if (ipv6 && l3 == NT_ETH_IPV4)
		return "the protocol is of IPv4, but the address is IPv6";
	if (ipv4 && l3 == NT_ETH_IPV6)
		return "the protocol is of IPv6, but the address is IPv4";
	if (ipv6)
		set_protocol(filter, NT_ETH_IPV6, ANY_L4);
	return NULL;
}

/* Whether the protocol that was asked for, if one was, leaves room for this one. */
static bool admits(const struct nt_filter *filter, u8 l4)
{
	const struct protocol *protocol = protocol_by_number(l4);

	if (filter->match & NT_MATCH_L4)
		return filter->l4_proto == l4;
	if (!(filter->match & NT_MATCH_L3))
		return true;
	return filter->l3_proto != NT_ETH_ARP &&
	       (!protocol || !protocol->l3 || protocol->l3 == filter->l3_proto);
}

static bool admits_echo(const struct nt_filter *filter)
{
	return admits(filter, NT_IP_ICMP) || admits(filter, NT_IP_ICMPV6);
}

/* Without a word of TCP, a sequence number is a ping's. */
static const char *settle_seq(struct nt_filter *filter)
{
	bool tcp = (filter->match & NT_MATCH_L4) && filter->l4_proto == NT_IP_TCP;

	if (!(filter->match & NT_MATCH_TCP_SEQ) || tcp)
		return NULL;
	if (!admits_echo(filter))
		return "--seq needs -p icmp, icmp6 or tcp";
	if (filter->tcp_seq > UINT16_MAX)
		return "--seq of a ping is at most 65535; for TCP's add -p tcp";
	filter->echo_seq = (u16)filter->tcp_seq;
	filter->tcp_seq = 0;
	filter->match ^= NT_MATCH_TCP_SEQ | NT_MATCH_ECHO_SEQ;
	return NULL;
}

static const char *settle_transport(struct nt_filter *filter)
{
	const char *wrong;

	if (filter->match & NT_MATCH_TCP_FLAGS) {
		if (!admits(filter, NT_IP_TCP))
			return "--tcp-flags needs -p tcp";
		set_protocol(filter, 0, NT_IP_TCP);
	}
	wrong = settle_seq(filter);
	if (wrong)
		return wrong;
	if ((filter->match & NT_MATCH_ECHO_ID) && !admits_echo(filter))
		return "--id needs -p icmp or icmp6";
	if (!(filter->match & MATCH_PORTS))
		return NULL;
	if (!admits(filter, NT_IP_TCP) && !admits(filter, NT_IP_UDP))
		return "--sport, --dport and --port need -p tcp or udp";
	if (filter->match & MATCH_ECHO)
		return "a ping, to which --seq and --id belong, has no ports; for TCP add -p tcp";
	return NULL;
}

const char *filter_finish(struct nt_filter *filter)
{
	bool ipv4, ipv6;
	const char *wrong;

	find_families(filter, &ipv4, &ipv6);
	wrong = settle_family(filter, ipv4, ipv6);
	if (!wrong)
		wrong = settle_transport(filter);
	if (wrong || !(filter->match & MATCH_ECHO))
		return wrong;
	/* A ping of a known family is of a known protocol. */
	if (ipv4 || !admits(filter, NT_IP_ICMPV6))
		set_protocol(filter, NT_ETH_IPV4, NT_IP_ICMP);
	else if (!admits(filter, NT_IP_ICMP))
		set_protocol(filter, NT_ETH_IPV6, NT_IP_ICMPV6);
	return NULL;
}

void filter_text_add(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	if (used && used + 2 < size) {
		memcpy(text + used, ", ", 3);
		used += 2;
	}
	va_start(args, format);
	vsnprintf(text + used, size - used, format, args);
	va_end(args);
}

static const char *l3_name(u16 l3)
{
	if (l3 == NT_ETH_ARP)
		return "arp";
	return l3 == NT_ETH_IPV4 ? "ip" : "ip6";
}

const char *filter_protocol_of(const struct nt_flow *flow)
{
	u16 l3 = flow->l3_proto;

	if (l3 != NT_ETH_IPV4 && l3 != NT_ETH_IPV6 && l3 != NT_ETH_ARP)
		return NULL;
	for (size_t i = 0; l3 != NT_ETH_ARP && i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (protocols[i].l4 == flow->l4_proto && (!protocols[i].l3 || protocols[i].l3 == l3))
			return protocols[i].name;
	return l3_name(l3);
}

static void add_protocol(const struct nt_filter *filter, char *text, size_t size)
{
	bool l4 = filter->match & NT_MATCH_L4;
	const struct protocol *row = l4 ? protocol_by_number(filter->l4_proto) : NULL;

	if ((filter->match & NT_MATCH_L3) && !(row && row->l3))
		filter_text_add(text, size, "%s", l3_name(filter->l3_proto));
	if (row)
		filter_text_add(text, size, "%s", row->name);
	else if (l4)
		filter_text_add(text, size, "protocol %u", filter->l4_proto);
	else if (filter->match & MATCH_ECHO)
		filter_text_add(text, size, "icmp or icmp6");
}

static void add_prefix(char *text, size_t size, const char *name, const struct nt_prefix *prefix)
{
	int family = is_ipv4(prefix) ? AF_INET : AF_INET6;
	int bits = family == AF_INET ? -IPV4_AT_BIT : 0;
	char address[INET6_ADDRSTRLEN];

	for (unsigned int i = 0; i < 4; i++)
		bits += __builtin_popcount(prefix->mask[i]);
	inet_ntop(family, family == AF_INET ? &prefix->addr[3] : prefix->addr, address,
		  sizeof(address));
	filter_text_add(text, size, "%s %s/%d", name, address, bits);
}

static void add_range(char *text, size_t size, const char *name, u32 low, u32 high)
{
	if (low == high)
		filter_text_add(text, size, "%s %u", name, low);
	else
		filter_text_add(text, size, "%s %u-%u", name, low, high);
}

static void add_flags(char *text, size_t size, u8 flags)
{
	char letters[9] = "", *at = letters;

	for (unsigned int bit = 0; bit < 8; bit++)
		if (flags >> bit & 1)
			*at++ = FILTER_TCP_FLAGS[bit];
	filter_text_add(text, size, "tcp-flags %s", letters);
}

static void add_ends(const struct nt_filter *filter, char *text, size_t size)
{
	if (filter->match & NT_MATCH_SADDR)
		add_prefix(text, size, "saddr", &filter->saddr);
	if (filter->match & NT_MATCH_DADDR)
		add_prefix(text, size, "daddr", &filter->daddr);
	if (filter->match & NT_MATCH_ADDR)
		add_prefix(text, size, "addr", &filter->addr);
	if (filter->match & NT_MATCH_SPORT)
		add_range(text, size, "sport", filter->sport.low, filter->sport.high);
	if (filter->match & NT_MATCH_DPORT)
		add_range(text, size, "dport", filter->dport.low, filter->dport.high);
	if (filter->match & NT_MATCH_PORT)
		add_range(text, size, "port", filter->port.low, filter->port.high);
}

void filter_text(const struct nt_filter *filter, char *text, size_t size)
{
	if (!size)
		return;
	text[0] = '\0';
	add_protocol(filter, text, size);
	add_ends(filter, text, size);
	if (filter->match & NT_MATCH_ECHO_SEQ)
		filter_text_add(text, size, "seq %u", filter->echo_seq);
	if (filter->match & NT_MATCH_TCP_SEQ)
		filter_text_add(text, size, "seq %u", filter->tcp_seq);
	if (filter->match & NT_MATCH_ECHO_ID)
		filter_text_add(text, size, "id %u", filter->echo_id);
	if (filter->match & NT_MATCH_TCP_FLAGS)
		add_flags(text, size, filter->tcp_flags);
	if (filter->match & NT_MATCH_LEN)
		add_range(text, size, "pkt-len", filter->len.low, filter->len.high);
	if (filter->match & NT_MATCH_MARK)
		filter_text_add(text, size, "mark 0x%x", filter->mark);
}
