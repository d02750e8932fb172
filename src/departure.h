/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When the pings that are answered left this machine. No answer arrives before that, and what the sender lost before has
 * nothing to do with how long the answer took.
 */
#ifndef NT_DEPARTURE_H
#define NT_DEPARTURE_H

#include "journey.h"

struct departures;

/* NULL without memory. */
struct departures *departures_new(void);
void departures_free(struct departures *departures);

/* Take a journey that is over; if it is that of a request which was given to a driver, that is remembered. */
void departures_note(struct departures *departures, const struct journey *journey);

/*
 * When the request left, in the nanoseconds of its event, that this journey begins with the answer to. 0: that is not known.
 * The request may have come from elsewhere, be under way still in the eyes of the kernel, be too long ago, or have the name of
 * another that was not answered yet.
 */
u64 departures_find(struct departures *departures, const struct journey *journey);

#endif
