/* SPDX-License-Identifier: GPL-2.0 */
#include "near.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define FAR ~0u
#define EDITS_MAX 3
#define TAIL_MIN 3 /* shorter names begin too many others */
#define WIDTH (NEAR_NAME_BYTES + EDITS_MAX + 1)

static unsigned int min(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* One row more of the table of distances between beginnings. Returns the least of the row. */
static unsigned int next_row(const char *wanted, size_t i, const char *candidate, size_t width,
			     unsigned int rows[3][WIDTH])
{
	unsigned int *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3], least;
	size_t j;

	least = row[0] = (unsigned int)i;
	for (j = 1; j <= width; j++) {
		row[j] = min(min(last[j], row[j - 1]) + 1, last[j - 1] + (wanted[i - 1] != candidate[j - 1]));
		if (i > 1 && j > 1 && wanted[i - 1] == candidate[j - 2] && wanted[i - 2] == candidate[j - 1])
			row[j] = min(row[j], before[j - 2] + 1);
		least = min(least, row[j]);
	}
	return least;
}

/* Twice the edits that make `wanted` the candidate, or its beginning, which costs one more. */
static unsigned int cost_of(const char *wanted, size_t length, const char *candidate)
{
	unsigned int rows[3][WIDTH], limit = min((unsigned int)length / 4, EDITS_MAX), cost = FAR;
	size_t width = strnlen(candidate, length + limit), i, j;
	bool whole = !candidate[width];

	for (j = 0; j <= width; j++)
		rows[0][j] = (unsigned int)j;
	for (i = 1; i <= length; i++)
		if (next_row(wanted, i, candidate, width, rows) > limit)
			return FAR;
	if (whole && rows[length % 3][width] <= limit)
		cost = 2 * rows[length % 3][width];
	for (j = 0; length >= TAIL_MIN && j < width + !whole; j++)
		if (rows[length % 3][j] <= limit)
			cost = min(cost, 2 * rows[length % 3][j] + 1);
	return cost;
}

/* Of two that cost the same, the shorter is nearer. */
static bool is_nearer(unsigned int cost, const char *name, unsigned int other_cost, const char *other)
{
	size_t length = strlen(name), other_length = strlen(other);

	if (cost != other_cost)
		return cost < other_cost;
	return length != other_length ? length < other_length : strcmp(name, other) < 0;
}

void near_offer(struct near *near, const char *candidate)
{
	size_t length = strlen(near->wanted);
	unsigned int cost, at, i;

	if (!length || length >= NEAR_NAME_BYTES || strlen(candidate) >= NEAR_NAME_BYTES)
		return;
	cost = cost_of(near->wanted, length, candidate);
	for (i = 0; i < near->n; i++)
		if (!strcmp(near->names[i], candidate))
			return;
	for (at = 0; at < near->n; at++)
		if (is_nearer(cost, candidate, near->costs[at], near->names[at]))
			break;
	if (cost == FAR || at == NEAR_NAMES)
		return;
	near->n = min(near->n + 1, NEAR_NAMES);
	for (i = near->n - 1; i > at; i--) {
		near->costs[i] = near->costs[i - 1];
		memcpy(near->names[i], near->names[i - 1], NEAR_NAME_BYTES);
	}
	near->costs[at] = cost;
	strcpy(near->names[at], candidate);
}

void near_text(const struct near *near, const char *otherwise, char *buf, size_t size)
{
	size_t used;
	unsigned int i;

	snprintf(buf, size, "%s", near->n ? "did you mean " : otherwise);
	for (i = 0; i < near->n; i++) {
		used = strlen(buf);
		snprintf(buf + used, size - used, "%s%s", near->names[i], i + 1 < near->n ? ", " : "?");
	}
}
