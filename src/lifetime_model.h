/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel side's tracking as a small pure machine: the two indexes of
 * bpf/track.bpf.h, moved only by the decisions of include/lifetime.h, so that
 * the rules can be tested over sequences of events without a kernel.
 */
#ifndef NT_LIFETIME_MODEL_H
#define NT_LIFETIME_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

#define LIFETIME_MODEL_ENTRIES 64

/* An sk_buff as a probe meets it. */
struct model_hit {
	u16 flags; /* NT_P_* of the probe's row */
	u64 skb;
	u64 head;
	u64 header;   /* stands for the fingerprint of the packet's header */
	bool shared;  /* dataref tells of other holders */
	bool matches; /* the filter */
	bool original; /* TCP keeps it, and sends clones */
};

/* What comes of it. */
struct model_seen {
	u32 id;	       /* the journey of this event, 0: nobody's packet */
	u32 restarted; /* the journey that ended as reused before this event, or 0 */
	u8 flags;      /* NT_F_* of the event */
};

struct model_skb {
	u64 address; /* 0: the slot is free */
	u64 head;
	u64 header;
	u32 id;
	bool announced; /* the last event was at a REHEADS probe */
};

struct model_head {
	u64 address; /* 0: the slot is free */
	u64 header;
	u32 id;
	u32 refs; /* skbs that hold it: those in the index, and clones announced but not yet seen */
};

struct lifetime_model {
	struct model_skb skbs[LIFETIME_MODEL_ENTRIES];
	struct model_head heads[LIFETIME_MODEL_ENTRIES];
	u32 last_id;
	bool clones_unannounced; /* the backend has no probe at skb_clone */
};

void lifetime_model_init(struct lifetime_model *model, bool clones_unannounced);

/* One event. A packet for which a table has no room is nobody's, as in the kernel. */
struct model_seen lifetime_model_see(struct lifetime_model *model, const struct model_hit *hit);

/* Entries left in either index. */
size_t lifetime_model_skbs(const struct lifetime_model *model);
size_t lifetime_model_heads(const struct lifetime_model *model);

#endif
