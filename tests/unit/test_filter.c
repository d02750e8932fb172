/* SPDX-License-Identifier: GPL-2.0 */
/* What a filter matches, and what options mean together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "filter.h"

#define A 0x0a000001 /* 10.0.0.1 */
#define B 0x0a000002

static void set_address(u32 *address, u32 ipv4)
{
	address[2] = htonl(0xffff);
	address[3] = htonl(ipv4);
}

static struct nt_flow ipv4(u8 l4_proto)
{
	struct nt_flow flow = {.l3_proto = NT_ETH_IPV4, .l4_proto = l4_proto};

	set_address(flow.saddr, A);
	set_address(flow.daddr, B);
	return flow;
}

static struct nt_flow ipv6(u8 l4_proto)
{
	struct nt_flow flow = {.l3_proto = NT_ETH_IPV6, .l4_proto = l4_proto};

	inet_pton(AF_INET6, "fe80::1", flow.saddr);
	inet_pton(AF_INET6, "2001:db8::2", flow.daddr);
	return flow;
}

static struct nt_flow arp(void)
{
	struct nt_flow flow = ipv4(0);

	flow.l3_proto = NT_ETH_ARP;
	flow.icmp_type = 1;
	return flow;
}

/* Sequence numbers 1000 to 1099. */
static struct nt_flow tcp(void)
{
	struct nt_flow flow = ipv4(NT_IP_TCP);

	flow.sport = 443;
	flow.dport = 50000;
	flow.tcp_flags = 0x18;
	flow.tcp_seq = 1000;
	flow.payload_bytes = 100;
	flow.len_bytes = 140;
	return flow;
}

static struct nt_flow ping(void)
{
	struct nt_flow flow = ipv4(NT_IP_ICMP);

	flow.icmp_type = 0x0800;
	flow.echo_seq = 7;
	flow.echo_id = 9;
	return flow;
}

static struct nt_flow ping6(void)
{
	struct nt_flow flow = ipv6(NT_IP_ICMPV6);

	flow.icmp_type = 0x8100;
	flow.echo_seq = 7;
	flow.echo_id = 9;
	return flow;
}

static struct nt_flow without_transport(struct nt_flow flow)
{
	flow.no_transport = NT_TRANSPORT_CUT;
	flow.icmp_type = flow.echo_seq = flow.echo_id = flow.sport = flow.dport = 0;
	flow.tcp_flags = 0;
	flow.tcp_seq = flow.payload_bytes = 0;
	return flow;
}

static bool match(const struct nt_filter *filter, struct nt_flow flow)
{
	return nt_filter_matches(filter, &flow);
}

/* Macros, so that a failure names its line. */
#define matches(...) assert_true(match(__VA_ARGS__))
#define differs(...) assert_false(match(__VA_ARGS__))

static const struct nt_flow unreadable;
static const struct nt_flow lldp = {.l3_proto = 0x88cc};

static void everything(void **state)
{
	struct nt_filter filter = {0};

	(void)state;
	memset((char *)&filter + sizeof(filter.match), 0xff, sizeof(filter) - sizeof(filter.match));
	matches(&filter, unreadable);
	matches(&filter, lldp);
	matches(&filter, arp());
	matches(&filter, tcp());
}

static void network_protocol(void **state)
{
	struct nt_filter filter = {.match = NT_MATCH_L3, .l3_proto = NT_ETH_IPV4};

	(void)state;
	matches(&filter, tcp());
	matches(&filter, ping());
	differs(&filter, ping6());
	differs(&filter, arp());
	differs(&filter, lldp);
	differs(&filter, unreadable);
	filter.l3_proto = NT_ETH_ARP;
	matches(&filter, arp());
	differs(&filter, tcp());
	filter.l3_proto = NT_ETH_IPV6;
	matches(&filter, ping6());
	differs(&filter, ping());
}

