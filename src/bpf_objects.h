/* SPDX-License-Identifier: GPL-2.0 */
/* The builds of the kernel side: the same maps and variables, other programs. */
#ifndef NT_BPF_OBJECTS_H
#define NT_BPF_OBJECTS_H

#include <stdbool.h>

#include "annotations.h"
#include "filter_abi.h"
#include "track_abi.h"

#include "nettrace.skel.h" /* its structures use the types above */

/*
 * Open the one that has fentry programs or kprobes', and reads with plain loads (`direct`) or a helper. The caller owns
 * it (nettrace_bpf__destroy). NULL with errno set on failure.
 */
struct nettrace_bpf *bpf_objects_open(bool fentry, bool direct);

#endif
