/* SPDX-License-Identifier: GPL-2.0 */
/* Parsing the bytes of a snapshot, and the packet's text in a timeline. */
#ifndef NT_PACKET_H
#define NT_PACKET_H

#include <stddef.h>

#include "event.h"
#include "filter_abi.h"

/*
 * Read the headers in a snapshot. Never reads past captured_bytes; whatever is
 * missing or malformed leaves its fields zero (l3_proto 0: no IP header where
 * there should be one; no_transport also tells that an ARP body is not there).
 * snapshot->len_bytes is taken to count from the network header on.
 */
void packet_parse(const struct nt_snapshot *snapshot, struct nt_flow *ret_flow);

/*
 * "ICMP: 10.0.0.1 -> 10.0.0.2 ping request, seq: 1, id: 7" and its kin, at most
 * 180 bytes. Always terminates buf and returns the length written, cut to size - 1.
 */
size_t packet_text(const struct nt_flow *flow, char *buf, size_t size);

/*
 * flow->saddr or flow->daddr as text, at most 45 bytes; "" if there is no address, or none was
 * read. Always terminates buf and returns the length written, cut to size - 1.
 */
size_t packet_address_text(const struct nt_flow *flow, const u32 addr[4], char *buf, size_t size);

#endif
