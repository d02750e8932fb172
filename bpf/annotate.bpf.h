/* SPDX-License-Identifier: GPL-2.0 */
/* Captures: one function per entry of annotations.def, which adds its payload to an event. */
#ifndef NT_ANNOTATE_BPF_H
#define NT_ANNOTATE_BPF_H

#include "annotations.h"
#include "emit.bpf.h"

/* 5.17 added the reason to the tracepoint kfree_skb; userspace asks BTF. */
const volatile bool kfree_skb_has_reason = false;

/* Declare `name`, a reserved record of an annotation; its payload is `payload`. */
#define ANNOTATION_RECORD(NAME, name) \
	struct {                      \
		struct nt_annotation head; \
		struct nt_anno_##NAME payload; \
	} *name

static __always_inline void *annotation_reserve(struct emit *emit, u32 record_bytes, u16 type, u16 size)
{
	struct nt_annotation *record = emit_reserve(emit, record_bytes);

	if (!record)
		return NULL;
	record->ev.kind = (emit->ev.kind & ~NT_KIND_MASK) | NT_ANNOTATION;
	record->type = type;
	record->size_bytes = size;
	record->reserved = 0;
	return record;
}

#define RESERVE(record, NAME, emit) \
	annotation_reserve(emit, sizeof(*record), NT_ANNO_##NAME, sizeof(record->payload))

static __always_inline bool annotate_hook(struct emit *emit, struct nf_hook_state *state)
{
	ANNOTATION_RECORD(HOOK, record) = RESERVE(record, HOOK, emit);

	if (!record)
		return false;
	record->payload.family = READ(state, pf);
	record->payload.hook = READ(state, hook);
	emit_commit(emit, record);
	return true;
}

static __always_inline bool annotate_drop(struct emit *emit, u64 location, u32 reason, bool in_xmit)
{
	ANNOTATION_RECORD(DROP, record) = RESERVE(record, DROP, emit);

	if (!record)
		return false;
	record->payload.location = location;
	record->payload.reason = reason;
	record->payload.in_xmit = in_xmit;
	emit_commit(emit, record);
	return true;
}

static __always_inline bool annotate_task(struct emit *emit)
{
	ANNOTATION_RECORD(TASK, record) = RESERVE(record, TASK, emit);
	u64 pid_tgid = bpf_get_current_pid_tgid();

	if (!record)
		return false;
	record->payload.pid = pid_tgid >> 32;
	record->payload.tid = (u32)pid_tgid;
	bpf_get_current_comm(record->payload.comm, sizeof(record->payload.comm));
	emit_commit(emit, record);
	return true;
}

static __always_inline bool annotate_stack(struct emit *emit, void *ctx)
{
	ANNOTATION_RECORD(STACK, record) = RESERVE(record, STACK, emit);
	u64 *frames;
	long bytes;
	u32 i;

	if (!record)
		return false;
	frames = record->payload.frames;
	bytes = bpf_get_stack(ctx, frames, sizeof(record->payload.frames), 0);
	for (i = 0; i < sizeof(record->payload.frames) / sizeof(*frames); i++)
		if ((s64)(i * sizeof(*frames)) >= bytes)
			frames[i] = 0;
	emit_commit(emit, record);
	return true;
}

static __always_inline bool annotate_origin(struct emit *emit, u64 ts_ns, u32 probe)
{
	ANNOTATION_RECORD(ORIGIN, record) = RESERVE(record, ORIGIN, emit);

	if (!record)
		return false;
	record->payload.ts_ns = ts_ns;
	record->payload.probe = probe;
	emit_commit(emit, record);
	return true;
}

_Static_assert(sizeof(struct nt_anno_PARENT) == sizeof(struct nt_anno_MERGE), "both name another packet");

/* PARENT or MERGE */
static __always_inline bool annotate_link(struct emit *emit, u16 type, u64 skb, u32 id)
{
	ANNOTATION_RECORD(MERGE, record) = annotation_reserve(emit, sizeof(*record), type, sizeof(record->payload));

	if (!record)
		return false;
	record->payload.skb = skb;
	record->payload.id = id;
	emit_commit(emit, record);
	return true;
}

static __always_inline void read_name(char *name, u32 size, const void *from)
{
	if (bpf_probe_read_kernel_str(name, size, from) < 0)
		name[0] = 0;
}

/* A name found by 5.10's offsets on a kernel that has others is no name: say nothing then. */
static __always_inline void reject_garbage(char *name, u32 size)
{
	u32 i;

	for (i = 0; i < size && name[i]; i++) {
		if (name[i] > ' ' && name[i] <= '~')
			continue;
		name[0] = 0;
		break;
	}
}

static __always_inline void *read_pointer(const void *from)
{
	return (void *)read_u64((u64)from);
}

static __always_inline bool annotate_chain(struct emit *emit, void *address)
{
	ANNOTATION_RECORD(TABLE, record) = RESERVE(record, TABLE, emit);
	struct nft_chain_v5_10 *old = address;
	struct nft_chain *chain = address;

	if (!record)
		return false;
	if (bpf_core_type_exists(struct nft_chain)) {
		read_name(record->payload.table, sizeof(record->payload.table),
			  BPF_CORE_READ(chain, table, name));
		read_name(record->payload.chain, sizeof(record->payload.chain), BPF_CORE_READ(chain, name));
	} else {
		read_name(record->payload.table, sizeof(record->payload.table),
			  read_pointer(read_pointer(&old->table) + NFT_TABLE_NAME_V5_10));
		read_name(record->payload.chain, sizeof(record->payload.chain), read_pointer(&old->name));
		reject_garbage(record->payload.table, sizeof(record->payload.table));
		reject_garbage(record->payload.chain, sizeof(record->payload.chain));
	}
	emit_commit(emit, record);
	return true;
}

/* iptables' chains are its hooks; the hook comes from the nf_hook_state. */
static __always_inline bool annotate_xtable(struct emit *emit, void *address, struct nf_hook_state *state)
{
	ANNOTATION_RECORD(XTABLE, record) = RESERVE(record, XTABLE, emit);
	struct xt_table *table = address;

	if (!record)
		return false;
	record->payload.hook = READ(state, hook);
	if (bpf_core_type_exists(struct xt_table))
		read_name(record->payload.table, sizeof(record->payload.table), &table->name);
	else
		read_name(record->payload.table, sizeof(record->payload.table), address + XT_TABLE_NAME_V5_10);
	reject_garbage(record->payload.table, sizeof(record->payload.table));
	emit_commit(emit, record);
	return true;
}

#endif
