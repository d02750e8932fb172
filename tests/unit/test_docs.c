/* SPDX-License-Identifier: GPL-2.0 */
/* What is made from the tables: the manual and the completion, as they were built. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter.h"
#include "options.h"
#include "probe_table.h"

#define OUTPUT_BYTES 65536

/* The output of a shell command, which is run where the built files are. Static storage, of the last call. */
__attribute__((format(printf, 1, 2))) static const char *output(const char *format, ...)
{
	static char text[OUTPUT_BYTES];
	char command[4096];
	va_list args;
	size_t size;
	FILE *pipe;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	size = fread(text, 1, sizeof(text) - 1, pipe);
	text[size] = '\0';
	assert_in_range(size, 0, sizeof(text) - 2);
	if (pclose(pipe))
		fail_msg("%s: %s", command, text);
	return text;
}

static void skip_without(const char *tool)
{
	if (!*output("command -v %s || :", tool))
		skip();
}

static const char *after(const char *text, const char *expected)
{
	const char *at = strstr(text, expected);

	if (!at)
		fail_msg("not there, or not in order: %s", expected);
	return at + strlen(expected);
}

/* As roff has it, where - is a hyphen and \- what one types. */
static const char *in_roff(const char *text)
{
	static char roff[120];
	char *to = roff;

	for (; *text && to < roff + sizeof(roff) - 2; text++) {
		if (*text == '-')
			*to++ = '\\';
		*to++ = *text;
	}
	*to = '\0';
	return roff;
}

/* Each option has its item, under the title of its group and in the order of the table; nothing else has. */
static void options_of_the_manual(void **state)
{
	const char *at = output("./docs options"), *group = NULL;
	struct option_text option;

	(void)state;
	for (unsigned int n = 0; option_text(n, &option); n++) {
		char item[300] = "", letter[32] = "";

		if (option.group != group) {
			snprintf(item, sizeof(item), ".SS %s\n", in_roff(option.group));
			assert_ptr_equal(after(at, item), at + strlen(item));
			at += strlen(item);
		}
		group = option.group;
		if (option.letter)
			snprintf(letter, sizeof(letter), "\\fB\\-%c\\fR, ", option.letter);
		snprintf(item, sizeof(item), ".TP\n%s\\fB\\-\\-%s\\fR", letter, in_roff(option.name));
		if (option.argument)
			sprintf(item + strlen(item), " \\fI%s\\fR", in_roff(option.argument));
		strcat(item, "\n");
		assert_ptr_equal(after(at, item), at + strlen(item));
		at += strlen(item);
		assert_true(strcspn(at, "\n") > 3 && at[strcspn(at, "\n") - 1] == '.' && *at != '.');
		at += strcspn(at, "\n") + 1;
	}
	assert_string_equal(at, "");
}

static void explanations_of_the_manual(void **state)
{
	const char *text = output("./docs options");

	(void)state;
	after(text, "\\fB\\-d\\fR, \\fB\\-\\-daddr\\fR \\fIADDR[/N]\\fR\n"
		    "Packets to this address or network.\n");
	after(text, "\\fB\\-\\-verbose\\fR\nTell more about the run.\n"); /* from the help */
	after(text, "\nHow to attach: kprobe\\-multi, ");
}

static void probes_of_the_manual(void **state)
{
	const char *text = output("./docs probes");
	char item[300];

	(void)state;
	for (unsigned int probe = 0; probe < NT_PROBE_COUNT; probe++) {
		const struct probe_row *row = probe_table_row(NULL, probe);
		const char *at, *found;

		snprintf(item, sizeof(item), ".TP\n\\fB%s\\fR\n", in_roff(stage_name(row->stage)));
		at = after(text, item);
		if (strstr(at, item))
			fail_msg("%s comes twice", stage_name(row->stage));
		snprintf(item, sizeof(item), "\n\\%%%s%s%s%s", row->name, row->alias ? " or \\%" : "",
			 row->alias ? row->alias : "",
			 row->kind == PROBE_TP ? " (t)" : row->kind == PROBE_TPA ? " (T)" : "");
		for (found = strstr(at - 1, item); found && !strchr(",\n", found[strlen(item)]);)
			found = strstr(found + 1, item);
		if (!found || (strstr(at, ".TP") && found > strstr(at, ".TP")))
			fail_msg("%s is not under %s", row->name, stage_name(row->stage));
	}
}

static void manual(void **state)
{
	static const char *const sections[] = {"NAME",	  "SYNOPSIS",	 "DESCRIPTION", "OPTIONS", "OUTPUT",
					       "PROBES",  "EXIT STATUS", "SIGNALS",	"ENVIRONMENT",
					       "FILES",	  "EXAMPLES",	 "NOTES",	"SEE ALSO"};
	char *lists[] = {strdup(output("./docs options")), strdup(output("./docs probes"))};
	const char *text = output("cat nettrace.8"), *at = text;
	char heading[40];

	(void)state;
	after(text, "\"nettrace " NETTRACE_VERSION "\"");
	assert_null(strchr(text, '@'));
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		snprintf(heading, sizeof(heading), "\n.SH %s\n", sections[i]);
		at = after(at, heading);
	}
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		after(text, lists[i]);
		free(lists[i]);
	}
}

