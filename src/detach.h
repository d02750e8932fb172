/* SPDX-License-Identifier: GPL-2.0 */
/* Taking probes away without having the user wait for the kernel. */
#ifndef NT_DETACH_H
#define NT_DETACH_H

#include <stdbool.h>

struct bpf_link;

/*
 * Destroy links, the last first. `slowly`: the kernel waits for grace periods with each of
 * them, which is left to a child process that ends when it is done.
 */
void detach_links(struct bpf_link **links, unsigned int n, bool slowly);

#endif
