/* SPDX-License-Identifier: GPL-2.0 */
#include "bpf_objects.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "nettrace_direct.skel.h"
#include "nettrace_fentry.skel.h"
#include "nettrace_fentry_direct.skel.h"
#include "nettrace_fentry_parts.skel.h"
#include "nettrace_parts.skel.h"

typedef const void *(*object_bytes_fn)(size_t *ret_bytes);

static const object_bytes_fn object_bytes[2][BPF_BUILDS] = {
	{
		[BPF_BUILD_PLAIN] = nettrace_bpf__elf_bytes,
		[BPF_BUILD_PARTS] = nettrace_parts_bpf__elf_bytes,
		[BPF_BUILD_DIRECT] = nettrace_direct_bpf__elf_bytes,
	},
	{
		[BPF_BUILD_PLAIN] = nettrace_fentry_bpf__elf_bytes,
		[BPF_BUILD_PARTS] = nettrace_fentry_parts_bpf__elf_bytes,
		[BPF_BUILD_DIRECT] = nettrace_fentry_direct_bpf__elf_bytes,
	},
};

struct nettrace_bpf *bpf_objects_open(bool fentry, enum bpf_build build)
{
	struct nettrace_bpf *skel = calloc(1, sizeof(*skel));
	int err;

	if (!skel) {
		errno = ENOMEM;
		return NULL;
	}
	err = nettrace_bpf__create_skeleton(skel);
	if (!err) {
		skel->skeleton->data = object_bytes[fentry][build](&skel->skeleton->data_sz);
		skel->skeleton->prog_cnt = 0; /* programs differ, and are found by name */
		err = bpf_object__open_skeleton(skel->skeleton, NULL);
	}
	if (!err)
		return skel;
	nettrace_bpf__destroy(skel);
	errno = -err;
	return NULL;
}
