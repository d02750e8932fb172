/* SPDX-License-Identifier: GPL-2.0 */
/* What this host has to say of a trace that begins now. */
#ifndef NT_FACTS_H
#define NT_FACTS_H

#include "options.h"
#include "scope.h"
#include "trace.h"

/* All but what the tracer knows: backend and probes. */
void facts_gather(const struct options *options, const struct scope_terms *terms, struct trace_facts *ret_facts);

/* CLOCK_REALTIME less CLOCK_MONOTONIC now. */
s64 facts_clock_offset(void);

#endif
