/* SPDX-License-Identifier: GPL-2.0 */
/* Which probes will be attached, how, and why not the others. */
#ifndef NT_PROBE_PLAN_H
#define NT_PROBE_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"
#include "probe_table.h"
#include "symbols.h"

#define PROBE_ARG_UNKNOWN -1 /* BTF does not have the function */
#define PROBE_ARG_NONE -2    /* BTF has it, and it takes no skb */

/* What this kernel says about one row. Gathered by the live side. */
struct probe_facts {
	bool tracepoint;       /* the kernel has a tracepoint of that name */
	int arg;	       /* position of the skb according to BTF, or PROBE_ARG_* */
	int n_args;	       /* of the function, or PROBE_ARG_UNKNOWN */
	struct symbol_match symbol;
};

/* Take what was found by the name of a row or by its alias, if it is better than what was before. */
void probe_facts_match(struct probe_facts *facts, const struct probe_row *row,
		       const struct symbol_match *match);

enum probe_state {
	PROBE_ATTACHES,
	PROBE_SKIPPED, /* wanted with this backend, but not to be had here */
	PROBE_UNUSED,  /* excluded, or of another backend */
};

struct probe_plan_entry {
	unsigned int probe;
	bool attach;
	bool wanted; /* attached or skipped */
	char program[48];   /* name of the BPF program */
	char twin[48];	    /* of another that takes the hits which it misses; or empty */
	char skipped[96];   /* why not, if not */
	unsigned int arg;   /* functions: position of the skb */
	const struct symbol_place *places; /* functions: where */
	unsigned int n_places;
};

struct probe_plan {
	enum backend backend;
	const struct probe_table *probes;
	unsigned int n_entries; /* one per row */
	struct probe_plan_entry entries[NT_PROBE_MAX];
	unsigned int n_attached;
	unsigned int n_skipped; /* wanted with this backend, but not to be had */
};

/*
 * Fill *ret_plan for a backend; facts[] has an entry per row of the table, and
 * both must outlive the plan. `exclude`: names with commas between them, or NULL. Rows
 * that no packet of the filter can reach are left out; NULL: none.
 */
void probe_plan_make(enum backend backend, const struct probe_table *probes, const struct probe_facts *facts,
		     const char *exclude, const struct nt_filter *filter, struct probe_plan *ret_plan);

/* The kernel refused to attach a row, with this negative errno: the row becomes one that is skipped. */
void probe_plan_refused(struct probe_plan *plan, unsigned int probe, int err);

enum probe_state probe_plan_state(const struct probe_plan_entry *entry);

#endif
