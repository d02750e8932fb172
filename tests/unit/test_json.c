/* SPDX-License-Identifier: GPL-2.0 */
/* Whatever is given to the writer, its lines are JSON. */
#include "render_kit.h"

#include "json.h"

static struct json json;

static const char *line(void)
{
	json_end(&json);
	return read_back();
}

static void nesting(void **state)
{
	(void)state;
	json_begin(&json, out);
	json_object(&json, "empty");
	json_object_end(&json);
	json_array(&json, "list");
	json_array_end(&json);
	json_array(&json, "more");
	json_object(&json, NULL);
	json_bool(&json, "yes", true);
	json_bool(&json, "no", false);
	json_object_end(&json);
	json_null(&json, NULL);
	json_number(&json, NULL, 1);
	json_array_end(&json);
	json_null(&json, "none");
	assert_string_equal(line(), "{\"empty\":{},\"list\":[],\"more\":[{\"yes\":true,\"no\":false},null,1],\"none\":null}\n");
}

static void numbers(void **state)
{
	(void)state;
	json_begin(&json, out);
	json_array(&json, "n");
	json_number(&json, NULL, 0);
	json_number(&json, NULL, 10);
	json_number(&json, NULL, UINT64_MAX);
	json_signed(&json, NULL, 0);
	json_signed(&json, NULL, -1);
	json_signed(&json, NULL, INT64_MAX);
	json_signed(&json, NULL, INT64_MIN);
	json_number_if(&json, NULL, 0, true);
	json_number_if(&json, NULL, 7, false);
	json_address(&json, NULL, 0);
	json_address(&json, NULL, 0xa0);
	json_address(&json, NULL, 0xffff888000001000);
	json_array_end(&json);
	assert_string_equal(line(), "{\"n\":[0,10,18446744073709551615,0,-1,9223372036854775807,-9223372036854775808,"
				    "0,null,null,\"0xa0\",\"0xffff888000001000\"]}\n");
}

#define BAD "\\ufffd"

static void strings(void **state)
{
	static const struct {
		const char *bytes, *want;
	} cases[] = {
		{"", ""},
		{"eth0", "eth0"},
		{"\"", "\\\""},
		{"a\\b/c", "a\\\\b/c"},
		{"\b\t\n\f\r", "\\u0008\\u0009\\u000a\\u000c\\u000d"},
		{"\x01\x1f ~\x7f", "\\u0001\\u001f ~\\u007f"},
		{"\x1b[31m", "\\u001b[31m"},
		{"\xc2\x80\xc2\x9b\xc2\x9f", "\\u0080\\u009b\\u009f"},
		{"\xc2\xa0\xc3\xa9", "\xc2\xa0\xc3\xa9"},
		{"\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf", "\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf"},
		{"\xee\x80\x80\xef\xbf\xbf", "\xee\x80\x80\xef\xbf\xbf"},
		{"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
		{"a\x80z\xbf", "a" BAD "z" BAD},
		{"\xc0\x80\xc1\xbf", BAD BAD BAD BAD},
		{"\xe0\x9f\xbf", BAD BAD BAD},
		{"\xed\xa0\x80", BAD BAD BAD},
		{"\xf0\x8f\xbf\xbf", BAD BAD BAD BAD},
		{"\xf4\x90\x80\x80", BAD BAD BAD BAD},
		{"\xf5\xff\xfe", BAD BAD BAD},
		{"\xc3", BAD},
		{"\xc3(", BAD "("},
		{"\xe2\x82", BAD BAD},
		{"\xe2\x82\"", BAD BAD "\\\""},
		{"\xf0\x9f\x98", BAD BAD BAD},
		{"\xf0\x9f\x98\n", BAD BAD BAD "\\u000a"},
	};
	static char want[4096];
	char *at = want;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_begin(&json, out);
		json_string(&json, "s", cases[i].bytes);
		json_end(&json);
		at += sprintf(at, "{\"s\":\"%s\"}\n", cases[i].want);
	}
	json_begin(&json, out);
	json_string(&json, "s", NULL);
	strcpy(at, "{\"s\":null}\n");
	assert_string_equal(line(), want);
}

/* Strings of all lengths around the size of the buffer, which pass it whole or in parts. */
static void long_strings(void **state)
{
	static char string[3 * sizeof(out->buffer)], want[sizeof(string) + 64];

	(void)state;
	for (size_t length = sizeof(out->buffer) - 16; length < sizeof(out->buffer) + 16; length++) {
		memset(string, 'x', length);
		strcpy(string + length, "\n\xff");
		json_begin(&json, out);
		json_string(&json, "s", string);
		json_number(&json, "n", 1);
		memset(string + length, '\0', 2);
		sprintf(want, "{\"s\":\"%s\\u000a\\ufffd\",\"n\":1}\n", string);
		assert_string_equal(line(), want);
		assert_int_equal(out_open(path, &out), 0);
	}
	memset(string, 'y', sizeof(string) - 1);
	json_begin(&json, out);
	json_string(&json, "s", string);
	sprintf(want, "{\"s\":\"%s\"}\n", string);
	assert_string_equal(line(), want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {test(nesting), test(numbers), test(strings), test(long_strings)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
