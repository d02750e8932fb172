/* SPDX-License-Identifier: GPL-2.0 */
/* --probes: the probe table and the state of each row here. */
#ifndef NT_PROBE_LIST_H
#define NT_PROBE_LIST_H

#include "out.h"
#include "probe_plan.h"

/*
 * One line a row, in the order of the table, and a last one with totals:
 *
 *   NAME STATE KIND STAGE WHERE
 *
 * STATE is attach, skip or unused; KIND function or tracepoint; WHERE is what the
 * probe is attached to, or else the reason. Only STAGE and WHERE may contain spaces.
 */
void probe_list_render(struct out *out, const struct probe_plan *plan);

#endif
