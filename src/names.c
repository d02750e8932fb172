/* SPDX-License-Identifier: GPL-2.0 */
#include "names.h"

#include <errno.h>
#include <stdlib.h>

#include "annotations.h"
#include "symbols.h"

struct names {
	struct dict *dict;
	struct symbols *symbols; /* loaded when the first address needs a name, if the kernel cannot be asked for it */
	bool no_symbols;	 /* the kernel does not show them */
	u32 netns, ifindex;	 /* of the last record: most stay on one interface */
};

struct names *names_new(struct dict *dict)
{
	struct names *names = calloc(1, sizeof(*names));

	if (names)
		names->dict = dict;
	return names;
}

void names_free(struct names *names)
{
	if (!names)
		return;
	symbols_free(names->symbols);
	free(names);
}

/* The kernel side keeps the names of the interfaces that it saw. */
static void learn_interface(struct names *names, const struct tracer *tracer, u32 netns, u32 ifindex)
{
	u64 key = dict_ifname_key(netns, ifindex);
	char name[16];

	names->netns = netns;
	names->ifindex = ifindex;
	if (ifindex && !dict_get(names->dict, DICT_IFNAME, key) && !tracer_ifname(tracer, netns, ifindex, name))
		dict_set(names->dict, DICT_IFNAME, key, name);
}

static int search_symbol(struct names *names, u64 address, char *text, size_t size)
{
	names->no_symbols = !names->symbols && symbols_load(&names->symbols);
	return names->no_symbols ? -ENOENT : symbols_text(names->symbols, address, text, size);
}

static void learn_symbol(struct names *names, const struct tracer *tracer, u64 address)
{
	char text[128];
	int err;

	if (names->no_symbols || dict_get(names->dict, DICT_SYMBOL, address))
		return;
	err = tracer_symbol(tracer, address, text, sizeof(text));
	if (err == -EOPNOTSUPP)
		err = search_symbol(names, address, text, sizeof(text));
	if (!err)
		dict_set(names->dict, DICT_SYMBOL, address, text);
}

static void learn_note(struct names *names, const struct tracer *tracer, const struct nt_annotation *note,
		       size_t payload_bytes)
{
	const struct nt_anno_DROP *drop = (const void *)(note + 1);
	const struct nt_anno_STACK *stack = (const void *)(note + 1);
	size_t i;

	if (note->type == NT_ANNO_DROP && payload_bytes >= sizeof(*drop))
		learn_symbol(names, tracer, drop->location);
	if (note->type != NT_ANNO_STACK || payload_bytes < sizeof(*stack))
		return;
	for (i = 0; i < sizeof(stack->frames) / sizeof(stack->frames[0]) && stack->frames[i]; i++)
		learn_symbol(names, tracer, stack->frames[i]);
}

void names_learn(struct names *names, const struct tracer *tracer, const struct nt_event *record, size_t size)
{
	const struct nt_annotation *note = (const void *)record;

	if (record->ifindex != names->ifindex || record->netns != names->netns)
		learn_interface(names, tracer, record->netns, record->ifindex);
	if (nt_event_kind(record) == NT_ANNOTATION && size >= sizeof(*note))
		learn_note(names, tracer, note, size - sizeof(*note));
}
