/* SPDX-License-Identifier: GPL-2.0 */
/* Which names are suggested for one that is unknown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "near.h"

static const char *const kernel_names[] = {
	"ip_rcv_finish", "ip_rcv_core", "tcp_v4_rcv", "udp_rcv", "ip_rcv", "arp_rcv", "ipv6_rcv", "ip_output",
	"ip_rcv",	 "xs",		"ip6_output", "icmp_rcv", "",	   "ip_rcv_finish_core",
};

static const char *suggest(const char *wanted)
{
	static char text[512];
	struct near near = {.wanted = wanted};

	for (size_t i = 0; i < sizeof(kernel_names) / sizeof(*kernel_names); i++)
		near_offer(&near, kernel_names[i]);
	near_text(&near, "nothing is near", text, sizeof(text));
	return text;
}

static void one_edit(void **state)
{
	(void)state;
	assert_string_equal(suggest("ip_outputt"), "did you mean ip_output, ip6_output?");
	assert_string_equal(suggest("ip_outpt"), "did you mean ip_output, ip6_output?");
	assert_string_equal(suggest("ip_ouptut"), "did you mean ip_output, ip6_output?");
	assert_string_equal(suggest("jp_output"), "did you mean ip_output, ip6_output?");
	assert_string_equal(suggest("p_output"), "did you mean ip_output, ip6_output?");
	assert_string_equal(suggest("icmp_rvc"), "did you mean icmp_rcv?");
}

/* A name that goes on is near, but less so. */
static void beginnings(void **state)
{
	(void)state;
	assert_string_equal(suggest("ip_rcvv"), "did you mean ip_rcv, ip_rcv_core, ip_rcv_finish?");
	assert_string_equal(suggest("tcp_v4"), "did you mean tcp_v4_rcv?");
	assert_string_equal(suggest("tcp_v5"), "did you mean tcp_v4_rcv?");
	assert_string_equal(suggest("ip_rcv_finish_c"), "did you mean ip_rcv_finish_core, ip_rcv_finish?");
}

static void nothing_near(void **state)
{
	char longest[200];

	(void)state;
	assert_string_equal(suggest("frobnicate"), "nothing is near");
	assert_string_equal(suggest("x"), "nothing is near");
	assert_string_equal(suggest(""), "nothing is near");
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	assert_string_equal(suggest(longest), "nothing is near");
	longest[NEAR_NAME_BYTES - 1] = 0;
	assert_string_equal(suggest(longest), "nothing is near");
}

/* The longest names that fit, against each other: with address sanitizer, a test of bounds. */
static void long_names(void **state)
{
	char wanted[NEAR_NAME_BYTES], candidate[2 * NEAR_NAME_BYTES], text[600];
	struct near near = {.wanted = wanted};

	(void)state;
	memset(wanted, 'a', sizeof(wanted) - 1);
	wanted[sizeof(wanted) - 1] = 0;
	memset(candidate, 'a', sizeof(candidate) - 1);
	candidate[sizeof(candidate) - 1] = 0;
	near_offer(&near, candidate);
	assert_int_equal(near.n, 0);
	for (size_t length = sizeof(wanted) - 1; length > sizeof(wanted) - 8; length--) {
		candidate[length] = 0;
		near_offer(&near, candidate);
	}
	assert_int_equal(near.n, NEAR_NAMES);
	assert_string_equal(near.names[0], wanted);
	near_text(&near, "", text, 20);
	assert_string_equal(text, "did you mean aaaaaa");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_edit),
		cmocka_unit_test(beginnings),
		cmocka_unit_test(nothing_near),
		cmocka_unit_test(long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
