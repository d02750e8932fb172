/* SPDX-License-Identifier: GPL-2.0 */
/* What the observers of a CPU (bpf/delay.bpf.h) and packets that arrive there (bpf/blocked.bpf.h) keep for each other. */
#ifndef NT_CPU_ABI_H
#define NT_CPU_ABI_H

#include "types.h"

/* Shorter blockages are not told. */
#define NT_BLOCKED_MIN_NS 1000000ull

/*
 * Who waited for a CPU is served right after the blockage: the interrupt is pending. A softirq that is raised later than
 * this after it was not waiting for it.
 */
#define NT_ARRIVAL_SLACK_NS 2000000ull

/* A busy CPU's timers expire at least so often (CONFIG_HZ_100). */
#define NT_BUSY_TICK_NS 10000000ull

/* CPUs with network work tick so often, and one that did not for so long is silent: a tick or two may be missed otherwise. */
#define NT_TICK_NS 10000000ull
#define NT_SILENCE_NS 35000000ull

/* The ring that both are told through. */
#define NT_BLOCKAGES_BYTES (256u << 10)

#define NT_NAPIS 8
#define NT_RUNS 4

/* A moment of a CPU, and for how long others had been told by then: so it is known what of the time since is yet to be told. */
struct nt_moment {
	u64 ns;
	u64 told_ns;
};

struct nt_timer_run {
	u64 timer; /* 0: none */
	u64 function;
	struct nt_moment start;
};

#define NT_READER_WAITS 4 /* a power of two */

/* A time in which a task was ready to run and did not. */
struct nt_reader_wait {
	u64 from_ns, to_ns;
	u64 before_ns; /* of which another had its CPU for so long, longer than others */
	u32 before_pid;
	u32 reserved;
	char before_comm[16];
};

/* A task that packets wake: it reads sockets, or polls a NIC. */
struct nt_reader {
	u64 woken_ns;
	u64 ready_ns; /* since then it was, or is, ready to run */
	u32 state; /* in which it slept */
	u32 is_napi; /* a kernel thread that polls (threaded NAPI, since 5.12) */
	u32 n_waits; /* since it was woken, each shorter than the one before: a longer one makes them of no interest */
	u32 reserved;
	struct nt_reader_wait waits[NT_READER_WAITS];
};

#define NT_READERS_MAX 1024

#define NT_TOLD 4 /* a power of two */

/* The recent past of one CPU. */
struct nt_cpu {
	u64 alive_ns;	 /* last sign that interrupts were on */
	u64 gap_from_ns; /* the last long silence between two signs */
	u64 gap_to_ns;
	u64 silence_from_ns; /* the longest lately */
	u64 silence_to_ns;
	u64 blocked_start_ns; /* of the last blockage that was told, at the latest */
	u64 blocked_end_ns;
	u64 told_ns;	    /* length of all that were told */
	u64 chain_told_ns;  /* before those that follow each other up to the last one */
	struct nt_told {
		u64 end_ns, own_ns;
	} told[NT_TOLD]; /* the last of them */
	u64 next_told;
	struct nt_moment irq_start;   /* start of the hard interrupt handler under way */
	struct nt_moment softirqs_on; /* last sign that softirqs were on */
	struct nt_moment softirq_start; /* start of the softirq under way */
	u64 softirq;	    /* one more than its number; 0: none is */
	struct nt_moment raised;    /* NET_RX was raised, and has not begun since; 0: it was not */
	struct nt_moment raised_on; /* softirqs_on then */
	struct nt_moment ksoftirqd_woken;
	u64 squeezes;	    /* one more than softnet_data.time_squeeze at the end of the last NET_RX; 0: not known */
	struct nt_moment behind; /* since then packets may have waited for NET_RX behind others; 0: it took all that had come */
	u64 behind_processed; /* softnet_data.processed then */
	u64 squeezed_times; /* since then */
	u64 all_taken_ns; /* of what had come by then, the last NET_RX that left nothing behind took all */
	u64 run_told_ns;  /* told_ns before what its packets may have waited for since then */
	u64 net_rx_raised_ns; /* when the NET_RX softirq under way was raised; 0: none is */
	u64 task_on_ns;	    /* since when the task that runs does so */
	struct nt_moment polls; /* the poll of a NAPI that ends next began then, at the earliest */
	struct nt_run {
		u64 from_ns, to_ns;
		u32 pid;
		char comm[16];
	} runs[NT_RUNS]; /* of tasks that ran for long, the last of them */
	u64 next_run;
	u64 queueing;	    /* a packet was put into the queue of a socket, whose readers are woken */
	u64 thread_raised_ns; /* when the NAPI thread that runs was woken; 0: none does */
	u64 threads_told_ns; /* until then it is told that NAPI threads had to wait */
	u64 lost;	    /* blockages and silences that found no room in the ring */
	struct nt_timer_run timers[2]; /* in the interrupt, in the softirq */
	struct {
		u64 id;
		struct nt_moment drained; /* the last poll that left nothing behind began then, at the earliest */
	} napis[NT_NAPIS]; /* by napi_id, the last of each slot */
};

#endif
