/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long a packet took to get here beyond what its like take. Of the answer to a ping it is known when that left; else
 * ping writes the time of sending into its packets, and answers bring it back; TCP has timestamps (RFC 7323). By whatever
 * clock: the least difference seen of a flow lately stands for it. TCP's ticks have to be milliseconds, which is found out
 * before they are believed.
 */
#ifndef NT_TRANSIT_H
#define NT_TRANSIT_H

#include "journey.h"

struct transit;

/*
 * Beyond what its like take: at most what it took more than the fastest of them, likely less by what they do on
 * average, and hardly ever (were their excess distributed exponentially, of 50 one) less by four times that.
 */
struct transit_excess {
	u64 most_ns;
	u64 likely_ns;
	u64 least_ns;
	u64 way_ns; /* from a known departure: it hardly ever takes longer than that; 0: it is not known when it left */
};

struct transit *transit_new(void);
void transit_free(struct transit *transit);

/*
 * Take a journey that began with a packet's arrival, which is the answer to one that left at departed_ns (departure.h; 0: not
 * known), or whose first event has its snapshot. True if so many of its flow came before it that it can be compared with
 * them. `held`: it is known to have been late.
 */
bool transit_judge(struct transit *transit, const struct journey *journey, u64 departed_ns, bool held,
		   struct transit_excess *ret_excess);

#endif
