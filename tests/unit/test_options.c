/* SPDX-License-Identifier: GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "options.h"

#define WORDS_MAX 40

/* Parse a command line whose words are separated by single spaces; "%" stands for an empty word. */
static int parse(const char *line, struct options *options, char error[256])
{
	static char copy[9500]; /* options point into it */
	char *argv[WORDS_MAX] = {(char[]){"nettrace"}};
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok(copy, " "); word && argc < WORDS_MAX - 1; word = strtok(NULL, " "))
		argv[argc++] = strcmp(word, "%") ? word : word + 1;
	error[0] = '\0';
	return options_parse(argc, argv, options, error, 256);
}

static struct options accepted(const char *line)
{
	struct options options;
	char error[256];

	memset(&options, 0xa5, sizeof(options));
	if (parse(line, &options, error))
		fail_msg("'%s' is refused: %s", line, error);
	return options;
}

static void assert_error(const char *line, const char *expected)
{
	struct options options, before;
	char error[256];

	memset(&options, 0xa5, sizeof(options));
	before = options;
	if (parse(line, &options, error) != -22)
		fail_msg("'%s' is accepted", line);
	assert_string_equal(error, expected);
	assert_memory_equal(&options, &before, sizeof(options));
}

static void assert_filter(const char *line, const char *expected)
{
	struct options options = accepted(line);

	assert_string_equal(options.filter_text, expected);
}

static void no_options(void **state)
{
	struct options options = accepted("");

	(void)state;
	assert_string_equal(options.filter_text, "everything");
	assert_int_equal(options.filter.match, 0);
	assert_null(options.output);
	assert_int_equal(options.count, 0);
	assert_int_equal(options.duration_ns, 0);
	assert_int_equal(options.backend, BACKEND_AUTO);
	assert_false(options.help || options.version || options.check || options.probes);
	assert_false(options.basic || options.detail || options.date || options.stack);
	assert_false(options.no_color || options.verbose || options.netns_current);
	assert_null(options.ifname);
	assert_null(options.netns);
	assert_null(options.probe_add);
	assert_null(options.probe_exclude);
	assert_int_equal(options.pid, 0);
	assert_int_equal(options.buffer_bytes, 0);
}

static void no_argv(void **state)
{
	struct options options;
	char error[64] = "";
	char *argv[] = {NULL};

	(void)state;
	assert_int_equal(options_parse(0, argv, &options, error, sizeof(error)), 0);
	assert_string_equal(options.filter_text, "everything");
}

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

/* Each value, of the option, is refused with these words behind it. */
static void refuse_all(const char *option, const char *const *values, const char *wrong)
{
	struct options options;
	char error[256], expected[256], empty[] = "";

	for (; *values; values++) {
		/* one word, so that spaces can be told */
		char *value = strcmp(*values, "%") ? (char *)*values : empty;
		char *argv[] = {"nettrace", (char *)option, value, NULL};

		if (!options_parse(3, argv, &options, error, sizeof(error)))
			fail_msg("%s '%s' is accepted", option, value);
		snprintf(expected, sizeof(expected), "%s: '%s' %s", option, value, wrong);
		assert_string_equal(error, expected);
	}
}

#define refuse(option, wrong, ...) \
	refuse_all(option, (const char *const[]){__VA_ARGS__, NULL}, wrong)

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

static void flags_of_the_run(void **state)
{
	(void)state;
	assert_true(accepted("--basic").basic);
	assert_true(accepted("--detail").detail);
	assert_true(accepted("--date").date);
	assert_true(accepted("--stack").stack);
	assert_true(accepted("--no-color").no_color);
	assert_true(accepted("--verbose").verbose);
	assert_true(accepted("--check").check);
	assert_true(accepted("--probes").probes);
	assert_false(accepted("--check").probes);
	assert_true(accepted("--basic -c 3 --detail --date --stack -o x").basic);
	accepted("--check --backend fentry --verbose --no-color -p tcp");
	accepted("--probes --probe foo --exclude ip_rcv");
	assert_error("--probes --check", "--check and --probes exclude each other");
	assert_error("--check -o x", "--check and --output exclude each other");
	assert_error("-c 1 --check", "--check and --count exclude each other");
	assert_error("--probes --duration 1", "--probes and --duration exclude each other");
	assert_error("--basic --probes", "--probes and --basic exclude each other");
}

