/* SPDX-License-Identifier: GPL-2.0 */
/* Payload structures and type numbers, made from annotations.def. */
#ifndef NT_ANNOTATIONS_H
#define NT_ANNOTATIONS_H

#include "event.h"

enum nt_annotation_type {
#define ANNOTATION(NAME, name, text) NT_ANNO_##NAME,
#define FIELD(type, name, FORMAT)
#define STRING(name, size)
#define ADDRESSES(name, n)
#define END_ANNOTATION(NAME)
#include "annotations.def"
#undef ANNOTATION
#undef FIELD
#undef STRING
#undef ADDRESSES
#undef END_ANNOTATION
	NT_ANNO_COUNT,
	NT_ANNO_NONE = 0xff
};

#define ANNOTATION(NAME, name, text) struct nt_anno_##NAME {
#define FIELD(type, name, FORMAT) type name;
#define STRING(name, size) char name[size];
#define ADDRESSES(name, n) u64 name[n];
#define END_ANNOTATION(NAME) \
	}                    \
	;
#include "annotations.def"
#undef ANNOTATION
#undef FIELD
#undef STRING
#undef ADDRESSES
#undef END_ANNOTATION

/* nt_anno_DROP.reason when this kernel's kfree_skb does not tell (before 5.17). */
#define NT_DROP_REASON_UNKNOWN 0xffffffffu

#endif
