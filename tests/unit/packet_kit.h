/* SPDX-License-Identifier: GPL-2.0 */
/* For tests of packets: make snapshots from hex, and parse them. */
#ifndef NT_TEST_PACKET_KIT_H
#define NT_TEST_PACKET_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"

/* Bytes in hex, spaces ignored. */
#define ETHER "020000000002 020000000001 "
#define IPV4 "45000054 1234 4000 4001 0000 c0a80004 c0a80005 "
#define PING "0800 f7ff 0188 02a5 " /* id 392, seq 677 */
#define REPLY "0000 ffff 0188 02a5 "
#define PORTS "01bb d903 00010203 04050607 " /* 443, 55555 */
#define TCP PORTS "5012 ffff 0000 0000 "     /* SYN, ACK; no options */
#define TCP_TEXT "seq:66051, ack:67438087, flags:SA"
#define PING6 "8000 0000 0188 02a5 "
#define ADDRESSES6 "40 fe800000000000000000000000000001 20010db8000000000000000000000002 "
#define ENDS6 "fe80::1 -> 2001:db8::2 "

static inline struct nt_snapshot make(enum nt_link link, u16 protocol, u16 network, const char *hex)
{
	struct nt_snapshot s = {.link = (u16)link,
				.network = network,
				.transport = NT_NO_LAYER,
				.protocol = htons(protocol)};
	char digits[3] = "";

	while (*hex) {
		if (*hex == ' ') {
			hex++;
			continue;
		}
		assert_in_range(s.captured_bytes, 0, NT_SNAPSHOT_BYTES - 1);
		memcpy(digits, hex, 2);
		s.bytes[s.captured_bytes++] = (u8)strtoul(digits, NULL, 16);
		hex += 2;
	}
	s.len_bytes = s.captured_bytes;
	return s;
}

static inline struct nt_snapshot ipv4(u8 protocol, const char *transport)
{
	char hex[300] = IPV4;
	struct nt_snapshot s;

	strcat(hex, transport);
	s = make(NT_LINK_NONE, 0x0800, 0, hex);
	s.bytes[9] = protocol;
	return s;
}

static inline struct nt_flow parse(const struct nt_snapshot *s)
{
	struct nt_flow flow;

	memset(&flow, 0xa5, sizeof(flow));
	packet_parse(s, &flow);
	return flow;
}

static inline void assert_text(struct nt_snapshot s, const char *expected)
{
	struct nt_flow flow = parse(&s);
	char buf[256];

	assert_int_equal(packet_text(&flow, buf, sizeof(buf)), strlen(expected));
	assert_string_equal(buf, expected);
}

#endif