static void buffers(void **state)
{
	(void)state;
	assert_true(accepted("--buffer 8M").buffer_bytes == 8 << 20);
	assert_true(accepted("--buffer 256K").buffer_bytes == 256 << 10);
	assert_true(accepted("--buffer 262144").buffer_bytes == 256 << 10);
	assert_true(accepted("--buffer 1G").buffer_bytes == 1 << 30);
	assert_true(accepted("--buffer 1024M").buffer_bytes == 1 << 30);
	assert_true(accepted("--buffer 1048576K").buffer_bytes == 1 << 30);
	refuse("--buffer", "is not a size from 256K to 1G such as 8M", "0", "255K", "262143", "2G",
	       "1025M", "1073741825", "1073741824G", "18014398509481985K", "17179869185G", "8m",
	       "8MB", "8 M", "M", "%", "-8M", "8.5M", "0x8M", "8Mx");
}

static void names_of_probes(void **state)
{
	char line[9000] = "--probe ", name[129];

	(void)state;
	assert_string_equal(accepted("--probe tcp_v4_rcv,_x9").probe_add, "tcp_v4_rcv,_x9");
	assert_string_equal(accepted("--exclude ip_rcv").probe_exclude, "ip_rcv");
	refuse("--probe", "is not names of functions with commas between them", "%", ",", "a,",
	       ",a", "a,,b", "a b", "a, b", "9a", "a-b", "a.isra.0", "a*", "\xc3\xa9");
	refuse("--exclude", "names a function twice", "a,a", "a,b,a", "bb,a,b,bb");
	accepted("--probe a,aa,aaa --exclude aaaa,b");
	assert_error("--probe a,bc,d --exclude x,bc", "bc is in both --probe and --exclude");
	assert_error("--probe a --backend tracepoint",
		     "--probe adds functions, which --backend tracepoint cannot trace");
	accepted("--exclude a --backend tracepoint");
	/* 64 names, each as long as may be */
	memset(name, 'n', 127);
	for (int i = 0; i < 64; i++)
		sprintf(line + strlen(line), "%s%.125s%02d", i ? "," : "", name, i);
	accepted(line);
	strcat(line, ",a");
	assert_true(strlen(line) < sizeof(line));
	assert_error(line,
		     "--probe: 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn' "
		     "is more than 64 names");
	snprintf(line, sizeof(line), "--probe %.127sn", name);
	assert_error(line,
		     "--probe: 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn' "
		     "is not names of functions with commas between them");
}

static void spaces_are_not_numbers(void **state)
{
	static char *const values[] = {" 1", "1 ", "\t1", "1\n", ""};
	struct options options;
	char error[256];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char *argv[] = {"nettrace", "-c", values[i], NULL};

		assert_int_equal(options_parse(3, argv, &options, error, sizeof(error)), -22);
		assert_null(strpbrk(error, "\t\n"));
	}
}

static void counts(void **state)
{
	(void)state;
	assert_true(accepted("-c 1").count == 1);
	assert_true(accepted("--count=18446744073709551615").count == UINT64_MAX);
	assert_error("-c 0", "-c: '0' is not a number from 1 up");
	assert_error("--count 18446744073709551616",
		     "--count: '18446744073709551616' is not a number from 1 up");
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		unsigned long long ns;
	} good[] = {{"10s", 10000000000},
		    {"10", 10000000000},
		    {"1.5s", 1500000000},
		    {"1.5", 1500000000},
		    {"1ns", 1},
		    {"2us", 2000},
		    {"3ms", 3000000},
		    {"2m", 120000000000},
		    {"1h", 3600000000000},
		    {"0.5h", 1800000000000},
		    {"0.000000001", 1},
		    {"1.9999ns", 1},
		    {"0.0166666m", 999996000},
		    {"9223372036854775807ns", INT64_MAX},
		    {"9223372036.854775807s", INT64_MAX}};
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(line, sizeof(line), "--duration %s", good[i].text);
		if (accepted(line).duration_ns != good[i].ns)
			fail_msg("%s", good[i].text);
	}
	refuse("--duration", "is not a time above zero such as 10s, 1.5m or 500ms", "0", "0s",
	       "0.0", "0.9ns", "0.0000000001", "%", "s", ".5s", "1.", "1.s", "-1s", "+1s", "1e3s",
	       "1S", "1 s", "1d", "1.5.5s", "1,5s", "0x1s", "inf", "9223372036854775808ns",
	       "9223372036.854775808s", "2562048h", "99999999999999999999", "9223372036854775807s",
	       "5x");
}

