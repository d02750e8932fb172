/* SPDX-License-Identifier: GPL-2.0 */
/* Records of any bytes, as a chunk holds them: put together into journeys, and told in every format and mode. */
#include "fuzz.h"

#include "pipeline.h"
#include "recording_format.h"

static void feed(struct pipeline *pipeline, const uint8_t *data, size_t size)
{
	struct recording_record_head head;
	union {
		struct nt_event ev;
		uint8_t bytes[NT_RECORD_MAX_BYTES];
	} record;
	size_t at = 0;

	while (at + sizeof(head) + sizeof(record.ev) <= size) {
		memcpy(&head, data + at, sizeof(head));
		at += sizeof(head);
		if (head.size_bytes > sizeof(record) || head.size_bytes > size - at)
			return;
		memcpy(&record, data + at, head.size_bytes);
		pipeline_add(pipeline, &record.ev, head.size_bytes, head.cpu);
		at += (head.size_bytes + 7u) & ~7u;
	}
}

static void tell(const struct render_format *format, struct out *out, bool basic, const uint8_t *data, size_t size)
{
	const struct trace_facts facts = {.kernel = "6.1"};
	const struct pipeline_terms terms = {.basic = basic};
	struct dict *dict = dict_new();
	struct render_env env = {.dict = dict, .detail = true};
	struct render *render = render_new(format, out, &env, &facts);
	struct pipeline *pipeline = pipeline_new(&terms, NULL, dict, render);
	struct trace_totals totals = {0};

	feed(pipeline, data, size);
	pipeline_finish(pipeline);
	pipeline_count(pipeline, &totals);
	render_free(render, &totals);
	pipeline_free(pipeline);
	dict_free(dict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const formats[] = {"text", "jsonl", "pcapng", "perfetto"};
	struct out *out;

	if (out_open("/dev/null", &out))
		abort();
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		tell(render_format_named(formats[i]), out, false, data, size);
		if (render_format_named(formats[i])->event)
			tell(render_format_named(formats[i]), out, true, data, size);
	}
	out_close(out);
	return 0;
}
