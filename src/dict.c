/* SPDX-License-Identifier: GPL-2.0 */
/* An open-addressing hash table with linear probing. Nothing is ever removed. */
#include "dict.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64

struct dict_entry {
	u64 key;
	char *name; /* NULL: the slot is free */
	enum dict_kind kind;
};

/* What was set, in order. */
struct dict_change {
	u64 key;
	enum dict_kind kind;
};

struct dict {
	struct dict_entry *entries;
	size_t capacity; /* a power of two */
	size_t count;
	struct dict_change *changes;
	size_t n_changes;
	size_t changes_room;
};

struct dict *dict_new(void)
{
	struct dict *dict = calloc(1, sizeof(*dict));

	if (!dict)
		return NULL;
	dict->capacity = FIRST_CAPACITY;
	dict->entries = calloc(dict->capacity, sizeof(*dict->entries));
	if (!dict->entries) {
		free(dict);
		return NULL;
	}
	return dict;
}

void dict_free(struct dict *dict)
{
	if (!dict)
		return;
	for (size_t i = 0; i < dict->capacity; i++)
		free(dict->entries[i].name);
	free(dict->entries);
	free(dict->changes);
	free(dict);
}

/*
 * Keys may come from a recording made to collide. The table's own address, which
 * its author cannot know, makes that a guess; no output depends on the order.
 */
static u64 hash(const struct dict *dict, enum dict_kind kind, u64 key)
{
	u64 h = key ^ ((u64)(uintptr_t)dict << 16) ^ ((u64)kind << 61);

	h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdULL;
	h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
	return h ^ (h >> 33);
}

/* The slot that holds this key, or the free one where it belongs. */
static struct dict_entry *find(const struct dict *dict, enum dict_kind kind, u64 key)
{
	size_t mask = dict->capacity - 1;
	size_t i = hash(dict, kind, key) & mask;

	while (dict->entries[i].name &&
	       (dict->entries[i].key != key || dict->entries[i].kind != kind))
		i = (i + 1) & mask;
	return &dict->entries[i];
}

static int grow(struct dict *dict)
{
	struct dict old = *dict;
	struct dict_entry *entries = calloc(old.capacity * 2, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	dict->entries = entries;
	dict->capacity = old.capacity * 2;
	for (size_t i = 0; i < old.capacity; i++) {
		struct dict_entry *entry = &old.entries[i];

		if (entry->name)
			*find(dict, entry->kind, entry->key) = *entry;
	}
	free(old.entries);
	return 0;
}

/* The slot for a new key. At most two thirds of them fill, so that searches stay short. */
static int make_room(struct dict *dict, enum dict_kind kind, u64 key, struct dict_entry **ret_entry)
{
	if (dict->count >= DICT_MAX_ENTRIES)
		return -E2BIG;
	if ((dict->count + 1) * 3 > dict->capacity * 2 && grow(dict))
		return -ENOMEM;
	*ret_entry = find(dict, kind, key);
	return 0;
}

static int note_change(struct dict *dict, enum dict_kind kind, u64 key)
{
	size_t room = dict->changes_room ? 2 * dict->changes_room : FIRST_CAPACITY;
	struct dict_change *changes;

	if (dict->n_changes >= 2 * DICT_MAX_ENTRIES)
		return -E2BIG;
	if (dict->n_changes == dict->changes_room) {
		changes = realloc(dict->changes, room * sizeof(*changes));
		if (!changes)
			return -ENOMEM;
		dict->changes = changes;
		dict->changes_room = room;
	}
	dict->changes[dict->n_changes++] = (struct dict_change){.key = key, .kind = kind};
	return 0;
}

int dict_set(struct dict *dict, enum dict_kind kind, u64 key, const char *name)
{
	struct dict_entry *entry = find(dict, kind, key);
	char *copy;
	int err;

	if (!entry->name) {
		err = make_room(dict, kind, key, &entry);
		if (err)
			return err;
	}
	if (entry->name && !strcmp(entry->name, name))
		return 0;
	copy = strdup(name);
	err = copy ? note_change(dict, kind, key) : -ENOMEM;
	if (err) {
		free(copy);
		return err;
	}
	dict->count += !entry->name;
	free(entry->name);
	*entry = (struct dict_entry){.key = key, .name = copy, .kind = kind};
	return 0;
}

const char *dict_get(const struct dict *dict, enum dict_kind kind, u64 key)
{
	return find(dict, kind, key)->name;
}

size_t dict_count(const struct dict *dict)
{
	return dict->n_changes;
}

bool dict_at(const struct dict *dict, size_t n, enum dict_kind *ret_kind, u64 *ret_key, const char **ret_name)
{
	if (n >= dict->n_changes)
		return false;
	*ret_kind = dict->changes[n].kind;
	*ret_key = dict->changes[n].key;
	*ret_name = dict_get(dict, *ret_kind, *ret_key);
	return true;
}
