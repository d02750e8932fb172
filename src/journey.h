/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Journeys: all events of one packet, across its clones, CPUs and namespaces.
 *
 * The set takes records in order of time (decode.h sorts them) and hands each
 * journey on as soon as its last member has ended. What is still open at the
 * end is handed on as incomplete.
 */
#ifndef NT_JOURNEY_H
#define NT_JOURNEY_H

#include <stdbool.h>
#include <stddef.h>

#include "dict.h"
#include "event.h"
#include "filter_abi.h"
#include "probe_table.h"

enum outcome {
	OUTCOME_INCOMPLETE, /* the end was not seen */
	OUTCOME_EVICTED,    /* its entry was removed after long silence */
	OUTCOME_MERGED,	    /* absorbed by another packet (GRO, socket queue) */
	OUTCOME_DROPPED,
	OUTCOME_CONSUMED,    /* by a protocol handler */
	OUTCOME_TRANSMITTED, /* freed by the driver or its completion */
	OUTCOME_DELIVERED,   /* copied to, or freed by, the reading process */
	OUTCOME_COUNT
};

/* One typed payload of an event; points into the journey's own memory. */
struct journey_note {
	u16 type; /* enum nt_annotation_type; checked, with a payload of the right size */
	const void *payload;
	struct journey_note *next;
};

struct journey_event {
	u64 ts_ns; /* never before that of the event in front of it */
	u64 skb;
	u32 cpu;
	u32 ifindex;
	u32 netns;
	u16 probe;
	u8 context;
	u8 flags;	    /* NT_F_* */
	u32 flow;	    /* index into journey.flows: the headers as last seen */
	struct journey_note *notes;
	const struct nt_snapshot *snapshot; /* with its first bytes; NULL if none was taken, or wanted */
};

/* Another journey that has to do with this one; id 0: none. */
struct journey_link {
	u32 id;
	u64 skb;   /* its sk_buff, 0 if unknown */
	u64 ts_ns; /* of its first event, 0 if unknown */
};

/* One sk_buff of the journey, in order of appearance; the first is the packet itself. */
struct journey_member {
	u64 skb;
	u32 stage;	/* last stage that was not LIFE */
	bool alive;
	bool tap;	/* went to a packet socket: a copy for an onlooker */
	struct journey_link merging; /* what the kernel tried to append it to */
	enum outcome outcome; /* once it is not alive */
};

/* A time in which the packet waited, and why. */
struct journey_delay {
	u64 delay_ns; /* with its bounds */
	u64 low_ns, high_ns;
	u64 proven_ns; /* for so much of its wait the CPU is known to have been blocked */
	bool upper; /* it is the most that it can have been */
	enum nt_cause cause;
	u32 cpu;
	u32 incident; /* 0: none */
	size_t from, event; /* between which it waited; without meaning before the stack */
	const struct nt_blocked *blocked; /* of the CPU; NULL: it was something else, or before the stack no delay */
};

struct journey {
	const struct probe_table *probes; /* which the numbers of its events refer to */
	const struct dict *dict;	  /* names of drop reasons, may be NULL */
	u32 id;
	u64 start_ns;
	u64 end_ns;
	enum outcome outcome;
	bool incomplete; /* the end was not seen, or records were lost on the way */
	struct journey_link merged_into, part_of, retransmit_of;
	struct journey_delay before;	    /* until its first event; by attribution.h, as are delays */
	const struct journey_delay *delays; /* between its events, in their order */
	size_t n_delays;
	const struct nt_anno_DROP *drop; /* of the dropped member that decided the outcome, or NULL */
	struct journey_event *events;
	size_t n_events;
	struct journey_member *members;
	size_t n_members;
	struct nt_flow *flows; /* at least one */
	size_t n_flows;
};

struct journey_set;

/* Called with each journey that is over; it is freed when the callback returns. Non-zero stops. */
typedef int (*journey_done_fn)(void *user, const struct journey *journey);

/*
 * Called with each event, in order of time, once it is known what is attached to it. The
 * journey is under way: it has no outcome, and this event is its last. Non-zero stops.
 */
typedef int (*journey_event_fn)(void *user, const struct journey *journey,
				const struct journey_event *event);

/* A new set, or NULL without memory. The probes and the names must outlive it; either may be NULL. */
struct journey_set *journey_set_new(const struct probe_table *probes, const struct dict *dict, journey_done_fn done,
				    void *user);
void journey_set_free(struct journey_set *set);

/* Keep the snapshots of events, which only some formats need. */
void journey_set_keep_snapshots(struct journey_set *set);

/* Have events, too, with the same user. Those that a journey has no room for are not handed on. */
void journey_set_on_event(struct journey_set *set, journey_event_fn event);

/*
 * Take one record, of size bytes, from the given CPU's ring. Records other
 * than events, snapshots, annotations and ends are ignored here. Returns 0, what the
 * callback returned, -ENOMEM, or -EINVAL for a record that is malformed (counted, harmless).
 */
int journey_set_add(struct journey_set *set, const struct nt_event *record, size_t size, u32 cpu);

/*
 * Hand on the event that came last, rather than wait for the next record to tell that it has
 * all its records. To be called after each reading, which does not end between the records of
 * an event. 0, or what the callback returned.
 */
int journey_set_flush(struct journey_set *set);

/*
 * Give up journeys whose last event was before that time: the kernel side follows none of them any
 * more, and if the record of the end found no room in the ring, nothing else tells. 0, or what the callback returned.
 */
int journey_set_expire(struct journey_set *set, u64 before_ns);

/* Hand on everything still open as incomplete, oldest first. Stops if the callback does. */
int journey_set_finish(struct journey_set *set);

size_t journey_set_open(const struct journey_set *set);

const char *outcome_name(enum outcome outcome);

/* "softirq", …, as the JSON has it; NULL if unknown. */
const char *context_name(unsigned int context);

/* From its first event to its last, and what is known that it waited before. */
u64 journey_took_ns(const struct journey *journey);

/* The slowest span between two neighbouring events. False if there are fewer than two events. */
bool journey_slowest(const struct journey *journey, size_t *ret_from, u64 *ret_span_ns);

/* It waited longer before its first event, or may have. */
bool journey_slowest_before(const struct journey *journey);

#endif
