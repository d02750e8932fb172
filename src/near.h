/* SPDX-License-Identifier: GPL-2.0 */
/* Which names are near to one that was mistyped. */
#ifndef NT_NEAR_H
#define NT_NEAR_H

#include <stddef.h>

#define NEAR_NAMES 3
#define NEAR_NAME_BYTES 128

/* Set `wanted`, the rest zero. It must outlive the search. */
struct near {
	const char *wanted;
	unsigned int n;
	unsigned int costs[NEAR_NAMES]; /* sorted */
	char names[NEAR_NAMES][NEAR_NAME_BYTES];
};

/*
 * Take a candidate if it is near and none kept is nearer: a character wrong, missing, too many or swapped
 * with its neighbour in four is near, and so is a name that goes on where `wanted` ends.
 */
void near_offer(struct near *near, const char *candidate);

/* "did you mean ip_rcv, ip_rcv_core?", or the other text if nothing is near. */
void near_text(const struct near *near, const char *otherwise, char *buf, size_t size);

#endif
