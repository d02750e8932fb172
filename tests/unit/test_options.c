/* SPDX-License-Identifier: GPL-2.0 */
/* The command line: how a run is asked for, and what is wrong with it. */
#include "options_kit.h"

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

static void attribution(void **state)
{
	(void)state;
	assert_false(accepted("").no_attribution);
	assert_true(accepted("--no-attribution").no_attribution);
	assert_true(accepted("").incident_min_ns == 0);
	assert_true(accepted("--incident-min 1ms").incident_min_ns == 1000000);
	assert_true(accepted("--incident-min 0.5").incident_min_ns == 500000000);
	refuse("--incident-min", "is not a time from 1ms up such as 10ms or 0.5s", "0", "999us", "x", "%", "-1s");
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
	char line[OPTIONS_NAMES_MAX * 129] = "--probe ", name[129];

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
	/* as many names as may be, each as long as may be */
	memset(name, 'n', 127);
	for (int i = 0; i < OPTIONS_NAMES_MAX; i++)
		sprintf(line + strlen(line), "%s%.124s%03d", i ? "," : "", name, i);
	accepted(line);
	strcat(line, ",a");
	assert_true(strlen(line) < sizeof(line));
	assert_error(line,
		     "--probe: 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn' "
		     "is more than 256 names");
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

static void formats(void **state)
{
	static const char *const names[] = {"text", "jsonl", "pcapng", "perfetto"};
	struct options options = {0};
	char line[64];

	(void)state;
	assert_ptr_equal(options_format(&options), &render_text);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(line, sizeof(line), "--format %s", names[i]);
		options = accepted(line);
		assert_string_equal(options_format(&options)->name, names[i]);
		snprintf(line, sizeof(line), "-o x%s", options_format(&options)->ending);
		options = accepted(line);
		assert_string_equal(options_format(&options)->name, names[i]);
		/* what is said outweighs a name */
		snprintf(line, sizeof(line), "-o x.jsonl --format %s", names[i]);
		options = accepted(line);
		assert_string_equal(options_format(&options)->name, names[i]);
	}
	assert_int_equal(accepted("--format pcapng --pcap-at ip-in").pcap_at, NT_STAGE_IP_IN);
	assert_int_equal(accepted("-o a.pcapng --pcap-at driver").pcap_at, NT_STAGE_DRIVER);
	assert_error("--pcap-at ip-in", "--pcap-at needs --format pcapng");
	refuse("--pcap-at", "is not a stage such as link-in, ip-out or driver; nettrace --probes shows them", "%", "life",
	       "unknown", "ip", "IP-IN");
	assert_error("--basic -o x.perfetto-trace", "--basic and --format perfetto exclude each other");
	assert_error("--date -o x.jsonl", "--date and --format jsonl exclude each other");
	assert_error("-r a --date --format pcapng", "--date and --format pcapng exclude each other");
	refuse("--format", "is not text, jsonl, pcapng or perfetto", "%", "json", "TEXT", "text,jsonl");
}

static void recordings(void **state)
{
	struct options options;

	(void)state;
	options = accepted("-w a");
	assert_string_equal(options.write, "a");
	assert_false(options_prints(&options));
	options = accepted("-w a -o b");
	assert_true(options_prints(&options));
	options = accepted("-w a --format text");
	assert_true(options_prints(&options));
	options = accepted("-r a --read b -r -");
	assert_int_equal(options.n_read, 3);
	assert_string_equal(options.read[1], "b");
	assert_true(options_prints(&options));
	options = accepted("-p icmp -r a b c");
	assert_int_equal(options.n_read, 3);
	assert_string_equal(options.read[2], "c");
	options = accepted("-r a b - --addr 1.2.3.4 --detail -r c d -c 2");
	assert_int_equal(options.n_read, 5);
	assert_string_equal(options.read[4], "d");
	assert_true(options.detail && options.count == 2);
	assert_error("-r a b %", "--read: '' is not the name of a file");
	assert_error("-w a b", "unexpected argument 'b'");
	assert_error("-w %", "-w: '' is not the name of a file");
	assert_error("-r %", "-r: '' is not the name of a file");
	assert_error("-r a -w b", "--read and --write exclude each other");
	assert_error("-r a --stack", "--read and --stack exclude each other");
	assert_error("-r a --backend fentry", "--read and --backend exclude each other");
	assert_error("-r - -r -", "--read - is given twice");
	assert_error("-w - --format text", "--write - and the output cannot both be standard output; use -o FILE");
	accepted("-w - -o b");
	accepted("-w -");
	assert_error("-w a --basic", "--basic needs an output, and --write alone has none; use -o or --format");
	assert_error("--date -w a", "--date needs an output, and --write alone has none; use -o or --format");
	accepted("-w a --detail --stack"); /* these are recorded */
	accepted("-w a --basic --date -o b");
	accepted("-w a --basic --format jsonl");
	accepted("-r a --netns 4026531840 -i eth0 --pid 5 -p icmp -c 3 --detail --date");
	assert_string_equal(accepted("-r a --netns web").netns, "web");
}

