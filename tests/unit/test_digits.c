/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers and spans as text, at the edges of their ranges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "digits.h"

static const char *decimal(u64 number, size_t min_digits)
{
	static char buf[DECIMAL_BYTES + 1];

	return decimal_before(buf + DECIMAL_BYTES, number, min_digits);
}

static void decimals(void **state)
{
	(void)state;
	assert_string_equal(decimal(0, 1), "0");
	assert_string_equal(decimal(0, 0), "0");
	assert_string_equal(decimal(9, 1), "9");
	assert_string_equal(decimal(10, 1), "10");
	assert_string_equal(decimal(7, 6), "000007");
	assert_string_equal(decimal(1234567, 6), "1234567");
	assert_string_equal(decimal(~0ull, 1), "18446744073709551615");
}

static void spans(void **state)
{
	char buf[SPAN_BYTES];

	(void)state;
	assert_string_equal(span_text(0, buf), "0 ns");
	assert_string_equal(span_text(999, buf), "999 ns");
	assert_string_equal(span_text(1000, buf), "1.0 us");
	assert_string_equal(span_text(999999, buf), "999.9 us");
	assert_string_equal(span_text(1000000, buf), "1.000 ms");
	assert_string_equal(span_text(999999999, buf), "999.999 ms");
	assert_string_equal(span_text(1000000000, buf), "1.000 s");
	assert_string_equal(span_text(61002999999, buf), "61.002 s");
	assert_string_equal(span_text(~0ull, buf), "18446744073.709 s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decimals),
		cmocka_unit_test(spans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
