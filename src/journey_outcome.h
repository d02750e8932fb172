/* SPDX-License-Identifier: GPL-2.0 */
/* What became of a packet, judged from its events. */
#ifndef NT_JOURNEY_OUTCOME_H
#define NT_JOURNEY_OUTCOME_H

#include "journey.h"

/* What the free of a member at this event means for it. */
enum outcome member_outcome(const struct journey *journey, const struct journey_member *member,
			    const struct nt_event *end);

/* Was this copy made for someone who only watches? */
bool member_is_onlooker(const struct journey *journey, const struct journey_member *member);

/*
 * Set the journey's outcome from its members'. drops: the last drop annotation of a
 * member that is not an onlooker, and that of an onlooker; either may be NULL.
 */
void journey_settle(struct journey *journey, const struct nt_anno_DROP *const drops[2]);

/*
 * The stage of the event at that index: LIFE events leave an skb in the one it was in, and a
 * clone that was in none yet is where the packet was when it was made.
 */
enum nt_stage journey_stage(const struct journey *journey, size_t at);

/* What an incomplete journey misses. */
enum journey_gap {
	GAP_START,   /* its first events */
	GAP_RECORDS, /* some on the way, lost */
	GAP_END,     /* its last events */
	GAP_ROOM,    /* none of these: there was more than a journey keeps */
	GAP_COUNT
};

bool journey_has_gap(const struct journey *journey, enum journey_gap gap);

#endif
