/* SPDX-License-Identifier: GPL-2.0 */
/* This machine and process, as /proc and /sys tell them. */
#ifndef NT_MACHINE_H
#define NT_MACHINE_H

#include "check.h"

/* Effective capabilities of this process, one bit each; 0 if they cannot be read. */
u64 machine_capabilities(void);

/* Fill release, machine, capabilities, lockdown and module_btfs. */
void machine_describe(struct check_facts *facts);

#endif
