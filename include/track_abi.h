/* SPDX-License-Identifier: GPL-2.0 */
/* The tracking maps, as BPF keeps them and userspace sweeps them. */
#ifndef NT_TRACK_ABI_H
#define NT_TRACK_ABI_H

#include "event.h"

/* A plain hash that refuses when full: an LRU would evict unseen and leave the prefilter's counts behind. */
#define NT_TRACKED_MAX 65536

#define NT_T_NEW 0x1u	    /* its first event is yet to be sent */
#define NT_T_ANNOUNCED 0x2u /* its head may be another one next time */
#define NT_T_LOST 0x4u	    /* an event found no room in the ring */
#define NT_T_RESHOW 0x8u    /* its headers changed: the next event carries a snapshot */
#define NT_T_PIECE 0x10u    /* cut out of another: to be told with its first event */

/* skbs: address of an sk_buff to its journey. */
struct nt_tracked {
	u64 head;
	u64 print;   /* fingerprint of the headers when last read */
	u64 last_ns; /* of its last event */
	u64 dev;     /* the net_device that ifindex and netns were read from */
	u32 ifindex;
	u32 netns;
	u32 id;
	u16 flags;   /* NT_T_* */
	u16 network; /* offset of the network header from the head when last read */
	u32 l3_proto; /* and what was there */
	u16 stage; /* with --latency: where it is, and how it came */
	u16 way;
	u64 since_ns; /* and since when; 0: this sk_buff has yet to show itself */
};

/* heads: skb->head to the journey of those who hold it. */
struct nt_held {
	u64 print;
	u64 start_ns;
	u32 id;
	u32 refs; /* skbs known to hold it, and clones announced but not yet seen */
};

/*
 * Counts of tracked addresses, hashed. BPF atomics are 4 or 8 bytes wide. Twice
 * as many slots as a busy host tracks at a time keep false alarms rare, and 64 KiB
 * stay in the second-level cache.
 */
#define NT_PREFILTER_SHIFT 14
#define NT_PREFILTER_SLOTS (1u << NT_PREFILTER_SHIFT)

/* sk_buffs and heads are aligned to 64 bytes at least, so the low bits say nothing. */
static inline u32 nt_prefilter_slot(u64 address)
{
	return (u32)(address >> 6) * 0x9e3779b1u >> (32 - NT_PREFILTER_SHIFT);
}

/*
 * Where the kernel side keeps its own index (bpf/index.bpf.h): sets of so many entries each, one for each slot of the
 * prefilter. A key of 0 is a free entry, one with the lowest bit set is being written.
 */
#define NT_INDEX_WAYS 8
#define NT_INDEX_SETS NT_PREFILTER_SLOTS
#define NT_INDEX_CLAIM 1ull

struct nt_skb_set {
	u64 keys[NT_INDEX_WAYS];
	struct nt_tracked values[NT_INDEX_WAYS];
};

struct nt_head_set {
	u64 keys[NT_INDEX_WAYS];
	struct nt_held values[NT_INDEX_WAYS];
};

/* With which events the process is told that runs there. */
enum nt_want_task {
	TASK_NEVER,
	TASK_AT_ENDS, /* where it sends or reads the packet: --pid, --write */
	TASK_ALWAYS   /* --detail */
};

/* What is kept by CPU in an array has room for so many. */
#define NT_MAX_CPUS 1024

/* By CPU, with --min-latency or --latency. */
struct nt_shelf_counts {
	u64 fast;   /* journeys whose records were dropped */
	u64 direct; /* journeys whose records were sent at once: no shelf was free */
};

/*
 * Records of a journey that wait for it to become slow, sent as one record of a ring. Of this kind is
 * none beyond the ring: the reader takes it apart.
 */
#define NT_KIND_BATCH 15
#define NT_SHELF_BYTES 4096
#define NT_SHELVES 1024

struct nt_batch_entry {
	u32 size_bytes; /* of the record behind it; the next entry begins at a multiple of 8 */
	u32 cpu;
};

struct nt_batch {
	struct nt_event ev;
	u32 used_bytes;
	u32 records;
	u8 bytes[NT_SHELF_BYTES]; /* struct nt_batch_entry and its record, again and again */
};

struct nt_shelf {
	u64 start_ns; /* of the journey */
	u64 claimant;
	u32 id; /* 0: free */
	u32 claimed;
	u32 fence;
	u32 bypassed; /* a record of the journey was sent without waiting: the others have to follow */
	struct nt_batch batch;
};

/* The text of an address: a name of up to 512 bytes (KSYM_NAME_LEN), what is behind it, a module. */
#define NT_SYMBOL_BYTES 640

/* ifnames: which interface, and its name. */
#define NT_IFNAMES_MAX 4096

struct nt_interface {
	u32 netns, ifindex;
};

struct nt_ifname {
	char name[16];
};

#endif
