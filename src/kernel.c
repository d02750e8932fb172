/* SPDX-License-Identifier: GPL-2.0 */
#include "kernel.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols.h"

#define DROP_REASON_PREFIX "SKB_DROP_REASON_"

/* A module's types, as far as they differ from the kernel's; NULL if it has none. */
struct module_types {
	char name[sizeof(((struct symbol_place *)0)->module)];
	struct btf *btf;
};

struct kernel {
	struct btf *btf;
	/* Ids of functions and of tracepoints' typedefs by the hash of their names; 0: an empty slot. */
	u32 *functions;
	u32 mask;
	struct module_types *modules; /* those that were asked for */
	unsigned int n_modules;
};

static u32 hash_name(const char *name)
{
	u32 hash = 2166136261u; /* FNV-1a */

	while (*name)
		hash = (hash ^ (unsigned char)*name++) * 16777619u;
	return hash;
}

/* libbpf looks through all of a hundred thousand types for each name. */
static int index_functions(struct kernel *kernel)
{
	u32 n = btf__type_cnt(kernel->btf), slots = 1, id, slot;

	while (slots < n)
		slots *= 2;
	kernel->functions = calloc(slots, sizeof(*kernel->functions));
	if (!kernel->functions)
		return -ENOMEM;
	kernel->mask = slots - 1;
	for (id = 1; id < n; id++) {
		const struct btf_type *type = btf__type_by_id(kernel->btf, id);
		const char *name = btf__name_by_offset(kernel->btf, type->name_off);

		if (!btf_is_func(type) && (!btf_is_typedef(type) || strncmp(name, "btf_trace_", strlen("btf_trace_"))))
			continue;
		slot = hash_name(name) & kernel->mask;
		while (kernel->functions[slot])
			slot = (slot + 1) & kernel->mask;
		kernel->functions[slot] = id;
	}
	return 0;
}

/* A function, or a tracepoint's typedef; 0 if there is none. */
static u32 find_function(const struct kernel *kernel, const char *name, bool is_function)
{
	u32 slot = hash_name(name) & kernel->mask;

	for (; kernel->functions[slot]; slot = (slot + 1) & kernel->mask) {
		const struct btf_type *type = btf__type_by_id(kernel->btf, kernel->functions[slot]);

		if (btf_is_func(type) == is_function &&
		    !strcmp(btf__name_by_offset(kernel->btf, type->name_off), name))
			return kernel->functions[slot];
	}
	return 0;
}

int kernel_open(struct kernel **ret_kernel)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	int err;

	if (!kernel)
		return -ENOMEM;
	kernel->btf = btf__load_vmlinux_btf();
	if (!kernel->btf) {
		err = -errno;
		free(kernel);
		return err;
	}
	err = index_functions(kernel);
	if (err) {
		kernel_free(kernel);
		return err;
	}
	*ret_kernel = kernel;
	return 0;
}

void kernel_free(struct kernel *kernel)
{
	if (!kernel)
		return;
	while (kernel->n_modules)
		btf__free(kernel->modules[--kernel->n_modules].btf);
	free(kernel->modules);
	free(kernel->functions);
	btf__free(kernel->btf);
	free(kernel);
}

/* Has the struct, or one inside it, a member of this name? */
static bool has_member(const struct btf *btf, const struct btf_type *type, const char *name, int depth)
{
	const struct btf_member *member;
	const struct btf_type *inner;
	int i;

	for (i = 0; type && btf_is_composite(type) && i < btf_vlen(type); i++) {
		member = &btf_members(type)[i];
		if (!strcmp(btf__name_by_offset(btf, member->name_off), name))
			return true;
		inner = btf__type_by_id(btf, member->type);
		if (depth && has_member(btf, inner, name, depth - 1))
			return true;
	}
	return false;
}

/* bpf_link_info tells of misses (kprobe_multi.missed) since they are counted. */
bool kernel_counts_misses(const struct kernel *kernel)
{
	int id = btf__find_by_name_kind(kernel->btf, "bpf_link_info", BTF_KIND_STRUCT);

	return id > 0 && has_member(kernel->btf, btf__type_by_id(kernel->btf, (u32)id), "missed", 3);
}

/* The prototype of a tracepoint's probe function: its first parameter is the tracer's own. */
static const struct btf_type *tracepoint_prototype(const struct kernel *kernel, const char *name)
{
	const struct btf *btf = kernel->btf;
	const struct btf_type *type;
	char typedef_name[96];
	u32 id;

	snprintf(typedef_name, sizeof(typedef_name), "btf_trace_%s", name);
	id = find_function(kernel, typedef_name, false);
	type = id ? btf__type_by_id(btf, id) : NULL;
	type = type ? btf__type_by_id(btf, type->type) : NULL;
	type = type && btf_is_ptr(type) ? btf__type_by_id(btf, type->type) : NULL;
	return type && btf_is_func_proto(type) ? type : NULL;
}