static void transport_protocol(void **state)
{
	struct nt_filter filter = {.match = NT_MATCH_L4, .l4_proto = NT_IP_TCP};

	(void)state;
	matches(&filter, tcp());
	matches(&filter, ipv6(NT_IP_TCP));
	matches(&filter, without_transport(tcp())); /* a later fragment, too, is TCP's */
	differs(&filter, ipv4(NT_IP_UDP));
	differs(&filter, ping6());
	differs(&filter, arp());
	differs(&filter, unreadable);
	filter.l4_proto = 0; /* what flows without an IP header have there, too */
	matches(&filter, ipv4(0));
	differs(&filter, arp());
	differs(&filter, unreadable);
}

static void take(struct nt_filter *filter, const char *saddr, const char *daddr, const char *addr)
{
	memset(filter, 0, sizeof(*filter));
	if (saddr)
		assert_null(filter_take_saddr(filter, saddr));
	if (daddr)
		assert_null(filter_take_daddr(filter, daddr));
	if (addr)
		assert_null(filter_take_addr(filter, addr));
	assert_null(filter_finish(filter));
}

static void addresses(void **state)
{
	struct nt_filter f;

	(void)state;
	take(&f, "10.0.0.1", NULL, NULL);
	matches(&f, tcp());
	matches(&f, arp());
	differs(&f, ping6());
	differs(&f, lldp);
	differs(&f, unreadable);
	take(&f, "10.0.0.2", NULL, NULL);
	differs(&f, tcp());
	take(&f, NULL, "10.0.0.2", NULL);
	matches(&f, tcp());
	matches(&f, arp());
	take(&f, NULL, "10.0.0.1", NULL);
	differs(&f, tcp());
	differs(&f, arp());
	take(&f, NULL, NULL, "10.0.0.1");
	matches(&f, tcp());
	take(&f, NULL, NULL, "10.0.0.2");
	matches(&f, tcp());
	matches(&f, arp());
	take(&f, NULL, NULL, "10.0.0.3");
	differs(&f, tcp());
	differs(&f, unreadable);
	take(&f, "10.0.0.1", "10.0.0.2", "10.0.0.0/24");
	matches(&f, tcp());
	take(&f, "10.0.0.1", "10.0.0.2", "10.0.1.0/24");
	differs(&f, tcp());
}

static void prefixes(void **state)
{
	struct nt_filter f;

	(void)state;
	take(&f, "10.0.0.0/31", NULL, NULL); /* .0 and .1 */
	matches(&f, tcp());
	take(&f, NULL, "10.0.0.0/31", NULL);
	differs(&f, tcp());
	take(&f, NULL, "11.255.255.255/7", NULL);
	matches(&f, tcp());
	take(&f, "fe80::/10", NULL, NULL);
	matches(&f, ping6());
	differs(&f, ping());
	take(&f, "fec0::/10", NULL, NULL);
	differs(&f, ping6());
	take(&f, NULL, "2001:db8::3/127", NULL);
	matches(&f, ping6());
	take(&f, NULL, "2001:db8::3/128", NULL);
	differs(&f, ping6());
	take(&f, NULL, "2001:db8::", NULL);
	differs(&f, ping6());
	take(&f, "fe80::2:0:0:1/64", NULL, NULL);
	matches(&f, ping6());
	take(&f, "fe80::1:0:0:0:1/65", NULL, NULL);
	differs(&f, ping6());
}

/* A prefix of length 0 is all of its family, and nothing of the other one. */
static void whole_families(void **state)
{
	static const char *const all6[] = {"::/0", "1::/1", "::/8", "::/80", "::/95"};
	struct nt_filter f;

	(void)state;
	take(&f, "0.0.0.0/0", NULL, NULL);
	matches(&f, tcp());
	matches(&f, arp());
	differs(&f, ping6());
	differs(&f, lldp);
	differs(&f, unreadable);
	take(&f, NULL, NULL, "::/0");
	matches(&f, ping6());
	for (size_t i = 0; i < 5; i++) {
		take(&f, NULL, NULL, all6[i]);
		differs(&f, tcp());
		differs(&f, arp());
		differs(&f, lldp);
		differs(&f, unreadable);
	}
}

