/* SPDX-License-Identifier: GPL-2.0 */
/* What an errno means, in words. */
#ifndef NT_REASON_H
#define NT_REASON_H

/* Words for a negative errno, also for those that only the kernel uses; no locale takes part. Static storage. */
const char *reason_of(int err);

#endif
