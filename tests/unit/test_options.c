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
	static char copy[1024]; /* options point into it */
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
	assert_false(options.help || options.version);
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

static void filters(void **state)
{
	(void)state;
	assert_filter("-p icmp", "icmp");
	assert_filter("-picmp", "icmp");
	assert_filter("--proto=icmp", "icmp");
	assert_filter("--seq 3", "icmp, seq 3");
	assert_filter("--id 0", "icmp, id 0");
	assert_filter("-s 10.0.0.1", "saddr 10.0.0.1/32");
	assert_filter("-d 10.1.2.3/8", "daddr 10.0.0.0/8");
	assert_filter("--addr 10.1.2.3/0", "addr 0.0.0.0/0");
	assert_filter("--seq 65535 --id 65535 --addr 255.255.255.255 -d 255.255.255.255 "
		      "-s 255.255.255.255 -p icmp",
		      "icmp, saddr 255.255.255.255/32, daddr 255.255.255.255/32, "
		      "addr 255.255.255.255/32, seq 65535, id 65535");
}

static void filter_is_what_the_kernel_gets(void **state)
{
	struct nt_filter f = accepted("-s 10.1.2.3/12 --seq 7 --id 9").filter;
	struct nt_filter any = accepted("--addr 1.2.3.4/0").filter;

	(void)state;
	assert_int_equal(f.match,
			 NT_MATCH_PROTO | NT_MATCH_SADDR | NT_MATCH_ICMP_SEQ | NT_MATCH_ICMP_ID);
	assert_int_equal(f.l4_proto, 1);
	assert_int_equal(f.icmp_seq, 7);
	assert_int_equal(f.icmp_id, 9);
	assert_int_equal(f.saddr.addr[0] | f.saddr.addr[1], 0);
	assert_int_equal(f.saddr.addr[2], htonl(0xffff));
	assert_int_equal(f.saddr.addr[3], htonl(0x0a000000));
	assert_int_equal(f.saddr.mask[0] & f.saddr.mask[1] & f.saddr.mask[2], 0xffffffff);
	assert_int_equal(f.saddr.mask[3], htonl(0xfff00000));
	assert_int_equal(any.addr.addr[3], 0);
	assert_int_equal(any.addr.mask[3], 0);
	assert_int_equal(any.addr.addr[2], htonl(0xffff));
}

static void matches(void **state)
{
	struct nt_flow flow = {
		.l3_proto = 0x0800, .l4_proto = 1, .icmp_type = 0x0800, .icmp_seq = 3};
	struct nt_flow arp = {.l3_proto = 0x0806};
	struct nt_filter f;

	(void)state;
	flow.saddr[2] = flow.daddr[2] = htonl(0xffff);
	flow.saddr[3] = htonl(0x0a000001);
	flow.daddr[3] = htonl(0x0a000002);
	f = accepted("-s 10.0.0.0/31 -d 10.0.0.2 --seq 3").filter;
	assert_true(nt_filter_matches(&f, &flow));
	assert_false(nt_filter_matches(&f, &arp));
	f = accepted("--addr 10.0.0.2").filter;
	assert_true(nt_filter_matches(&f, &flow));
	f = accepted("--addr 10.0.0.3").filter;
	assert_false(nt_filter_matches(&f, &flow));
	f = accepted("--addr 0.0.0.0/0").filter;
	assert_true(nt_filter_matches(&f, &flow));
	assert_false(nt_filter_matches(&f, &arp));
	f = accepted("--seq 4").filter;
	assert_false(nt_filter_matches(&f, &flow));
	f = accepted("").filter;
	assert_true(nt_filter_matches(&f, &arp));
}

