/* SPDX-License-Identifier: GPL-2.0 */
#include "sort.h"

#include <string.h>

static size_t run_end(const struct sort_item *items, size_t from, size_t n)
{
	size_t i = from + 1;

	while (i < n && items[i - 1].ts_ns <= items[i].ts_ns)
		i++;
	return i < n ? i : n;
}

static void merge(const struct sort_item *from, size_t left, size_t middle, size_t right, struct sort_item *to)
{
	size_t a = left, b = middle, i;

	for (i = left; i < right; i++) {
		if (b >= right || (a < middle && from[a].ts_ns <= from[b].ts_ns))
			to[i] = from[a++];
		else
			to[i] = from[b++];
	}
}

/* Merge neighbouring runs once. Returns how many runs there were. */
static size_t merge_pass(const struct sort_item *from, size_t n, struct sort_item *to)
{
	size_t left = 0, runs = 0;

	while (left < n) {
		size_t middle = run_end(from, left, n);
		size_t right = middle < n ? run_end(from, middle, n) : n;

		merge(from, left, middle, right, to);
		runs += middle < n ? 2 : 1;
		left = right;
	}
	return runs;
}

void sort_items(struct sort_item *items, size_t n, struct sort_item *scratch)
{
	struct sort_item *from = items, *to = scratch, *swap;

	while (merge_pass(from, n, to) > 2) {
		swap = from;
		from = to;
		to = swap;
	}
	if (to != items)
		memcpy(items, to, n * sizeof(*items));
}
