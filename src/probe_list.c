/* SPDX-License-Identifier: GPL-2.0 */
#include "probe_list.h"

#include <string.h>

static const char *const state_names[] = {
	[PROBE_ATTACHES] = "attach",
	[PROBE_SKIPPED] = "skip",
	[PROBE_UNUSED] = "unused",
};

static int name_width(const struct probe_plan *plan)
{
	size_t width = 0, length;
	unsigned int i;

	for (i = 0; i < plan->n_entries; i++) {
		length = strlen(probe_table_row(plan->probes, i)->name);
		if (length > width)
			width = length;
	}
	return (int)width;
}

/* "ip_rcv_core.isra.0", "br_forward [bridge]", a name after the other if the compiler made several of one. */
static void render_places(struct out *out, const struct probe_plan_entry *entry)
{
	unsigned int i;

	for (i = 0; i < entry->n_places; i++) {
		const struct symbol_place *place = &entry->places[i];

		out_printf(out, "%s%s", i ? ", " : "", place->name);
		if (*place->module)
			out_printf(out, " [%s]", place->module);
	}
}

static void render_row(struct out *out, const struct probe_plan_entry *entry, const struct probe_row *row,
		       int width)
{
	enum probe_state state = probe_plan_state(entry);

	out_printf(out, "%-*s  %-6s  %-10s  %-13s  ", width, row->name, state_names[state],
		   row->kind == PROBE_FN ? "function" : "tracepoint", stage_name(row->stage));
	if (state != PROBE_ATTACHES)
		out_string(out, entry->skipped);
	else if (row->kind == PROBE_FN)
		render_places(out, entry);
	else
		out_string(out, row->name);
	out_string(out, "\n");
}

void probe_list_render(struct out *out, const struct probe_plan *plan)
{
	int width = name_width(plan);
	unsigned int i;

	for (i = 0; i < plan->n_entries; i++)
		render_row(out, &plan->entries[i], probe_table_row(plan->probes, i), width);
	out_printf(out, "%u probes, %s backend: %u attach, %u skip, %u unused\n", plan->n_entries,
		   backend_name(plan->backend), plan->n_attached, plan->n_skipped,
		   plan->n_entries - plan->n_attached - plan->n_skipped);
}
