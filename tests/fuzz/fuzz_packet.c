/* SPDX-License-Identifier: GPL-2.0 */
/* A snapshot of any bytes: decoded, described, and matched by a filter. */
#include "fuzz.h"

#include "packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nt_snapshot snapshot = {0};
	struct nt_filter filter = {.match = ~0u};
	struct nt_flow flow;
	char text[256];

	memcpy(&snapshot, data, size < sizeof(snapshot) ? size : sizeof(snapshot));
	packet_parse(&snapshot, &flow);
	fuzz_assert(packet_text(&flow, text, sizeof(text)) == strlen(text));
	nt_filter_matches(&filter, &flow);
	return 0;
}
