/* SPDX-License-Identifier: GPL-2.0 */
/* For tests of plans and of what is written about them: a kernel that has everything, and the text written. */
#ifndef NT_TEST_PLAN_KIT_H
#define NT_TEST_PLAN_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "out.h"
#include "probe_plan.h"

static struct probe_facts facts_kit[NT_PROBE_MAX];
static struct probe_plan plan_kit;
static char text_path_kit[32];
static char text_kit[64 * 1024];

/* Each function is where its number says, its skb where the table says; each tracepoint is there. */
static inline void have_everything(const struct probe_table *probes)
{
	unsigned int i;

	memset(facts_kit, 0, sizeof(facts_kit));
	for (i = 0; i < probe_table_count(probes); i++) {
		const struct probe_row *row = probe_table_row(probes, i);
		struct symbol_match *symbol = &facts_kit[i].symbol;

		facts_kit[i].arg = (int)row->arg;
		facts_kit[i].tracepoint = true;
		symbol->n = symbol->n_exact = 1;
		symbol->places[0].address = 0x1000 + 0x10 * i;
		snprintf(symbol->places[0].name, sizeof(symbol->places[0].name), "%s", row->name);
	}
}

static inline struct out *text_begin(void)
{
	struct out *out = NULL;
	int fd;

	strcpy(text_path_kit, "/tmp/nettrace-test-XXXXXX");
	fd = mkstemp(text_path_kit);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(out_open(text_path_kit, &out), 0);
	return out;
}

/* What has been written since text_begin(). */
static inline const char *text_end(struct out *out)
{
	FILE *file;
	size_t n;

	assert_int_equal(out_close(out), 0);
	file = fopen(text_path_kit, "r");
	assert_non_null(file);
	n = fread(text_kit, 1, sizeof(text_kit) - 1, file);
	fclose(file);
	unlink(text_path_kit);
	text_kit[n] = 0;
	return text_kit;
}

/* The lines of a text that begin so, without what follows them. */
static inline const char *lines_with(const char *text, const char *prefix)
{
	static char found[8192];
	size_t used = 0;

	*found = 0;
	while (*text) {
		size_t length = strcspn(text, "\n") + 1;

		if (!strncmp(text, prefix, strlen(prefix)) && used + length < sizeof(found)) {
			memcpy(found + used, text, length);
			used += length;
			found[used] = 0;
		}
		text += length - (text[length - 1] != '\n');
	}
	return found;
}

#endif
