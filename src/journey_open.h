/* SPDX-License-Identifier: GPL-2.0 */
/* A journey under way: what a journey_set knows of it, and its memory. */
#ifndef NT_JOURNEY_OPEN_H
#define NT_JOURNEY_OPEN_H

#include "journey.h"

#define JOURNEY_EVENTS_MAX 4096
#define JOURNEY_ORIGINS_MAX 4

struct note_chunk;

struct open_journey {
	struct journey journey;
	struct open_journey *chain; /* the next in its bucket */
	struct open_journey *older;
	struct open_journey *newer;

	/* The record that came last: one with equal time, skb and probe is about the same event. */
	u64 last_ts_ns;
	u64 last_skb;
	u16 last_probe;
	bool last_kept; /* its event is the last of journey.events */
	bool keep_snapshots;

	u32 alive;
	u32 pending;	  /* clones announced by skb_clone and not seen yet */
	u32 pending_taps; /* of those, clones that packet_rcv made */
	bool shared;	  /* the kernel still counts holders of the head that was freed last */
	bool unshared;	  /* an end was seen after which it counted none */
	bool reheaded;	  /* that head is not the one which pending clones hold */
	const struct nt_anno_DROP *drops[2]; /* the last; [1] is of an onlooker */

	size_t events_room;
	size_t members_room;
	size_t flows_room;
	size_t n_notes;
	size_t n_origins; /* events in front that origins were made into */
	struct note_chunk *notes;
};

/* A new one, or NULL without memory. *bytes is kept up to date with what all of them occupy. */
struct open_journey *open_journey_new(size_t *bytes);
void open_journey_free(struct open_journey *open, size_t *bytes);

/* Empty it for another packet but keep its memory. False if it grew too large to be kept. */
bool open_journey_recycle(struct open_journey *open);

/* Does this record tell more about the event that came last? */
bool open_journey_is_last(const struct open_journey *open, const struct nt_event *ev);

/*
 * Take an event, and what is attached to it. 0, -ENOMEM, or -EINVAL if the
 * attachment is malformed; the event itself is taken even then.
 */
int open_journey_add(struct open_journey *open, const struct nt_event *record, size_t size, u32 cpu,
		     size_t *bytes);

/* An end that no probe saw. */
void open_journey_end(struct open_journey *open, const struct nt_end *end);

bool open_journey_is_over(const struct open_journey *open);

#endif
