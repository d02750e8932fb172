/* SPDX-License-Identifier: GPL-2.0 */
/* The observers of CPUs (bpf/delay.bpf.h): who keeps packets waiting. */
#ifndef NT_OBSERVERS_H
#define NT_OBSERVERS_H

#include "kernel.h"
#include "types.h"

struct bpf_link;
struct nettrace_bpf;
struct observers;

/* Takes over the link, or destroys it. 0 or negative errno. */
typedef int (*observers_link_fn)(void *user, struct bpf_link *link);

/* Before loading: have their programs loaded with the others, and tell them what is known of the kernel. */
void observers_choose(struct nettrace_bpf *skel, const struct kernel_variables *variables);

/* After loading. The programs stay the caller's, and must outlive this. NULL without memory. */
struct observers *observers_new(struct nettrace_bpf *skel);

/* The ring that they tell through, of NT_BLOCKAGES_BYTES. It stays theirs. */
int observers_ring_fd(const struct observers *observers);

/* Attach all. 0 or negative errno of the first that the kernel refuses, after which the others are not tried. */
int observers_attach(struct observers *observers, observers_link_fn on_link, void *user);

/*
 * Have CPUs ticked, and looked after by others, that did network work lately, and no others: to be called about once a second.
 * 0, or negative errno once, after which a kernel that refuses is asked no more.
 */
int observers_watch(struct observers *observers, u64 now_ns);

/* The links must be gone, or are kept by the kernel. */
void observers_free(struct observers *observers);

#endif
