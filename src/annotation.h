/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Annotations described as data, so that whoever copies, checks or prints one
 * walks fields and needs no code per type. Made from include/annotations.def.
 */
#ifndef NT_ANNOTATION_H
#define NT_ANNOTATION_H

#include <stdbool.h>
#include <stddef.h>

#include "annotations.h"
#include "dict.h"
#include "journey.h"

enum annotation_kind {
	ANNOTATION_u8,
	ANNOTATION_u16,
	ANNOTATION_u32,
	ANNOTATION_u64,
	ANNOTATION_string,
	ANNOTATION_addresses
};

/* How a number is printed. A string needs no format. */
enum nt_format {
	NT_FORMAT_STRING,
	NT_FORMAT_NUMBER,
	NT_FORMAT_ADDRESS, /* of an sk_buff: its low 32 bits in hex, as in headers of blocks */
	NT_FORMAT_NFPROTO,
	NT_FORMAT_NF_HOOK, /* depends on the family, an NFPROTO field of the same annotation */
	NT_FORMAT_NF_HOOK_SHORT, /* the same hooks as iptables names its chains */
	NT_FORMAT_SYMBOL,
	NT_FORMAT_DROP_REASON,
	NT_FORMAT_TC_HANDLE /* of a qdisc, as tc prints it: the upper half in hex, "8001:" */
};

struct annotation_field {
	const char *name;
	enum annotation_kind kind;
	enum nt_format format;
	size_t offset;
	size_t size_bytes;
};

struct annotation_type {
	const char *name; /* the JSON key */
	const char *text; /* for the timeline, with {field} in it */
	size_t size_bytes;
	const struct annotation_field *fields;
	size_t n_fields;
};

/* The description of a type number, or NULL beyond the table. Static storage. */
const struct annotation_type *annotation_type(unsigned int type);

/* A field by its name, or NULL. */
const struct annotation_field *annotation_field(const struct annotation_type *type,
						const char *name);

/* The number in a field of a payload; 0 for strings and arrays. */
u64 annotation_number(const struct annotation_field *field, const void *payload);

/* The word for the number in a field, or NULL if there is none. May be any bytes, if it is the dictionary's. */
const char *annotation_number_name(const struct annotation_type *type, const struct annotation_field *field,
				   const void *payload, const struct dict *dict);

/*
 * The addresses in a field, innermost first, without those of the tracer's own program that
 * stacks begin with. *ret_more: the field is full, there may have been more.
 */
const u64 *annotation_addresses(const struct annotation_field *field, const void *payload, const struct dict *dict,
				size_t *ret_n, bool *ret_more);

/*
 * The text of one field, or of a whole note by its type's template. Bytes that
 * are not printable ASCII become \xNN, so a name from the traced host cannot move the
 * terminal's cursor. Always terminates buf and returns the length written, cut to size - 1.
 */
size_t annotation_field_text(const struct annotation_type *type,
			     const struct annotation_field *field, const void *payload,
			     const struct dict *dict, char *buf, size_t size);
size_t annotation_text(const struct journey_note *note, const struct dict *dict, char *buf,
		       size_t size);

/* A name that came from the traced host, made printable in the same way. */
size_t annotation_plain_text(const char *name, char *buf, size_t size);

#endif
