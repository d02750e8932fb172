/* SPDX-License-Identifier: GPL-2.0 */
/* Filters: from the words of the command line to struct nt_filter, and back to words. */
#ifndef NT_FILTER_H
#define NT_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "filter_abi.h"

/* The letter of each TCP flag, from the lowest bit up, so that SYN and ACK are "SA". */
#define FILTER_TCP_FLAGS "FSRPAUEC"

/* The longest text of a filter, and its NUL. */
#define FILTER_TEXT_BYTES 352

/*
 * Each takes the value of the option of its name into the filter. NULL, or what
 * is wrong with the value: "is not …", to be put behind it.
 */
const char *filter_take_proto(struct nt_filter *filter, const char *value);
const char *filter_take_saddr(struct nt_filter *filter, const char *value);
const char *filter_take_daddr(struct nt_filter *filter, const char *value);
const char *filter_take_addr(struct nt_filter *filter, const char *value);
const char *filter_take_sport(struct nt_filter *filter, const char *value);
const char *filter_take_dport(struct nt_filter *filter, const char *value);
const char *filter_take_port(struct nt_filter *filter, const char *value);
const char *filter_take_seq(struct nt_filter *filter, const char *value);
const char *filter_take_id(struct nt_filter *filter, const char *value);
const char *filter_take_pkt_len(struct nt_filter *filter, const char *value);
const char *filter_take_tcp_flags(struct nt_filter *filter, const char *value);
const char *filter_take_mark(struct nt_filter *filter, const char *value);

/* The n-th name that filter_take_proto knows, NULL beyond the last. Static storage. */
const char *filter_protocol_name(unsigned int n);

/* What that knows the protocol of a packet as, "ip" or "ip6" if no better; NULL if it has no name. Static storage. */
const char *filter_protocol_of(const struct nt_flow *flow);

/*
 * Once everything is taken: add what one option implies for another (a sequence
 * number is a ping's or TCP's, an IPv6 address asks for IPv6). NULL, or a
 * sentence that says which options no packet can match together.
 */
const char *filter_finish(struct nt_filter *filter);

/*
 * "tcp, saddr 10.0.0.0/8, dport 443", of a finished filter; "" if it matches
 * everything. FILTER_TEXT_BYTES are enough for any.
 */
void filter_text(const struct nt_filter *filter, char *text, size_t size);

/* Append a term to such a text. What does not fit is cut off. */
__attribute__((format(printf, 3, 4))) void filter_text_add(char *text, size_t size,
							   const char *format, ...);

/*
 * Decimal digits only: no sign, no space, no 0x. False if there are none or the
 * number is above max. *ret_end is what follows them.
 */
bool filter_digits(const char *text, unsigned long long max, unsigned long long *ret_value,
		   const char **ret_end);

/* The same, with nothing behind the digits. */
bool filter_number(const char *text, unsigned long long max, unsigned long long *ret_value);

#endif
