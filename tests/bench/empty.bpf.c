/* SPDX-License-Identifier: GPL-2.0 */
/* Programs that do nothing: what they cost is what the kernel's way to call a program costs. */
#define SEC(name) __attribute__((section(name), used))

char LICENSE[] SEC("license") = "GPL";

SEC("kprobe.multi") int empty_multi(void *ctx)
{
	(void)ctx;
	return 0;
}

SEC("kprobe") int empty_kprobe(void *ctx)
{
	(void)ctx;
	return 0;
}

SEC("raw_tp") int empty_raw_tp(void *ctx)
{
	(void)ctx;
	return 0;
}
