/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TCP segments seen lately, so that a retransmission can name what it repeats.
 *
 * A segment whose first sequence number was sent before in the same direction
 * of the same connection is a retransmission: true at the sender, at a router and at the receiver
 * alike, and on kernels where the function that retransmits cannot be traced.
 */
#ifndef NT_SEGMENTS_H
#define NT_SEGMENTS_H

#include "filter_abi.h"
#include "journey.h"

struct segments;

/* Room for a bounded number of segments; the oldest are forgotten. NULL without memory. */
struct segments *segments_new(void);
void segments_free(struct segments *segments);

/* Remember a journey that began with this flow. What is not a TCP segment with data, SYN or FIN is ignored. */
void segments_note(struct segments *segments, const struct nt_flow *flow, const struct journey_link *journey);

/*
 * The last journey, begun before this one, that carried the first byte of the
 * same segment. It is not that with the id `except` (the packet which this one was cut out
 * of, or 0). False if there is none.
 */
bool segments_find(const struct segments *segments, const struct nt_flow *flow,
		   const struct journey_link *journey, u32 except, struct journey_link *ret_earlier);

#endif
