/* SPDX-License-Identifier: GPL-2.0 */
#include "annotation.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Each annotation becomes a case of its own, because a field's offset can only
 * be asked of a named structure: within the case that is `self`.
 */
const struct annotation_type *annotation_type(unsigned int type)
{
	switch (type) {
#define ANNOTATION(NAME, name_, text_)                   \
	case NT_ANNO_##NAME: {                           \
		typedef struct nt_anno_##NAME self;      \
		static const char name[] = #name_;       \
		static const char text[] = text_;        \
		static const struct annotation_field fields[] = {
#define FIELD(type, name, FORMAT) \
	{#name, ANNOTATION_##type, NT_FORMAT_##FORMAT, offsetof(self, name), sizeof(type)},
#define STRING(name, size) \
	{#name, ANNOTATION_string, NT_FORMAT_STRING, offsetof(self, name), size},
#define ADDRESSES(name, n) \
	{#name, ANNOTATION_addresses, NT_FORMAT_SYMBOL, offsetof(self, name), (n) * sizeof(u64)},
#define END_ANNOTATION(NAME)                                                                 \
	}                                                                                    \
	;                                                                                    \
	static const struct annotation_type self_type = {name, text, sizeof(self), fields,   \
							 ARRAY_SIZE(fields)};                \
	return &self_type;                                                                   \
	}
#include "annotations.def"
#undef ANNOTATION
#undef FIELD
#undef STRING
#undef ADDRESSES
#undef END_ANNOTATION
	default:
		return NULL;
	}
}

static const struct annotation_field *field_named(const struct annotation_type *type,
						  const char *name, size_t length)
{
	for (size_t i = 0; i < type->n_fields; i++)
		if (!strncmp(type->fields[i].name, name, length) && !type->fields[i].name[length])
			return &type->fields[i];
	return NULL;
}

const struct annotation_field *annotation_field(const struct annotation_type *type,
						const char *name)
{
	return field_named(type, name, strlen(name));
}

u64 annotation_number(const struct annotation_field *field, const void *payload)
{
	const void *at = (const char *)payload + field->offset;

	switch (field->kind) {
	case ANNOTATION_u8:
		return *(const u8 *)at;
	case ANNOTATION_u16:
		return *(const u16 *)at;
	case ANNOTATION_u32:
		return *(const u32 *)at;
	case ANNOTATION_u64:
		return *(const u64 *)at;
	default:
		return 0;
	}
}

/* A buffer being filled; what does not fit is cut off. */
struct cut {
	char *pos;
	char *end; /* where the terminator goes at the latest */
};

/* "\x1b", whole or not at all: then nothing shorter may follow the gap. */
static void put_escape(struct cut *cut, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char escape[] = {'\\', 'x', hex[c >> 4], hex[c & 15]};

	if ((size_t)(cut->end - cut->pos) < sizeof(escape)) {
		cut->end = cut->pos;
		return;
	}
	memcpy(cut->pos, escape, sizeof(escape));
	cut->pos += sizeof(escape);
}

/* Put n bytes, fewer if a NUL comes first. */
static void put_bytes(struct cut *cut, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n && bytes[i] && cut->pos < cut->end; i++) {
		if (bytes[i] >= ' ' && bytes[i] <= '~')
			*cut->pos++ = bytes[i];
		else
			put_escape(cut, (unsigned char)bytes[i]);
	}
}

#define INET_HOOKS "PRE_ROUTING", "INPUT", "FORWARD", "OUTPUT", "POST_ROUTING"

/* By NFPROTO_*, as in the kernel's uapi; one number means different hooks in different families. */
static const struct {
	const char *name;
	const char *hooks[6];
} families[] = {
	[1] = {"inet", {INET_HOOKS, "INGRESS"}},
	[2] = {"ipv4", {INET_HOOKS}},
	[3] = {"arp", {"INPUT", "OUTPUT", "FORWARD"}},
	[5] = {"netdev", {"INGRESS", "EGRESS"}},
	[7] = {"bridge", {INET_HOOKS, "BROUTING"}},
	[10] = {"ipv6", {INET_HOOKS}},
};

/* iptables' own names of its chains. */
static const char *const chains[] = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"};

static const char *family_name(u64 family)
{
	return family < ARRAY_SIZE(families) ? families[family].name : NULL;
}

static const char *hook_name(const struct annotation_type *type, const void *payload, u64 hook)
{
	u64 family = 0;

	for (size_t i = 0; i < type->n_fields; i++)
		if (type->fields[i].format == NT_FORMAT_NFPROTO)
			family = annotation_number(&type->fields[i], payload);
	if (family >= ARRAY_SIZE(families) || hook >= ARRAY_SIZE(families[family].hooks))
		return NULL;
	return families[family].hooks[hook];
}

static const char *dict_name(const struct dict *dict, enum dict_kind kind, u64 key)
{
	return dict ? dict_get(dict, kind, key) : NULL;
}

const char *annotation_number_name(const struct annotation_type *type, const struct annotation_field *field,
				   const void *payload, const struct dict *dict)
{
	u64 number = annotation_number(field, payload);

	switch (field->format) {
	case NT_FORMAT_NFPROTO:
		return family_name(number);
	case NT_FORMAT_NF_HOOK:
		return hook_name(type, payload, number);
	case NT_FORMAT_NF_HOOK_SHORT:
		return number < ARRAY_SIZE(chains) ? chains[number] : NULL;
	case NT_FORMAT_SYMBOL:
		return dict_name(dict, DICT_SYMBOL, number);
	case NT_FORMAT_DROP_REASON:
		return number == NT_DROP_REASON_UNKNOWN ? "unknown"
							: dict_name(dict, DICT_DROP_REASON, number);
	default:
		return NULL;
	}
}

/* Is this the way from a probe into the tracer's own program, which stacks begin with? */
static bool is_tracer_frame(const char *name)
{
	static const char *const prefixes[] = {"bpf_prog_", "bpf_trampoline_", "bpf_trace_run", "__bpf_trace_",
					       "__traceiter_"};

	for (size_t i = 0; name && i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

const u64 *annotation_addresses(const struct annotation_field *field, const void *payload, const struct dict *dict,
				size_t *ret_n, bool *ret_more)
{
	const u64 *addresses = (const void *)((const char *)payload + field->offset);
	size_t n = field->size_bytes / sizeof(*addresses), first = 0, i;

	while (first < n && addresses[first] && is_tracer_frame(dict_name(dict, DICT_SYMBOL, addresses[first])))
		first++;
	for (i = first; i < n && addresses[i];)
		i++;
	*ret_n = i - first;
	*ret_more = i == n;
	return addresses + first;
}

/* "inner+0x10 <- outer+0x20", with "..." if there may have been more. */
static void put_addresses(struct cut *cut, const struct annotation_field *field, const void *payload,
			  const struct dict *dict)
{
	size_t n;
	bool more;
	const u64 *addresses = annotation_addresses(field, payload, dict, &n, &more);

	for (size_t i = 0; i < n; i++) {
		const char *name = dict_name(dict, DICT_SYMBOL, addresses[i]);
		char digits[24];

		if (!name)
			snprintf(digits, sizeof(digits), "0x%" PRIx64, addresses[i]);
		put_bytes(cut, " <- ", i ? SIZE_MAX : 0);
		put_bytes(cut, name ? name : digits, SIZE_MAX);
	}
	if (more)
		put_bytes(cut, " <- ...", SIZE_MAX);
}

static const char *number_pattern(enum nt_format format)
{
	if (format == NT_FORMAT_ADDRESS)
		return "%08" PRIx64;
	if (format == NT_FORMAT_TC_HANDLE)
		return "%" PRIx64 ":";
	return format == NT_FORMAT_SYMBOL ? "0x%" PRIx64 : "%" PRIu64;
}

static void put_field(struct cut *cut, const struct annotation_type *type,
		      const struct annotation_field *field, const void *payload,
		      const struct dict *dict)
{
	const char *name = annotation_number_name(type, field, payload, dict);
	char digits[24];

	if (field->kind == ANNOTATION_string) {
		put_bytes(cut, (const char *)payload + field->offset, field->size_bytes);
		return;
	}
	if (field->kind == ANNOTATION_addresses) {
		put_addresses(cut, field, payload, dict);
		return;
	}
	if (!name) {
		u64 number = annotation_number(field, payload);

		if (field->format == NT_FORMAT_ADDRESS)
			number = (u32)number;
		else if (field->format == NT_FORMAT_TC_HANDLE)
			number = (u32)number >> 16;
		snprintf(digits, sizeof(digits), number_pattern(field->format), number);
		name = digits;
	}
	put_bytes(cut, name, SIZE_MAX);
}

/* Put the template, each {field} replaced. */
static void put_note(struct cut *cut, const struct annotation_type *type, const void *payload,
		     const struct dict *dict)
{
	const char *text = type->text;

	for (;;) {
		const struct annotation_field *field;
		size_t length = strcspn(text, "{");

		put_bytes(cut, text, length);
		text += length;
		if (!*text)
			return;
		length = strcspn(++text, "}");
		field = field_named(type, text, length);
		if (field)
			put_field(cut, type, field, payload, dict);
		text += length + (text[length] != '\0');
	}
}

static size_t cut_end(struct cut *cut, const char *buf)
{
	*cut->pos = '\0';
	return (size_t)(cut->pos - buf);
}

size_t annotation_field_text(const struct annotation_type *type,
			     const struct annotation_field *field, const void *payload,
			     const struct dict *dict, char *buf, size_t size)
{
	struct cut cut = {.pos = buf};

	if (!size)
		return 0;
	cut.end = buf + size - 1;
	put_field(&cut, type, field, payload, dict);
	return cut_end(&cut, buf);
}

size_t annotation_text(const struct journey_note *note, const struct dict *dict, char *buf,
		       size_t size)
{
	const struct annotation_type *type = annotation_type(note->type);
	struct cut cut = {.pos = buf};

	if (!size)
		return 0;
	cut.end = buf + size - 1;
	if (type)
		put_note(&cut, type, note->payload, dict);
	return cut_end(&cut, buf);
}

size_t annotation_plain_text(const char *name, char *buf, size_t size)
{
	struct cut cut = {.pos = buf};

	if (!size)
		return 0;
	cut.end = buf + size - 1;
	put_bytes(&cut, name, SIZE_MAX);
	return cut_end(&cut, buf);
}
