/* SPDX-License-Identifier: GPL-2.0 */
/* --check: what this kernel allows, in words. */
#ifndef NT_CHECK_H
#define NT_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"
#include "out.h"
#include "probe_plan.h"

/* Bits of the effective capabilities, as in linux/capability.h. */
#define CHECK_CAP_NET_ADMIN 12
#define CHECK_CAP_SYS_ADMIN 21
#define CHECK_CAP_SYSLOG 34
#define CHECK_CAP_PERFMON 38
#define CHECK_CAP_BPF 39

enum check_lockdown {
	LOCKDOWN_UNTOLD, /* it cannot be locked down, or does not say so */
	LOCKDOWN_NONE,
	LOCKDOWN_INTEGRITY,
	LOCKDOWN_CONFIDENTIALITY,
};

/* The order in which backends are taken; see check.c for why it is this one. */
#define CHECK_BACKENDS 4
extern const enum backend check_order[CHECK_BACKENDS];

/* What was found out. Errors are 0 or a negative errno. */
struct check_facts {
	char release[65], machine[65]; /* uname's */
	u64 capabilities;	       /* effective ones, one bit each */
	enum check_lockdown lockdown;
	int btf; /* of reading the kernel's types */
	unsigned int module_btfs;
	int trials[BACKEND_COUNT]; /* of attaching something with each backend */
	int perf_clock;
	bool cookies;		/* attach cookies */
	bool addresses_shown;	/* by /proc/kallsyms */
	bool context_told;	/* interrupt, softirq, task */
	bool misses_counted;	/* of functions */
	unsigned int drop_reasons; /* how many have names; 0: the kernel tells none */
	enum backend wanted;	/* --backend */
	enum backend chosen;	/* BACKEND_AUTO: none works */
	int load;		/* of loading programs and attaching */
	const char *complaint;	/* about that, or "" */
	const struct probe_plan *plan; /* as it was attached; NULL if it was not */
};

/* Would a trace with these facts see packets? */
bool check_can_trace(const struct check_facts *facts);

/* Write all of it. */
void check_render(struct out *out, const struct check_facts *facts);

/* "CAP_BPF and CAP_PERFMON", or which of them is missing to trace; "" if none is. */
const char *check_missing_capabilities(u64 capabilities);

#endif
