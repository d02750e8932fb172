/* SPDX-License-Identifier: GPL-2.0 */
/* A command line of any words: refused in one printable line, or accepted with a filter that can be described. */
#include "fuzz.h"

#include <ctype.h>

#include "options.h"
#include "render.h"

#define WORDS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[WORDS_MAX + 2] = {(char[]){"nettrace"}}, *line, *at, error[256];
	struct options options;
	int argc = 1;

	line = malloc(size + 1);
	if (!line)
		return 0;
	memcpy(line, data, size);
	line[size] = '\0';
	for (at = strtok(line, "\n"); at && argc <= WORDS_MAX; at = strtok(NULL, "\n"))
		argv[argc++] = at;
	if (!options_parse(argc, argv, &options, error, sizeof(error))) {
		fuzz_assert(memchr(options.filter_text, '\0', sizeof(options.filter_text)));
		fuzz_assert(options_format(&options));
	} else {
		for (at = error; *at; at++)
			fuzz_assert(!iscntrl((unsigned char)*at));
	}
	free(line);
	return 0;
}
