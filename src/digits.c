/* SPDX-License-Identifier: GPL-2.0 */
#include "digits.h"

#include <string.h>

char *decimal_before(char *end, u64 number, size_t min_digits)
{
	char *at = end;

	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number || (size_t)(end - at) < min_digits);
	return at;
}

const char *span_text(u64 ns, char buf[SPAN_BYTES])
{
	static const struct {
		u64 ns;
		u64 fractions;
		size_t digits;
		char name[sizeof(" ms")];
	} units[] = {{1000000000, 1000, 3, " s"}, {1000000, 1000, 3, " ms"}, {1000, 10, 1, " us"}, {1, 1, 0, " ns"}};
	size_t i = 0, name_bytes;
	char *at = buf + SPAN_BYTES;

	while (ns < units[i].ns && units[i].digits)
		i++;
	name_bytes = strlen(units[i].name) + 1;
	at -= name_bytes;
	memcpy(at, units[i].name, name_bytes);
	if (units[i].digits) {
		at = decimal_before(at, ns % units[i].ns / (units[i].ns / units[i].fractions), units[i].digits);
		*--at = '.';
	}
	return decimal_before(at, ns / units[i].ns, 1);
}
