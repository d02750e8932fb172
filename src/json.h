/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writing JSON, an object a line. What is written is valid UTF-8 and has no control
 * characters, whatever bytes the strings hold; commas and quotes take care of themselves.
 *
 * Each function writes one value: a member of an object under `key`, which needs no
 * escapes, or an element of an array where key is NULL.
 */
#ifndef NT_JSON_H
#define NT_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "out.h"
#include "types.h"

struct json {
	struct out *out;
	bool comma; /* before whatever comes next */
};

/* Begin and end a line, which is one object. */
void json_begin(struct json *json, struct out *out);
void json_end(struct json *json);

void json_object(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array(struct json *json, const char *key);
void json_array_end(struct json *json);

void json_null(struct json *json, const char *key);
void json_bool(struct json *json, const char *key, bool value);
void json_number(struct json *json, const char *key, u64 number);
void json_signed(struct json *json, const char *key, s64 number);

/* null unless it is known. */
void json_number_if(struct json *json, const char *key, u64 number, bool known);

/* "0xffff888000001000": a string, since many readers round numbers above 2^53. null if 0. */
void json_address(struct json *json, const char *key, u64 address);

/* Bytes that are not UTF-8 become U+FFFD. null if there is no string. */
void json_string(struct json *json, const char *key, const char *string);

#endif
