/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records: what the kernel side tells userspace, and what a recording holds.
 *
 * Every record begins with struct nt_event. A plain event is nothing more; a
 * snapshot and an annotation are events with something attached, so the common
 * case costs 32 bytes and one reservation. Several records with the same
 * ts_ns, skb and probe describe one event.
 *
 * Byte order is the machine's. Times are CLOCK_MONOTONIC nanoseconds. The CPU
 * is not in the record: it is the ring's that carried it.
 */
#ifndef NT_EVENT_H
#define NT_EVENT_H

#include "types.h"

enum nt_kind {
	NT_EVENT = 0,	   /* struct nt_event */
	NT_SNAPSHOT = 1,   /* struct nt_snapshot: an event with the packet's first bytes */
	NT_ANNOTATION = 2, /* struct nt_annotation: an event with one typed payload */
	NT_BLOCKED = 3,	   /* struct nt_blocked: a CPU could not do network work */
	NT_SILENT = 4,	   /* struct nt_silent: a CPU takes no interrupts, as another one sees */
	NT_LOSS = 5,	   /* struct nt_loss: records or packets that were not recorded */
	NT_END = 6,	   /* struct nt_end: a journey ended other than by a probe */
	NT_KIND_COUNT
};

/* nt_event.kind holds the kind in its low four bits and these flags above. */
#define NT_KIND_MASK 0x0f
#define NT_F_START 0x10	 /* the journey's first event */
#define NT_F_END 0x20	 /* this skb is gone after this event; on the last of its records */
#define NT_F_SHARED 0x40 /* with END: another skb, perhaps unseen, holds the same head */
#define NT_F_LOST 0x80	 /* records of this journey were lost before this one */

enum nt_context {
	NT_CTX_UNKNOWN = 0, /* this kernel does not let BPF see the preempt count */
	NT_CTX_TASK,
	NT_CTX_SOFTIRQ,
	NT_CTX_KSOFTIRQD,
	NT_CTX_NAPI_THREAD,
	NT_CTX_HARDIRQ,
	NT_CTX_NMI,
	NT_CTX_COUNT
};

/* The common header of all records, 32 bytes. */
struct nt_event {
	u64 ts_ns;
	u64 skb;    /* address of the sk_buff; an address, not an identity */
	u32 skb_id; /* identity of the journey, never 0, shared by clones */
	u16 probe;  /* enum nt_probe, a row of probes.def */
	u8 context; /* enum nt_context */
	u8 kind;    /* enum nt_kind and NT_F_* */
	u32 ifindex; /* skb->dev, 0 when it has none */
	u32 netns;   /* inode of the network namespace, 0 when unknown */
};

enum nt_link {
	NT_LINK_NONE = 0, /* bytes begin at the network header */
	NT_LINK_ETHER = 1 /* bytes begin at an Ethernet header */
};

#define NT_SNAPSHOT_BYTES 128
#define NT_NO_LAYER 0xffff

/* Raw bytes; userspace parses them. Offsets count from bytes[0]. */
struct nt_snapshot {
	struct nt_event ev;
	u32 len_bytes; /* of the packet from its network header on */
	u16 captured_bytes;
	u16 link;	 /* enum nt_link */
	u16 network;	 /* offset of the network header */
	u16 transport;	 /* offset of the transport header, or NT_NO_LAYER */
	u16 protocol;	 /* skb->protocol: an Ethertype, in network byte order */
	u16 vlan_tci;	 /* tag taken out of the packet by the NIC, 0 if none */
	u32 mark;
	u32 gso_segments;
	u8 bytes[NT_SNAPSHOT_BYTES];
};

/* The payload that follows is the structure which annotations.def makes of `type`. */
struct nt_annotation {
	struct nt_event ev;
	u16 type; /* enum nt_annotation_type */
	u16 size_bytes;
	u32 reserved;
};

/* Why a packet waited. Their names are in src/cause.c. */
enum nt_cause {
	NT_CAUSE_UNKNOWN = 0,
	NT_CAUSE_IRQS_OFF,	    /* a task had interrupts off */
	NT_CAUSE_LONG_IRQ,	    /* a hard interrupt's handler ran, or an IPI's */
	NT_CAUSE_LONG_TIMER,	    /* a timer's callback ran in its interrupt */
	NT_CAUSE_SOFTIRQS_OFF,	    /* interrupts were taken, but a task had softirqs off */
	NT_CAUSE_LONG_SOFTIRQ,	    /* another softirq ran */
	NT_CAUSE_KSOFTIRQD_STARVED, /* softirqs were left to ksoftirqd, which had to wait for the CPU */
	NT_CAUSE_HOST_PAUSE,	    /* the machine stood still: of a virtual one, its host */
	NT_CAUSE_BACKLOG,	    /* handed to a CPU, which came to it late */
	NT_CAUSE_GRO_HOLD,	    /* kept for more of its flow to come */
	NT_CAUSE_NETFILTER,	    /* rules were looked at */
	NT_CAUSE_DEFRAG,	    /* its other fragments came late */
	NT_CAUSE_NEIGHBOUR,	    /* the link-layer address of the next hop was not known */
	NT_CAUSE_QDISC_SHAPER,	    /* a queueing discipline let it go later */
	NT_CAUSE_QDISC_DRIVER_FULL, /* the driver's ring had no room */
	NT_CAUSE_QDISC_BQL,	    /* byte queue limits: enough of it was in the driver's ring */
	NT_CAUSE_READER_BUSY,	    /* its reader did not wait for it */
	NT_CAUSE_READER_NOT_SCHEDULED, /* its reader was ready to run, and another ran */
	NT_CAUSE_NAPI_THREAD_STARVED, /* the kernel thread that polls the NIC was ready to run, and another ran */
	NT_CAUSE_NAPI_BUDGET,	    /* NET_RX was at packets before it; more may have come than that may take at once */
	NT_CAUSE_COUNT
};

