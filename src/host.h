/* SPDX-License-Identifier: GPL-2.0 */
/* What the command line names and only this host knows: interfaces, network namespaces, processes. */
#ifndef NT_HOST_H
#define NT_HOST_H

#include <stddef.h>

#include "options.h"
#include "scope.h"

/*
 * Make terms of -i, --netns, --netns-current and --pid. A namespace is looked for as `ip` does: by name in
 * /run/netns, then a number is a process, or an inode if it is too large for one. 0; -EINVAL if there is no
 * such thing; another negative errno if that could not be found out. Then error holds one line, no newline.
 * Single-threaded programs only: this visits namespaces, and returns.
 */
int host_resolve(const struct options *options, struct scope_terms *ret_terms, char *error,
		 size_t error_size);

/* Each network namespace that has a name, by its inode. What cannot be read is left out. */
void host_each_netns(void (*each)(void *user, u32 inode, const char *name), void *user);

/*
 * Why the kernel refuses what tracing needs, and what to do: which capabilities this process lacks, that it
 * has them in a container's user namespace only, or which limit it meets. Part of a line; "" if unknown.
 */
void host_explain_refusal(int err, char *text, size_t size);

#endif
