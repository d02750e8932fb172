/* SPDX-License-Identifier: GPL-2.0 */
#include "names.h"

#include <errno.h>
#include <stdlib.h>

#include "annotations.h"
#include "host.h"
#include "symbols.h"

#define NETNS_INTERVAL_NS 1000000000ull /* between looks at the names of namespaces: many have none */

struct names {
	struct dict *dict;
	struct symbols *symbols; /* loaded when the first address needs a name, if the kernel cannot be asked for it */
	bool no_symbols;	 /* the kernel does not show them */
	u32 netns, ifindex;	 /* of the last record: most stay on one interface */
	u32 nameless_netns;	 /* the last that had no name when it was looked for */
	u64 next_netns_ns;
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

static void name_netns(void *user, u32 inode, const char *name)
{
	struct dict *dict = user;

	if (!dict_get(dict, DICT_NETNS, inode)) /* the first of several */
		dict_set(dict, DICT_NETNS, inode, name);
}

static void learn_netns(struct names *names, u32 netns, u64 now_ns)
{
	if (!netns || netns == names->nameless_netns || now_ns < names->next_netns_ns ||
	    dict_get(names->dict, DICT_NETNS, netns))
		return;
	names->next_netns_ns = now_ns + NETNS_INTERVAL_NS;
	host_each_netns(name_netns, names->dict);
	names->nameless_netns = netns;
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

static void learn_blocked(struct names *names, const struct tracer *tracer, const struct nt_blocked *blocked)
{
	if (blocked->function)
		learn_symbol(names, tracer, blocked->function);
	for (size_t i = 0; i < NT_BLOCKED_FRAMES && blocked->frames[i]; i++)
		learn_symbol(names, tracer, blocked->frames[i]);
}

void names_learn(struct names *names, const struct tracer *tracer, const struct nt_event *record, size_t size)
{
	const struct nt_annotation *note = (const void *)record;

	if (record->ifindex != names->ifindex || record->netns != names->netns)
		learn_interface(names, tracer, record->netns, record->ifindex);
	learn_netns(names, record->netns, record->ts_ns);
	if (nt_event_kind(record) == NT_ANNOTATION && size >= sizeof(*note))
		learn_note(names, tracer, note, size - sizeof(*note));
	if (nt_event_kind(record) == NT_BLOCKED && size >= sizeof(struct nt_blocked))
		learn_blocked(names, tracer, (const void *)record);
}