bool kernel_has_drop_reason(const struct kernel *kernel)
{
	const struct btf_type *prototype = tracepoint_prototype(kernel, "kfree_skb");

	return prototype && btf_vlen(prototype) >= 4;
}

bool kernel_has_direct_reads(const struct kernel *kernel)
{
	int skb = btf__find_by_name_kind(kernel->btf, "sk_buff", BTF_KIND_STRUCT);
	u32 function = find_function(kernel, "bpf_rdonly_cast", true);

	return function && skb > 0 && kernel_try_direct_reads(function, (u32)skb);
}

void kernel_find_abilities(const struct kernel *kernel, struct kernel_abilities *ret_abilities)
{
	ret_abilities->direct_reads = kernel_has_direct_reads(kernel);
	ret_abilities->parts = kernel_has_parts();
	ret_abilities->drop_reason = kernel_has_drop_reason(kernel);
	ret_abilities->counts_misses = kernel_counts_misses(kernel);
}

/* Is the type a pointer to struct sk_buff, const or not? */
static bool is_skb_pointer(const struct btf *btf, u32 id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	if (!type || !btf_is_ptr(type))
		return false;
	type = btf__type_by_id(btf, type->type);
	while (type && btf_is_mod(type))
		type = btf__type_by_id(btf, type->type);
	return type && btf_is_struct(type) && !strcmp(btf__name_by_offset(btf, type->name_off), "sk_buff");
}

/* NULL if BTF has no such function. */
static const struct btf_type *prototype_of(const struct kernel *kernel, const struct btf *btf, const char *function)
{
	int id = 0;
	const struct btf_type *type;

	if (function)
		id = btf == kernel->btf ? (int)find_function(kernel, function, true)
					: btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);
	type = id > 0 ? btf__type_by_id(btf, (u32)id) : NULL;
	type = type ? btf__type_by_id(btf, type->type) : NULL;
	return type && btf_is_func_proto(type) ? type : NULL;
}

/* Position of the skb among the parameters: the expected one if an skb is there, since some functions take two. */
static int skb_argument(const struct btf *btf, const struct btf_type *prototype, unsigned int expected)
{
	int i;

	if (expected < btf_vlen(prototype) && is_skb_pointer(btf, btf_params(prototype)[expected].type))
		return (int)expected;
	for (i = 0; i < btf_vlen(prototype); i++)
		if (is_skb_pointer(btf, btf_params(prototype)[i].type))
			return i;
	return PROBE_ARG_NONE;
}

/* The types of a module, NULL if it has none: on 5.10, or built without. */
static const struct btf *module_btf(struct kernel *kernel, const char *name)
{
	struct module_types *more, *types;
	char path[64];
	unsigned int i;

	for (i = 0; i < kernel->n_modules; i++)
		if (!strcmp(kernel->modules[i].name, name))
			return kernel->modules[i].btf;
	more = realloc(kernel->modules, (kernel->n_modules + 1) * sizeof(*more));
	if (!more)
		return NULL;
	kernel->modules = more;
	types = &more[kernel->n_modules++];
	snprintf(types->name, sizeof(types->name), "%s", name);
	snprintf(path, sizeof(path), "/sys/kernel/btf/%s", name);
	types->btf = access(path, R_OK) ? NULL : btf__load_module_btf(name, kernel->btf);
	return types->btf;
}

/* What the types of the kernel, or else of the module that has the function, say about its parameters. */
static void find_arguments(struct kernel *kernel, const struct probe_row *row, struct probe_facts *facts)
{
	const struct btf *btf = kernel->btf;
	const struct btf_type *prototype;

	facts->arg = facts->n_args = PROBE_ARG_UNKNOWN;
	if (!facts->symbol.n)
		return;
	prototype = prototype_of(kernel, btf, facts->symbol.wanted); /* the row's name or its alias */
	if (!prototype && facts->symbol.places[0].module[0]) {
		btf = module_btf(kernel, facts->symbol.places[0].module);
		prototype = btf ? prototype_of(kernel, btf, facts->symbol.wanted) : NULL;
	}
	if (!prototype)
		return;
	facts->n_args = btf_vlen(prototype);
	if (row->access == PROBE_SKB_ARG)
		facts->arg = skb_argument(btf, prototype, row->arg);
}

