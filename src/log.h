/* SPDX-License-Identifier: GPL-2.0 */
/* Messages for the person at the terminal, on stderr. */
#ifndef NT_LOG_H
#define NT_LOG_H

#include <stdbool.h>

/* "nettrace: " and the message, one line. */
void log_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Replace the last line of a terminal; an empty text clears it. */
void log_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Has anything been said yet? So that an error is explained once, where most is known of it. */
bool log_said(void);

/* Keep libbpf quiet; with verbose, let it speak. Its first complaint is kept for log_libbpf_reason. */
void log_init(bool verbose);

/* Before another try. */
void log_forget_reason(void);

/* The first warning that libbpf gave, one line without newline, or "" if none. */
const char *log_libbpf_reason(void);

#endif