static void manual_is_clean(void **state)
{
	(void)state;
	skip_without("groff");
	assert_string_equal(output("groff -man -ww -Tutf8 -z nettrace.8 2>&1"), "");
}

static void completion_is_clean(void **state)
{
	(void)state;
	skip_without("shellcheck");
	assert_string_equal(output("shellcheck completion/nettrace 2>&1"), "");
}

/*
 * What bash would offer at the end of a line of these words, one a line, each with ">" before it. Where
 * readline is asked for names of files, its call is shown. The shell command prints the files of this host.
 */
static const char *offers(const char *words, const char *files)
{
	return output("bash -c '. completion/nettrace\n"
		      "compopt() { echo \"compopt $*\"; }; compgen() { %s; }\n"
		      "COMP_WORDS=(nettrace %s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _nettrace\n"
		      "((${#COMPREPLY[@]} == 0)) || printf \">%%s\\n\" \"${COMPREPLY[@]}\"' 2>&1",
		      files, words);
}

#define assert_offers(words, expected) assert_string_equal(offers(words, "builtin compgen \"$@\""), expected)

/* All options in the place of an option, and of each with a value nothing else than its values. */
static void completes_options(void **state)
{
	char *all = strdup(offers("\"\"", ":"));
	struct option_text option;
	char text[100];
	size_t bytes = 0;

	(void)state;
	for (unsigned int n = 0; option_text(n, &option); n++) {
		if (option.letter)
			bytes += (size_t)snprintf(text, sizeof(text), ">-%c\n", option.letter);
		if (option.letter)
			after(all, text);
		bytes += (size_t)snprintf(text, sizeof(text), ">--%s\n", option.name);
		after(all, text);
		snprintf(text, sizeof(text), "--%s \"\"", option.name);
		if (!strcmp(offers(text, ":"), all) != !option.argument)
			fail_msg("--%s: completed as if it %s a value", option.name,
				 option.argument ? "took no" : "took");
	}
	assert_int_equal(strlen(all), bytes);
	free(all);
	assert_offers("--net", ">--netns\n>--netns-current\n");
	assert_offers("-p icmp --ba", ">--basic\n>--backend\n");
	assert_offers("icm", "");
}

static void completes_words(void **state)
{
	char all[512] = "";
	const char *name;

	(void)state;
	assert_offers("-p icmp", ">icmp\n>icmp6\n>icmpv6\n");
	assert_offers("--proto = ar", ">arp\n");
	assert_offers("--backend =", ">auto\n>kprobe-multi\n>fentry\n>kprobe\n>tracepoint\n");
	assert_offers("--backend kp", ">kprobe-multi\n>kprobe\n");
	assert_offers("--seq \"\"", "");
	assert_offers("-s 1", "");
	for (unsigned int n = 0; (name = filter_protocol_name(n)); n++)
		sprintf(all + strlen(all), ">%s\n", name);
	assert_offers("-p \"\"", all);
}

static void completes_names_of_the_host(void **state)
{
	(void)state;
	after(offers("-i l", "builtin compgen \"$@\""), ">lo\n");
	assert_string_equal(offers("--ifname \"\"", "echo /sys/class/net/eth0/; echo /sys/class/net/lo/"),
			    ">eth0\n>lo\n");
	assert_string_equal(offers("--netns b", "echo /run/netns/blue; echo /run/netns/red"), ">blue\n");
	assert_string_equal(offers("--netns \"\"", ":"), "");
	assert_offers("-o \"\"", "compopt -o default\n");
	assert_offers("--output x", "compopt -o default\n");
}

/* An interface may have any name; it is neither executed nor left without quotes. */
static void names_are_not_executed(void **state)
{
	(void)state;
	assert_string_equal(offers("-i \"\"", "echo \"/sys/class/net/\\$(id>&2;x)/\""),
			    ">\\$\\(id\\>\\&2\\;x\\)\n");
	assert_string_equal(offers("-i \"\"", "echo \"/sys/class/net/*/\""), ">\\*\n");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_of_the_manual),
		cmocka_unit_test(explanations_of_the_manual),
		cmocka_unit_test(probes_of_the_manual),
		cmocka_unit_test(manual),
		cmocka_unit_test(manual_is_clean),
		cmocka_unit_test(completion_is_clean),
		cmocka_unit_test(completes_options),
		cmocka_unit_test(completes_words),
		cmocka_unit_test(completes_names_of_the_host),
		cmocka_unit_test(names_are_not_executed),
	};

	if (argc != 1 || chdir(dirname(argv[0])))
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
