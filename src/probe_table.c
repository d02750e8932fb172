/* SPDX-License-Identifier: GPL-2.0 */
#include "probe_table.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The column SKB of probes.def. */
#define SKB_A0 .access = PROBE_SKB_ARG, .arg = 0
#define SKB_A1 .access = PROBE_SKB_ARG, .arg = 1
#define SKB_A2 .access = PROBE_SKB_ARG, .arg = 2
#define SKB_A3 .access = PROBE_SKB_ARG, .arg = 3
#define SKB_A4 .access = PROBE_SKB_ARG, .arg = 4
#define SKB_PP0 .access = PROBE_SKB_PP, .arg = 0
#define SKB_PP1 .access = PROBE_SKB_PP, .arg = 1
#define SKB_NF0 .access = PROBE_SKB_NFT, .arg = 0

static const struct probe_row rows[NT_PROBE_COUNT] = {
#define PROBE(probe, KIND, STAGE, SKB, PROGRAM, FLAGS, older_name, text) \
	[NT_PROBE_##probe] = {                                            \
		.name = #probe,                                           \
		.program = #PROGRAM,                                      \
		.alias = older_name,                                   \
		.note = text,                                             \
		.kind = PROBE_##KIND,                                     \
		.stage = NT_STAGE_##STAGE,                                \
		SKB_##SKB,                                                \
		.flags = FLAGS,                                           \
	},
#include "probes.def"
#undef PROBE
};

static const char *const stage_names[NT_STAGE_COUNT] = {
#define X(NAME, text) [NT_STAGE_##NAME] = text,
	NT_STAGES(X)
#undef X
};

struct probe_table {
	unsigned int n_added;
	struct probe_row added[NT_PROBE_MAX - NT_PROBE_COUNT];
};

struct probe_table *probe_table_new(void)
{
	return calloc(1, sizeof(struct probe_table));
}

void probe_table_free(struct probe_table *table)
{
	unsigned int i;

	for (i = 0; table && i < table->n_added; i++) {
		free((char *)table->added[i].name);
		free((char *)table->added[i].note);
	}
	free(table);
}

int probe_table_add(struct probe_table *table, const char *name)
{
	struct probe_row row = {.program = "SKB", .kind = PROBE_FN, .stage = NT_STAGE_LIFE, .flags = NT_P_NO_DEV};

	if (probe_table_find(table, name) >= 0)
		return -EEXIST;
	if (table->n_added == NT_PROBE_MAX - NT_PROBE_COUNT)
		return -ENOSPC;
	row.name = strdup(name);
	if (!row.name)
		return -ENOMEM;
	table->added[table->n_added] = row;
	return (int)(NT_PROBE_COUNT + table->n_added++);
}

static char *copy_printable(const char *text)
{
	char *copy = strdup(text);

	for (char *c = copy; copy && *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return copy;
}

int probe_table_adopt(struct probe_table *table, const char *name, unsigned int stage, u32 flags, const char *note)
{
	char *own_name = copy_printable(name), *own_note = note ? copy_printable(note) : NULL;
	int number = own_name && (own_note || !note) ? probe_table_add(table, own_name) : -ENOMEM;
	struct probe_row *row;

	if (number == -EEXIST)
		number = probe_table_find(table, own_name);
	else if (number >= 0) {
		row = &table->added[number - NT_PROBE_COUNT];
		row->stage = stage < NT_STAGE_COUNT ? (enum nt_stage)stage : NT_STAGE_UNKNOWN;
		row->flags = flags;
		row->note = own_note;
		own_note = NULL;
	}
	free(own_name);
	free(own_note);
	return number;
}

const struct probe_row *probe_table_row(const struct probe_table *table, unsigned int probe)
{
	if (probe < NT_PROBE_COUNT)
		return &rows[probe];
	return probe < probe_table_count(table) ? &table->added[probe - NT_PROBE_COUNT] : NULL;
}

unsigned int probe_table_count(const struct probe_table *table)
{
	return NT_PROBE_COUNT + (table ? table->n_added : 0);
}

int probe_table_find(const struct probe_table *table, const char *name)
{
	unsigned int probe;

	for (probe = 0; probe < probe_table_count(table); probe++) {
		const struct probe_row *row = probe_table_row(table, probe);

		if (!strcmp(row->name, name) || (row->alias && !strcmp(row->alias, name)))
			return (int)probe;
	}
	return -ENOENT;
}

const char *stage_name(unsigned int stage)
{
	return stage_names[stage < NT_STAGE_COUNT ? stage : NT_STAGE_UNKNOWN];
}
