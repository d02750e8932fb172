/* SPDX-License-Identifier: GPL-2.0 */
/* /proc/kallsyms: finding functions by name and names by address. */
#ifndef NT_SYMBOLS_H
#define NT_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

#define SYMBOL_VARIANTS 4

/* Where a function is: itself, or what the compiler made of it (.isra.0, .constprop.0, .part.0). */
struct symbol_place {
	u64 address;
	char name[64];
	char module[32]; /* "" for the kernel proper */
};

struct symbol_match {
	const char *wanted; /* the caller's */
	bool data;	    /* a variable, not a function */
	unsigned int n;	    /* places found; exact ones only, if there are any */
	unsigned int n_exact;
	struct symbol_place places[SYMBOL_VARIANTS];
};

/*
 * Look all `wanted` names up in one pass, since the kernel takes about 100 ms to
 * print the file; sorts `matches`. Never finds .cold parts. *ret_addresses is
 * false if the kernel shows names but hides addresses (kptr_restrict). 0 or negative errno.
 */
int symbols_find(struct symbol_match *matches, size_t n, bool *ret_addresses);

/* Hand on the name of each function, without a compiler's suffix; some twice. 0 or negative errno. */
int symbols_each_function(void (*on_name)(void *user, const char *name), void *user);

struct symbols;

/*
 * Load all text symbols, sorted. About 5 MB: only when an address needs a name. 0, -EPERM if
 * the kernel hides addresses, or negative errno.
 */
int symbols_load(struct symbols **ret_symbols);
void symbols_free(struct symbols *symbols);

/* "nf_hook_slow+0x96", with " [module]" behind if it is in one. 0, or -ENOENT if no symbol is near. */
int symbols_text(const struct symbols *symbols, u64 address, char *buf, size_t size);

#endif
