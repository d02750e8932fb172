/* SPDX-License-Identifier: GPL-2.0 */
/* Runs a fuzz target over files, as an ordinary test: each as it is, cut in places, and with bytes changed. */
#include "fuzz.h"

#include <stdio.h>

#define INPUT_MAX (4u << 20)
#define CHANGES 64

/* Always the same changes, so that a failure can be seen again. */
static unsigned int next_number(unsigned int *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static void run_file(const char *path)
{
	static uint8_t bytes[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	unsigned int state = 1;
	size_t size;

	if (!file) {
		printf("not ok - fuzz: %s cannot be read\n", path);
		exit(1);
	}
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	LLVMFuzzerTestOneInput(bytes, size);
	for (int i = 0; size && i < CHANGES; i++) {
		size_t at = next_number(&state) % size;
		uint8_t before = bytes[at];

		LLVMFuzzerTestOneInput(bytes, at);
		bytes[at] ^= (uint8_t)(1u << next_number(&state) % 8);
		LLVMFuzzerTestOneInput(bytes, size);
		bytes[at] = before;
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		run_file(argv[i]);
	printf("ok - fuzz: %s over %d inputs\n", argv[0], argc - 1);
	return 0;
}