static void rotation(void **state)
{
	struct options options;

	(void)state;
	options = accepted("-w a --rotate 100M --keep 10");
	assert_true(options.rotate_bytes == 100ull << 20 && !options.rotate_ns && options.keep == 10);
	options = accepted("-w a --rotate 1.5h");
	assert_true(!options.rotate_bytes && options.rotate_ns == 5400000000000ull && !options.keep);
	assert_true(accepted("-w a --rotate 64K").rotate_bytes == 64 << 10);
	assert_true(accepted("-w a --rotate 1T").rotate_bytes == 1ull << 40);
	refuse("--rotate", "is neither a size from 64K to 1T such as 100M nor a time from 1s up such as 1h", "63K", "2T",
	       "1025G", "M", "1KM", "-1M", "500ms", "0s", "1d", "s", "99999999999999999999T", "1 M");
	refuse("--rotate", "needs a unit: 100M is a size, 1h a time", "100", "%", "0");
	refuse("--keep", "is not a number of files from 2 to 100000", "0", "1", "100001", "%", "-2", "2.5", "x");
	assert_error("--rotate 1M", "--rotate needs --write");
	assert_error("-w a --keep 5", "--keep needs --rotate");
	assert_error("-w - --rotate 1M", "--rotate needs files, and --write - is none");
}

static void latency_mode(void **state)
{
	static const char *const others[] = {"--basic", "--min-latency 1ms", "--write x", "--check", "--probes", "--incident-min 5ms"};
	static const char *const later[] = {"-i lo", "--netns 1", "--netns-current", "--pid 1", "-c 5"};
	char line[64], error[160], name[32];

	(void)state;
	assert_true(accepted("--latency -p icmp").latency);
	assert_true(accepted("--latency --format jsonl -o x").latency);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(line, sizeof(line), "--latency %s", others[i]);
		snprintf(error, sizeof(error), "--latency and %.*s exclude each other", (int)strcspn(others[i], " "), others[i]);
		assert_error(line, error);
	}
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		static const char *const names[] = {"ifname", "netns", "netns-current", "pid", "count"};

		snprintf(name, sizeof(name), "--%s", names[i]);
		snprintf(line, sizeof(line), "--latency %s", later[i]);
		snprintf(error, sizeof(error),
			 "--latency counts in the kernel, where %s is not known; use -w, and --latency with -r", name);
		assert_error(line, error);
		snprintf(line, sizeof(line), "-r a --latency %s", later[i]);
		if (strcmp(names[i], "netns-current"))
			assert_true(accepted(line).latency);
	}
	assert_error("--latency -o x.pcapng", "--latency and --format pcapng exclude each other");
	assert_error("--latency --format perfetto", "--latency and --format perfetto exclude each other");
}

static void unavailable(void **state)
{
	static const char *const names[] = {
		"--diag", "--drop",
		"--sock",	   "--rtt",	       "--monitor", "--func-stats"};
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
	assert_error("--mon", "--mon is not available in this version");
	assert_null(strstr(options_help(), "--monitor"));
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
		     "--n is ambiguous: --netns, --netns-current, --no-color, --no-attribution");
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
		"write a",    "format text",   "rotate 1M",	"keep 2",	"pcap-at ip-in",
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
		cmocka_unit_test(flags_of_the_run),
		cmocka_unit_test(attribution),
		cmocka_unit_test(buffers),
		cmocka_unit_test(names_of_probes),
		cmocka_unit_test(spaces_are_not_numbers),
		cmocka_unit_test(counts),
		cmocka_unit_test(durations),
		cmocka_unit_test(outputs_and_backends),
		cmocka_unit_test(formats),
		cmocka_unit_test(recordings),
		cmocka_unit_test(rotation),
		cmocka_unit_test(latency_mode),
		cmocka_unit_test(unavailable),
		cmocka_unit_test(mistyped),
		cmocka_unit_test(repeated),
		cmocka_unit_test(small_error_buffers),
		cmocka_unit_test(long_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
