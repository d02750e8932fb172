/* SPDX-License-Identifier: GPL-2.0 */
/* The rows of include/probes.def as data. */
#ifndef NT_PROBE_TABLE_H
#define NT_PROBE_TABLE_H

#include "probes.h"
#include "types.h"

enum probe_kind {
	PROBE_FN,  /* function */
	PROBE_TP,  /* tracepoint, with every backend */
	PROBE_TPA, /* tracepoint, with the tracepoint backend only */
	PROBE_NO,  /* never attached: the note says why */
};

/* Where a probe finds its skb: an argument, a pointer to a pointer, or inside struct nft_pktinfo. */
enum probe_skb_access {
	PROBE_SKB_ARG,
	PROBE_SKB_PP,
	PROBE_SKB_NFT,
};

struct probe_row {
	const char *name;
	const char *program; /* "SKB" or the name of an annotating program */
	const char *alias;   /* what older kernels call it, or NULL */
	const char *note;    /* fixed timeline text, or NULL */
	enum probe_kind kind;
	enum nt_stage stage;
	enum probe_skb_access access;
	unsigned int arg;
	u32 flags; /* NT_P_* */
};

/*
 * A table is the rows of probes.def, numbered by enum nt_probe, and those added
 * behind them. Wherever one is read, NULL stands for the built-in rows alone.
 */
struct probe_table;

/* The built-in rows, ready for more; NULL without memory. */
struct probe_table *probe_table_new(void);
void probe_table_free(struct probe_table *table);

/*
 * Add a function that takes a packet; the name is copied. Its events leave a packet in the stage it is in.
 * The row's number, -EEXIST if there is one of that name, -ENOSPC or -ENOMEM.
 */
int probe_table_add(struct probe_table *table, const char *name);

/*
 * Add what another version called so, with its stage, flags and note (NULL: none); strings are copied, and
 * made printable. The row's number, the one there is of that name, -ENOSPC or -ENOMEM.
 */
int probe_table_adopt(struct probe_table *table, const char *name, unsigned int stage, u32 flags, const char *note);

/* The row of a probe number, or NULL beyond the table. Lives as long as the table. */
const struct probe_row *probe_table_row(const struct probe_table *table, unsigned int probe);

unsigned int probe_table_count(const struct probe_table *table);

/* The number of the row with this name or alias, or -ENOENT. */
int probe_table_find(const struct probe_table *table, const char *name);

/* Name of a stage as printed ("link-in"); "unknown" out of range. */
const char *stage_name(unsigned int stage);

#endif
