/* SPDX-License-Identifier: GPL-2.0 */
#include "lifetime_model.h"

#include <string.h>

#include "event.h"
#include "lifetime.h"

void lifetime_model_init(struct lifetime_model *model, bool clones_unannounced)
{
	memset(model, 0, sizeof(*model));
	model->clones_unannounced = clones_unannounced;
}

/* Address 0 finds a free slot. */
static struct model_skb *find_skb(struct lifetime_model *model, u64 address)
{
	for (size_t i = 0; i < LIFETIME_MODEL_ENTRIES; i++)
		if (model->skbs[i].address == address)
			return &model->skbs[i];
	return NULL;
}

static struct model_head *find_head(struct lifetime_model *model, u64 address)
{
	for (size_t i = 0; i < LIFETIME_MODEL_ENTRIES; i++)
		if (model->heads[i].address == address)
			return &model->heads[i];
	return NULL;
}

/* Index the head for this skb alone. What was there belonged to a packet whose end was missed. */
static void head_insert(struct lifetime_model *model, const struct model_skb *skb)
{
	struct model_head *held = find_head(model, skb->head);

	if (!held)
		held = find_head(model, 0);
	if (held)
		*held = (struct model_head){skb->head, skb->header, skb->id, 1};
}

/*
 * The entry of the head that this skb is known to hold. After missed frees the
 * address may be indexed for another packet by now, whose count is not ours to touch.
 */
static struct model_head *head_of(struct lifetime_model *model, const struct model_skb *skb)
{
	struct model_head *held = find_head(model, skb->head);

	return held && held->id == skb->id ? held : NULL;
}

static void head_hold(struct lifetime_model *model, const struct model_skb *skb)
{
	struct model_head *held = head_of(model, skb);

	if (held)
		held->refs++;
	else
		head_insert(model, skb);
}

/* One holder less; the entry goes with the last. True if others remain. */
static bool head_put(struct lifetime_model *model, const struct model_skb *skb)
{
	struct model_head *held = head_of(model, skb);

	if (!held)
		return false;
	if (--held->refs)
		return true;
	held->address = 0;
	return false;
}

/*
 * An announced skb has let its head go already. True if others hold the head, or may:
 * where no probe announces clones, only dataref tells of them, and the entry has
 * to stay for the first event of one.
 */
static bool skb_remove(struct lifetime_model *model, struct model_skb *skb, bool shared)
{
	struct model_head *held = head_of(model, skb);
	bool unseen = model->clones_unannounced && shared;
	bool announced = skb->announced;

	skb->address = 0;
	if (announced)
		return unseen;
	if (!unseen)
		return head_put(model, skb);
	if (held)
		held->refs--;
	return true;
}

static enum nt_life decide(struct lifetime_model *model, const struct model_hit *hit)
{
	const struct model_skb *skb = find_skb(model, hit->skb);
	const struct model_head *held = NULL;
	struct nt_sight sight = {0};

	if (skb) {
		sight.tracked = 1;
		sight.same_head = skb->head == hit->head;
		sight.announced = skb->announced;
		sight.same_header = skb->header == hit->header;
	} else if (nt_life_seeks(hit->flags)) {
		held = find_head(model, hit->head);
	}
	if (held) {
		sight.head_known = 1;
		sight.original = hit->original;
		sight.head_shared = hit->shared;
		sight.same_header = held->header == hit->header;
	}
	return nt_life_decide(hit->flags, &sight);
}

/* The indexes are stale: forget what they say of this skb, else of its head. */
static void forget(struct lifetime_model *model, const struct model_hit *hit,
		   struct model_seen *seen)
{
	struct model_skb *skb = find_skb(model, hit->skb);

	if (skb) {
		seen->restarted = skb->id;
		skb_remove(model, skb, false);
	} else {
		find_head(model, hit->head)->address = 0;
	}
}

/* pskb_expand_head may have failed: then the holder dropped at its probe is still there. */
static void carry_on(struct lifetime_model *model, struct model_skb *skb, u64 head)
{
	if (skb->head != head) {
		if (!skb->announced)
			head_put(model, skb);
		skb->head = head;
		head_insert(model, skb);
	} else if (skb->announced) {
		head_hold(model, skb);
	}
	skb->announced = false;
}

static struct model_skb *join(struct lifetime_model *model, const struct model_hit *hit)
{
	struct model_head *held = find_head(model, hit->head);
	struct model_skb *skb = find_skb(model, 0);

	if (!skb)
		return NULL;
	if (model->clones_unannounced)
		held->refs++;
	*skb = (struct model_skb){hit->skb, hit->head, held->header, held->id, false};
	return skb;
}

static struct model_skb *start(struct lifetime_model *model, const struct model_hit *hit,
			       struct model_seen *seen)
{
	struct model_skb *skb = find_skb(model, 0);

	if (!(hit->flags & NT_P_START) || !hit->matches || !skb)
		return NULL;
	*skb = (struct model_skb){hit->skb, hit->head, hit->header, ++model->last_id, false};
	head_insert(model, skb);
	seen->flags = NT_F_START;
	return skb;
}

/* The entry that this event belongs to, made if need be; NULL for nobody's packet. */
static struct model_skb *enter(struct lifetime_model *model, const struct model_hit *hit,
			       struct model_seen *seen)
{
	struct model_skb *skb;

	switch (decide(model, hit)) {
	case NT_LIFE_CONTINUE:
	case NT_LIFE_REHEAD:
		skb = find_skb(model, hit->skb);
		carry_on(model, skb, hit->head);
		return skb;
	case NT_LIFE_JOIN:
		return join(model, hit);
	case NT_LIFE_RESTART:
		forget(model, hit, seen);
		return start(model, hit, seen);
	case NT_LIFE_START:
		return start(model, hit, seen);
	default:
		return NULL;
	}
}

struct model_seen lifetime_model_see(struct lifetime_model *model, const struct model_hit *hit)
{
	struct model_seen seen = {0};
	struct model_skb *skb;

	if (!hit->skb || !hit->head)
		return seen;
	skb = enter(model, hit, &seen);
	if (!skb)
		return seen;
	seen.id = skb->id;
	if (hit->flags & NT_P_CLONES)
		head_hold(model, skb);
	if (hit->flags & NT_P_REHEADS) {
		head_put(model, skb);
		skb->announced = true;
	}
	if (hit->flags & NT_P_END) {
		seen.flags |= NT_F_END;
		seen.flags |= skb_remove(model, skb, hit->shared) ? NT_F_SHARED : 0;
	}
	return seen;
}

size_t lifetime_model_skbs(const struct lifetime_model *model)
{
	size_t n = 0;

	for (size_t i = 0; i < LIFETIME_MODEL_ENTRIES; i++)
		n += model->skbs[i].address != 0;
	return n;
}

size_t lifetime_model_heads(const struct lifetime_model *model)
{
	size_t n = 0;

	for (size_t i = 0; i < LIFETIME_MODEL_ENTRIES; i++)
		n += model->heads[i].address != 0;
	return n;
}