static void outputs_and_backends(void **state)
{
	(void)state;
	assert_string_equal(accepted("-o -").output, "-");
	assert_string_equal(accepted("--output=a=b").output, "a=b");
	assert_error("-o %", "-o: '' is not the name of a file");
	for (int i = 0; i < BACKEND_COUNT; i++) {
		char line[64];

		snprintf(line, sizeof(line), "--backend %s", backend_name((enum backend)i));
		assert_int_equal(accepted(line).backend, i);
	}
	assert_string_equal(backend_name(BACKEND_COUNT), "unknown");
	assert_string_equal(backend_name(BACKEND_FENTRY), "fentry");
	assert_error("--backend Kprobe",
		     "--backend: 'Kprobe' is not auto, kprobe-multi, fentry, kprobe or tracepoint");
}

static void unavailable(void **state)
{
	static const char *const names[] = {
		"--min-latency", "--incident-min", "--no-attribution", "--diag",
		"--drop",	 "--latency",	   "--sock",	       "--rtt",
		"--monitor",	 "--func-stats",   "--format",	       "-w",
		"--write",	 "--rotate",	   "--keep",	       "-r",
		"--read",	 "--pcap-at"};
	char line[64], expected[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(expected, sizeof(expected), "%s is not available in this version",
			 names[i]);
		assert_error(names[i], expected);
		snprintf(line, sizeof(line), "%s 1", names[i]);
		assert_error(line, expected);
		if (names[i][1] == '-') {
			snprintf(line, sizeof(line), "%s=1", names[i]);
			assert_error(line, expected);
		}
	}
	assert_error("--lat", "--lat is not available in this version");
	assert_null(strstr(options_help(), "--latency"));
}

static void mistyped(void **state)
{
	(void)state;
	assert_error("--sadr 1.2.3.4", "--sadr is not an option");
	assert_error("--sadr=1.2.3.4", "--sadr is not an option");
	assert_error("-x", "-x is not an option");
	assert_error("-:", "-: is not an option");
	assert_error("-?", "-? is not an option");
	assert_error("-W foo", "-W is not an option");
	assert_error("-\xc3\xa9", "-\xc3\xa9 is not an option");
	assert_error("--=1", "-- is not an option");
	assert_error("--se\x1b[1m", "--se?[1m is not an option");
	assert_error("--n",
		     "--n is ambiguous: --netns, --netns-current, --no-attribution, --no-color");
	assert_error("--probe", "--probe needs a value: --probe NAME,...");
	assert_error("--prob a", "--prob is ambiguous: --probe, --probes");
	assert_error("-s", "-s needs a value: -s ADDR[/N]");
	assert_error("--seq", "--seq needs a value: --seq N");
	assert_error("--dur", "--dur needs a value: --dur TIME");
	assert_error("--help=1", "--help takes no value");
	assert_error("--version=", "--version takes no value");
	assert_error("foo", "unexpected argument 'foo'");
	assert_error("-p icmp foo", "unexpected argument 'foo'");
	assert_error("foo -p icmp", "unexpected argument 'foo'");
	assert_error("foo --bogus",
		     "unexpected argument 'foo'"); /* the first mistake, not the worst */
	assert_error("-- foo", "unexpected argument 'foo'");
	assert_error("-", "unexpected argument '-'");
	accepted("--");
}

