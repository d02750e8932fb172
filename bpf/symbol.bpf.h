/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel calls an address: userspace runs this program for each one that it does not know (bpf_snprintf, 5.13).
 * To read all of /proc/kallsyms instead takes long enough for the rings to overflow meanwhile.
 */
#ifndef NT_SYMBOL_BPF_H
#define NT_SYMBOL_BPF_H

#include "kernel.bpf.h"
#include "track_abi.h"

u64 symbol_address = 0;
char symbol_text[NT_SYMBOL_BYTES] = {};

static const char symbol_format[] = "%pS";

SEC("raw_tp") int name_symbol(void *ctx)
{
	u64 address = symbol_address;

	(void)ctx;
	bpf_snprintf(symbol_text, sizeof(symbol_text), symbol_format, &address, sizeof(address));
	return 0;
}

#endif