/* The function of the tick's hrtimer has the second name since 6.9; before, that was another's, so the first one wins. */
#define N_FUNCTIONS 2
static const char *const variable_names[] = {"__preempt_count", "pcpu_hot", "__per_cpu_offset", "__irq_regs",
					     "current_task", "softnet_data", "tick_nohz_handler", "tick_sched_timer"};

#define N_VARIABLES (sizeof(variable_names) / sizeof(*variable_names))

/* Hand each match, sorted by the search, to the row or variable that wanted it. */
static void sort_matches_out(const struct symbol_match *matches, size_t n_matches, const struct probe_table *probes,
			     struct probe_facts *facts, struct kernel_variables *variables)
{
	u64 *addresses[N_VARIABLES] = {&variables->preempt_count, &variables->pcpu_hot,
				       &variables->per_cpu_offset, &variables->irq_regs, &variables->current_task,
				       &variables->softnet_data, &variables->tick, &variables->tick};
	unsigned int probe, variable;
	size_t i;

	for (i = 0; i < n_matches; i++) {
		for (probe = 0; matches[i].n && probe < probe_table_count(probes); probe++) {
			const struct probe_row *row = probe_table_row(probes, probe);

			if (matches[i].wanted == row->name || matches[i].wanted == row->alias)
				probe_facts_match(&facts[probe], row, &matches[i]);
		}
		for (variable = 0; variable < N_VARIABLES; variable++)
			if (matches[i].wanted == variable_names[variable] && matches[i].n)
				*addresses[variable] = matches[i].places[0].address;
	}
}

int kernel_gather_facts(struct kernel *kernel, const struct probe_table *probes,
			struct probe_facts *ret_facts, struct kernel_variables *ret_variables)
{
	unsigned int n = probe_table_count(probes), probe, i;
	size_t n_matches = 2 * n + N_VARIABLES;
	struct symbol_match *matches = calloc(n_matches, sizeof(*matches));
	int err;

	if (!matches)
		return -ENOMEM;

	memset(ret_facts, 0, n * sizeof(*ret_facts));
	memset(ret_variables, 0, sizeof(*ret_variables));
	for (probe = 0; probe < n; probe++) {
		const struct probe_row *row = probe_table_row(probes, probe);

		matches[2 * probe].wanted = row->name;
		matches[2 * probe + 1].wanted = row->alias ? row->alias : "";
		ret_facts[probe].tracepoint = tracepoint_prototype(kernel, row->name) != NULL;
	}
	for (i = 0; i < N_VARIABLES; i++) {
		matches[2 * n + i].wanted = variable_names[i];
		matches[2 * n + i].data = i < N_VARIABLES - N_FUNCTIONS;
	}
	err = symbols_find(matches, n_matches, &ret_variables->addresses_shown);
	if (!err)
		sort_matches_out(matches, n_matches, probes, ret_facts, ret_variables);
	for (probe = 0; !err && probe < n; probe++)
		find_arguments(kernel, probe_table_row(probes, probe), &ret_facts[probe]);
	free(matches);
	return err;
}

/* enum skb_drop_reason, or NULL. */
static const struct btf_type *drop_reasons(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "skb_drop_reason", BTF_KIND_ENUM);

	return id > 0 ? btf__type_by_id(btf, (u32)id) : NULL;
}

unsigned int kernel_count_drop_reasons(const struct kernel *kernel)
{
	const struct btf_type *type = drop_reasons(kernel->btf);

	return type && kernel_has_drop_reason(kernel) ? btf_vlen(type) : 0;
}

bool kernel_tells_context(const struct kernel *kernel, const struct kernel_variables *variables)
{
	int id = btf__find_by_name_kind(kernel->btf, "pcpu_hot", BTF_KIND_STRUCT);
	bool hot = id > 0 && has_member(kernel->btf, btf__type_by_id(kernel->btf, (u32)id), "preempt_count", 2);

	return variables->per_cpu_offset && (variables->preempt_count || (hot && variables->pcpu_hot));
}

int kernel_name_drop_reasons(const struct kernel *kernel, struct dict *dict)
{
	const struct btf_type *type = drop_reasons(kernel->btf);
	size_t prefix = strlen(DROP_REASON_PREFIX);
	int err = 0, i;

	for (i = 0; type && !err && i < btf_vlen(type); i++) {
		const struct btf_enum *value = &btf_enum(type)[i];
		const char *name = btf__name_by_offset(kernel->btf, value->name_off);

		if (!strncmp(name, DROP_REASON_PREFIX, prefix))
			name += prefix;
		err = dict_set(dict, DICT_DROP_REASON, (u32)value->val, name);
	}
	return err;
}