static void repeated(void **state)
{
	static const char *const pairs[] = {
		"proto icmp", "saddr 1.2.3.4", "daddr 1.2.3.4", "addr 1.2.3.4", "seq 1",
		"id 1",	      "output x",      "count 1",	"duration 1",	"backend auto",
		"sport 1",    "dport 1",       "port 1",	"ifname a",	"netns a",
		"pid 1",      "pkt-len 1",     "tcp-flags S",	"mark 1",	"probe a",
		"exclude a",  "buffer 1M",     "basic",		"verbose",	"netns-current",
	};
	char line[128], expected[64];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		snprintf(line, sizeof(line), "--%s --%s", pairs[i], pairs[i]);
		snprintf(expected, sizeof(expected), "--%.*s is given twice",
			 (int)strcspn(pairs[i], " "), pairs[i]);
		assert_error(line, expected);
	}
	assert_error("-s 1.2.3.4 --sad 1.2.3.4", "--sad is given twice");
	assert_error("--saddr 1.2.3.4 -s1.2.3.4", "-s is given twice");
}

static void help_and_version(void **state)
{
	(void)state;
	assert_true(accepted("-h").help);
	assert_true(accepted("--version").version);
	assert_true(accepted("-Vh").version); /* the first one ends it */
	assert_true(accepted("-p icmp -h --bogus").help);
	assert_true(accepted("--help --help foo").help);
	assert_error("--bogus -h", "--bogus is not an option");
	accepted("-p icmp"); /* getopt is not left inside the cluster -Vh */
}

/* 50 lines of 80, less the prompt and room for some fifteen options to come. */
static void help_fits_a_screen(void **state)
{
	const char *line = options_help();
	unsigned int lines = 0;

	(void)state;
	for (; *line; lines++) {
		size_t length = strcspn(line, "\n");

		assert_in_range(length, 1, 80);
		assert_int_equal(line[length], '\n');
		assert_true(line[length - 1] != ' ');
		line += length + 1;
	}
	assert_in_range(lines, 10, 34);
	assert_ptr_equal(options_help(), options_help());
}

