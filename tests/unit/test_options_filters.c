/* SPDX-License-Identifier: GPL-2.0 */
/* The filters of the command line. */
#include "options_kit.h"

static void protocols(void **state)
{
	static const struct {
		const char *name, *text;
		int l3, l4; /* -1: any */
	} good[] = {
		{"icmp", "icmp", 0x0800, 1},	 {"icmp6", "icmp6", 0x86dd, 58},
		{"icmpv6", "icmp6", 0x86dd, 58}, {"tcp", "tcp", -1, 6},
		{"udp", "udp", -1, 17},		 {"arp", "arp", 0x0806, -1},
		{"ip", "ip", 0x0800, -1},	 {"ipv4", "ip", 0x0800, -1},
		{"ip6", "ip6", 0x86dd, -1},	 {"ipv6", "ip6", 0x86dd, -1},
		{"sctp", "sctp", -1, 132},	 {"gre", "gre", -1, 47},
		{"esp", "esp", -1, 50},		 {"ah", "ah", -1, 51},
		{"igmp", "igmp", 0x0800, 2},	 {"6", "tcp", -1, 6},
		{"1", "icmp", 0x0800, 1},	 {"58", "icmp6", 0x86dd, 58},
		{"0", "protocol 0", -1, 0},	 {"255", "protocol 255", -1, 255},
		{"089", "protocol 89", -1, 89},
	};
	char line[64];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct options options;

		snprintf(line, sizeof(line), "--proto %s", good[i].name);
		options = accepted(line);
		assert_string_equal(options.filter_text, good[i].text);
		assert_int_equal(options.filter.match, (good[i].l3 < 0 ? 0 : NT_MATCH_L3) |
							       (good[i].l4 < 0 ? 0 : NT_MATCH_L4));
		assert_int_equal(options.filter.l3_proto, good[i].l3 < 0 ? 0 : good[i].l3);
		assert_int_equal(options.filter.l4_proto, good[i].l4 < 0 ? 0 : good[i].l4);
	}
}

static void filters(void **state)
{
	(void)state;
	assert_filter("-picmp", "icmp");
	assert_filter("--proto=icmp", "icmp");
	assert_filter("-p icmp --seq 3", "icmp, seq 3");
	assert_filter("--id 0", "icmp or icmp6, id 0");
	assert_filter("-s 10.0.0.1", "saddr 10.0.0.1/32");
	assert_filter("-d 10.1.2.3/8", "daddr 10.0.0.0/8");
	assert_filter("--addr 10.1.2.3/0", "addr 0.0.0.0/0");
	assert_filter("-s fe80::1", "ip6, saddr fe80::1/128");
	assert_filter("-d 2001:DB8::ffff/33", "ip6, daddr 2001:db8::/33");
	assert_filter("--addr ::1/0", "ip6, addr ::/0");
	assert_filter("-s ::1.2.3.4", "ip6, saddr ::1.2.3.4/128");
	assert_filter("-S 80", "sport 80");
	assert_filter("-p tcp -D 0-65535", "tcp, dport 0-65535");
	assert_filter("-p udp -P 53-53", "udp, port 53");
	assert_filter("--pkt-len 1500", "pkt-len 1500");
	assert_filter("--pkt-len 0-4294967295", "pkt-len 0-4294967295");
	assert_filter("--mark 16", "mark 0x10");
	assert_filter("-i eth0", "ifname eth0");
	assert_filter("--netns blue", "netns blue");
	assert_filter("--netns-current", "current netns");
	assert_filter("--pid 17", "pid 17");
	assert_filter("-p icmp -i eth0 --pid 1 --netns 4026531840",
		      "icmp, ifname eth0, netns 4026531840, pid 1");
}

/* Everything at its longest. */
static void filter_text_is_never_cut(void **state)
{
#define LONGEST "1111:2222:3333:4444:5555:6666:7777:8888"
	static const char ends[] = "saddr " LONGEST "/128, daddr " LONGEST "/128, addr " LONGEST
				   "/128, sport 10000-65535, dport 10000-65535, port 10000-65535, "
				   "seq 4294967295, tcp-flags FSRPAUEC, "
				   "pkt-len 1000000000-4294967295, mark 0xffffffff, "
				   "ifname 123456789012345, netns ";
	char netns[256], line[1000], text[1000];

	(void)state;
	memset(netns, 'n', 255);
	netns[255] = '\0';
	snprintf(line, sizeof(line),
		 "-p 6 -s " LONGEST " -d " LONGEST " --addr " LONGEST
		 " -S 10000-65535 -D 10000-65535 -P 10000-65535 --seq 4294967295 "
		 "--tcp-flags FSRPAUEC --pkt-len 1000000000-4294967295 --mark 0xffffffff "
		 "-i 123456789012345 --netns %s --pid 4194304",
		 netns);
	snprintf(text, sizeof(text), "ip6, tcp, %s%s, pid 4194304", ends, netns);
	assert_filter(line, text);
}

