/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Waits in the stack, and after it in a socket's queue: what a packet's own events say of the time between two of them.
 *
 * Where a packet can wait at all is known: wait.c has a row for each place, with the stages before and after. What
 * it waited for is told by what the kernel side noted there; without that, it is unknown.
 */
#ifndef NT_WAIT_H
#define NT_WAIT_H

#include "journey.h"

/* Shorter spans are no waits. */
#define WAIT_MIN_NS 1000000ull

/*
 * The wait that ended with the event `at`. False: there was none, or nothing speaks of one. Of the delay the
 * cause, its length and its events are filled in.
 */
bool wait_judge(const struct journey *journey, size_t at, struct journey_delay *ret_delay);

/*
 * "qdisc tbf 8001: let it go later". The packet's delay may be one that a blocked CPU explains, too. Names are
 * made printable. Terminates text, and returns its length, cut to size - 1.
 */
#define WAIT_TEXT_BYTES 400
size_t wait_text(const struct journey *journey, const struct journey_delay *delay, char *text, size_t size);

/*
 * The same behind its length, with the bounds where they are apart: "365.8 ms (365.4 ms–365.9 ms) on cpu 1: interrupts
 * off by …". UTF-8; terminated.
 */
#define DELAY_TEXT_BYTES (WAIT_TEXT_BYTES + 160)
size_t delay_text(const struct journey *journey, const struct journey_delay *delay, char *text, size_t size);

#endif
