/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers as text. By hand, since there are several in every line, and printf would be what takes longest. */
#ifndef NT_DIGITS_H
#define NT_DIGITS_H

#include <stddef.h>

#include "types.h"

#define DECIMAL_BYTES 20 /* of the largest u64 */
#define SPAN_BYTES (DECIMAL_BYTES + sizeof(".999 ms"))

/* Put a number, with leading zeros up to min_digits, so that it stops right before `end`. Returns where it begins. */
char *decimal_before(char *end, u64 number, size_t min_digits);

/* "12.3 us": cut, not rounded, as timestamps are. Returns where in buf it begins; it is terminated. */
const char *span_text(u64 ns, char buf[SPAN_BYTES]);

#endif
