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

#endif