/* An ARP body that could not be read has no addresses, not 0.0.0.0. */
static void unread_arp(void **state)
{
	struct nt_filter f;

	(void)state;
	take(&f, "0.0.0.0/0", NULL, NULL);
	differs(&f, (struct nt_flow){.l3_proto = NT_ETH_ARP});
}

static void source_port(void **state)
{
	struct nt_filter filter = {.match = NT_MATCH_SPORT, .sport = {440, 443}};

	(void)state;
	matches(&filter, tcp());
	filter.sport = (struct nt_range16){443, 443};
	matches(&filter, tcp());
	filter.sport = (struct nt_range16){444, 65535};
	differs(&filter, tcp());
	filter.sport = (struct nt_range16){0, 442};
	differs(&filter, tcp());
	filter.sport = (struct nt_range16){0, 65535};
	matches(&filter, tcp());
	matches(&filter, ipv4(NT_IP_UDP)); /* port 0 */
	matches(&filter, ipv6(NT_IP_UDP));
	differs(&filter, ping());
	differs(&filter, arp());
	differs(&filter, ipv4(132));
	differs(&filter, unreadable);
	differs(&filter, without_transport(tcp())); /* its zeros are no ports */
}

static void other_ports(void **state)
{
	struct nt_filter filter = {.match = NT_MATCH_DPORT, .dport = {49999, 50000}};

	(void)state;
	matches(&filter, tcp());
	filter.dport = (struct nt_range16){443, 443};
	differs(&filter, tcp());
	filter = (struct nt_filter){.match = NT_MATCH_PORT, .port = {443, 443}};
	matches(&filter, tcp());
	filter.port = (struct nt_range16){50000, 50001};
	matches(&filter, tcp());
	filter.port = (struct nt_range16){444, 49999};
	differs(&filter, tcp());
	filter.port = (struct nt_range16){0, 65535};
	differs(&filter, ping());
	differs(&filter, without_transport(ipv6(NT_IP_UDP)));
	differs(&filter, unreadable);
	/* all three must hold */
	filter = (struct nt_filter){.match = NT_MATCH_SPORT | NT_MATCH_DPORT | NT_MATCH_PORT,
				    .sport = {443, 443},
				    .dport = {50000, 50000},
				    .port = {0, 500}};
	matches(&filter, tcp());
	filter.port.high = 442;
	differs(&filter, tcp());
}

static void echo(void **state)
{
	struct nt_filter seq = {.match = NT_MATCH_ECHO_SEQ, .echo_seq = 7};
	struct nt_filter id = {.match = NT_MATCH_ECHO_ID, .echo_id = 9};
	struct nt_flow other = ping();

	(void)state;
	matches(&seq, ping());
	matches(&seq, ping6());
	matches(&id, ping());
	matches(&id, ping6());
	seq.echo_seq = id.echo_id = 8;
	differs(&seq, ping());
	differs(&seq, ping6());
	differs(&id, ping());
	differs(&id, ping6());
	/* zeros that are no sequence number */
	seq.echo_seq = id.echo_id = 0;
	other.echo_seq = other.echo_id = 0;
	matches(&seq, other);
	other.icmp_type = 0x0301;
	differs(&seq, other);
	differs(&id, other);
	differs(&seq, without_transport(ping()));
	differs(&id, without_transport(ping6()));
	differs(&seq, tcp());
	differs(&id, arp());
	differs(&seq, unreadable);
	differs(&id, lldp);
	/* the other family's ping is none */
	differs(&seq, ipv6(NT_IP_ICMP));
	other = ipv4(NT_IP_ICMPV6);
	other.icmp_type = 0x8000;
	differs(&seq, other);
}

