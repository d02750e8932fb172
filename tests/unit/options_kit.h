/* SPDX-License-Identifier: GPL-2.0 */
/* For tests of the command line: what is accepted, and with which words it is refused. */
#ifndef NT_TEST_OPTIONS_KIT_H
#define NT_TEST_OPTIONS_KIT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "probes.h"
#include "render.h"

#define WORDS_MAX 40

/* Parse a command line whose words are separated by single spaces; "%" stands for an empty word. */
static inline int parse(const char *line, struct options *options, char error[256])
{
	static char copy[OPTIONS_NAMES_MAX * 130]; /* options point into it */
	char *argv[WORDS_MAX] = {(char[]){"nettrace"}};
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok(copy, " "); word && argc < WORDS_MAX - 1; word = strtok(NULL, " "))
		argv[argc++] = strcmp(word, "%") ? word : word + 1;
	error[0] = '\0';
	return options_parse(argc, argv, options, error, 256);
}

static inline struct options accepted(const char *line)
{
	struct options options;
	char error[256];

	memset(&options, 0xa5, sizeof(options));
	if (parse(line, &options, error))
		fail_msg("'%s' is refused: %s", line, error);
	return options;
}

static inline void assert_error(const char *line, const char *expected)
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

static inline void assert_filter(const char *line, const char *expected)
{
	struct options options = accepted(line);

	assert_string_equal(options.filter_text, expected);
}

/* Each value, of the option, is refused with these words behind it. */
static inline void refuse_all(const char *option, const char *const *values, const char *wrong)
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

#endif