static void filter_is_what_the_kernel_gets(void **state)
{
	struct nt_filter f = accepted("-s 10.1.2.3/12 --seq 7 --id 9").filter;
	struct nt_filter any = accepted("--addr 1.2.3.4/0").filter;
	struct nt_filter six = accepted("-s fe80::1/10 -d 1:2:3:4:5:6:7:8/68").filter;
	struct nt_filter tcp = accepted("--tcp-flags ack,SYN --seq 4294967295 -S 1-2 -D 3 -P 4-5 "
					"--pkt-len 6-7 --mark 0xDeadBeef")
				       .filter;

	(void)state;
	assert_int_equal(f.match, NT_MATCH_L3 | NT_MATCH_L4 | NT_MATCH_SADDR | NT_MATCH_ECHO_SEQ |
					  NT_MATCH_ECHO_ID);
	assert_int_equal(f.l3_proto, 0x0800);
	assert_int_equal(f.l4_proto, 1);
	assert_int_equal(f.echo_seq, 7);
	assert_int_equal(f.echo_id, 9);
	assert_int_equal(f.tcp_seq, 0);
	assert_int_equal(f.saddr.addr[0] | f.saddr.addr[1], 0);
	assert_int_equal(f.saddr.addr[2], htonl(0xffff));
	assert_int_equal(f.saddr.addr[3], htonl(0x0a000000));
	assert_int_equal(f.saddr.mask[0] & f.saddr.mask[1] & f.saddr.mask[2], 0xffffffff);
	assert_int_equal(f.saddr.mask[3], htonl(0xfff00000));
	assert_int_equal(any.match, NT_MATCH_ADDR);
	assert_int_equal(any.addr.addr[3], 0);
	assert_int_equal(any.addr.mask[3], 0);
	assert_int_equal(any.addr.addr[2], htonl(0xffff));
	assert_int_equal(six.match, NT_MATCH_L3 | NT_MATCH_SADDR | NT_MATCH_DADDR);
	assert_int_equal(six.saddr.mask[0], htonl(0xffc00000));
	assert_int_equal(six.saddr.mask[1] | six.saddr.mask[2] | six.saddr.mask[3], 0);
	assert_int_equal(six.saddr.addr[0], htonl(0xfe800000));
	assert_int_equal(six.saddr.addr[3], 0);
	assert_int_equal(six.daddr.mask[2], htonl(0xf0000000));
	assert_int_equal(six.daddr.addr[1], htonl(0x00030004));
	assert_int_equal(six.daddr.addr[2], 0);
	assert_int_equal(tcp.match, NT_MATCH_L4 | NT_MATCH_TCP_FLAGS | NT_MATCH_TCP_SEQ |
					    NT_MATCH_SPORT | NT_MATCH_DPORT | NT_MATCH_PORT |
					    NT_MATCH_LEN | NT_MATCH_MARK);
	assert_int_equal(tcp.l4_proto, 6);
	assert_int_equal(tcp.tcp_flags, 0x12);
	assert_int_equal(tcp.tcp_seq, 0xffffffff);
	assert_int_equal(tcp.sport.low, 1);
	assert_int_equal(tcp.sport.high, 2);
	assert_int_equal(tcp.dport.low, 3);
	assert_int_equal(tcp.dport.high, 3);
	assert_int_equal(tcp.port.high, 5);
	assert_int_equal(tcp.len.low, 6);
	assert_int_equal(tcp.len.high, 7);
	assert_int_equal(tcp.mark, 0xdeadbeef);
}

static void bad_filters(void **state)
{
	static const char port[] =
		"is not a port or a range of ports, from 0 to 65535, such as 80 or 1-1023";
	static const char address[] =
		"is not an address such as 10.0.0.1, 10.0.0.0/8, fe80::1 or fe80::/10";

	(void)state;
	refuse("--id", "is not a number from 0 to 65535", "0x10", "-1", "+1", "65536", "1 ", " 1",
	       "1,", "%", "a", "1e3", "99999999999999999999999999");
	refuse("--seq", "is not a number from 0 to 65535, or to 4294967295 with -p tcp",
	       "4294967296", "-1", "0x1", "%", "1-2");
	refuse("-s", address, "10.0.0", "10.0.0.256", "10.0.0.1.", "10.0.0.01", "localhost", "%",
	       "/8", "10.0.0.1:80", "0x7f.0.0.1", "1.2.3.4.5", ":", ":::", "fe80", "[fe80::1]",
	       "fe80::1%eth0", "1::2::3", "1:2:3:4:5:6:7:8:9", "12345::", "::1.2.3", " ::1",
	       "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa");
	refuse("-d", "has a prefix length that is not a number from 0 to 32", "10.0.0.1/",
	       "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.1/8/8", "10.0.0.1/0x8", "10.0.0.1/255.0.0.0");
	refuse("--addr", "has a prefix length that is not a number from 0 to 128", "::/129",
	       "fe80::1/", "::1/64/", "::/-0");
	refuse("--addr", "is an address that no packet carries: write it as an IPv4 address",
	       "::ffff:1.2.3.4", "::ffff:0:0/96", "::FFFF:102:304/64");
	refuse("-S", port, "65536", "-1", "1-", "-", "2-1", "1-65536", "1--2", "1-2-3", "http",
	       "1,2", "%", "1 -2", "0x50", "1:2");
	refuse("--dport", port, "80-79", "99999999999999999999");
	refuse("-P", port, "*");
	refuse("--pkt-len", "is not a number of bytes or a range such as 1500 or 1-100",
	       "4294967296", "0-4294967296", "2-1", "%", "-5", "1K");
	refuse("--tcp-flags", "is not letters of FSRPAUEC such as SA, or names such as syn,ack",
	       "%", ",", "S,", ",S", "s", "sa", "X", "SX", "syn,,ack", "synack", "syn ack", "S A",
	       "0x12", "none", "SAFRPUECN", "sy", "ack,x");
	refuse("--mark", "is not a number from 0 to 4294967295 or 0xffffffff", "4294967296", "-1",
	       "0x", "0x100000000", "0x1g", "1/1", "0x-1", "0x 1", "0x0x1", "%", "a");
	refuse("-p",
	       "is not icmp, icmp6, tcp, udp, arp, ip, ip6, sctp, gre, esp, ah, igmp or a "
	       "number from 0 to 255",
	       "ICMP", "%", "256", "-1", "icmp,tcp", "icmp6 ", "0x6");
}

