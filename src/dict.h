/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The dictionary: names for numbers that only the traced host can resolve.
 *
 * The live side fills it while tracing and a recording carries it, so that
 * rendering never asks the machine it happens to run on.
 */
#ifndef NT_DICT_H
#define NT_DICT_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

enum dict_kind {
	DICT_SYMBOL,	  /* key: kernel address; "nf_hook_slow+0x96" */
	DICT_DROP_REASON, /* key: enum skb_drop_reason; "NETFILTER_DROP" */
	DICT_IFNAME,	  /* key: dict_ifname_key(); "eth0" */
	DICT_NETNS,	  /* key: inode of a network namespace; "web" */
	DICT_KIND_COUNT
};

struct dict;

static inline u64 dict_ifname_key(u32 netns, u32 ifindex)
{
	return (u64)netns << 32 | ifindex;
}

/* A new, empty dictionary, or NULL without memory. */
struct dict *dict_new(void);
void dict_free(struct dict *dict);

/* Remember a name; the string is copied. Replaces. 0, -ENOMEM, or -E2BIG past DICT_MAX_ENTRIES. */
int dict_set(struct dict *dict, enum dict_kind kind, u64 key, const char *name);

/* The name, owned by the dictionary, valid until that key is set again; NULL if unknown. */
const char *dict_get(const struct dict *dict, enum dict_kind kind, u64 key);

/*
 * The n-th key that was set, in the order in which they were first; what is set again counts once more. So
 * whoever remembers how many there were finds what is new. False beyond the last.
 */
size_t dict_count(const struct dict *dict);
bool dict_at(const struct dict *dict, size_t n, enum dict_kind *ret_kind, u64 *ret_key, const char **ret_name);

#define DICT_MAX_ENTRIES (1u << 20)

#endif
