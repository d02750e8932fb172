/* SPDX-License-Identifier: GPL-2.0 */
/* Probe numbers, stages and row flags, made from probes.def. */
#ifndef NT_PROBES_H
#define NT_PROBES_H

enum nt_probe {
#define PROBE(name, ...) NT_PROBE_##name,
#include "probes.def"
#undef PROBE
	NT_PROBE_COUNT
};

/* Probes that --probe adds at run time are numbered from here. */
#define NT_PROBE_MAX 512
_Static_assert((int)NT_PROBE_COUNT < (int)NT_PROBE_MAX, "BPF tables have NT_PROBE_MAX rows");

/* In the order of a packet's way in, then out. X(NAME, "name as printed") */
#define NT_STAGES(X)                     \
	X(UNKNOWN, "unknown")            \
	X(IRQ, "irq")                    \
	X(SOFTIRQ, "softirq")            \
	X(NAPI, "napi")                  \
	X(GRO, "gro")                    \
	X(LINK_IN, "link-in")            \
	X(TAP, "packet socket")          \
	X(BRIDGE, "bridge")              \
	X(TUNNEL, "tunnel")              \
	X(TC, "tc")                      \
	X(NETFILTER, "netfilter")        \
	X(IP_IN, "ip-in")                \
	X(TRANSPORT_IN, "transport-in")  \
	X(SOCKET, "socket queue")        \
	X(READER, "reader")              \
	X(SEND, "send")                  \
	X(TRANSPORT_OUT, "transport-out") \
	X(IP_OUT, "ip-out")              \
	X(NEIGHBOUR, "neighbour")        \
	X(QDISC, "qdisc")                \
	X(DRIVER, "driver")              \
	X(COMPLETION, "TX completion")   \
	X(LIFE, "life")

enum nt_stage {
#define X(NAME, text) NT_STAGE_##NAME,
	NT_STAGES(X)
#undef X
	NT_STAGE_COUNT
};

/* A journey may start here, if the skb is not tracked already. */
#define NT_P_START 0x001u
/* Always another packet: this skb was handed on without a free. */
#define NT_P_FRESH 0x002u
/* This skb ends here. */
#define NT_P_END 0x004u
/* A clone may show itself here first: look for it by its head. */
#define NT_P_SEEK 0x008u
/* Makes a clone of the skb: the head gets one holder more. */
#define NT_P_CLONES 0x010u
/* The skb may get another head before it is seen again. */
#define NT_P_REHEADS 0x020u
/* The network header is where data points; skb->network_header is not set yet. */
#define NT_P_AT_DATA 0x040u
/* skb->dev is not to be trusted: sockets keep other things in that word. */
#define NT_P_NO_DEV 0x080u

/* A process sends or reads the packet here, if one runs. */
#define NT_P_TASK 0x100u
/* A packet is cut into pieces here, which are other packets. */
#define NT_P_CUTS 0x200u

/* Headers are rewritten here: the next event shows them. */
#define NT_P_REWRITES 0x2000u
/* A process is given the packet here, or soon: its socket's queue gets it. */
#define NT_P_READS 0x4000u
#define NT_P_QUEUES 0x8000u
/* Only packets of this protocol come here: left out if the filter asks for another, which is no tunnel's. */
#define NT_P_TCP 0x400u
#define NT_P_UDP 0x800u
#define NT_P_ICMP 0x1000u /* of either version */

/* A function's argument is no packet but points to the place where a pointer to one is. */
#define NT_ARG_BEHIND 0x80u

/* The flags that decide which program serves a function row. */
#define NT_P_CLASS (NT_P_START | NT_P_FRESH | NT_P_SEEK | NT_P_CUTS)

#endif
