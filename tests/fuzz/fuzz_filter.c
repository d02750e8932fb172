/* SPDX-License-Identifier: GPL-2.0 */
/* A value of any bytes for each filter, and a packet to match. */
#include "fuzz.h"

#include "filter.h"

static const char *(*const takers[])(struct nt_filter *filter, const char *value) = {
	filter_take_proto, filter_take_saddr, filter_take_daddr,   filter_take_addr,	  filter_take_sport, filter_take_dport,
	filter_take_port,  filter_take_seq,   filter_take_pkt_len, filter_take_tcp_flags, filter_take_mark,  filter_take_id,
};

#define N_TAKERS (sizeof(takers) / sizeof(takers[0]))

/* The first bytes choose the filters, the flow is at the end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nt_filter filter = {0};
	struct nt_flow flow = {0};
	char text[FILTER_TEXT_BYTES], *values, *at;

	if (size < 1 + sizeof(flow))
		return 0;
	memcpy(&flow, data + size - sizeof(flow), sizeof(flow));
	size -= sizeof(flow);
	values = malloc(size + 1);
	if (!values)
		return 0;
	memcpy(values, data, size);
	values[size] = '\0';
	for (at = strtok(values, "\n"); at; at = strtok(NULL, "\n"))
		takers[(unsigned char)*at % N_TAKERS](&filter, at + 1);
	if (!filter_finish(&filter)) {
		filter_text(&filter, text, sizeof(text));
		fuzz_assert(memchr(text, '\0', sizeof(text)));
		nt_filter_matches(&filter, &flow);
	}
	free(values);
	return 0;
}
