/* SPDX-License-Identifier: GPL-2.0 */
#include "probe_plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "reason.h"

#define FENTRY_ARGS_MAX 6

/* A name is better than an alias, but not if it is only that of what the compiler made of the function. */
static int match_rank(const struct probe_row *row, const struct symbol_match *match)
{
	if (!match->n)
		return 0;
	return 1 + !strcmp(match->wanted, row->name) + (match->n_exact ? 2 : 0);
}

void probe_facts_match(struct probe_facts *facts, const struct probe_row *row,
		       const struct symbol_match *match)
{
	if (match_rank(row, match) > match_rank(row, &facts->symbol))
		facts->symbol = *match;
}

/* Bits: positions of the packet for which there is a program; see nettrace.bpf.c. */
#define AT(arg) (1u << (arg))

struct program_class {
	const char *name;
	unsigned int args;
	bool alone; /* one program that finds the packet by itself: no position in its name */
};

static const struct program_class *class_of(const struct probe_row *row)
{
	static const struct {
		const char *column;
		struct program_class class;
	} programs[] = {
		{"HOOK", {"fn_hook", AT(0), true}},
		{"CHAIN", {"fn_chain", AT(0), true}},
		{"XTABLE", {"fn_xtable", AT(0) | AT(1), true}},
		{"MERGE", {"fn_merge", AT(1), true}},
		{"DIRECT", {"fn_direct", AT(0), true}},
		{"MORPH", {"fn_morph", AT(0), true}},
		{"ORIGIN", {"fn_origin", AT(0) | AT(1), false}},
	};
	static const struct program_class cut = {"fn_cut", AT(0) | AT(2), false};
	static const struct program_class start = {"fn_start", AT(0) | AT(1) | AT(2) | AT(3), false};
	static const struct program_class start_data = {"fn_start_data", AT(0), false};
	static const struct program_class seek = {"fn_seek", AT(0) | AT(1) | AT(2) | AT(3), false};
	static const struct program_class plain = {"fn_plain", AT(0) | AT(1) | AT(2) | AT(3) | AT(4), false};

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		if (!strcmp(row->program, programs[i].column))
			return &programs[i].class;
	if (row->flags & NT_P_CUTS)
		return &cut;
	if (row->flags & NT_P_START)
		return row->flags & NT_P_AT_DATA ? &start_data : &start;
	return row->flags & NT_P_SEEK ? &seek : &plain;
}

static void name_program(struct probe_plan_entry *entry, enum backend backend, const struct probe_row *row, int arg)
{
	const struct program_class *class = class_of(row);
	const char *access = row->access == PROBE_SKB_PP ? "pp" : "arg";

	if (!strcmp(row->program, "FREE"))
		snprintf(entry->twin, sizeof(entry->twin), "tp_%s_twin", row->name);
	if (row->kind != PROBE_FN)
		snprintf(entry->program, sizeof(entry->program), "tp_%s", row->name);
	else if (backend == BACKEND_FENTRY)
		snprintf(entry->program, sizeof(entry->program), "fx_%s", row->name);
	else if (class->alone)
		snprintf(entry->program, sizeof(entry->program), "%s", class->name);
	else
		snprintf(entry->program, sizeof(entry->program), "%s_%s%d", class->name, access, arg);
}

static void skip(struct probe_plan *plan, struct probe_plan_entry *entry, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(entry->skipped, sizeof(entry->skipped), format, args);
	va_end(args);
	plan->n_skipped++;
}

/* The first places where the compiler may have left out an argument before ours. */
static bool arguments_shifted(const struct symbol_match *symbol, int arg)
{
	return !symbol->n_exact && arg > 0;
}

/* Trampolines need the types, take six arguments (until 6.9), and are bound when the program is built. */
static bool can_fentry(struct probe_plan *plan, struct probe_plan_entry *entry, const struct probe_facts *facts)
{
	if (facts->n_args == PROBE_ARG_UNKNOWN)
		skip(plan, entry, "its types are not in the kernel's BTF");
	else if (!facts->symbol.n_exact)
		skip(plan, entry, "the compiler changed it (%s)", facts->symbol.places[0].name);
	else if (facts->n_args > FENTRY_ARGS_MAX)
		skip(plan, entry, "it has %d arguments", facts->n_args);
	else if (entry->probe >= NT_PROBE_COUNT)
		skip(plan, entry, "the fentry backend takes no functions that are added");
	else
		return true;
	return false;
}

