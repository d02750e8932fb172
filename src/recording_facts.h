/* SPDX-License-Identifier: GPL-2.0 */
/* The facts of a trace as the items of a FACTS chunk; one table for writing and reading. For recording_*.c only. */
#ifndef NT_RECORDING_FACTS_H
#define NT_RECORDING_FACTS_H

#include <stddef.h>

#include "trace.h"

struct fact_row {
	u16 tag;
	bool is_text;
	u16 size_bytes;
	size_t offset; /* in struct trace_facts */
};

extern const struct fact_row fact_rows[];
extern const size_t n_fact_rows;

#endif
