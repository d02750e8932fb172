/* SPDX-License-Identifier: GPL-2.0 */
#include "trace.h"

#include <inttypes.h>
#include <stdio.h>

size_t trace_totals_text(const struct trace_totals *totals, char *text, size_t size)
{
	char recursion[24] = "unknown", malformed[64] = "";
	int length;

	if (totals->recursion_known)
		snprintf(recursion, sizeof(recursion), "%" PRIu64, totals->recursion);
	if (totals->malformed)
		snprintf(malformed, sizeof(malformed), ", malformed %" PRIu64, totals->malformed);
	length = snprintf(text, size,
			  "%" PRIu64 " journeys (%" PRIu64 " incomplete), %" PRIu64 " events, lost: ring %" PRIu64
			  ", map %" PRIu64 ", id %" PRIu64 ", recursion %s%s",
			  totals->journeys, totals->incomplete, totals->events, totals->lost_ring, totals->lost_map,
			  totals->lost_id, recursion, malformed);
	return length < 0 || (size_t)length < size ? (size_t)length : size - 1;
}
