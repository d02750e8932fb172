/* SPDX-License-Identifier: GPL-2.0 */
/* The builds of the kernel side: the same maps and variables, other programs. */
#ifndef NT_BPF_OBJECTS_H
#define NT_BPF_OBJECTS_H

#include <stdbool.h>

#include "annotations.h"
#include "filter_abi.h"
#include "track_abi.h"

#include "nettrace.skel.h" /* its structures use the types above */

/* What a build asks of the kernel (bpf/read.bpf.h), each more than the one before. */
enum bpf_build {
	BPF_BUILD_PLAIN,
	BPF_BUILD_PARTS,  /* parts that are verified by themselves */
	BPF_BUILD_DIRECT, /* and plain loads, where the others read with a helper */
	BPF_BUILDS
};

/* Open one, with fentry programs or kprobes'. The caller owns it (nettrace_bpf__destroy). NULL with errno set on failure. */
struct nettrace_bpf *bpf_objects_open(bool fentry, enum bpf_build build);

#endif