static void plan_function(struct probe_plan *plan, struct probe_plan_entry *entry,
			  const struct probe_row *row, const struct probe_facts *facts)
{
	const struct symbol_match *symbol = &facts->symbol;
	int arg = facts->arg >= 0 ? facts->arg : (int)row->arg;

	if (!symbol->n) {
		skip(plan, entry, "this kernel has no such function (inlined, or its module is not loaded)");
		return;
	}
	if (symbol->n_exact > 1) {
		skip(plan, entry, "%u functions have this name", symbol->n_exact);
		return;
	}
	if (facts->arg == PROBE_ARG_NONE) {
		skip(plan, entry, "on this kernel it takes no packet");
		return;
	}
	if (arg >= 32 || !(class_of(row)->args & AT(arg))) {
		skip(plan, entry, "on this kernel the packet is argument %d", arg);
		return;
	}
	/* Elsewhere a wrong pointer is never found among the tracked; here it would be followed. */
	if ((row->flags & NT_P_START) && arguments_shifted(symbol, arg)) {
		skip(plan, entry, "the compiler changed its arguments (%s)", symbol->places[0].name);
		return;
	}
	if (plan->backend == BACKEND_FENTRY && !can_fentry(plan, entry, facts))
		return;
	entry->attach = true;
	entry->arg = (unsigned int)arg;
	entry->places = symbol->places;
	entry->n_places = symbol->n;
	name_program(entry, plan->backend, row, arg);
	plan->n_attached++;
}

static void plan_tracepoint(struct probe_plan *plan, struct probe_plan_entry *entry,
			    const struct probe_row *row, const struct probe_facts *facts)
{
	if (!facts->tracepoint) {
		skip(plan, entry, "this kernel has no such tracepoint");
		return;
	}
	entry->attach = true;
	name_program(entry, plan->backend, row, 0);
	plan->n_attached++;
}

static bool is_excluded(const char *list, const struct probe_row *row)
{
	while (list && *list) {
		size_t length = strcspn(list, ",");

		if ((!strncmp(row->name, list, length) && !row->name[length]) ||
		    (row->alias && !strncmp(row->alias, list, length) && !row->alias[length]))
			return true;
		list += length + (list[length] == ',');
	}
	return false;
}

/* Is the row for packets of another protocol than the filter asks for? */
static bool is_foreign(const struct probe_row *row, const struct nt_filter *filter)
{
	u32 only = row->flags & (NT_P_TCP | NT_P_UDP | NT_P_ICMP);

	if (!only || !filter || !(filter->match & NT_MATCH_L4))
		return false;
	switch (filter->l4_proto) {
	case NT_IP_TCP:
		return only != NT_P_TCP;
	case NT_IP_ICMP:
	case NT_IP_ICMPV6:
		return only != NT_P_ICMP;
	default: /* may carry others in a tunnel, UDP for one */
		return false;
	}
}

static bool is_wanted(enum backend backend, const struct probe_row *row, const char *exclude,
		      const struct nt_filter *filter)
{
	enum probe_kind other = backend == BACKEND_TRACEPOINT ? PROBE_FN : PROBE_TPA;

	return row->kind != other && row->kind != PROBE_NO && !is_excluded(exclude, row) &&
	       !is_foreign(row, filter);
}

static void explain_unused(struct probe_plan_entry *entry, enum backend backend, const struct probe_row *row,
			   const char *exclude)
{
	const char *reason = "functions show this stage better";

	if (row->kind == PROBE_NO)
		reason = row->note;
	else if (is_excluded(exclude, row))
		reason = "excluded";
	else if (row->kind == PROBE_FN && backend == BACKEND_TRACEPOINT)
		reason = "the tracepoint backend has no functions";
	else if (row->kind != PROBE_TPA)
		reason = "the filter asks for other packets";
	snprintf(entry->skipped, sizeof(entry->skipped), "%s", reason);
}

void probe_plan_make(enum backend backend, const struct probe_table *probes, const struct probe_facts *facts,
		     const char *exclude, const struct nt_filter *filter, struct probe_plan *ret_plan)
{
	unsigned int probe;

	memset(ret_plan, 0, sizeof(*ret_plan));
	ret_plan->backend = backend;
	ret_plan->probes = probes;
	ret_plan->n_entries = probe_table_count(probes);
	for (probe = 0; probe < ret_plan->n_entries; probe++) {
		struct probe_plan_entry *entry = &ret_plan->entries[probe];
		const struct probe_row *row = probe_table_row(probes, probe);

		entry->probe = probe;
		entry->wanted = is_wanted(backend, row, exclude, filter);
		if (entry->wanted && row->kind == PROBE_FN)
			plan_function(ret_plan, entry, row, &facts[probe]);
		else if (entry->wanted)
			plan_tracepoint(ret_plan, entry, row, &facts[probe]);
		else
			explain_unused(entry, backend, row, exclude);
	}
}

void probe_plan_refused(struct probe_plan *plan, unsigned int probe, int err)
{
	struct probe_plan_entry *entry = &plan->entries[probe];

	if (!entry->attach)
		return;
	entry->attach = false;
	plan->n_attached--;
	skip(plan, entry, "the kernel allows no probe there: %s", reason_of(err));
}

enum probe_state probe_plan_state(const struct probe_plan_entry *entry)
{
	if (entry->attach)
		return PROBE_ATTACHES;
	return entry->wanted ? PROBE_SKIPPED : PROBE_UNUSED;
}
