/* SPDX-License-Identifier: GPL-2.0 */
#include "symbols.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Past the end of a function nothing says how long it was; beyond this it is none of its. */
#define SYMBOL_REACH_BYTES (1u << 20)

struct line {
	u64 address;
	char type;
	char *name;
	char *module;
};

static bool is_text(char type)
{
	return type == 't' || type == 'T' || type == 'w' || type == 'W';
}

/* "ffffffff81000000 T name\t[module]": cut in place. */
static bool parse_line(char *text, struct line *ret_line)
{
	char *end;

	text[strcspn(text, "\n")] = 0;
	ret_line->address = strtoull(text, &end, 16);
	if (end == text || end[0] != ' ' || !end[1] || end[2] != ' ')
		return false;
	ret_line->type = end[1];
	ret_line->name = end + 3;
	ret_line->module = strchr(ret_line->name, '\t');
	if (!ret_line->module) {
		ret_line->module = ret_line->name + strlen(ret_line->name);
		return true;
	}
	*ret_line->module++ = 0;
	ret_line->module += *ret_line->module == '[';
	ret_line->module[strcspn(ret_line->module, "]")] = 0;
	return true;
}

typedef int (*line_fn)(void *user, const struct line *line);

/* *ret_addresses: false if the kernel hides them (kptr_restrict) and shows names only. */
static int each_symbol(line_fn on_line, void *user, bool *ret_addresses)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char text[1024];
	bool any = false;
	struct line line;
	int err = 0;

	if (!file)
		return -errno;
	while (!err && fgets(text, sizeof(text), file)) {
		if (!parse_line(text, &line))
			continue;
		any |= line.address != 0;
		err = on_line(user, &line);
	}
	fclose(file);
	*ret_addresses = any;
	return err;
}

struct search {
	struct symbol_match *matches;
	size_t n;
};

static int compare_match(const void *a, const void *b)
{
	return strcmp(((const struct symbol_match *)a)->wanted, ((const struct symbol_match *)b)->wanted);
}

/* ThinLTO renames a static function to NAME.llvm.HASH; it is the function all the same. */
static bool is_exact(const char *suffix)
{
	return !*suffix || !strncmp(suffix, ".llvm.", strlen(".llvm."));
}

static void add_place(struct symbol_match *match, const struct line *line, bool exact)
{
	struct symbol_place *place;

	/*
	 * The function itself makes its variants irrelevant, and the kernel's own makes
	 * irrelevant a namesake in a module (raw_rcv is also a function of can_raw).
	 */
	if (exact && (!match->n_exact || (match->places[0].module[0] && !line->module[0])))
		match->n = match->n_exact = 0;
	if (match->n_exact && (!exact || (line->module[0] && !match->places[0].module[0])))
		return;
	match->n_exact += exact;
	if (match->n == SYMBOL_VARIANTS)
		return;
	place = &match->places[match->n++];
	place->address = line->address;
	snprintf(place->name, sizeof(place->name), "%s", line->name);
	snprintf(place->module, sizeof(place->module), "%s", line->module);
}

static int on_search_line(void *user, const struct line *line)
{
	struct search *search = user;
	size_t length = strcspn(line->name, ".");
	struct symbol_match *match, key;
	char base[64];

	if (length >= sizeof(base) || strstr(line->name, ".cold"))
		return 0;
	memcpy(base, line->name, length);
	base[length] = 0;
	key.wanted = base;
	match = bsearch(&key, search->matches, search->n, sizeof(key), compare_match);
	if (match && match->data == !is_text(line->type))
		add_place(match, line, is_exact(line->name + length));
	return 0;
}

int symbols_find(struct symbol_match *matches, size_t n, bool *ret_addresses)
{
	struct search search = {matches, n};

	qsort(matches, n, sizeof(*matches), compare_match);
	return each_symbol(on_search_line, &search, ret_addresses);
}

struct naming {
	void (*on_name)(void *user, const char *name);
	void *user;
};

