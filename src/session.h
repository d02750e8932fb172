/* SPDX-License-Identifier: GPL-2.0 */
/* One trace, from the plan to the totals. */
#ifndef NT_SESSION_H
#define NT_SESSION_H

#include <signal.h>

#include "options.h"
#include "scope.h"

/*
 * Trace until *stop, --duration or --count, and print what is pending and the
 * totals. An exit status: 0, also when stopped or when nobody reads any more; 1 failure; 2 wrong usage that
 * only this kernel shows. Both are said on stderr.
 */
int session_run(const struct options *options, const struct scope_terms *terms, const volatile sig_atomic_t *stop);

#endif
