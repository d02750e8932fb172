/* SPDX-License-Identifier: GPL-2.0 */
#include "json.h"

/* What stands before a value. */
static void put_key(struct json *json, const char *key)
{
	if (json->comma)
		out_literal(json->out, ",");
	json->comma = true;
	if (!key)
		return;
	out_literal(json->out, "\"");
	out_string(json->out, key);
	out_literal(json->out, "\":");
}

void json_begin(struct json *json, struct out *out)
{
	json->out = out;
	json->comma = false;
	json_object(json, NULL);
}

void json_end(struct json *json)
{
	json_object_end(json);
	out_literal(json->out, "\n");
}

void json_object(struct json *json, const char *key)
{
	put_key(json, key);
	out_literal(json->out, "{");
	json->comma = false;
}

void json_object_end(struct json *json)
{
	out_literal(json->out, "}");
	json->comma = true;
}

void json_array(struct json *json, const char *key)
{
	put_key(json, key);
	out_literal(json->out, "[");
	json->comma = false;
}

void json_array_end(struct json *json)
{
	out_literal(json->out, "]");
	json->comma = true;
}

void json_null(struct json *json, const char *key)
{
	put_key(json, key);
	out_literal(json->out, "null");
}

void json_bool(struct json *json, const char *key, bool value)
{
	put_key(json, key);
	if (value)
		out_literal(json->out, "true");
	else
		out_literal(json->out, "false");
}

void json_number(struct json *json, const char *key, u64 number)
{
	put_key(json, key);
	out_decimal(json->out, number, 1);
}

void json_number_if(struct json *json, const char *key, u64 number, bool known)
{
	if (known)
		json_number(json, key, number);
	else
		json_null(json, key);
}

void json_signed(struct json *json, const char *key, s64 number)
{
	put_key(json, key);
	if (number < 0)
		out_literal(json->out, "-");
	out_decimal(json->out, number < 0 ? -(u64)number : (u64)number, 1);
}

void json_address(struct json *json, const char *key, u64 address)
{
	char digits[16], *at = digits + sizeof(digits);

	if (!address) {
		json_null(json, key);
		return;
	}
	for (; address; address >>= 4)
		*--at = "0123456789abcdef"[address & 15];
	put_key(json, key);
	out_literal(json->out, "\"0x");
	out_write(json->out, at, (size_t)(digits + sizeof(digits) - at));
	out_literal(json->out, "\"");
}

/*
 * The length of the character in UTF-8 that terminated text begins with; 0 if its bytes are not
 * one. Overlong forms, surrogates and what is above U+10FFFF show in the second byte.
 */
static size_t character_bytes(const u8 *text)
{
	u8 lead = text[0], low = 0x80, high = 0xbf;
	size_t length;

	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf4)
		high = 0x8f;
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

/* Control characters are those that JSON forbids, DEL, and U+0080 to U+009F, which terminals obey. */
static bool is_plain(const u8 *text, size_t length)
{
	if (length == 1)
		return *text >= ' ' && *text != '"' && *text != '\\' && *text != 0x7f;
	return length && !(text[0] == 0xc2 && text[1] < 0xa0);
}

static void put_escape(struct json *json, u8 code)
{
	char escape[] = "\\u0000";

	if (code == '"' || code == '\\') {
		escape[1] = (char)code;
		out_write(json->out, escape, 2);
		return;
	}
	escape[4] = "0123456789abcdef"[code >> 4];
	escape[5] = "0123456789abcdef"[code & 15];
	out_write(json->out, escape, 6);
}

static void put_escaped(struct json *json, const u8 *text)
{
	while (*text) {
		const u8 *plain = text;
		size_t length = character_bytes(text);

		for (; *text && is_plain(text, length); length = character_bytes(text))
			text += length;
		out_write(json->out, plain, (size_t)(text - plain));
		if (!*text)
			return;
		if (length)
			put_escape(json, text[length - 1]); /* of two, the second is the code */
		else
			out_literal(json->out, "\\ufffd");
		text += length ? length : 1;
	}
}

void json_string(struct json *json, const char *key, const char *string)
{
	if (!string) {
		json_null(json, key);
		return;
	}
	put_key(json, key);
	out_literal(json->out, "\"");
	put_escaped(json, (const u8 *)string);
	out_literal(json->out, "\"");
}
