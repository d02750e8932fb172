/* SPDX-License-Identifier: GPL-2.0 */
/* Captures: one function per entry of annotations.def, which adds its payload to an event. */
#ifndef NT_ANNOTATE_BPF_H
#define NT_ANNOTATE_BPF_H

#include "annotations.h"
#include "cpu.bpf.h"
#include "emit.bpf.h"

/* 5.17 added the reason to the tracepoint kfree_skb; userspace asks BTF. */
const volatile bool kfree_skb_has_reason = false;

/* Chains of fewer rules delay nobody. */
#define RULES_MANY 100

/* Declare `name`, a reserved record of an annotation; its payload is `payload`. */
#define ANNOTATION_RECORD(NAME, name) \
	struct {                      \
		struct nt_annotation head; \
		struct nt_anno_##NAME payload; \
	} *name

static __always_inline void *annotation_reserve(struct emit *given, struct emit *emit, u32 record_bytes, u16 type,
						u16 size)
{
	struct nt_annotation *record = emit_reserve(given, emit, record_bytes);

	if (!record)
		return NULL;
	record->ev.kind = (emit->ev.kind & ~NT_KIND_MASK) | NT_ANNOTATION;
	record->type = type;
	record->size_bytes = size;
	record->reserved = 0;
	return record;
}

