/* SPDX-License-Identifier: GPL-2.0 */
/* Telling recordings: what a trace told, or would have told in another format, mode or for another filter. */
#ifndef NT_REPLAY_H
#define NT_REPLAY_H

#include <signal.h>

#include "options.h"

/* Read the recordings that were asked for until their end, or until *stop. Returns the exit status. */
int replay_run(const struct options *options, const volatile sig_atomic_t *stop);

#endif
