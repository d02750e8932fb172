/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which journeys are wanted by what no single packet says of itself: the
 * interfaces and network namespaces it passed, and the process it belongs to.
 *
 * A journey belongs to a process if one of its events carries NT_ANNO_TASK with
 * that process, in task context: where the process sent it or read it. The flow is
 * then learned, so that what the kernel does for the process in interrupts,
 * acknowledgements and segments that arrive, is told too. A handshake of a server is
 * over before the process has touched it, and fragments after the first say
 * nothing of their flow: those are told only if the process itself handled them.
 */
#ifndef NT_SCOPE_H
#define NT_SCOPE_H

#include <stdbool.h>

#include "dict.h"
#include "journey.h"

/* What was asked for; a journey must match all that is given. */
struct scope_terms {
	const char *ifname; /* NULL: any; the caller's, and outlives the scope */
	u32 netns;	    /* inode, 0: any */
	const char *netns_name; /* NULL: any; with an inode either will do. The caller's, and outlives the scope */
	u32 pid;	    /* of the process, 0: any */
	u64 min_latency_ns; /* from its arrival, as far as that is known, or its first event to its last, 0: any */
};

/* Flows that are remembered. Beyond, the oldest that saw no packet since it was last considered goes. */
#define SCOPE_FLOWS_MAX 4096

struct scope;

/* A new scope, or NULL without memory. */
struct scope *scope_new(const struct scope_terms *terms);
void scope_free(struct scope *scope);

/*
 * Is this journey wanted? Learns from it, so every journey must be asked about, in the order of their ends.
 * The names of interfaces and namespaces are the dictionary's; one that it does not know is no match.
 */
bool scope_wants(struct scope *scope, const struct dict *dict, const struct journey *journey);

/*
 * Was this event on the interface and in the namespace asked for? For events told one by one, when what
 * their journey will yet pass is not known. Processes are not looked at.
 */
bool scope_wants_event(const struct scope *scope, const struct dict *dict, const struct journey_event *event);

#endif
