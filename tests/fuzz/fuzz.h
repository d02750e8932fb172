/* SPDX-License-Identifier: GPL-2.0 */
/* What the fuzz targets share. Each defines LLVMFuzzerTestOneInput, which libFuzzer or run.c calls. */
#ifndef NT_FUZZ_H
#define NT_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): NDEBUG must not silence it. */
#define fuzz_assert(condition)   \
	do {                     \
		if (!(condition)) \
			abort(); \
	} while (0)

#endif
