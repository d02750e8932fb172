/* SPDX-License-Identifier: GPL-2.0 */
/* --check and --probes: attach as a trace would, and tell instead of tracing. */
#ifndef NT_INSPECT_H
#define NT_INSPECT_H

#include "options.h"

/* Do what options->check or options->probes asks for. Returns the exit status; errors have been said. */
int inspect(const struct options *options);

#endif