static void tcp_sequence(void **state)
{
	struct nt_filter filter = {.match = NT_MATCH_TCP_SEQ, .tcp_seq = 1000};
	struct nt_flow flow = tcp();

	(void)state;
	matches(&filter, flow);
	filter.tcp_seq = 999;
	differs(&filter, flow);
	filter.tcp_seq = 1099;
	matches(&filter, flow);
	filter.tcp_seq = 1100;
	differs(&filter, flow);
	flow.tcp_flags |= NT_TCP_FIN;
	matches(&filter, flow);
	filter.tcp_seq = 1101;
	differs(&filter, flow);
	/* an acknowledgement covers nothing, a SYN itself */
	flow.payload_bytes = 0;
	flow.tcp_flags = 0x10;
	filter.tcp_seq = 1000;
	differs(&filter, flow);
	flow.tcp_flags = 0x12;
	matches(&filter, flow);
	filter.tcp_seq = 1001;
	differs(&filter, flow);
	filter.tcp_seq = 0;
	differs(&filter, ipv4(NT_IP_UDP));
	differs(&filter, ping());
	differs(&filter, arp());
	differs(&filter, without_transport(tcp()));
	differs(&filter, unreadable);
}

static void tcp_sequence_wraps(void **state)
{
	struct nt_filter filter = {.match = NT_MATCH_TCP_SEQ};
	struct nt_flow flow = tcp();
	static const u32 in[] = {0xfffffff0, 0xffffffff, 0, 83},
			 out[] = {0xffffffef, 84, 0x80000000};

	(void)state;
	flow.tcp_seq = 0xfffffff0;
	for (size_t i = 0; i < 4; i++) {
		filter.tcp_seq = in[i];
		matches(&filter, flow);
	}
	for (size_t i = 0; i < 3; i++) {
		filter.tcp_seq = out[i];
		differs(&filter, flow);
	}
}

static void tcp_flags(void **state)
{
	struct nt_filter filter = {.match = NT_MATCH_TCP_FLAGS, .tcp_flags = 0x10};

	(void)state;
	matches(&filter, tcp()); /* more flags than asked for */
	filter.tcp_flags = 0x18;
	matches(&filter, tcp());
	filter.tcp_flags = 0x12;
	differs(&filter, tcp());
	filter.tcp_flags = 0x80;
	differs(&filter, tcp());
	filter.tcp_flags = 0;
	differs(&filter, ipv4(NT_IP_UDP));
	differs(&filter, ping6());
	differs(&filter, arp());
	differs(&filter, without_transport(tcp()));
	differs(&filter, unreadable);
}

static void length_and_mark(void **state)
{
	struct nt_filter len = {.match = NT_MATCH_LEN, .len = {140, 140}};
	struct nt_filter mark = {.match = NT_MATCH_MARK};
	struct nt_flow marked = {.mark = 0xffffffff};

	(void)state;
	matches(&len, tcp());
	len.len = (struct nt_range32){141, 0xffffffff};
	differs(&len, tcp());
	len.len = (struct nt_range32){0, 139};
	differs(&len, tcp());
	matches(&len, unreadable);
	matches(&len, arp());
	len.len = (struct nt_range32){100000, 100000}; /* beyond 16 bits */
	differs(&len, (struct nt_flow){.len_bytes = 100000 - 65536});
	matches(&len, (struct nt_flow){.len_bytes = 100000});
	matches(&mark, tcp());
	differs(&mark, marked);
	mark.mark = 0xffffffff;
	matches(&mark, marked);
	differs(&mark, tcp());
	differs(&mark, unreadable);
}

/* Every bit alone can say no. */
static void all_at_once(void **state)
{
	struct nt_filter all = {.l3_proto = NT_ETH_IPV4,
				.l4_proto = NT_IP_TCP,
				.tcp_flags = 0x10,
				.sport = {443, 443},
				.dport = {50000, 50000},
				.port = {443, 443},
				.tcp_seq = 1050,
				.len = {140, 140}};
	struct nt_filter one;

	(void)state;
	assert_null(filter_take_saddr(&all, "10.0.0.1"));
	assert_null(filter_take_daddr(&all, "10.0.0.2"));
	assert_null(filter_take_addr(&all, "10.0.0.2"));
	all.match = 0x3fff & ~(NT_MATCH_ECHO_SEQ | NT_MATCH_ECHO_ID);
	matches(&all, tcp());
	for (u32 bit = 1; bit <= NT_MATCH_MARK; bit <<= 1) {
		if (!(all.match & bit))
			continue;
		one = (struct nt_filter){.match = bit, .len = {1, 1}, .port = {1, 1}, .mark = 1};
		one.sport = one.dport = one.port;
		one.tcp_flags = 0x20;
		memset(&one.saddr, 0xff, 3 * sizeof(one.saddr));
		differs(&one, tcp());
	}
}

