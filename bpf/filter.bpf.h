/* SPDX-License-Identifier: GPL-2.0 */
/* The filter, constant from the verifier's point of view: what was not asked for is not there. */
#ifndef NT_FILTER_BPF_H
#define NT_FILTER_BPF_H

#include "filter_abi.h"

const volatile struct nt_filter filter = {};

static __always_inline bool filter_wants(const struct nt_flow *flow)
{
	return nt_filter_matches(&filter, flow);
}

#endif