/* Related options share a line. */
static void help_lines(void **state)
{
	static const char *const shown[] = {
		"Usage: nettrace ",
		"\nFilters (a packet must match all that are given):\n  -p, --proto PROTO  ",
		"\n  -s, -d, --addr ADDR[/N]     from this address or network; to it; from or to it\n",
		"\n  -S, -D, -P N[-M]            from this TCP or UDP port; ",
		"\n  --netns NS, --netns-current seen in this network namespace; the current one\n",
		"\n  --tcp-flags FLAGS           ",
		"\n  -i, --ifname IFNAME  ",
		"\nModes:\n  --basic  ",
		"\nOutput:\n  -o, --output FILE  ",
		"\n  --detail, --date, --stack  ",
		"\n  --no-color  ",
		"\nRun:\n  -c, --count N  ",
		"\n  --buffer SIZE  ",
		"\n  --probe, --exclude NAME,... trace these functions too; ",
		"\nAbout:\n  --check, --probes  ",
		"\n  -V, -h                      print the version; print this text\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		if (!strstr(options_help(), shown[i]))
			fail_msg("not in --help: %s", shown[i]);
}

static bool has_spelling(const struct option_text *option, const char *word)
{
	return word[1] == '-' ? !strcmp(word + 2, option->name) : option->letter && word[1] == option->letter;
}

static bool is_option(const char *word)
{
	struct option_text option;

	for (unsigned int n = 0; option_text(n, &option); n++)
		if (has_spelling(&option, word))
			return true;
	return false;
}

/* Whether --help names the option, by its name or letter, left of its explanations. It names no others. */
static bool help_names(const struct option_text *option)
{
	bool found = false;

	for (const char *line = options_help(); *line; line += strcspn(line, "\n") + 1) {
		char left[31];

		if (*line != ' ')
			continue;
		snprintf(left, sizeof(left), "%s", line);
		for (char *word = strtok(left, " ,"); word; word = strtok(NULL, " ,")) {
			if (*word == '-' && !is_option(word))
				fail_msg("%s is in --help only", word);
			if (*word == '-' && has_spelling(option, word))
				found = true;
		}
	}
	return found;
}

static void assert_well_put(const struct option_text *option)
{
	size_t length = strlen(option->help);

	if (!length || length > 50 || option->help[length - 1] == '.')
		fail_msg("--%s: the help is not a phrase of at most 50 characters", option->name);
	if (!option->more)
		return;
	length = strlen(option->more);
	if (!length || option->more[length - 1] != '.' || strstr(option->more, "  "))
		fail_msg("--%s: the explanation does not end in a full stop", option->name);
}

static void every_option_is_documented(void **state)
{
	struct option_text option, untouched;
	unsigned int n = 0;
	char line[80], error[256];

	(void)state;
	for (; option_text(n, &option); n++) {
		struct options options;

		assert_well_put(&option);
		if (!help_names(&option) || !strstr(options_help(), option.help))
			fail_msg("--%s is not in --help", option.name);
		snprintf(line, sizeof(line), "--%s", option.name);
		if (parse(line, &options, error) && option.argument == NULL)
			fail_msg("%s: %s", line, error);
		if (option.argument && !strstr(error, " needs a value: "))
			fail_msg("%s: %s", line, error);
	}
	assert_in_range(n, 30, 100);
	untouched = option;
	assert_false(option_text(n, &option));
	assert_false(option_text(~0u, &option));
	assert_memory_equal(&option, &untouched, sizeof(option));
}

/* Its rows follow each other, or the title would come twice. */
static void every_group_has_one_title(void **state)
{
	struct option_text option;
	const char *group = NULL;
	char title[100];

	(void)state;
	for (unsigned int n = 0; option_text(n, &option); n++) {
		const char *at;

		snprintf(title, sizeof(title), "\n%s:\n", option.group);
		at = strstr(options_help(), title);
		if (!at || strstr(at + 1, title))
			fail_msg("%s: not one title", option.group);
		assert_true(option.group == group || !group || at > strstr(options_help(), group));
		group = option.group;
	}
}

static void small_error_buffers(void **state)
{
	char *argv[] = {"nettrace", "--saddr", "nonsense", NULL};
	struct options options;

	(void)state;
	for (size_t size = 0; size < 100; size++) {
		char error[101];

		memset(error, 'x', sizeof(error));
		assert_int_equal(options_parse(3, argv, &options, error, size), -22);
		assert_int_equal(error[size], 'x');
		if (size)
			assert_in_range(strlen(error), 0, size - 1);
	}
}

static void long_values(void **state)
{
	static const char *const names[] = {"-p",	  "-s",		 "--seq",    "-c",
					    "-i",	  "--netns",	 "--probe",  "--mark",
					    "--port",	  "--tcp-flags", "--buffer", "--pid",
					    "--duration", "--backend",	 "--x"};
	static char value[5000];
	struct options options;
	char error[256];

	(void)state;
	memset(value, 'a', sizeof(value) - 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *argv[] = {"nettrace", (char *)names[i], value, value, NULL};

		assert_int_equal(options_parse(4, argv, &options, error, sizeof(error)), -22);
		assert_in_range(strlen(error), 10, 200);
	}
	memcpy(value, "--", 2);
	assert_int_equal(options_parse(2, (char *[]){"nettrace", value, NULL}, &options, error,
				       sizeof(error)),
			 -22);
	assert_non_null(strstr(error, "is not an option"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_options),
		cmocka_unit_test(no_argv),
		cmocka_unit_test(protocols),
		cmocka_unit_test(filters),
		cmocka_unit_test(filter_text_is_never_cut),
		cmocka_unit_test(filter_is_what_the_kernel_gets),
		cmocka_unit_test(bad_filters),
		cmocka_unit_test(flags_by_name_and_letter),
		cmocka_unit_test(contradictory_filters),
		cmocka_unit_test(interfaces_and_namespaces),
		cmocka_unit_test(flags_of_the_run),
		cmocka_unit_test(buffers),
		cmocka_unit_test(names_of_probes),
		cmocka_unit_test(spaces_are_not_numbers),
		cmocka_unit_test(counts),
		cmocka_unit_test(durations),
		cmocka_unit_test(outputs_and_backends),
		cmocka_unit_test(unavailable),
		cmocka_unit_test(mistyped),
		cmocka_unit_test(repeated),
		cmocka_unit_test(help_and_version),
		cmocka_unit_test(help_fits_a_screen),
		cmocka_unit_test(help_lines),
		cmocka_unit_test(every_option_is_documented),
		cmocka_unit_test(every_group_has_one_title),
		cmocka_unit_test(small_error_buffers),
		cmocka_unit_test(long_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