/* A command line's filter options in the order p, s, seq, id, port, flags; NULL: not given. */
struct words {
	const char *proto, *saddr, *seq, *id, *port, *flags;
};

static const char *settle(const struct words *words, struct nt_filter *filter)
{
	memset(filter, 0, sizeof(*filter));
	if (words->flags)
		assert_null(filter_take_tcp_flags(filter, words->flags));
	if (words->port)
		assert_null(filter_take_port(filter, words->port));
	if (words->id)
		assert_null(filter_take_id(filter, words->id));
	if (words->seq)
		assert_null(filter_take_seq(filter, words->seq));
	if (words->saddr)
		assert_null(filter_take_saddr(filter, words->saddr));
	if (words->proto)
		assert_null(filter_take_proto(filter, words->proto));
	return filter_finish(filter);
}

static void meaning_together(void **state)
{
	static const struct {
		struct words words;
		const char *text;
	} cases[] = {
		{{.seq = "7"}, "icmp or icmp6, seq 7"},
		{{.id = "9"}, "icmp or icmp6, id 9"},
		{{.proto = "ip", .seq = "7"}, "icmp, seq 7"},
		{{.proto = "ip6", .id = "9"}, "icmp6, id 9"},
		{{.saddr = "10.0.0.1", .seq = "7"}, "icmp, saddr 10.0.0.1/32, seq 7"},
		{{.saddr = "fe80::1", .seq = "7"}, "icmp6, saddr fe80::1/128, seq 7"},
		{{.proto = "icmp6", .seq = "7", .id = "9"}, "icmp6, seq 7, id 9"},
		{{.proto = "tcp", .seq = "4294967295"}, "tcp, seq 4294967295"},
		{{.seq = "70000", .flags = "S"}, "tcp, seq 70000, tcp-flags S"},
		{{.proto = "ip", .flags = "SA"}, "ip, tcp, tcp-flags SA"},
		{{.saddr = "fe80::/10", .port = "53"}, "ip6, saddr fe80::/10, port 53"},
		{{.proto = "ip6", .port = "53"}, "ip6, port 53"},
		{{.port = "1-2"}, "port 1-2"},
		{{.proto = "arp", .saddr = "10.0.0.1"}, "arp, saddr 10.0.0.1/32"},
	};
	struct nt_filter filter;
	char text[FILTER_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (settle(&cases[i].words, &filter))
			fail_msg("%s is refused", cases[i].text);
		filter_text(&filter, text, sizeof(text));
		assert_string_equal(text, cases[i].text);
	}
}

static void echo_implies_its_protocol(void **state)
{
	struct nt_filter filter;

	(void)state;
	assert_null(settle(&(struct words){.seq = "7"}, &filter));
	matches(&filter, ping());
	matches(&filter, ping6());
	differs(&filter, tcp());
	assert_null(settle(&(struct words){.seq = "7", .saddr = "10.0.0.1"}, &filter));
	matches(&filter, ping());
	differs(&filter, ping6());
	assert_null(settle(&(struct words){.seq = "1000", .proto = "tcp"}, &filter));
	assert_int_equal(filter.match, NT_MATCH_L4 | NT_MATCH_TCP_SEQ);
	matches(&filter, tcp());
	differs(&filter, ping());
}

