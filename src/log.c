/* SPDX-License-Identifier: GPL-2.0 */
#include "log.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool verbose_libbpf;
static bool said;
static char libbpf_reason[256];

void log_say(const char *format, ...)
{
	va_list args;

	said = true;
	fputs("nettrace: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void log_progress(const char *format, ...)
{
	va_list args;

	fputs("\r\033[K", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
}

bool log_said(void)
{
	return said;
}

static int on_libbpf_message(enum libbpf_print_level level, const char *format, va_list args)
{
	va_list again;

	va_copy(again, args);
	if (verbose_libbpf && level != LIBBPF_DEBUG) /* which are ten thousand lines */
		vfprintf(stderr, format, again);
	va_end(again);
	if (level != LIBBPF_WARN || *libbpf_reason) /* the first complaint is the cause, the rest follow from it */
		return 0;
	vsnprintf(libbpf_reason, sizeof(libbpf_reason), format, args);
	libbpf_reason[strcspn(libbpf_reason, "\n")] = 0;
	return 0;
}

void log_init(bool verbose)
{
	verbose_libbpf = verbose;
	libbpf_set_print(on_libbpf_message);
}

void log_forget_reason(void)
{
	*libbpf_reason = 0;
}

const char *log_libbpf_reason(void)
{
	return libbpf_reason;
}
