/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs that do nothing: what they cost is what the kernel's way to call a program costs. When asked to, they write the
 * time into a record as large as an event of nettrace, which no tracer that tells every hit can do without.
 */
#include "kernel.bpf.h"

#define RECORD_BYTES 32

char LICENSE[] SEC("license") = "GPL";

const volatile bool writes = false;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} records SEC(".maps");

static __always_inline int hit(void)
{
	u64 *record;

	if (!writes)
		return 0;
	record = bpf_ringbuf_reserve(&records, RECORD_BYTES, 0);
	if (!record)
		return 0;
	__builtin_memset(record, 0, RECORD_BYTES);
	*record = bpf_ktime_get_ns();
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

SEC("kprobe.multi") int empty_multi(void *ctx)
{
	(void)ctx;
	return hit();
}

SEC("kprobe") int empty_kprobe(void *ctx)
{
	(void)ctx;
	return hit();
}

SEC("raw_tp") int empty_raw_tp(void *ctx)
{
	(void)ctx;
	return hit();
}