static void flags_by_name_and_letter(void **state)
{
	static const struct {
		const char *text;
		u8 flags;
	} good[] = {
		{"F", 0x01},   {"S", 0x02},	   {"R", 0x04},	      {"P", 0x08},
		{"A", 0x10},   {"U", 0x20},	   {"E", 0x40},	      {"C", 0x80},
		{"fin", 0x01}, {"syn", 0x02},	   {"rst", 0x04},     {"psh", 0x08},
		{"ack", 0x10}, {"urg", 0x20},	   {"ece", 0x40},     {"cwr", 0x80},
		{"AS", 0x12},  {"S,A", 0x12},	   {"SYN,ack", 0x12}, {"SA,fin", 0x13},
		{"SSS", 0x02}, {"CEUAPRSF", 0xff}, {"ECE", 0x40},     {"EC", 0xc0},
	};
	char line[64];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(line, sizeof(line), "--tcp-flags %s", good[i].text);
		if (accepted(line).filter.tcp_flags != good[i].flags)
			fail_msg("%s", good[i].text);
	}
	assert_filter("--tcp-flags cwr,ack,syn", "tcp, tcp-flags SAC");
}

static void contradictory_filters(void **state)
{
	(void)state;
	assert_error("-s 10.0.0.1 -d fe80::1", "no packet has both IPv4 and IPv6 addresses");
	assert_error("-p icmp -s fe80::1", "the protocol is of IPv4, but the address is IPv6");
	assert_error("-p icmp -P 80", "--sport, --dport and --port need -p tcp or udp");
	assert_error("--seq 65536", "--seq of a ping is at most 65535; for TCP's add -p tcp");
	assert_error("--netns-current --netns a", "--netns and --netns-current exclude each other");
	accepted("-p tcp --seq 65536");
	accepted("--seq 65536 -p tcp"); /* in any order */
}

static void interfaces_and_namespaces(void **state)
{
	(void)state;
	assert_string_equal(accepted("-i eth0.5@x").ifname, "eth0.5@x");
	assert_string_equal(accepted("--ifname 123456789012345").ifname, "123456789012345");
	refuse("-i", "is not the name of an interface: up to 15 printable characters",
	       "1234567890123456", "%", ".", "..", "a/b", "a b", "a:1");
	assert_error("-i a\tb\x7f",
		     "-i: 'a?b?' is not the name of an interface: up to 15 printable characters");
	assert_error("-i \xc3\xa9", "-i: '\xc3\xa9' is not the name of an interface: up to 15 "
				    "printable characters");
	assert_string_equal(accepted("--netns 4026531840").netns, "4026531840");
	assert_string_equal(accepted("--netns -x").netns, "-x");
	refuse("--netns", "is not a network namespace: a name, a process or an inode number", "%",
	       ".", "..", "/run/netns/a", "a b", "a/");
	assert_true(accepted("--netns-current").netns_current);
	assert_int_equal(accepted("--pid 4194304").pid, 4194304);
	assert_int_equal(accepted("--pid=1").pid, 1);
	refuse("--pid", "is not the number of a process, from 1 to 4194304", "0", "4194305", "-1",
	       "%", "self", "1 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(protocols),
		cmocka_unit_test(filters),
		cmocka_unit_test(filter_text_is_never_cut),
		cmocka_unit_test(filter_is_what_the_kernel_gets),
		cmocka_unit_test(bad_filters),
		cmocka_unit_test(flags_by_name_and_letter),
		cmocka_unit_test(contradictory_filters),
		cmocka_unit_test(interfaces_and_namespaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
