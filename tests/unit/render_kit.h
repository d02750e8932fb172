/* SPDX-License-Identifier: GPL-2.0 */
/* For tests of renderers: an output that is read back. */
#ifndef NT_TEST_RENDER_KIT_H
#define NT_TEST_RENDER_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "annotations.h"
#include "probes.h"
#include "render.h"
#include "text_kit.h"

static char path[] = "/tmp/nettrace-test-XXXXXX";
static struct dict *dict;
static struct out *out;
static char printed[1 << 20];

static inline int setup(void **state)
{
	int fd;

	(void)state;
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	dict = dict_new();
	return dict ? out_open(path, &out) : -1;
}

static inline int teardown(void **state)
{
	(void)state;
	dict_free(dict);
	return unlink(path);
}

/* Close the output and read it back. */
static inline const char *read_back(void)
{
	FILE *file;
	size_t n;

	assert_int_equal(out_close(out), 0);
	file = fopen(path, "r");
	assert_non_null(file);
	n = fread(printed, 1, sizeof(printed) - 1, file);
	fclose(file);
	printed[n] = '\0';
	return printed;
}

#define P(name) NT_PROBE_##name

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
