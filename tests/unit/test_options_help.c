/* SPDX-License-Identifier: GPL-2.0 */
/* What --help says of the options. */
#include "options_kit.h"

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

/* 50 lines of 80, less the prompt and room for some twelve options to come. */
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
	assert_in_range(lines, 10, 37);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(help_and_version),
		cmocka_unit_test(help_fits_a_screen),
		cmocka_unit_test(help_lines),
		cmocka_unit_test(every_option_is_documented),
		cmocka_unit_test(every_group_has_one_title),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
