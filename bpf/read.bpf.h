/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading the kernel's memory, in two builds of the same programs.
 *
 * Any program may ask a helper to copy (bpf_probe_read_kernel), which costs a call for every field. Since 6.2
 * (commit a35b9af4ec2c) a number can be cast to a kernel type instead and read with plain loads, which the kernel
 * lets fail safely: NT_DIRECT. Userspace tries which of the two builds this kernel accepts.
 */
#ifndef NT_READ_BPF_H
#define NT_READ_BPF_H

#include "kernel.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* Structures of the kernel's that begin with a number of 8, 4 and 2 bytes: to read memory that has no type. */
struct timespec64 {
	s64 tv_sec;
};

struct in_addr {
	u32 s_addr;
};

struct udphdr {
	u16 source;
};

#pragma clang attribute pop

/* Zero, which the verifier does not know. */
u32 unknown_zero = 0;

/*
 * The same value, unknown to the verifier: what it knows to differ from path to path it walks all that follows for,
 * once for each.
 */
static __always_inline u32 opaque(u32 value)
{
	return value ^ *(volatile u32 *)&unknown_zero; /* of an or it knows the bits that are set */
}

/* Make a structure of 8 bytes opaque. */
static __always_inline void forget_u64(void *value)
{
	*(u64 *)value ^= *(volatile u32 *)&unknown_zero;
}

/* What is behind the pointer is in memory now, on every path in the same way, and not in registers. */
#define in_memory(pointer) asm volatile("" : : "r"(pointer) : "memory")

/*
 * A part that is verified by itself, once in each program that has it, and not again on each path that leads there:
 * what it returns, and what pointers lead to, is unknown to the verifier afterwards. Since 5.12 (commit e5069b9c23b3)
 * such a function may be given pointers to memory, which could be NULL; without NT_PARTS it is inlined.
 */
#ifdef NT_PARTS
#define PART __attribute__((noinline))
#else
#define PART static __always_inline
#endif

#ifdef NT_DIRECT

extern void *bpf_rdonly_cast(const void *from, u32 btf_id) __ksym;

#define typed(p) ((typeof(p))bpf_rdonly_cast(p, bpf_core_type_id_kernel(typeof(*(p)))))

/* READ(skb, dev, ifindex): the value of skb->dev->ifindex; of pointers, one that can be read through, too. */
#define READ(p, ...) ___arrow(typed(p), __VA_ARGS__)
#define READ_BITFIELD(p, field) BPF_CORE_READ_BITFIELD(typed(p), field)

static __always_inline u64 read_u64(u64 from)
{
	return (u64)READ((struct timespec64 *)from, tv_sec);
}

/* A pointer as a number: the kernel would not let a pointer be a key or be added to. */
#define READ_ADDRESS(p, field) read_u64((u64)(p) + bpf_core_field_offset(typeof(*(p)), field))

static __always_inline u32 read_u32(u64 from)
{
	return READ((struct in_addr *)from, s_addr);
}

/* Copy `size` bytes, a constant and even. */
static __always_inline bool read_bytes(void *to, u32 size, u64 from)
{
	u32 i = 0;

#pragma unroll
	for (; i + 8 <= size; i += 8)
		*(u64 *)(to + i) = read_u64(from + i);
	if (size & 4) {
		*(u32 *)(to + i) = read_u32(from + i);
		i += 4;
	}
	if (size & 2)
		*(u16 *)(to + i) = READ((struct udphdr *)(from + i), source);
	return true;
}

#else

#define READ(p, ...) BPF_CORE_READ(p, __VA_ARGS__)
#define READ_ADDRESS(p, field) ((u64)BPF_CORE_READ(p, field))
#define READ_BITFIELD(p, field) BPF_CORE_READ_BITFIELD_PROBED(p, field)

static __always_inline bool read_bytes(void *to, u32 size, u64 from)
{
	return !bpf_probe_read_kernel(to, size, (void *)from);
}

static __always_inline u64 read_u64(u64 from)
{
	u64 value = 0;

	read_bytes(&value, sizeof(value), from);
	return value;
}

static __always_inline u32 read_u32(u64 from)
{
	u32 value = 0;

	read_bytes(&value, sizeof(value), from);
	return value;
}

#endif

#endif
