/* SPDX-License-Identifier: GPL-2.0 */
#include "probe_plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* fn_CLASS_argN exist up to this N, and one more of the plain class; see FUNCTIONS in nettrace.bpf.c. */
#define FUNCTION_ARG_MAX 3

static const char *function_class(const struct probe_row *row)
{
	if (!strcmp(row->program, "ORIGIN"))
		return "origin";
	if (row->flags & NT_P_CUTS)
		return "cut";
	if (row->flags & NT_P_START)
		return row->flags & NT_P_AT_DATA ? "start_data" : "start";
	return row->flags & NT_P_SEEK ? "seek" : "plain";
}

static const char *annotating_program(const char *program)
{
	static const struct {
		const char *column, *name;
	} programs[] = {
		{"HOOK", "fn_hook"}, {"CHAIN", "fn_chain"}, {"XTABLE", "fn_xtable"}, {"MERGE", "fn_merge"}};
	size_t i;

	for (i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		if (!strcmp(program, programs[i].column))
			return programs[i].name;
	return NULL;
}

static void name_program(struct probe_plan_entry *entry, const struct probe_row *row, int arg)
{
	const char *annotating = annotating_program(row->program);
	const char *access = row->access == PROBE_SKB_PP ? "pp" : "arg";

	if (row->kind != PROBE_FN)
		snprintf(entry->program, sizeof(entry->program), "tp_%s", row->name);
	else if (annotating)
		snprintf(entry->program, sizeof(entry->program), "%s", annotating);
	else
		snprintf(entry->program, sizeof(entry->program), "fn_%s_%s%d", function_class(row), access, arg);
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
	if (arg > (row->flags & NT_P_CLASS ? FUNCTION_ARG_MAX : FUNCTION_ARG_MAX + 1)) {
		skip(plan, entry, "on this kernel the packet is argument %d", arg);
		return;
	}
	/* Elsewhere a wrong pointer is never found among the tracked; here it would be followed. */
	if ((row->flags & NT_P_START) && arguments_shifted(symbol, arg)) {
		skip(plan, entry, "the compiler changed its arguments (%s)", symbol->places[0].name);
		return;
	}
	entry->attach = true;
	entry->places = symbol->places;
	entry->n_places = symbol->n;
	name_program(entry, row, arg);
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
	name_program(entry, row, 0);
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

void probe_plan_make(enum backend backend, const struct probe_table *probes, const struct probe_facts *facts,
		     const char *exclude, struct probe_plan *ret_plan)
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
		if (row->kind == PROBE_NO)
			snprintf(entry->skipped, sizeof(entry->skipped), "%s", row->note);
		else if (is_excluded(exclude, row))
			snprintf(entry->skipped, sizeof(entry->skipped), "excluded");
		else if (row->kind == PROBE_FN && backend == BACKEND_TRACEPOINT)
			snprintf(entry->skipped, sizeof(entry->skipped), "the tracepoint backend has no functions");
		else if (row->kind == PROBE_TPA && backend != BACKEND_TRACEPOINT)
			snprintf(entry->skipped, sizeof(entry->skipped), "functions show this stage better");
		else if (row->kind == PROBE_FN)
			plan_function(ret_plan, entry, row, &facts[probe]);
		else
			plan_tracepoint(ret_plan, entry, row, &facts[probe]);
	}
}
