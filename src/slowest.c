/* SPDX-License-Identifier: GPL-2.0 */
#include "slowest.h"

u64 slowest_least_ns(const struct slowest *slowest)
{
	return slowest->n < SLOWEST_MAX ? 0 : slowest->journeys[SLOWEST_MAX - 1].took_ns;
}

void slowest_add(struct slowest *slowest, u64 took_ns, struct out *text)
{
	size_t at = slowest->n;

	if (at == SLOWEST_MAX) {
		if (took_ns <= slowest_least_ns(slowest)) {
			out_close(text);
			return;
		}
		out_close(slowest->journeys[--at].text);
	} else {
		slowest->n++;
	}
	for (; at && slowest->journeys[at - 1].took_ns < took_ns; at--)
		slowest->journeys[at] = slowest->journeys[at - 1];
	slowest->journeys[at] = (struct slow_journey){.took_ns = took_ns, .text = text};
}

void slowest_put(const struct slowest *slowest, struct out *out)
{
	for (size_t i = 0; i < slowest->n; i++)
		out_copy(out, slowest->journeys[i].text);
}

void slowest_free(struct slowest *slowest)
{
	for (size_t i = 0; i < slowest->n; i++)
		out_close(slowest->journeys[i].text);
	slowest->n = 0;
}