#define RESERVE(record, NAME, given, emit) \
	annotation_reserve(given, emit, sizeof(*record), NT_ANNO_##NAME, sizeof(record->payload))

static __always_inline bool annotate_hook(struct emit *given, struct nf_hook_state *state)
{
	struct emit emit;
	ANNOTATION_RECORD(HOOK, record) = RESERVE(record, HOOK, given, &emit);

	if (!record)
		return false;
	record->payload.family = READ(state, pf);
	record->payload.hook = READ(state, hook);
	emit_commit(&emit, record);
	return true;
}

static __always_inline bool annotate_drop(struct emit *given, u64 location, u32 reason, bool in_xmit)
{
	struct emit emit;
	ANNOTATION_RECORD(DROP, record) = RESERVE(record, DROP, given, &emit);

	if (!record)
		return false;
	record->payload.location = location;
	record->payload.reason = reason;
	record->payload.in_xmit = in_xmit;
	emit_commit(&emit, record);
	return true;
}

PART bool annotate_task(struct emit *given)
{
	struct emit emit;
	ANNOTATION_RECORD(TASK, record) = RESERVE(record, TASK, given, &emit);
	u64 pid_tgid = bpf_get_current_pid_tgid();

	if (!record)
		return false;
	record->payload.pid = pid_tgid >> 32;
	record->payload.tid = (u32)pid_tgid;
	bpf_get_current_comm(record->payload.comm, sizeof(record->payload.comm));
	emit_commit(&emit, record);
	return true;
}

static __always_inline bool annotate_stack(struct emit *given, void *ctx)
{
	struct emit emit;
	ANNOTATION_RECORD(STACK, record) = RESERVE(record, STACK, given, &emit);
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
	emit_commit(&emit, record);
	return true;
}

PART bool annotate_origin(struct emit *given, u64 ts_ns, u32 probe)
{
	struct emit emit;
	ANNOTATION_RECORD(ORIGIN, record) = RESERVE(record, ORIGIN, given, &emit);

	if (!record)
		return false;
	record->payload.ts_ns = ts_ns;
	record->payload.probe = probe;
	emit_commit(&emit, record);
	return true;
}

PART bool annotate_arrival(struct emit *given, u64 polled_ns, u64 raised_ns)
{
	struct emit emit;
	ANNOTATION_RECORD(ARRIVAL, record) = RESERVE(record, ARRIVAL, given, &emit);

	if (!record)
		return false;
	record->payload.polled_ns = polled_ns;
	record->payload.raised_ns = raised_ns;
	emit_commit(&emit, record);
	return true;
}

/* Have its comings and goings observed from now on. */
PART bool learn_reader(u32 tid)
{
	if (!bpf_map_lookup_elem(&readers, &tid))
		bpf_map_update_elem(&readers, &tid, (const void *)new_reader, BPF_NOEXIST);
	return true;
}

/* Of its waits the one that took most of the time since then. */
static __always_inline const struct nt_reader_wait *longest_wait(const struct nt_reader *reader, u64 since_ns)
{
	const struct nt_reader_wait *longest = NULL;
	u64 most_ns = 0;
	u32 i;

#pragma unroll
	for (i = 0; i < NT_READER_WAITS; i++) {
		const struct nt_reader_wait *wait = &reader->waits[i];
		u64 from_ns = wait->from_ns > since_ns ? wait->from_ns : since_ns;

		if (i >= reader->n_waits || wait->to_ns <= from_ns || wait->to_ns - from_ns <= most_ns)
			continue;
		most_ns = wait->to_ns - from_ns;
		longest = wait;
	}
	return longest;
}

static __always_inline void copy_reader(struct nt_anno_READ *read, u32 tid, u64 since_ns)
{
	const struct nt_reader *reader = bpf_map_lookup_elem(&readers, &tid);
	const struct nt_reader_wait *wait;

	if (!reader)
		return;
	read->woken_ns = reader->woken_ns;
	read->state = reader->state;
	wait = longest_wait(reader, since_ns);
	if (!wait)
		return;
	read->wait_from_ns = wait->from_ns;
	read->wait_to_ns = wait->to_ns;
	read->before_ns = wait->before_ns;
	read->before_pid = wait->before_pid;
	__builtin_memcpy(read->before_comm, wait->before_comm, sizeof(read->before_comm));
}

/* Of the process that reads what was queued then. */
PART bool annotate_read(struct emit *given, u64 since_ns)
{
	struct emit emit;
	ANNOTATION_RECORD(READ, record) = RESERVE(record, READ, given, &emit);
	struct nt_anno_READ *read;

	if (!record)
		return false;
	read = &record->payload;
	__builtin_memset(read, 0, sizeof(*read));
	read->pid = bpf_get_current_pid_tgid() >> 32;
	read->tid = (u32)bpf_get_current_pid_tgid();
	bpf_get_current_comm(read->comm, sizeof(read->comm));
	copy_reader(read, read->tid, since_ns);
	emit_commit(&emit, record);
	return true;
}

static __always_inline bool annotate_queue(struct emit *given, struct Qdisc *qdisc, struct netdev_queue *queue)
{
	struct emit emit;
	ANNOTATION_RECORD(QUEUE, record) = RESERVE(record, QUEUE, given, &emit);

	if (!record)
		return false;
	record->payload.handle = READ(qdisc, handle);
	record->payload.state = (u32)READ(queue, state);
	bpf_probe_read_kernel_str(record->payload.kind, sizeof(record->payload.kind),
				  (char *)READ_ADDRESS(qdisc, ops) + bpf_core_field_offset(struct Qdisc_ops, id));
	emit_commit(&emit, record);
	return true;
}

_Static_assert(sizeof(struct nt_anno_PARENT) == sizeof(struct nt_anno_MERGE), "both name another packet");

/* PARENT or MERGE */
PART bool annotate_link(struct emit *given, u32 type, u64 skb, u32 id)
{
	ANNOTATION_RECORD(MERGE, record);
	struct emit emit;

	record = annotation_reserve(given, &emit, sizeof(*record), (u16)type, sizeof(record->payload));
	if (!record)
		return false;
	record->payload.skb = skb;
	record->payload.id = id;
	emit_commit(&emit, record);
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

static __always_inline bool annotate_chain(struct emit *given, void *address)
{
	struct emit emit;
	ANNOTATION_RECORD(TABLE, record) = RESERVE(record, TABLE, given, &emit);
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
	emit_commit(&emit, record);
	return true;
}

/* How many rules the chain has: a base chain is used by nobody but them. */
static __always_inline u32 rules_of(void *address)
{
	struct nft_chain_v5_10 *old = address;
	struct nft_chain *chain = address;
	u32 rules = 0;

	if (bpf_core_field_exists(chain->use))
		return BPF_CORE_READ(chain, use);
	if (!bpf_core_type_exists(struct nft_chain))
		bpf_probe_read_kernel(&rules, sizeof(rules), &old->use);
	return rules;
}

static __always_inline bool annotate_rules(struct emit *given, void *address)
{
	ANNOTATION_RECORD(RULES, record);
	u32 rules = rules_of(address);
	struct emit emit;

	if (rules < RULES_MANY)
		return true;
	record = RESERVE(record, RULES, given, &emit);
	if (!record)
		return false;
	record->payload.rules = rules;
	emit_commit(&emit, record);
	return true;
}

/* iptables' chains are its hooks; the hook comes from the nf_hook_state. */
static __always_inline bool annotate_xtable(struct emit *given, void *address, struct nf_hook_state *state)
{
	struct emit emit;
	ANNOTATION_RECORD(XTABLE, record) = RESERVE(record, XTABLE, given, &emit);
	struct xt_table *table = address;

	if (!record)
		return false;
	record->payload.hook = READ(state, hook);
	if (bpf_core_type_exists(struct xt_table))
		read_name(record->payload.table, sizeof(record->payload.table), &table->name);
	else
		read_name(record->payload.table, sizeof(record->payload.table), address + XT_TABLE_NAME_V5_10);
	reject_garbage(record->payload.table, sizeof(record->payload.table));
	emit_commit(&emit, record);
	return true;
}

#endif
