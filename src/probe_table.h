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

/* The row of a probe number, or NULL beyond the table. Static storage. */
const struct probe_row *probe_row(unsigned int probe);

/* Name of a stage as printed ("link-in"); "unknown" out of range. */
const char *stage_name(unsigned int stage);

#endif
