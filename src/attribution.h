/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a packet's delay came from: the overlap of the times in which it waited with those in which the
 * CPU that was to serve it was blocked.
 *
 * Before the stack a packet waited since its arrival, which nobody saw; it came after the poll that left its queue
 * empty, and after the request that it answers left (departure.h). So the overlap is the most that it can have waited, and is
 * told as such, unless it can be compared with its like, by when it was sent (transit.h). In the stack both
 * ends of a wait are events, and the overlap is exact but for what is not known of the blockage.
 *
 * Waits for something else than a CPU are told by the packet's own events (wait.h).
 *
 * A blockage which held packets for long enough is an incident.
 */
#ifndef NT_ATTRIBUTION_H
#define NT_ATTRIBUTION_H

#include "dict.h"
#include "event.h"
#include "journey.h"

#define NT_INCIDENT_MIN_NS 10000000ull /* without --incident-min */

#define INCIDENT_DELAYS 16

/* A blockage that held packets. */
struct incident {
	u32 id;
	u32 packets;
	u64 longest_ns;
	u64 delays_ns[INCIDENT_DELAYS]; /* of the first of them, in the order of their ends */
	bool upper; /* some are the most that it can have been */
	const struct nt_blocked *blocked;
};

/* Called twice with each incident: when the first packet is known that it held, and when it is over. Non-zero stops. */
typedef int (*incident_fn)(void *user, const struct incident *incident, bool over);

struct attribution;

/* The dictionary must outlive it. NULL without memory. */
struct attribution *attribution_new(const struct dict *dict, u64 incident_min_ns, incident_fn on_incident, void *user);
void attribution_free(struct attribution *attribution);

/* Fast packets stay in the kernel: so the fastest of those that come may have been late, and others were so by more than it tells. */
void attribution_of_slow(struct attribution *attribution);

/* Called once with each blockage, whether or not it held packets, when that is known of it. It is valid until then. */
typedef void (*blockage_fn)(void *user, const struct nt_blocked *blocked);

/* Have blockages, too, with the same user. */
void attribution_on_blockage(struct attribution *attribution, blockage_fn on_blockage);

/* Take a record of kind NT_BLOCKED. 0, or -EINVAL if it is malformed. */
int attribution_add(struct attribution *attribution, const struct nt_event *record, size_t size);

/* Fill in before and delays of a journey that is over; they are valid until the next call. */
void attribution_judge(struct attribution *attribution, struct journey *journey);

/*
 * The journey, just judged, is one of those that are told: it counts among the packets which its incidents held, and
 * is given their numbers. 0, or what the callback returned.
 */
int attribution_hold(struct attribution *attribution, struct journey *journey);

/* Tell blockages and incidents that are over by then; ~0: all. 0, or what the callback returned. */
int attribution_advance(struct attribution *attribution, u64 now_ns);

#endif
