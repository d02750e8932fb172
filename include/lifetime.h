/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lifetime of a packet: which journey does an sk_buff belong to?
 *
 * bpf/track.bpf.h and the model in src/lifetime_model.c both decide with the
 * functions here, so that unit tests over event sequences test the rules which
 * run in the kernel.
 *
 * Two indexes are kept. `skbs` maps the address of an sk_buff to its journey;
 * `heads` maps skb->head, which clones share, to a journey and the number of
 * skbs that hold it. Neither is enough: pskb_expand_head replaces the head under
 * a living skb, a clone is a new skb on a known head, and either address is
 * reused as soon as it is freed - by the next packet, when frees were missed.
 * Where addresses cannot be trusted the packet's own header decides.
 *
 *   seen at a probe            index says                  then
 *   -------------------------  --------------------------  --------------------------------
 *   tracked, head unchanged                                CONTINUE
 *   tracked, head replaced     announced by REHEADS        REHEAD
 *   tracked, head replaced     not announced               same header: REHEAD, else RESTART
 *   tracked, at a FRESH probe  napi_gro_frags reuse        RESTART
 *   not tracked, head known    head held by several skbs,  JOIN
 *                              or same header
 *   not tracked, head known    neither: a stale entry      RESTART (forget the head first)
 *   not tracked, head known    TCP's original of a clone   IGNORE: it is not sent itself
 *   any of these, at a START   another header              RESTART: reuse shows here first
 *   not tracked, head unknown  START probe                 START, if the filter matches
 *
 * RESTART ends what was there as "reused" and goes on as for an unknown skb.
 */
#ifndef NT_LIFETIME_H
#define NT_LIFETIME_H

#include "probes.h"
#include "types.h"

enum nt_life {
	NT_LIFE_IGNORE = 0, /* nobody's packet */
	NT_LIFE_CONTINUE,   /* the packet we know */
	NT_LIFE_REHEAD,	    /* the packet we know, on another head */
	NT_LIFE_JOIN,	    /* a clone of a packet we know */
	NT_LIFE_START,	    /* unknown: a new journey if the filter matches */
	NT_LIFE_RESTART	    /* the index is stale: end that, then as START or IGNORE */
};

/* What is known about an skb when it is seen. */
struct nt_sight {
	u8 tracked;	/* its address is in skbs */
	u8 same_head;	/* and skb->head is the one stored there */
	u8 announced;	/* and a REHEADS probe was its last event */
	u8 head_known;	/* not tracked, but skb->head is in heads */
	u8 original;	/* and the skb gave its headers up to its clones: TCP keeps it to send it again */
	u8 head_shared; /* skb_shinfo(skb)->dataref counts other holders with headers */
	u8 same_header; /* the packet's header equals the one stored; see nt_life_needs_header */
	u8 reserved;
};

/* Reading the header costs two probe reads: only at START probes, whose filter needs it anyway, and in doubt. */
static inline int nt_life_needs_header(u32 flags, const struct nt_sight *s)
{
	if ((flags & NT_P_FRESH) || s->original)
		return 0;
	if ((flags & NT_P_START) && (s->tracked || s->head_known))
		return 1;
	if (s->tracked)
		return !s->same_head && !s->announced;
	return s->head_known && !s->head_shared;
}

/* Decide; s->same_header is looked at only if nt_life_needs_header said so. */
static inline enum nt_life nt_life_decide(u32 flags, const struct nt_sight *s)
{
	int same = !nt_life_needs_header(flags, s) || s->same_header;

	if (s->tracked) {
		if ((flags & NT_P_FRESH) || !same)
			return NT_LIFE_RESTART;
		return s->same_head ? NT_LIFE_CONTINUE : NT_LIFE_REHEAD;
	}
	if (s->original)
		return NT_LIFE_IGNORE;
	if (s->head_known) {
		if ((flags & NT_P_FRESH) || !same)
			return NT_LIFE_RESTART;
		return NT_LIFE_JOIN;
	}
	return flags & NT_P_START ? NT_LIFE_START : NT_LIFE_IGNORE;
}

/* Does this probe look an untracked skb up by its head? */
static inline int nt_life_seeks(u32 flags)
{
	return (flags & (NT_P_START | NT_P_SEEK)) != 0;
}

#endif