static void contradictions(void **state)
{
	static const char six[] = "the protocol is of IPv4, but the address is IPv6";
	static const char four[] = "the protocol is of IPv6, but the address is IPv4";
	static const char ports[] = "--sport, --dport and --port need -p tcp or udp";
	static const char seq[] = "--seq needs -p icmp, icmp6 or tcp";
	static const char id[] = "--id needs -p icmp or icmp6";
	static const char flags[] = "--tcp-flags needs -p tcp";
	static const char portless[] =
		"a ping, to which --seq and --id belong, has no ports; for TCP add -p tcp";
	static const struct {
		struct words words;
		const char *wrong;
	} cases[] = {
		{{.proto = "icmp", .saddr = "fe80::1"}, six},
		{{.proto = "1", .saddr = "fe80::1"}, six},
		{{.proto = "ip", .saddr = "::/0"}, six},
		{{.proto = "igmp", .saddr = "::1"}, six},
		{{.proto = "icmp6", .saddr = "10.0.0.1"}, four},
		{{.proto = "ipv6", .saddr = "0.0.0.0/0"}, four},
		{{.proto = "arp", .saddr = "fe80::1"},
		 "ARP has IPv4 addresses only, the address is IPv6"},
		{{.proto = "icmp", .port = "80"}, ports},
		{{.proto = "arp", .port = "80"}, ports},
		{{.proto = "sctp", .port = "80"}, ports},
		{{.proto = "47", .port = "80"}, ports},
		{{.proto = "udp", .seq = "1"}, seq},
		{{.proto = "arp", .seq = "1"}, seq},
		{{.proto = "igmp", .seq = "1"}, seq},
		{{.seq = "65536"}, "--seq of a ping is at most 65535; for TCP's add -p tcp"},
		{{.proto = "tcp", .id = "1"}, id},
		{{.proto = "arp", .id = "1"}, id},
		{{.flags = "S", .id = "1"}, id},
		{{.proto = "udp", .flags = "S"}, flags},
		{{.proto = "icmp", .flags = "S"}, flags},
		{{.proto = "arp", .flags = "S"}, flags},
		{{.seq = "1", .port = "80"}, portless},
		{{.id = "1", .port = "80"}, portless},
	};
	struct nt_filter filter;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *wrong = settle(&cases[i].words, &filter);

		assert_non_null(wrong);
		assert_string_equal(wrong, cases[i].wrong);
	}
}

static void mixed_families(void **state)
{
	static const char wrong[] = "no packet has both IPv4 and IPv6 addresses";
	struct nt_filter filter = {0};

	(void)state;
	assert_null(filter_take_saddr(&filter, "10.0.0.1"));
	assert_null(filter_take_daddr(&filter, "fe80::1"));
	assert_string_equal(filter_finish(&filter), wrong);
	memset(&filter, 0, sizeof(filter));
	assert_null(filter_take_addr(&filter, "0.0.0.0/0"));
	assert_null(filter_take_saddr(&filter, "::/0"));
	assert_string_equal(filter_finish(&filter), wrong);
}

static void text_is_cut_to_the_buffer(void **state)
{
	struct nt_filter filter;
	char text[64];

	(void)state;
	assert_null(settle(&(struct words){.saddr = "10.0.0.1", .port = "80"}, &filter));
	for (size_t size = 0; size < sizeof(text); size++) {
		memset(text, '#', sizeof(text));
		filter_text(&filter, text, size);
		assert_int_equal(text[size], '#');
		if (size)
			assert_in_range(strlen(text), 0, size - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything),
		cmocka_unit_test(network_protocol),
		cmocka_unit_test(transport_protocol),
		cmocka_unit_test(addresses),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(whole_families),
		cmocka_unit_test(unread_arp),
		cmocka_unit_test(source_port),
		cmocka_unit_test(other_ports),
		cmocka_unit_test(echo),
		cmocka_unit_test(tcp_sequence),
		cmocka_unit_test(tcp_sequence_wraps),
		cmocka_unit_test(tcp_flags),
		cmocka_unit_test(length_and_mark),
		cmocka_unit_test(all_at_once),
		cmocka_unit_test(meaning_together),
		cmocka_unit_test(echo_implies_its_protocol),
		cmocka_unit_test(contradictions),
		cmocka_unit_test(mixed_families),
		cmocka_unit_test(text_is_cut_to_the_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