static void bad_filters(void **state)
{
	static const char *const numbers[] = {
		"0x10", "-1", "+1", "65536", "1 ",
		"1,",	"%",  "a",  "1e3",   "99999999999999999999999999"};
	static const char *const addresses[] = {
		"10.0.0", "10.0.0.256",	 "10.0.0.1.",  "10.0.0.01", "localhost", "%",
		"/8",	  "10.0.0.1:80", "0x7f.0.0.1", "1.2.3.4.5", ":"};
	static const char *const prefixes[] = {"10.0.0.1/",    "10.0.0.1/33",
					       "10.0.0.1/-1",  "10.0.0.1/8/8",
					       "10.0.0.1/0x8", "10.0.0.1/255.0.0.0"};
	struct options options;
	char line[128], error[256];

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		/* one word, so a trailing space can be told */
		char *argv[] = {"nettrace", "--seq", (char *)numbers[i], NULL};

		if (!strcmp(numbers[i], "%"))
			argv[2] = "";
		assert_int_equal(options_parse(3, argv, &options, error, sizeof(error)), -22);
		assert_non_null(strstr(error, "is not a number from 0 to 65535"));
	}
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		snprintf(line, sizeof(line), "--saddr %s", addresses[i]);
		assert_int_equal(parse(line, &options, error), -22);
		assert_non_null(strstr(error, "is not an IPv4 address"));
	}
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		snprintf(line, sizeof(line), "--daddr %s", prefixes[i]);
		assert_int_equal(parse(line, &options, error), -22);
		assert_non_null(strstr(error, "the prefix length is not a number from 0 to 32"));
	}
	assert_error("--seq  65536", "--seq: '65536' is not a number from 0 to 65535");
	assert_error("--addr ::1", "--addr: ::1: IPv6 is not supported yet");
	assert_error("--addr ::ffff:1.2.3.4/64",
		     "--addr: ::ffff:1.2.3.4/64: IPv6 is not supported yet");
	assert_error("-p tcp", "-p tcp is not supported yet, only icmp is");
	assert_error("--proto udp", "--proto udp is not supported yet, only icmp is");
	assert_error("-p arp", "-p arp is not supported yet, only icmp is");
	assert_error("-p ICMP", "-p: 'ICMP' is not a protocol; icmp is supported");
	assert_error("-p %", "-p: '' is not a protocol; icmp is supported");
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
	} good[] = {
		{"10s", 10000000000},
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
		{"9223372036.854775807s", INT64_MAX},
	};
	static const char *const bad[] = {
		"0",
		"0s",
		"0.0",
		"0.9ns",
		"0.0000000001",
		"%",
		"s",
		".5s",
		"1.",
		"1.s",
		"-1s",
		"+1s",
		"1e3s",
		"1S",
		"1 s",
		"1d",
		"1.5.5s",
		"1,5s",
		"0x1s",
		"inf",
		"9223372036854775808ns",
		"9223372036.854775808s",
		"2562048h",
		"99999999999999999999",
		"9223372036854775807s",
	};
	struct options options;
	char line[128], error[256];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(line, sizeof(line), "--duration %s", good[i].text);
		if (accepted(line).duration_ns != good[i].ns)
			fail_msg("%s", good[i].text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "--duration %s", bad[i]);
		if (!parse(line, &options, error))
			fail_msg("%s is accepted", bad[i]);
	}
	assert_error("--duration 5x",
		     "--duration: '5x' is not a time above zero such as 10s, 1.5m or 500ms");
}

static void outputs_and_backends(void **state)
{
	(void)state;
	assert_string_equal(accepted("-o -").output, "-");
	assert_string_equal(accepted("--output=a=b").output, "a=b");
	assert_error("-o %", "-o: the name of the file is empty");
	for (int i = 0; i < BACKEND_COUNT; i++) {
		char line[64];

		snprintf(line, sizeof(line), "--backend %s", backend_name((enum backend)i));
		assert_int_equal(accepted(line).backend, i);
	}
	assert_string_equal(backend_name(BACKEND_COUNT), "unknown");
	assert_error("--backend fentry", "--backend fentry is not available in this version");
	assert_error("--backend Kprobe",
		     "--backend: 'Kprobe' is not auto, kprobe-multi, kprobe or tracepoint");
}

static void unavailable(void **state)
{
	static const char *const names[] = {
		"-S",
		"--sport",
		"-D",
		"--dport",
		"-P",
		"--port",
		"-i",
		"--ifname",
		"--netns",
		"--netns-current",
		"--pid",
		"--pkt-len",
		"--tcp-flags",
		"--mark",
		"--min-latency",
		"--incident-min",
		"--no-attribution",
		"--basic",
		"--diag",
		"--drop",
		"--latency",
		"--sock",
		"--rtt",
		"--monitor",
		"--func-stats",
		"--format",
		"-w",
		"--write",
		"--rotate",
		"--keep",
		"-r",
		"--read",
		"--pcap-at",
		"--detail",
		"--date",
		"--stack",
		"--no-color",
		"--probe",
		"--exclude",
		"--buffer",
		"--verbose",
		"--check",
		"--probes",
	};
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

static void help_fits_a_screen(void **state)
{
	static const char *const shown[] = {"-p, --proto",   "-s, --saddr",   "-d, --daddr",
					    "    --addr",    "    --seq",     "    --id",
					    "-o, --output",  "-c, --count",   "    --duration",
					    "    --backend", "-V, --version", "-h, --help"};
	const char *line = options_help();
	unsigned int lines = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		assert_non_null(strstr(line, shown[i]));
	assert_null(strstr(line, "Modes"));
	for (; *line; lines++) {
		size_t length = strcspn(line, "\n");

		assert_in_range(length, 0, 80);
		assert_int_equal(line[length], '\n');
		assert_false(length && line[length - 1] == ' ');
		line += length + 1;
	}
	assert_in_range(lines, 10, 24);
	assert_ptr_equal(options_help(), options_help());
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
	static const char *const names[] = {"-p",	  "-s",	       "--seq", "-c",
					    "--duration", "--backend", "--x"};
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
		cmocka_unit_test(filters),
		cmocka_unit_test(filter_is_what_the_kernel_gets),
		cmocka_unit_test(matches),
		cmocka_unit_test(bad_filters),
		cmocka_unit_test(spaces_are_not_numbers),
		cmocka_unit_test(counts),
		cmocka_unit_test(durations),
		cmocka_unit_test(outputs_and_backends),
		cmocka_unit_test(unavailable),
		cmocka_unit_test(mistyped),
		cmocka_unit_test(repeated),
		cmocka_unit_test(help_and_version),
		cmocka_unit_test(help_fits_a_screen),
		cmocka_unit_test(small_error_buffers),
		cmocka_unit_test(long_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
