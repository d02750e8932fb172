/* SPDX-License-Identifier: GPL-2.0 */
#include "probe_table.h"

#include <stddef.h>

/* The column SKB of probes.def. */
#define SKB_A0 .access = PROBE_SKB_ARG, .arg = 0
#define SKB_A1 .access = PROBE_SKB_ARG, .arg = 1
#define SKB_A2 .access = PROBE_SKB_ARG, .arg = 2
#define SKB_A3 .access = PROBE_SKB_ARG, .arg = 3
#define SKB_A4 .access = PROBE_SKB_ARG, .arg = 4
#define SKB_PP0 .access = PROBE_SKB_PP, .arg = 0
#define SKB_PP1 .access = PROBE_SKB_PP, .arg = 1
#define SKB_NF0 .access = PROBE_SKB_NFT, .arg = 0

static const struct probe_row rows[NT_PROBE_COUNT] = {
#define PROBE(probe, KIND, STAGE, SKB, PROGRAM, FLAGS, older_name, text) \
	[NT_PROBE_##probe] = {                                            \
		.name = #probe,                                           \
		.program = #PROGRAM,                                      \
		.alias = older_name,                                   \
		.note = text,                                             \
		.kind = PROBE_##KIND,                                     \
		.stage = NT_STAGE_##STAGE,                                \
		SKB_##SKB,                                                \
		.flags = FLAGS,                                           \
	},
#include "probes.def"
#undef PROBE
};

static const char *const stage_names[NT_STAGE_COUNT] = {
#define X(NAME, text) [NT_STAGE_##NAME] = text,
	NT_STAGES(X)
#undef X
};

const struct probe_row *probe_row(unsigned int probe)
{
	return probe < NT_PROBE_COUNT ? &rows[probe] : NULL;
}

const char *stage_name(unsigned int stage)
{
	return stage_names[stage < NT_STAGE_COUNT ? stage : NT_STAGE_UNKNOWN];
}