static int on_name_line(void *user, const struct line *line)
{
	struct naming *naming = user;

	if (!is_text(line->type) || strstr(line->name, ".cold"))
		return 0;
	line->name[strcspn(line->name, ".")] = 0;
	naming->on_name(naming->user, line->name);
	return 0;
}

int symbols_each_function(void (*on_name)(void *user, const char *name), void *user)
{
	struct naming naming = {on_name, user};
	bool addresses;

	return each_symbol(on_name_line, &naming, &addresses);
}

struct symbol {
	u64 address;
	u32 name;   /* offset into strings */
	u32 module; /* likewise */
};

struct symbols {
	struct symbol *table;
	size_t n, capacity;
	char *strings;
	size_t strings_used, strings_bytes;
	u32 last_module;
};

static int add_string(struct symbols *symbols, const char *string, u32 *ret_offset)
{
	size_t size = strlen(string) + 1;
	char *bigger;

	if (symbols->strings_used + size > symbols->strings_bytes) {
		size_t bytes = 2 * symbols->strings_bytes + size + 65536;

		bigger = realloc(symbols->strings, bytes);
		if (!bigger)
			return -ENOMEM;
		symbols->strings = bigger;
		symbols->strings_bytes = bytes;
	}
	*ret_offset = (u32)symbols->strings_used;
	memcpy(symbols->strings + symbols->strings_used, string, size);
	symbols->strings_used += size;
	return 0;
}

static int on_load_line(void *user, const struct line *line)
{
	struct symbols *symbols = user;
	struct symbol *symbol;
	int err;

	if (!is_text(line->type))
		return 0;
	if (symbols->n == symbols->capacity) {
		size_t capacity = 2 * symbols->capacity + 65536;
		void *bigger = realloc(symbols->table, capacity * sizeof(*symbols->table));

		if (!bigger)
			return -ENOMEM;
		symbols->table = bigger;
		symbols->capacity = capacity;
	}
	symbol = &symbols->table[symbols->n++];
	symbol->address = line->address;
	err = add_string(symbols, line->name, &symbol->name);
	if (!err && (!symbols->n || strcmp(symbols->strings + symbols->last_module, line->module)))
		err = add_string(symbols, line->module, &symbols->last_module);
	symbol->module = symbols->last_module;
	return err;
}

static int compare_symbol(const void *a, const void *b)
{
	u64 left = ((const struct symbol *)a)->address, right = ((const struct symbol *)b)->address;

	return left < right ? -1 : left > right;
}

int symbols_load(struct symbols **ret_symbols)
{
	struct symbols *symbols = calloc(1, sizeof(*symbols));
	bool addresses = false;
	int err;

	if (!symbols)
		return -ENOMEM;
	err = add_string(symbols, "", &symbols->last_module);
	if (!err)
		err = each_symbol(on_load_line, symbols, &addresses);
	if (!err && !addresses)
		err = -EPERM;
	if (err) {
		symbols_free(symbols);
		return err;
	}
	qsort(symbols->table, symbols->n, sizeof(*symbols->table), compare_symbol);
	*ret_symbols = symbols;
	return 0;
}

void symbols_free(struct symbols *symbols)
{
	if (!symbols)
		return;
	free(symbols->table);
	free(symbols->strings);
	free(symbols);
}

int symbols_text(const struct symbols *symbols, u64 address, char *buf, size_t size)
{
	size_t low = 0, high = symbols->n;
	const struct symbol *symbol;
	const char *module;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->table[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address - symbols->table[low - 1].address > SYMBOL_REACH_BYTES)
		return -ENOENT;
	symbol = &symbols->table[low - 1];
	module = symbols->strings + symbol->module;
	snprintf(buf, size, "%s+0x%llx%s%s%s", symbols->strings + symbol->name,
		 (unsigned long long)(address - symbol->address), *module ? " [" : "", module,
		 *module ? "]" : "");
	return 0;
}
