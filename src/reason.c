/* SPDX-License-Identifier: GPL-2.0 */
#include "reason.h"

#include <string.h>

/* Internal to the kernel, and yet what it answers where a kind of link is not built in. */
#define KERNEL_ENOTSUPP 524

const char *reason_of(int err)
{
	const char *words = err == -KERNEL_ENOTSUPP ? "Operation not supported" : strerrordesc_np(-err);

	return words ? words : "unknown error";
}