#define NT_BLOCKED_FRAMES 24

#define NT_B_IDLE 0x1	 /* the idle task ran */
#define NT_B_REGS 0x2	 /* what the interrupt came upon is known: */
#define NT_B_USER 0x4	 /* a user's code */
#define NT_B_ENABLED 0x8 /* or the instruction after one that switches interrupts on */
#define NT_B_IPI 0x20	 /* the interrupt came from another CPU: the number is its vector's */
#define NT_B_PENDING 0x10 /* userspace's: interrupts were taken, and NET_RX was raised */

/*
 * A time in which a CPU did not come to packets. Bounds, because it is noticed by what it made late: it began between
 * start_lo and start_hi. start_lo <= start_hi <= end.
 */
struct nt_blocked {
	struct nt_event ev; /* ts_ns: when it was noticed; skb, skb_id, probe: 0 */
	u64 start_lo_ns;
	u64 start_hi_ns;
	u64 end_ns;
	u64 own_ns; /* of its length, without what others in between were told for */
	u32 cpu;
	u32 pid;	/* of the task in whose context it was noticed, 0: none or the idle task */
	u16 cause;	/* enum nt_cause, as far as the kernel side knows */
	u16 number;	/* of the interrupt, or of the softirq; how often NET_RX used up its budget */
	u16 flags;	/* NT_B_* */
	u16 softirq;	/* one more than that of the softirq that ran, 0: none did */
	u64 function;	/* timer function or interrupt handler, 0 if neither */
	char comm[16];	/* of the task, or the interrupt's name */
	u64 frames[NT_BLOCKED_FRAMES]; /* innermost first, those of the tracer and of the interrupt among them; 0 ends them */
};

/*
 * A CPU that takes network work and has not ticked since then; who is on it meanwhile. Told once, while it lasts: it may be
 * followed by the NT_BLOCKED of the same time, which knows more.
 */
struct nt_silent {
	struct nt_event ev;
	u64 since_ns;
	u32 cpu;
	u32 pid;
	char comm[16];
};

enum nt_loss_cause {
	NT_LOSS_RING = 0, /* no room in the CPU's ring: an event is missing */
	NT_LOSS_MAP,	  /* no room in the tracking map: a packet was not followed */
	NT_LOSS_ID,	  /* identity allocation gave up under nested interrupts */
	NT_LOSS_COUNT
};

/* Running totals since the start, not increments, so that a lost record does no harm. */
struct nt_loss {
	struct nt_event ev; /* ev.probe: where */
	u32 cpu;
	u32 cause; /* enum nt_loss_cause */
	u64 total;
};

enum nt_end_how {
	NT_END_REUSED = 0, /* the address was found to carry another packet: the end was missed */
	NT_END_EVICTED,	   /* userspace removed an entry that saw nothing for long */
	NT_END_MERGED	   /* absorbed by the journey `into` */
};

struct nt_end {
	struct nt_event ev;
	u32 how; /* enum nt_end_how */
	u32 into;
};

_Static_assert(sizeof(struct nt_event) == 32, "the event header is 32 bytes");
_Static_assert(sizeof(struct nt_snapshot) == 184, "no hidden padding");
_Static_assert(sizeof(struct nt_annotation) == 40, "no hidden padding");
_Static_assert(sizeof(struct nt_blocked) == 296, "no hidden padding");
_Static_assert(sizeof(struct nt_silent) == 64, "no hidden padding");
_Static_assert(sizeof(struct nt_loss) == 48, "no hidden padding");
_Static_assert(sizeof(struct nt_end) == 40, "no hidden padding");

/* The largest record that any reader must be ready for. */
#define NT_RECORD_MAX_BYTES 512

static inline enum nt_kind nt_event_kind(const struct nt_event *ev)
{
	return (enum nt_kind)(ev->kind & NT_KIND_MASK);
}

#endif
