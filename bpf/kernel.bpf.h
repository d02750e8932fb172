/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's types, trimmed to the fields that are read here. Offsets come
 * from the running kernel's BTF (CO-RE), so order and omissions do not matter.
 */
#ifndef NT_KERNEL_BPF_H
#define NT_KERNEL_BPF_H

/* libbpf's headers ask for these names; __VMLINUX_H__ selects the kernel's register names. */
#define __VMLINUX_H__
#include "types.h"

typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef s32 __s32;
typedef s64 __s64;
typedef u16 __be16;
typedef u32 __be32;
typedef u32 __wsum;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* Filled by the kprobe trap, not CO-RE: the layout is ABI (arch/x86/include/asm/ptrace.h). */
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax;
	unsigned long ip, cs, flags, sp, ss;
};

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_RINGBUF = 27,
};

#define EEXIST 17
#define NFPROTO_IPV6 10
#define NF_INET_LOCAL_OUT 3

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_RB_NO_WAKEUP = 1,
	BPF_F_MMAPABLE = 1024,
};

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	char name[16];
	int ifindex;
	possible_net_t nd_net;
};

struct sock_common {
	possible_net_t skc_net;
};

struct sock {
	struct sock_common __sk_common;
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned int len;
	unsigned int data_len;
	u8 nohdr : 1;
	u16 vlan_tci;
	u32 mark;
	u32 napi_id;
	u16 protocol;
	u16 transport_header;
	u16 network_header;
	u16 mac_header;
	u16 inner_network_header;
	unsigned int tail;
	unsigned int end;
	unsigned char *head;
	unsigned char *data;
};

struct skb_shared_info {
	unsigned short gso_size;
	unsigned short gso_segs;
	atomic_t dataref;
};

/* hook is an unsigned int in 5.10 and an u8 in 6.1; the low byte comes first on little-endian machines. */
struct nf_hook_state {
	u8 hook;
	u8 pf;
};

struct task_struct {
	unsigned int flags;
	unsigned int __state;
	int pid;
	int tgid;
	char comm[16];
};

struct Qdisc_ops {
	char id[16];
};

struct Qdisc {
	const struct Qdisc_ops *ops;
	u32 handle;
};

struct netdev_queue {
	unsigned long state;
};

#pragma clang attribute pop

#endif
